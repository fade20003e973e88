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
		if (*action == ACTION_SAMPLE) { /* also where the settings are wrong now */
			settings_sample(stdout);
			exit(cli_finish(state->name));
		}
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

static void say_fine(const struct settings *settings)
{
	if (*settings->config_file)
		printf("%s: fine\n", settings->config_file);
	else
		printf("no configuration file; the environment and the defaults are fine\n");
}

int cli_config(int argc, char **argv)
{
	enum action action = ACTION_NONE;
	struct settings settings;
	struct output output = {.formats = OUTPUT_ALL};
	const struct argp argp = {.parser = parse, .args_doc = "sample|check|show", .doc = doc};
	const struct cli_line line = {"payi-agent config", &argp, &action, CLI_SETTINGS_ALL,
				      &output};
	const int status = cli_parse(&line, argc, argv, &settings);
	if (status)
		return status;
	struct err err = {0};
	if (action == ACTION_SHOW && output.format.kind != FORMAT_TABLE)
		show_sheet(&settings, &output.format, &err);
	else if (action == ACTION_SHOW)
		show(&settings);
	else if (options_check(&settings, &err) == 0)
		say_fine(&settings);
	settings_release(&settings);
	return err.code ? cli_fail(line.command, &err) : cli_finish(line.command);
}
