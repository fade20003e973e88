/*
 * payi-agent track: events from JSON into a ring, by the same library that applications use. What is not
 * valid is told with its line, and the rest goes on.
 */
#include "cli/cli.h"
#include "cli/display.h"
#include "cli/output.h"
#include "cli/sheet.h"
#include "cli/track_input.h"
#include "cli/track_json.h"
#include "history/status.h"
#include "payi/payi.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMAND "payi-agent track"

enum {
	BLOCK_S = 10,       /* for an agent to make room, where none runs as we begin */
	BLOCK_AGENT_S = 60, /* where one does; it may be busy */
	GRACE_MS = 1000,    /* at the end, for an agent that is just starting */
	WAIT_S = 10,
	WAIT_S_MAX = 3600,
	RING_BYTES = 16 * 1024 * 1024, /* events up to 2 MiB, where tmpfs has that much */
	RING_BYTES_MEDIUM = 4 * 1024 * 1024,
	RING_BYTES_SMALL = 1024 * 1024,
};

struct request {
	const char *app_name;
	bool quiet;
	int wait_s;
	char **files;
	int n_files;
	struct output output;
};

struct run {
	const struct request *request;
	const char *ring_dir;
	payi_client *client;
	int block_s;
	const char *file; /* for messages: NULL when there is but one input */
	int64_t tracked;
	int64_t refused;
	bool full; /* the ring, and nobody empties it: the end */
};

/* ---- The command line ----------------------------------------------------------------------------- */

enum { OPTION_APP_NAME = 1000, OPTION_QUIET, OPTION_WAIT };

static const struct argp_option options[] = {
	{"app-name", OPTION_APP_NAME, "NAME", 0,
	 "what the history calls the source [default: payi-agent]", 1},
	{"quiet", OPTION_QUIET, 0, 0, "no summary", 1},
	{"wait", OPTION_WAIT, "DURATION", 0,
	 "how long to wait for the agent to store everything, where one runs; 0: not at all "
	 "[default: 10s]",
	 1},
	{0},
};

