#include "cli/cli.h"

#include "base/nearness.h"
#include "cli/describe.h"
#include "cli/display.h"
#include "cli/output.h"
#include "history/when.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The settings as argp options ----------------------------------------------------------------- */

enum {
	KEY_CONFIG = 0x1000,
	KEY_SETTING = 0x1001,           /* + the setting's place in the table */
	N_OPTIONS = 2 * SETTINGS_N + 2, /* each may have a heading; --config; the end */
	NAME_BYTES = 64,
	DOC_BYTES = 640,
};

struct setting_options {
	struct argp_option option[N_OPTIONS];
	char name[SETTINGS_N][NAME_BYTES];
	char words[SETTINGS_N][NAME_BYTES];
	char doc[SETTINGS_N][DOC_BYTES];
	char heading[SETTINGS_N][NAME_BYTES];
	int n;
};

/* What an argument is, as --help names it: words are told from one another by bars. */
static const char *argument_of(const struct setting *setting, char words[NAME_BYTES])
{
	snprintf(words, NAME_BYTES, "%s", setting->rule.words ? setting->rule.words : "");
	for (char *c = words; *c; c++)
		*c = *c == ' ' ? '|' : *c;
	if (*words)
		return words;
	switch (setting->type) {
	case SETTING_INT:
		return "N";
	case SETTING_BOOL:
		return "yes|no";
	case SETTING_TEXT:
	case SETTING_SECRET:
		break;
	}
	if (strstr(setting->name, "_dir"))
		return "DIR";
	return strstr(setting->name, "_file") ? "FILE" : "TEXT";
}

static void add_option(struct setting_options *options, const struct argp_option *option)
{
	options->option[options->n++] = *option;
}

static void add_setting(struct setting_options *options, int i)
{
	const struct setting *setting = &settings_table[i];
	char allowed[SETTING_TEXT_BYTES];
	setting_allowed(setting, allowed);
	snprintf(options->name[i], NAME_BYTES, "%s", setting->name);
	for (char *c = options->name[i]; *c; c++)
		*c = *c == '_' ? '-' : *c;
	snprintf(options->doc[i], DOC_BYTES, "%s%s%s%s%s%s%s", setting->help, *allowed ? " (" : "",
		 allowed, *allowed ? ")" : "", *setting->value ? " [default: " : "", setting->value,
		 *setting->value ? "]" : "");
	const struct argp_option option = {
		.name = options->name[i],
		.key = KEY_SETTING + i,
		.arg = argument_of(setting, options->words[i]),
		.flags = setting->type == SETTING_BOOL ? OPTION_ARG_OPTIONAL : 0,
		.doc = options->doc[i],
	};
	add_option(options, &option);
}

static bool has_flag(enum cli_settings which, int i)
{
	if (settings_table[i].type == SETTING_SECRET || which == CLI_SETTINGS_NONE)
		return false;
	return which == CLI_SETTINGS_ALL || i == SETTING_data_dir || i == SETTING_ring_dir;
}

static void add_section(struct setting_options *options, int i, int group)
{
	snprintf(options->heading[i], NAME_BYTES, "Settings, [%s]:", settings_table[i].section);
	const struct argp_option heading = {.doc = options->heading[i], .group = group};
	add_option(options, &heading);
}

/* The sections follow the command's own options, which are of lower groups, in the table's order. */
static void make_options(struct setting_options *options, enum cli_settings which)
{
	static const struct argp_option config = {
		.name = "config",
		.key = KEY_CONFIG,
		.arg = "FILE",
		.doc = "the configuration file [default: /etc/payi/agent.conf where it exists]",
	};
	const char *section = "";
	int group = 10;
	*options = (struct setting_options){0};
	for (int i = 0; i < SETTINGS_N; i++) {
		if (!has_flag(which, i))
			continue;
		if (strcmp(section, settings_table[i].section) != 0)
			add_section(options, i, group++);
		if (i == 0)
			add_option(options, &config);
		section = settings_table[i].section;
		add_setting(options, i);
	}
}

