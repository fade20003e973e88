/* payi-agent status: does it run, what waits, do the books balance. */
#include "history/status.h"

#include "cli/cli.h"
#include "cli/display.h"
#include "cli/members.h"
#include "cli/output.h"
#include "cli/status_text.h"

#include <argp.h>
#include <stdio.h>

static const char doc[] =
	"Tells whether the agent runs, what waits in the rings, whether the books balance, and how "
	"sending goes. From the database and the ring directory alone; with or without a running "
	"agent. Exit code 3: no agent serves the ring directory. "
	"Settings that are wrong are warned of and passed over: an agent may run with those that "
	"it had. "
	"In CSV each member of the JSON object is a line, named by its path: books.stored."
	"\vExamples:\n"
	"  payi-agent status --json | jq .books\n"
	"  payi-agent status --format csv | grep ^sinks";

enum { KEY_JSON = 0x200 };

static const struct argp_option options[] = {
	{"json", KEY_JSON, NULL, 0, "the same as --format json: one JSON object", 1},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct output *output = state->input;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	if (key != KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	output->format.kind = FORMAT_JSON;
	return 0;
}

static int print(const struct status *status, const struct format_options *look, struct err *err)
{
	enum { INDENT = 11 };
	struct buf text = BUF_INIT;
	struct buf out = BUF_INIT;
	int done = 0;
	if (look->kind == FORMAT_TABLE) {
		status_text(status, look, &text);
		display_add_wrapped(&out, buf_text(&text), look->width, INDENT);
	} else if (look->kind == FORMAT_CSV) {
		status_json(status, &text);
		done = members_add(buf_text(&text), look, &out, err);
	} else {
		status_json(status, &out);
	}
	if (out.failed || text.failed)
		done = err_set(err, ERR_MEMORY, "out of memory");
	if (!done)
		done = format_write(look, &out, err);
	buf_release(&text);
	buf_release(&out);
	return done;
}

static int show(const struct settings *settings, const struct format_options *look, bool *runs,
		struct err *err)
{
	struct status status;
	int done = status_look(settings->database, settings->ring_dir, &status, err);
	if (!done)
		done = print(&status, look, err);
	*runs = status.agent.runs;
	status_release(&status);
	return done;
}

int cli_status(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	struct output output = {0};
	bool runs = false;
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	struct err passed_over;
	const struct cli_line line = {"payi-agent status", &argp, &output, CLI_SETTINGS_PATHS,
				      &output};
	const int usage = cli_parse_around(&line, argc, argv, &settings, &passed_over);
	if (usage)
		return usage;
	if (cli_warn_of_settings(&line, &settings, &passed_over))
		return CLI_USAGE;
	const int failed = show(&settings, &output.format, &runs, &err);
	settings_release(&settings);
	if (failed)
		return cli_fail(line.command, &err);
	const int code = cli_finish(line.command);
	return code == CLI_FINE && !runs ? CLI_NOT_RUNNING : code;
}
