#include "settings_parts.h"

#include "base/secrecy.h"

#include "payi/payi.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FILE     "/etc/payi/agent.conf"
#define DEFAULT_DATA_DIR "/var/lib/payi"

const struct setting settings_table[SETTINGS_N] = {
#define X(section, name, type, value, rule, effect, env, help)                                     \
	{#section, #name, SETTING_##type, (value), rule, SETTING_##effect, (env), (help)},
	SETTINGS(X)
#undef X
};

static const size_t member_offset[SETTINGS_N] = {
#define X(section, name, type, value, rule, effect, env, help) offsetof(struct settings, name),
	SETTINGS(X)
#undef X
};

static void *member(struct settings *settings, int i)
{
	return (char *)settings + member_offset[i];
}

static const void *const_member(const struct settings *settings, int i)
{
	return (const char *)settings + member_offset[i];
}

/* ---- One value ------------------------------------------------------------------------------------ */

const char *setting_allowed(const struct setting *setting, char text[SETTING_TEXT_BYTES])
{
	text[0] = '\0';
	if (setting->type == SETTING_BOOL) {
		snprintf(text, SETTING_TEXT_BYTES, "yes or no");
	} else if (setting->type == SETTING_INT) {
		snprintf(text, SETTING_TEXT_BYTES, "%lld to %lld", (long long)setting->rule.min,
			 (long long)setting->rule.max);
	} else if (setting->rule.words) {
		snprintf(text, SETTING_TEXT_BYTES, "one of: %s", setting->rule.words);
	}
	return text;
}

static bool is_word_of(const char *words, const char *value)
{
	const size_t len = strlen(value);
	for (const char *word = words; *word; word += strspn(word, " ")) {
		const size_t n = strcspn(word, " ");
		if (n == len && memcmp(word, value, n) == 0)
			return true;
		word += n;
	}
	return false;
}

static bool parse_int(const char *value, const struct setting_rule *rule, int64_t *number)
{
	char *end = NULL;
	errno = 0;
	const long long parsed = strtoll(value, &end, 10);
	if (errno || end == value || *end || parsed < rule->min || parsed > rule->max)
		return false;
	*number = parsed;
	return true;
}

static bool parse_bool(const char *value, bool *truth)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(value, words[i]) == 0) {
			*truth = i & 1;
			return true;
		}
	return false;
}

static int replace(char **text, const char *value, struct err *err)
{
	char *copy = strdup(value);
	if (!copy)
		return err_set(err, ERR_MEMORY, "out of memory");
	free(*text);
	*text = copy;
	return 0;
}

int settings_set(struct settings *settings, int i, const char *value, const char *origin,
		 struct err *err)
{
	const struct setting *setting = &settings_table[i];
	char allowed[SETTING_TEXT_BYTES];
	bool ok = true;
	int status = 0;
	switch (setting->type) {
	case SETTING_INT:
		ok = parse_int(value, &setting->rule, member(settings, i));
		break;
	case SETTING_BOOL:
		ok = parse_bool(value, member(settings, i));
		break;
	case SETTING_TEXT:
	case SETTING_SECRET:
		ok = !setting->rule.words || is_word_of(setting->rule.words, value);
		if (ok)
			status = replace(member(settings, i), value, err);
		break;
	}
	if (!ok)
		return err_set(err, ERR_CONFIG, "%s: %s is \"%s\"; it must be %s", origin,
			       setting->name, value, setting_allowed(setting, allowed));
	return status ? status : replace(&settings->origin[i], origin, err);
}

int settings_pass_over(const struct settings *settings, int status, const struct err *err)
{
	struct err *passed_over = settings->flags.passed_over;
	if (!passed_over || status != ERR_CONFIG)
		return status;
	if (!passed_over->code)
		*passed_over = *err;
	return 0;
}

/* ---- Where values come from ----------------------------------------------------------------------- */

static int read_defaults(struct settings *settings, struct err *err)
{
	int status = 0;
	for (int i = 0; i < SETTINGS_N && !status; i++)
		status = settings_set(settings, i, settings_table[i].value, "default", err);
	return status;
}

static int read_file(struct settings *settings, const char *flag, struct err *err)
{
	const char *variable = getenv("PAYI_CONFIG");
	const char *path = flag ? flag : variable && *variable ? variable : NULL;
	const int status = settings_pass_over(
		settings, settings_read_file(settings, path ? path : DEFAULT_FILE, path, err), err);
	if (status < 0)
		return status;
	const int failed = replace(&settings->config_file,
				   status ? ""
				   : path ? path
					  : DEFAULT_FILE,
				   err);
	return failed ? failed
		      : settings_pass_over(
				settings,
				settings_read_parts(settings, path ? path : DEFAULT_FILE, err),
				err);
}