static const char doc[] =
	"Tracks events from JSON: one object a line, or an array, with the field names of Pay-i's "
	"bulk "
	"ingest, from the files or from standard input (also as -). Files that Pay-i's Python SDK "
	"writes offline are taken as they are."
	"\v"
	"A refused event is told with its line, and the rest goes on; then the exit code is 1. "
	"Without "
	"an agent, what fits waits in a ring for one to start. Counts must be whole numbers (1.0 "
	"is "
	"one, 1.5 is not), times as RFC 3339 has them (without a zone: UTC).\n\n"
	"Example:\n"
	"  echo '{\"category\":\"system.openai\",\"resource\":\"gpt-4o\","
	"\"units\":{\"text\":{\"input\":100,\"output\":50}}}' | payi-agent track";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	int64_t wait_us = 0;
	switch (key) {
	case OPTION_APP_NAME:
		request->app_name = arg;
		return 0;
	case OPTION_QUIET:
		request->quiet = true;
		return 0;
	case OPTION_WAIT:
		if (cli_duration(arg, &wait_us) || wait_us > WAIT_S_MAX * INT64_C(1000000))
			argp_error(state,
				   "--wait is '%s'; it takes 10s, 5m, or a number of seconds, up "
				   "to %d",
				   arg, WAIT_S_MAX);
		request->wait_s = (int)(wait_us / 1000000);
		return 0;
	case ARGP_KEY_ARGS:
		request->files = state->argv + state->next;
		request->n_files = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Events --------------------------------------------------------------------------------------- */

/* "file: line 17: ", or "line 1, item 20: " where one line holds many, as the SDK's files do. */
static void add_place(struct buf *out, const struct run *run, const struct track_object *object)
{
	if (run->file) {
		display_add(out, run->file);
		buf_add_str(out, ": ");
	}
	buf_addf(out, "line %" PRId64, object->line);
	if (object->number > 1)
		buf_addf(out, ", item %" PRId64, object->number);
	buf_add_str(out, ": ");
}

/* What is quoted from the input is made harmless for a terminal. */
static void complain(const struct run *run, const struct track_object *object, const char *what)
{
	struct buf out = BUF_INIT;
	add_place(&out, run, object);
	display_add(&out, what);
	fprintf(stderr, "%s\n", buf_text(&out));
	buf_release(&out);
}

static void refuse(struct run *run, const struct track_object *object, const char *what)
{
	complain(run, object, what);
	run->refused++;
}

static void refuse_too_big(struct run *run, const struct track_object *object)
{
	char what[128];
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(run->client, &stats);
	snprintf(what, sizeof(what),
		 "the event is larger than the %" PRIu64 " bytes that one may take",
		 stats.event_bytes_max);
	refuse(run, object, what);
}

static void stop_full(struct run *run, const struct track_object *object)
{
	char what[160];
	snprintf(what, sizeof(what),
		 "stopped before this event: the ring is full, and no agent has made room for %d "
		 "seconds; start payi-agent run, and go on from here",
		 run->block_s);
	complain(run, object, what);
	run->full = true;
}

static void track_object(struct run *run, const struct track_object *object)
{
	struct track_json *json;
	payi_event event;
	struct err err;
	if (track_json_read(object->text, object->len, &json, &event, &err)) {
		refuse(run, object, err.text);
		return;
	}
	switch (payi_track(run->client, &event)) {
	case PAYI_OK:
		run->tracked++;
		break;
	case PAYI_ERR_FULL:
		stop_full(run, object);
		break;
	case PAYI_ERR_TOO_BIG:
		refuse_too_big(run, object);
		break;
	default:
		refuse(run, object, payi_last_error());
		break;
	}
	track_json_free(json);
}

/* Tracks one input to its end, or until the ring is full. CLI_FAILED when it could not be read. */
static int track_input(struct run *run, int fd)
{
	struct track_input input;
	struct track_object object;
	struct err err;
	int code = CLI_FINE;
	enum track_found found;
	if (track_input_open(&input, fd, &err))
		return cli_fail(COMMAND, &err);
	do {
		found = track_input_next(&input, &object, &err);
		if (found == TRACK_OBJECT)
			track_object(run, &object);
		else if (found == TRACK_GARBAGE)
			refuse(run, &object, err.text);
	} while (!run->full && (found == TRACK_OBJECT || found == TRACK_GARBAGE));
	if (found == TRACK_FAILED) {
		if (run->file)
			err_wrap(&err, "%s", run->file);
		code = cli_fail(COMMAND, &err);
	}
	track_input_close(&input);
	return code;
}

static int track_file(struct run *run, const char *path)
{
	if (strcmp(path, "-") == 0) {
		run->file = run->request->n_files > 1 ? "standard input" : NULL;
		return track_input(run, STDIN_FILENO);
	}
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, COMMAND ": cannot open %s: %s\n", path, strerror(errno));
		return CLI_FAILED;
	}
	run->file = run->request->n_files > 1 ? path : NULL;
	const int code = track_input(run, fd);
	close(fd);
	return code;
}

/* A file that cannot be read does not keep the others from being tracked. */
static int track_all(struct run *run)
{
	const struct request *request = run->request;
	if (!request->n_files)
		return track_input(run, STDIN_FILENO);
	int code = CLI_FINE;
	for (int i = 0; i < request->n_files && !run->full; i++)
		if (track_file(run, request->files[i]))
			code = CLI_FAILED;
	return code;
}

/* ---- The ring ------------------------------------------------------------------------------------- */

static bool agent_runs(const char *ring_dir)
{
	struct status_agent agent;
	status_read_agent(ring_dir, &agent);
	return agent.runs;
}

/* The largest ring that the tmpfs has room for. */
static payi_client *open_client(const struct run *run)
{
	static const size_t sizes[] = {RING_BYTES, RING_BYTES_MEDIUM, RING_BYTES_SMALL};
	payi_client_options client_options = PAYI_CLIENT_OPTIONS_INIT;
	client_options.ring_dir = run->ring_dir;
	client_options.app_name = run->request->app_name;
	client_options.when_full = PAYI_WHEN_FULL_BLOCK;
	client_options.block_ms = run->block_s * 1000;
	payi_client *client = NULL;
	payi_status status = PAYI_ERR_NO_SPACE;
	for (size_t i = 0; status == PAYI_ERR_NO_SPACE && i < sizeof(sizes) / sizeof(sizes[0]);
	     i++) {
		client_options.ring_bytes = sizes[i];
		status = payi_client_open(&client_options, &client);
	}
	if (status)
		fprintf(stderr, COMMAND ": %s\n", payi_last_error());
	return client;
}