static error_t parse_setting(int key, char *arg, struct argp_state *state)
{
	struct settings_flags *flags = state->input;
	if (key == KEY_CONFIG)
		flags->config_file = arg;
	else if (key >= KEY_SETTING && key < KEY_SETTING + SETTINGS_N)
		flags->value[key - KEY_SETTING] = arg ? arg : "yes";
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

/* ---- A command line ------------------------------------------------------------------------------- */

struct inputs {
	void *own;
	struct settings_flags *flags;
	struct output *output;
};

/* The root of the parsers: it only hands each child its input. */
static error_t parse_root(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	const struct inputs *inputs = state->input;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = inputs->own;
	state->child_inputs[1] = inputs->flags;
	if (inputs->output)
		state->child_inputs[2] = inputs->output;
	return 0;
}

/* glibc's --help leaks a list that is there and empty. */
static const struct argp_option *unless_empty(const struct argp_option *options)
{
	return options && (options->name || options->doc) ? options : NULL;
}

static int parse_line(const struct cli_line *line, int argc, char **argv, struct settings *settings,
		      struct err *passed_over)
{
	struct setting_options *options = malloc(sizeof(*options));
	struct settings_flags flags = {.passed_over = passed_over};
	struct inputs inputs = {line->input, &flags, line->output};
	struct err err = {0};
	char command[NAME_BYTES];
	if (!options) {
		err_set(&err, ERR_MEMORY, "out of memory");
		return cli_fail(line->command, &err);
	}
	make_options(options, line->settings);
	const struct argp own = {.options = unless_empty(line->argp->options),
				 .parser = line->argp->parser};
	const struct argp shared = {.options = unless_empty(options->option),
				    .parser = parse_setting};
	const struct argp look = line->output ? output_argp(line->output) : (struct argp){0};
	const struct describe described = {line->command,
					   line->argp->args_doc,
					   line->argp->doc,
					   {line->argp->options, look.options, options->option}};
	if (describe_if_asked(&described, argc, argv)) {
		free(options);
		return CLI_DESCRIBED;
	}
	if (describe_refuses(&described, argc, argv)) {
		free(options);
		return CLI_USAGE;
	}
	/* The settings come last: a group's number is compared with those of the options of the other two. */
	const struct argp_child children[] = {{&own, 0, NULL, 0},
					      {&shared, 0, NULL, 9},
					      {line->output ? &look : NULL, 0, NULL, 0},
					      {0}};
	const struct argp root = {
		.parser = parse_root,
		.args_doc = line->argp->args_doc,
		.doc = line->argp->doc,
		.children = children,
	};
	snprintf(command, sizeof(command), "%s", line->command);
	argv[0] = command; /* what argp's messages begin with */
	int status = 0;
	const error_t error = argp_parse(&root, argc, argv, 0, NULL, &inputs);
	free(options);
	if (error)
		status = err_set(&err, ERR_CONFIG, "%s", strerror(error));
	else if (line->settings != CLI_SETTINGS_NONE)
		status = settings_load(settings, &flags, &err);
	return status ? cli_fail(line->command, &err) : CLI_FINE;
}

int cli_parse(const struct cli_line *line, int argc, char **argv, struct settings *settings)
{
	return parse_line(line, argc, argv, settings, NULL);
}

int cli_parse_around(const struct cli_line *line, int argc, char **argv, struct settings *settings,
		     struct err *passed_over)
{
	*passed_over = (struct err){0};
	return parse_line(line, argc, argv, settings, passed_over);
}

int cli_need_paths(const struct cli_line *line, struct settings *settings,
		   const struct err *passed_over)
{
	if (settings->database)
		return CLI_FINE;
	settings_release(settings);
	return cli_fail(line->command, passed_over);
}

/* It may quote what came from outside, in four bytes for one at the most. Without asking for memory: that may be what is short. */
enum { SHOWN_BYTES = 4 * ERR_TEXT_BYTES + 16 };

static const char *shown(const struct err *err, uint8_t room[SHOWN_BYTES])
{
	struct buf text = {.data = room, .capacity = SHOWN_BYTES};
	display_add(&text, err->text);
	return buf_text(&text);
}

int cli_warn_of_settings(const struct cli_line *line, struct settings *settings,
			 const struct err *passed_over)
{
	const int status = cli_need_paths(line, settings, passed_over);
	if (status || !passed_over->code)
		return status;
	uint8_t room[SHOWN_BYTES];
	fprintf(stderr,
		"%s: the settings are wrong, an agent would not start with them; this goes by all "
		"but these: %s\n",
		line->command, shown(passed_over, room));
	return CLI_FINE;
}

/* ---- Ends ----------------------------------------------------------------------------------------- */

int cli_fail(const char *command, const struct err *err)
{
	fflush(stdout);
	if (err->code == ERR_CLOSED)
		return CLI_FAILED;
	uint8_t room[SHOWN_BYTES];
	fprintf(stderr, "%s: %s\n", command, shown(err, room));
	return err->code == ERR_CONFIG ? CLI_USAGE : CLI_FAILED;
}

const char *cli_nearest(const char *name, const char *names)
{
	const char *found = NULL;
	size_t least =
		strlen(name) < 4 ? 2 : NEARNESS_MAX; /* what is short is soon near to anything */
	for (; *names; names += strlen(names) + 1) {
		const size_t distance = nearness(name, names);
		const bool begins = strlen(name) > 2 && strncmp(name, names, strlen(name)) == 0;
		if (distance < least || (begins && !found)) {
			least = distance < least ? distance : least;
			found = names;
		}
	}
	return found;
}

int cli_word(const char *words, const char *word)
{
	const size_t len = strlen(word);
	for (int i = 0; *words; i++) {
		const size_t n = strcspn(words, "|");
		if (n == len && strncmp(words, word, n) == 0)
			return i;
		words += n + (words[n] == '|');
	}
	return -1;
}

int cli_duration(const char *text, int64_t *duration_us)
{
	char seconds[32];
	if (*text && strspn(text, "0123456789") == strlen(text)) {
		snprintf(seconds, sizeof(seconds), "%.20ss", text);
		text = seconds;
	}
	return history_duration(text, duration_us);
}

int cli_finish(const char *command)
{
	struct err err;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_FINE;
	err_errno(&err, "cannot write all of the output");
	if (errno == EPIPE)
		err.code = ERR_CLOSED;
	return cli_fail(command, &err);
}
