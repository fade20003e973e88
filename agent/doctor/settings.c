/* The settings: where they came from, and what was said to no effect. */
#include "settings.h"

#include "base/nearness.h"
#include "doctor/doctor_parts.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

enum { NAME_BYTES = 64, SLIP_MAX = 2 /* letters: farther away is another program's variable */ };

static void count_origins(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;
	int of_file = 0, of_flags = 0, of_environment = 0;
	for (int i = 0; i < SETTINGS_N; i++) {
		const char *origin = settings->origin[i];
		if (strchr(origin, ':'))
			of_file++;
		else if (strncmp(origin, "--", 2) == 0)
			of_flags++;
		else if (strcmp(origin, "default") != 0)
			of_environment++;
	}
	doctor_say(doctor, DOCTOR_OK, "settings",
		   "%s; %d of the file, %d of the environment, %d of flags, else defaults",
		   *settings->config_file ? settings->config_file : "no configuration file",
		   of_file, of_environment, of_flags);
}

/* Whether name, of len letters, is a word of names; else the nearest word so far goes to *like. */
static bool is_known(const char *name, const char *names, size_t *distance, char like[NAME_BYTES])
{
	while (*names) {
		char word[NAME_BYTES] = {0};
		const size_t len = strcspn(names, " ");
		memcpy(word, names, len < NAME_BYTES - 1 ? len : NAME_BYTES - 1);
		const size_t far = nearness(name, word);
		if (far < *distance) {
			*distance = far;
			memcpy(like, word, sizeof(word));
		}
		names += len;
		names += strspn(names, " ");
	}
	return *distance == 0;
}

/* A variable whose name is a slip of the finger away from one that is read. */
static void look_at_variable(struct doctor *doctor, const char *entry)
{
	char name[NAME_BYTES] = {0};
	char like[NAME_BYTES] = {0};
	size_t distance = SLIP_MAX + 1;
	const size_t len = strcspn(entry, "=");
	if (len >= sizeof(name))
		return;
	memcpy(name, entry, len);
	bool known = is_known(name, "PAYI_CONFIG", &distance, like);
	for (int i = 0; i < SETTINGS_N && !known; i++)
		known = is_known(name, settings_table[i].env, &distance, like);
	if (known || distance > SLIP_MAX)
		return;
	doctor_say(doctor, DOCTOR_WARNING, "settings", "the variable %s is read by nobody", name);
	doctor_advise(doctor, "did you mean %s?", like);
}

/* The first of a setting's variables is read; another one that says something else is not. */
static void look_for_rivals(struct doctor *doctor, const char *first, const char *second)
{
	const char *a = getenv(first);
	const char *b = getenv(second);
	if (!a || !b || !*a || !*b || strcmp(a, b) == 0)
		return;
	doctor_say(doctor, DOCTOR_WARNING, "settings", "%s and %s differ, and %s is read", first,
		   second, first);
	doctor_advise(doctor, "leave one of them out");
}

static void look_at_file(struct doctor *doctor)
{
	struct stat stat_buf;
	const struct settings *settings = doctor->settings;
	if (!strchr(settings->origin[SETTING_api_key], ':') ||
	    stat(settings->config_file, &stat_buf) || !(stat_buf.st_mode & (S_IRGRP | S_IROTH)))
		return;
	doctor_say(doctor, DOCTOR_WARNING, "settings",
		   "%s holds the key, and others than its owner can read it",
		   settings->config_file);
	doctor_advise(doctor, "chmod 600 %s, or put the key into a file of its own (api_key_file)",
		      settings->config_file);
}

static void look_at_what_was_passed_over(struct doctor *doctor)
{
	const struct err *passed_over = doctor->settings->flags.passed_over;
	if (!passed_over || !passed_over->code)
		return;
	doctor_say(doctor, DOCTOR_FAILED, "settings", "%s", passed_over->text);
	doctor_advise(doctor, "mend that: an agent would not start. What follows goes by the other "
			      "settings, and asks no service");
}

void doctor_settings(struct doctor *doctor)
{
	look_at_what_was_passed_over(doctor);
	count_origins(doctor);
	for (char **entry = environ; *entry; entry++)
		look_at_variable(doctor, *entry);
	look_for_rivals(doctor, "ASCERTA_BASE_URL", "PAYI_BASE_URL");
	look_for_rivals(doctor, "ASCERTA_API_KEY", "PAYI_API_KEY");
	look_at_file(doctor);
}
