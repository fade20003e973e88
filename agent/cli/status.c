#include "cli/status.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/format.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Gathering ------------------------------------------------------------------------------------ */

const char *status_ring_word(const struct status_ring *ring)
{
	if (strcmp(ring->stored.state, "aside") == 0)
		return "aside";
	if (!ring->has_file)
		return "gone";
	if (*ring->note)
		return "unreadable";
	if (!ring->owner_lives)
		return "ending";
	return ring->in_database ? "live" : "new";
}

static int64_t file_bytes(const char *path, const char *suffix)
{
	char whole[PATH_MAX];
	struct stat stat_of;
	if (snprintf(whole, sizeof(whole), "%s%s", path, suffix) >= (int)sizeof(whole) ||
	    stat(whole, &stat_of))
		return 0;
	return (int64_t)stat_of.st_size;
}

static int take_ring(void *context, const struct books_ring *ring)
{
	struct status *status = context;
	if (status->n_rings < STATUS_RINGS_MAX)
		status->ring[status->n_rings++] =
			(struct status_ring){.stored = *ring, .in_database = true};
	return 0;
}

static int read_books(struct status *status, struct query_db *db, struct err *err)
{
	int done = books_read(db, &status->books, err);
	if (!done)
		done = books_each_ring(db, take_ring, status, err);
	if (done)
		return done;
	done = books_read_sink(db, "payi", &status->sink[0], err);
	status->n_sinks = done == 1;
	status->unbalanced = books_check(&status->books);
	if (!status->unbalanced && status->n_sinks)
		status->unbalanced = books_check_sink(&status->sink[0]);
	return done < 0 ? done : 0;
}

static int read_database(struct status *status, struct err *err)
{
	const char *path = status->settings->database;
	struct query_db *db = NULL;
	struct stat stat_of;
	if (stat(path, &stat_of) && errno == ENOENT)
		return 0;
	int done = query_db_open(path, &db, err);
	if (!done)
		done = read_books(status, db, err);
	query_db_close(db);
	status->has_database = !done;
	status->database_bytes = file_bytes(path, "");
	status->wal_bytes = file_bytes(path, "-wal");
	return done;
}

/* The database before the rings: so what the rings say is never older than what is committed of them. */
static int gather(struct status *status, struct err *err)
{
	status->now_us = clock_wall_us();
	status_read_agent(status->settings->ring_dir, &status->agent);
	const int done = read_database(status, err);
	return done ? done : status_read_rings(status, err);
}

/* ---- The command ---------------------------------------------------------------------------------- */

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
	struct status status = {.settings = settings};
	status.ring = calloc(STATUS_RINGS_MAX, sizeof(*status.ring));
	if (!status.ring)
		return err_set(err, ERR_MEMORY, "out of memory");
	int done = gather(&status, err);
	if (!done)
		done = print(&status, json, err);
	*runs = status.agent.runs;
	free(status.ring);
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
