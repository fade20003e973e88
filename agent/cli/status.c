/* payi-agent status: does it run, what waits, do the books balance. */
#include "history/status.h"

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/status_text.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char doc[] =
	"Tells whether the agent runs, what waits in the rings, whether the books balance, and how "
	"sending goes. From the database and the ring directory alone; with or without a running "
	"agent. "
	"Exit code 3: no agent serves the ring directory."
	"\vExample:\n"
	"  payi-agent status --json | jq .books";

enum { KEY_JSON = 0x200 };

static const struct argp_option options[] = {
	{"json", KEY_JSON, NULL, 0, "one JSON object, for programs", 1},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	if (key != KEY_JSON)
		return ARGP_ERR_UNKNOWN;
	*json = true;
	return 0;
}

static int print(const struct status *status, bool json, struct err *err)
{
	struct buf out = BUF_INIT;
	struct format_options screen = {0};
	format_options_of_stdout(&screen);
	if (json)
		status_json(status, &out);
	else
		status_text(status, screen.terminal, screen.width, &out);
	const bool failed = out.failed;
	if (!failed && out.len)
		fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
	return failed ? err_set(err, ERR_MEMORY, "out of memory") : 0;
}

static int show(const struct settings *settings, bool json, bool *runs, struct err *err)
{
	struct status status = {0};
	struct query_db *db = NULL;
	int done = 0;
	if (access(settings->database, F_OK) == 0 || errno != ENOENT)
		done = query_db_open(settings->database, &db, err);
	if (done == ERR_BUSY) /* an agent is about to make it: as if there were none */
		done = 0;
	if (!done)
		done = status_gather(settings->database, settings->ring_dir, db, &status, err);
	query_db_close(db);
	if (!done)
		done = print(&status, json, err);
	*runs = status.agent.runs;
	status_release(&status);
	return done;
}

int cli_status(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	bool json = false;
	bool runs = false;
	const struct argp argp = {.options = options, .parser = parse, .doc = doc};
	const struct cli_line line = {"payi-agent status", &argp, &json, CLI_SETTINGS_PATHS};
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	const int failed = show(&settings, json, &runs, &err);
	settings_release(&settings);
	if (failed)
		return cli_fail(line.command, &err);
	const int code = cli_finish(line.command);
	return code == CLI_FINE && !runs ? CLI_NOT_RUNNING : code;
}
