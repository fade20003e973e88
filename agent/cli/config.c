#include "cli/cli.h"
#include "cli/output.h"
#include "cli/sheet.h"
#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum action { ACTION_NONE, ACTION_SAMPLE, ACTION_CHECK, ACTION_SHOW };

static const char doc[] = "The agent's settings.\n\n"
			  "sample prints a configuration file with every setting, its meaning and "
			  "its default. check reads "
			  "the configuration as the agent would, and says what is wrong with it. "
			  "show prints each setting's "
			  "value and where it came from; a key is never shown."
			  "\vExample:\n"
			  "  payi-agent config sample > agent.conf\n"
			  "  payi-agent config check --config agent.conf";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const actions[] = {"", "sample", "check", "show"};
	enum action *action = state->input;
	switch (key) {
	case ARGP_KEY_ARG:
		for (enum action i = ACTION_SAMPLE; *action == ACTION_NONE && i <= ACTION_SHOW; i++)
			if (strcmp(arg, actions[i]) == 0) {
				*action = i;
				return 0;
			}
		argp_error(state, "'%s' is not what is expected: sample, check or show", arg);
		return 0;
	case ARGP_KEY_END:
		if (*action == ACTION_NONE)
			argp_error(state, "say what: sample, check or show");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void show(const struct settings *settings)
{
	const char *section = "";
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting *setting = &settings_table[i];
		if (strcmp(section, setting->section) != 0) {
			section = setting->section;
			printf("%s[%s]\n", i ? "\n" : "", section);
		}
		printf("%s = ", setting->name);
		settings_print_value(settings, i, stdout);
		printf("    # %s\n", settings->origin[i]);
	}
}

static const struct history_column columns[] = {
	{"section", "SECTION", HISTORY_TEXT, 1},
	{"name", "NAME", HISTORY_TEXT, 1},
	{"value", "VALUE", HISTORY_TEXT, 1},
	{"origin", "FROM", HISTORY_TEXT, 1},
};

/* The value as text; of a secret no more than whether there is one. */
static void add_value(const struct settings *settings, int i, struct sheet *sheet)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	if (!out)
		return;
	settings_print_value(settings, i, out);
	if (fclose(out) == 0)
		sheet_add(sheet, text);
	free(text);
}

static int show_sheet(const struct settings *settings, const struct format_options *look,
		      struct err *err)
{
	struct sheet sheet = {.columns = columns,
			      .n_columns = sizeof(columns) / sizeof(columns[0])};
	for (int i = 0; i < SETTINGS_N; i++) {
		sheet_add(&sheet, settings_table[i].section);
		sheet_add(&sheet, settings_table[i].name);
		add_value(settings, i, &sheet);
		sheet_add(&sheet, settings->origin[i]);
	}
	return sheet_print(&sheet, look, err);
}

static int sample(const struct format_options *look, struct err *err)
{
	static const struct history_column of_sample[] = {
		{"section", "SECTION", HISTORY_TEXT, 1}, {"name", "NAME", HISTORY_TEXT, 1},
		{"default", "DEFAULT", HISTORY_TEXT, 1}, {"allowed", "ALLOWED", HISTORY_TEXT, 1},
		{"environment", "ENV", HISTORY_TEXT, 1}, {"at_start", "AT START", HISTORY_BOOL, 1},
		{"meaning", "MEANING", HISTORY_TEXT, 1},
	};
	struct sheet sheet = {.columns = of_sample,
			      .n_columns = sizeof(of_sample) / sizeof(of_sample[0])};
	if (look->kind == FORMAT_TABLE) {
		settings_sample(stdout);
		return 0;
	}
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting *setting = &settings_table[i];
		char allowed[SETTING_TEXT_BYTES];
		sheet_add(&sheet, setting->section);
		sheet_add(&sheet, setting->name);
		sheet_add(&sheet, setting->value);
		sheet_add(&sheet, setting_allowed(setting, allowed));
		sheet_add(&sheet, setting->env);
		sheet_add_bool(&sheet, setting->effect == SETTING_AT_START);
		sheet_add(&sheet, setting->help);
	}
	return sheet_print(&sheet, look, err);
}

/* error: what is wrong; code 0: nothing is. For people that is said as any error of a command. */
static int check(const struct settings *settings, const struct err *error,
		 const struct format_options *look, struct err *err)
{
	static const struct history_column of_check[] = {{"file", "FILE", HISTORY_TEXT, 1},
							 {"fine", "FINE", HISTORY_BOOL, 1},
							 {"error", "ERROR", HISTORY_TEXT, 1}};
	struct sheet sheet = {.columns = of_check, .n_columns = 3, .is_one = true};
	if (look->kind != FORMAT_TABLE) {
		sheet_add(&sheet, settings->config_file);
		sheet_add_bool(&sheet, !error->code);
		sheet_add(&sheet, error->code ? error->text : "");
		return sheet_print(&sheet, look, err);
	}
	if (!error->code && *settings->config_file)
		printf("%s: fine\n", settings->config_file);
	else if (!error->code)
		printf("no configuration file; the environment and the defaults are fine\n");
	return 0;
}

/* What is wrong with the settings is the answer of check, nothing to sample, and the end of show. */
static int act(enum action action, const struct settings *settings, const struct err *passed_over,
	       const struct format_options *look, struct err *err)
{
	struct err wrong = *passed_over;
	if (action == ACTION_SAMPLE)
		return sample(look, err);
	if (action == ACTION_CHECK) {
		if (!wrong.code)
			options_check(settings, NULL, &wrong);
		const int status = check(settings, &wrong, look, err);
		if (!status)
			*err = wrong;
		return status ? status : wrong.code;
	}
	if (wrong.code) {
		*err = wrong;
		return wrong.code;
	}
	if (look->kind != FORMAT_TABLE)
		return show_sheet(settings, look, err);
	show(settings);
	return 0;
}

int cli_config(int argc, char **argv)
{
	enum action action = ACTION_NONE;
	struct settings settings;
	struct output output = {0};
	struct err err = {0}, passed_over;
	const struct argp argp = {.parser = parse, .args_doc = "sample|check|show", .doc = doc};
	const struct cli_line line = {"payi-agent config", &argp, &action, CLI_SETTINGS_ALL,
				      &output};
	const int usage = cli_parse_around(&line, argc, argv, &settings, &passed_over);
	if (usage)
		return usage;
	const int status = act(action, &settings, &passed_over, &output.format, &err);
	settings_release(&settings);
	return status ? cli_fail(line.command, &err) : cli_finish(line.command);
}