/* The first of the names, separated by spaces, that the environment has a value for. */
static const char *find_variable(const char *names, char found[SETTING_TEXT_BYTES])
{
	for (const char *name = names; *name; name += strspn(name, " ")) {
		const size_t len = strcspn(name, " ");
		snprintf(found, SETTING_TEXT_BYTES, "%.*s", (int)len, name);
		const char *value = getenv(found);
		if (value && *value)
			return value;
		name += len;
	}
	return NULL;
}

void settings_hide_secrets(void)
{
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting *setting = &settings_table[i];
		if (setting->type != SETTING_SECRET)
			continue;
		for (const char *name = setting->env; *name; name += strspn(name, " ")) {
			char variable[SETTING_TEXT_BYTES];
			const size_t len = strcspn(name, " ");
			snprintf(variable, sizeof(variable), "%.*s", (int)len, name);
			secrecy_hide_variable(variable);
			name += len;
		}
	}
}

static int read_environment(struct settings *settings, struct err *err)
{
	int status = 0;
	for (int i = 0; i < SETTINGS_N && !status; i++) {
		char variable[SETTING_TEXT_BYTES];
		const char *value = find_variable(settings_table[i].env, variable);
		if (value)
			status = settings_pass_over(
				settings, settings_set(settings, i, value, variable, err), err);
	}
	return status;
}

static int read_flags(struct settings *settings, const struct settings_flags *flags,
		      struct err *err)
{
	int status = 0;
	for (int i = 0; i < SETTINGS_N && !status; i++) {
		char flag[SETTING_TEXT_BYTES];
		if (!flags->value[i])
			continue;
		snprintf(flag, sizeof(flag), "--%s", settings_table[i].name);
		for (char *c = flag; *c; c++)
			*c = *c == '_' ? '-' : *c;
		if (!*flags->value[i])
			return err_set(err, ERR_CONFIG, "%s is empty", flag);
		status = settings_set(settings, i, flags->value[i], flag, err);
	}
	return status;
}

/* ---- The key that systemd hands over -------------------------------------------------------------- */

/* When nothing else names a key. A service without that credential goes on as if systemd had said nothing. */
static int find_credential(struct settings *settings, struct err *err)
{
	char path[PATH_MAX];
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	if (*settings->api_key || *settings->api_key_file || !directory || *directory != '/')
		return 0;
	const int len = snprintf(path, sizeof(path), "%s/payi-api-key", directory);
	if (len >= (int)sizeof(path) || access(path, F_OK))
		return 0;
	return settings_set(settings, SETTING_api_key_file, path, "CREDENTIALS_DIRECTORY", err);
}

/* ---- Directories that were left empty ------------------------------------------------------------- */

static int default_data_dir(struct settings *settings, struct err *err)
{
	char path[PATH_MAX];
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	if (access(DEFAULT_DATA_DIR, W_OK | X_OK) == 0)
		return replace(&settings->data_dir, DEFAULT_DATA_DIR, err);
	if (state && *state == '/')
		snprintf(path, sizeof(path), "%s/payi", state);
	else if (home && *home == '/')
		snprintf(path, sizeof(path), "%s/.local/state/payi", home);
	else
		return err_set(err, ERR_CONFIG,
			       "there is no data directory: " DEFAULT_DATA_DIR
			       " cannot be written, and neither XDG_STATE_HOME nor HOME is set; "
			       "give --data-dir");
	return replace(&settings->data_dir, path, err);
}

static int fill_directories(struct settings *settings, struct err *err)
{
	char path[PATH_MAX];
	int status = 0;
	if (!*settings->ring_dir && payi_ring_dir(path, sizeof(path)) != PAYI_OK)
		return err_set(err, ERR_CONFIG, "there is no ring directory: %s",
			       payi_last_error());
	if (!*settings->ring_dir)
		status = replace(&settings->ring_dir, path, err);
	if (!status && !*settings->data_dir)
		status = default_data_dir(settings, err);
	if (status)
		return status;
	const int len = snprintf(path, sizeof(path), "%s/payi.db", settings->data_dir);
	if (len >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "data_dir is longer than %d bytes", PATH_MAX - 9);
	return replace(&settings->database, path, err);
}

int settings_load(struct settings *settings, const struct settings_flags *flags, struct err *err)
{
	*settings = (struct settings){.flags = *flags};
	int status = read_defaults(settings, err);
	if (!status)
		status = read_file(settings, flags->config_file, err);
	if (!status)
		status = read_environment(settings, err);
	if (!status)
		status = read_flags(settings, flags, err);
	if (!status)
		status = find_credential(settings, err);
	if (!status)
		status = settings_pass_over(settings, fill_directories(settings, err), err);
	if (status)
		settings_release(settings);
	return status;
}

