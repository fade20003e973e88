/*
 * payi-agent track: events from JSON into a ring, by the same library that applications use. What is not
 * valid is told with its line, and the rest goes on.
 */
#include "cli/cli.h"
#include "cli/track_input.h"
#include "cli/track_json.h"
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
	BLOCK_MS = 10000,
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
};

struct run {
	const struct request *request;
	payi_client *client;
	const char *file; /* for messages: NULL when there is but one input */
	int64_t tracked;
	int64_t refused;
};

/* ---- The command line ----------------------------------------------------------------------------- */

enum { OPTION_APP_NAME = 1000, OPTION_QUIET, OPTION_WAIT };

static const struct argp_option options[] = {
	{"app-name", OPTION_APP_NAME, "NAME", 0,
	 "what the history calls the source [default: payi-agent]", 1},
	{"quiet", OPTION_QUIET, 0, 0, "no summary", 1},
	{"wait", OPTION_WAIT, "SECONDS", 0,
	 "how long to wait for the agent to store everything; 0: not at all [default: 10]", 1},
	{0},
};

static const char doc[] = "Tracks events from JSON: one object a line, or an array, with the field "
			  "names of Pay-i's bulk ingest, "
			  "from the files or from standard input. Files that Pay-i's Python SDK "
			  "writes offline are taken as they "
			  "are."
			  "\v"
			  "A refused event is told with its line, and the rest goes on; then the "
			  "exit code is 1. Without an agent, "
			  "what fits waits in a ring for one to start.\n\n"
			  "Example:\n"
			  "  echo '{\"category\":\"system.openai\",\"resource\":\"gpt-4o\","
			  "\"units\":{\"text\":{\"input\":100,\"output\":50}}}' | payi-agent track";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	char *end;
	long seconds;
	switch (key) {
	case OPTION_APP_NAME:
		request->app_name = arg;
		return 0;
	case OPTION_QUIET:
		request->quiet = true;
		return 0;
	case OPTION_WAIT:
		errno = 0;
		seconds = strtol(arg, &end, 10);
		if (errno || *end || end == arg || seconds < 0 || seconds > WAIT_S_MAX)
			argp_error(state, "--wait '%s' is not a number of seconds, 0 to %d", arg,
				   WAIT_S_MAX);
		request->wait_s = (int)seconds;
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

static void complain(struct run *run, int64_t line, const char *what)
{
	if (run->file)
		fprintf(stderr, "%s: ", run->file);
	fprintf(stderr, "line %" PRId64 ": %s\n", line, what);
	run->refused++;
}

/* False: the ring is full, and nobody empties it. */
static bool track_object(struct run *run, const struct track_object *object)
{
	struct track_json *json;
	payi_event event;
	struct err err;
	if (track_json_read(object->text, object->len, &json, &event, &err)) {
		complain(run, object->line, err.text);
		return true;
	}
	const payi_status status = payi_track(run->client, &event);
	track_json_free(json);
	if (status == PAYI_OK)
		run->tracked++;
	else if (status != PAYI_ERR_FULL)
		complain(run, object->line, payi_last_error());
	else
		fprintf(stderr,
			"%s%sline %" PRId64 ": stopped before this event: the ring is full, and no "
			"agent has emptied it for "
			"%d seconds; start payi-agent run, and go on from this line\n",
			run->file ? run->file : "", run->file ? ": " : "", object->line,
			BLOCK_MS / 1000);
	return status != PAYI_ERR_FULL;
}

/* 0: to its end; else it had to be left. */
static int track_all(struct run *run, int fd)
{
	struct track_input input;
	struct track_object object = {0};
	struct err err;
	if (track_input_open(&input, fd, &err))
		return cli_fail(COMMAND, &err);
	int code = CLI_FINE;
	for (bool more = true; more;) {
		switch (track_input_next(&input, &object, &err)) {
		case TRACK_END:
			more = false;
			break;
		case TRACK_OBJECT:
			more = track_object(run, &object);
			code = more ? code : CLI_FAILED;
			break;
		case TRACK_GARBAGE:
			complain(run, object.line, err.text);
			break;
		case TRACK_FAILED:
			code = cli_fail(COMMAND, &err);
			more = false;
			break;
		}
	}
	track_input_close(&input);
	return code;
}

static int track_file(struct run *run, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, COMMAND ": cannot open %s: %s\n", path, strerror(errno));
		return CLI_FAILED;
	}
	run->file = run->request->n_files > 1 ? path : NULL;
	const int code = track_all(run, fd);
	close(fd);
	return code;
}

/* ---- The ring ------------------------------------------------------------------------------------- */

/* The largest ring that the tmpfs has room for. */
static payi_client *open_client(const struct request *request, const char *ring_dir)
{
	static const size_t sizes[] = {RING_BYTES, RING_BYTES_MEDIUM, RING_BYTES_SMALL};
	payi_client_options client_options = PAYI_CLIENT_OPTIONS_INIT;
	client_options.ring_dir = ring_dir;
	client_options.app_name = request->app_name;
	client_options.when_full = PAYI_WHEN_FULL_BLOCK;
	client_options.block_ms = BLOCK_MS;
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

/* Says what became of it. Events that wait in the ring are no failure: an agent that starts takes them. */
static void summarise(const struct run *run, const char *ring_dir)
{
	const struct request *request = run->request;
	const bool stored =
		request->wait_s && payi_flush(run->client, request->wait_s * 1000) == PAYI_OK;
	if (request->quiet)
		return;
	fprintf(stderr, "tracked %" PRId64 " events, refused %" PRId64, run->tracked, run->refused);
	if (stored && run->tracked)
		fprintf(stderr, "; the agent has stored them\n");
	else if (request->wait_s && run->tracked)
		fprintf(stderr, "; they wait in a ring in %s until an agent stores them\n",
			ring_dir);
	else
		fprintf(stderr, "\n");
}

static int run_all(struct run *run, const char *ring_dir)
{
	const struct request *request = run->request;
	run->client = open_client(request, ring_dir);
	if (!run->client)
		return CLI_FAILED;
	int code = request->n_files ? CLI_FINE : track_all(run, STDIN_FILENO);
	for (int i = 0; i < request->n_files && code == CLI_FINE; i++)
		code = track_file(run, request->files[i]);
	summarise(run, ring_dir);
	payi_client_close(run->client);
	return run->refused && code == CLI_FINE ? CLI_FAILED : code;
}

int cli_track(int argc, char **argv)
{
	static const struct argp argp = {options, parse, "[FILE...]", doc, NULL, NULL, NULL};
	struct request request = {.app_name = "payi-agent", .wait_s = WAIT_S};
	const struct cli_line line = {COMMAND, &argp, &request, CLI_SETTINGS_PATHS};
	struct settings settings;
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	struct run run = {.request = &request};
	const int code = run_all(&run, settings.ring_dir);
	settings_release(&settings);
	return code;
}