/* Whether an agent has stored everything, within the time that the user gives it. */
static bool wait_until_stored(const struct run *run)
{
	const int wait_ms = run->request->wait_s * 1000;
	if (payi_flush(run->client, wait_ms < GRACE_MS ? wait_ms : GRACE_MS) == PAYI_OK)
		return true;
	return wait_ms > GRACE_MS && agent_runs(run->ring_dir) &&
	       payi_flush(run->client, wait_ms - GRACE_MS) == PAYI_OK;
}

/* What became of what was tracked. That it waits in the ring is no failure: an agent that starts takes it. */
static void add_fate(struct buf *out, const struct run *run, bool stored)
{
	if (stored)
		buf_add_str(out, "; the agent has stored them");
	else if (!agent_runs(run->ring_dir))
		buf_addf(out,
			 "; no agent runs: what it has not stored waits in a ring in %s for "
			 "payi-agent run",
			 run->ring_dir);
	else if (run->request->wait_s)
		buf_addf(
			out,
			"; the agent has not stored all of them yet; they are safe in a ring in %s",
			run->ring_dir);
}

static void say(const struct run *run, bool stored)
{
	struct buf out = BUF_INIT;
	buf_add_str(&out, "tracked ");
	display_add_int(&out, run->tracked, true);
	buf_add_str(&out, run->tracked == 1 ? " event, refused " : " events, refused ");
	display_add_int(&out, run->refused, true);
	if (run->tracked)
		add_fate(&out, run, stored);
	fprintf(stderr, "%s\n", buf_text(&out));
	buf_release(&out);
}

/* stopped: the ring was full, and nobody made room. */
static int print(const struct run *run, bool stored, struct err *err)
{
	static const struct history_column columns[] = {{"tracked", "TRACKED", HISTORY_INT, 1},
							{"refused", "REFUSED", HISTORY_INT, 1},
							{"stored", "STORED", HISTORY_BOOL, 1},
							{"stopped", "STOPPED", HISTORY_BOOL, 1}};
	struct sheet sheet = {.columns = columns, .n_columns = 4, .is_one = true};
	sheet_add_int(&sheet, run->tracked);
	sheet_add_int(&sheet, run->refused);
	sheet_add_bool(&sheet, stored);
	sheet_add_bool(&sheet, run->full);
	return sheet_print(&sheet, &run->request->output.format, err);
}

/* For people beside what goes wrong, on standard error; for programs on standard output. */
static int summarise(const struct run *run)
{
	struct err err;
	const bool stored = !run->tracked || wait_until_stored(run);
	if (run->request->quiet)
		return CLI_FINE;
	if (run->request->output.format.kind == FORMAT_TABLE)
		say(run, stored);
	else if (print(run, stored, &err))
		return cli_fail(COMMAND, &err);
	return CLI_FINE;
}

static int run_all(struct run *run)
{
	run->block_s = agent_runs(run->ring_dir) ? BLOCK_AGENT_S : BLOCK_S;
	run->client = open_client(run);
	if (!run->client)
		return CLI_FAILED;
	const int code = track_all(run);
	const int unsaid = summarise(run);
	payi_client_close(run->client);
	return run->refused || run->full || unsaid ? CLI_FAILED : code;
}

int cli_track(int argc, char **argv)
{
	static const struct argp argp = {options, parse, "[FILE...]", doc, NULL, NULL, NULL};
	struct request request = {.app_name = "payi-agent", .wait_s = WAIT_S};
	const struct cli_line line = {COMMAND, &argp, &request, CLI_SETTINGS_PATHS,
				      &request.output};
	struct settings settings;
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	struct run run = {.request = &request, .ring_dir = settings.ring_dir};
	const int code = run_all(&run);
	settings_release(&settings);
	return code;
}