void settings_release(struct settings *settings)
{
	for (int i = 0; i < SETTINGS_N; i++) {
		const enum setting_type type = settings_table[i].type;
		if (type == SETTING_TEXT || type == SETTING_SECRET)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the type says that it is a string */
			free(*(char **)member(settings, i));
		free(settings->origin[i]);
	}
	free(settings->config_file);
	free(settings->database);
	*settings = (struct settings){0};
}

/* Texts change hands, so that each is released once. */
static void exchange(struct settings *a, struct settings *b, int i)
{
	static const size_t sizes[] = {[SETTING_TEXT] = sizeof(char *),
				       [SETTING_SECRET] = sizeof(char *),
				       [SETTING_INT] = sizeof(int64_t),
				       [SETTING_BOOL] = sizeof(bool)};
	const size_t size = sizes[settings_table[i].type];
	char *origin = a->origin[i];
	char kept[sizeof(int64_t)];
	memcpy(kept, member(a, i), size);
	memcpy(member(a, i), member(b, i), size);
	memcpy(member(b, i), kept, size);
	a->origin[i] = b->origin[i];
	b->origin[i] = origin;
}

void settings_adopt(struct settings *settings, struct settings *next)
{
	for (int i = 0; i < SETTINGS_N; i++)
		if (settings_table[i].effect == SETTING_LIVE)
			exchange(settings, next, i);
	settings_release(next);
}

bool settings_agree(const struct settings *a, const struct settings *b, int i)
{
	const void *of_a = const_member(a, i);
	const void *of_b = const_member(b, i);
	switch (settings_table[i].type) {
	case SETTING_INT:
		return *(const int64_t *)of_a == *(const int64_t *)of_b;
	case SETTING_BOOL:
		return *(const bool *)of_a == *(const bool *)of_b;
	case SETTING_TEXT:
	case SETTING_SECRET:
		break;
	}
	return strcmp(*(char *const *)of_a, *(char *const *)of_b) == 0;
}

/* ---- For people ----------------------------------------------------------------------------------- */

void settings_print_value(const struct settings *settings, int i, FILE *out)
{
	const void *value = const_member(settings, i);
	switch (settings_table[i].type) {
	case SETTING_INT:
		fprintf(out, "%lld", (long long)*(const int64_t *)value);
		break;
	case SETTING_BOOL:
		fputs(*(const bool *)value ? "yes" : "no", out);
		break;
	case SETTING_TEXT:
		fputs(*(char *const *)value, out);
		break;
	case SETTING_SECRET:
		fputs(**(char *const *)value ? "(set, not shown)" : "", out);
		break;
	}
}

/* Writes text as comment lines of at most 100 columns, broken at spaces. */
static void print_comment(const char *text, FILE *out)
{
	enum { WIDTH = 98 };
	while (*text) {
		size_t n = strlen(text);
		if (n > WIDTH)
			for (n = WIDTH; n > 1 && text[n] != ' ';)
				n--;
		fprintf(out, "# %.*s\n", (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
}

static void print_sample_setting(const struct setting *setting, FILE *out)
{
	char allowed[SETTING_TEXT_BYTES];
	char text[2 * SETTING_TEXT_BYTES + 512];
	setting_allowed(setting, allowed);
	snprintf(text, sizeof(text), "%s%s%s%s%s%s%s%s", setting->help, *allowed ? " (" : "",
		 allowed, *allowed ? ")" : "", *setting->env ? " [environment: " : "", setting->env,
		 *setting->env ? "]" : "",
		 setting->effect == SETTING_AT_START ? " [at start]" : "");
	fputc('\n', out);
	print_comment(text, out);
	fprintf(out, "#%s =%s%s\n", setting->name, *setting->value ? " " : "", setting->value);
}

void settings_sample(FILE *out)
{
	fputs("# Settings of payi-agent, each with its default. Read from " DEFAULT_FILE
	      ", or from the\n"
	      "# file that --config or PAYI_CONFIG names; then from *.conf in the directory of "
	      "that "
	      "name with .d\n"
	      "# added, which beat this file. The environment and flags beat them all. SIGHUP "
	      "reads it again:\n"
	      "# what is marked [at start] waits for the next start.\n",
	      out);
	for (int i = 0; i < SETTINGS_N; i++) {
		if (i == 0 || strcmp(settings_table[i].section, settings_table[i - 1].section) != 0)
			fprintf(out, "\n[%s]\n", settings_table[i].section);
		print_sample_setting(&settings_table[i], out);
	}
}
