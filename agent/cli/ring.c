/* payi-agent ring: the ring files, and what is in them. */
#include "cli/ring.h"

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/sheet.h"
#include "history/status.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

void ring_id_text(const uint8_t ring_id[BOOKS_ID_BYTES], char text[RING_ID_TEXT_BYTES])
{
	for (int i = 0; i < BOOKS_ID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", ring_id[i]);
}

/* ---- list ----------------------------------------------------------------------------------------- */

static const struct history_column list_columns[] = {
	{"ring_id", "RING", HISTORY_TEXT, 1},
	{"app_name", "APP", HISTORY_TEXT, 1},
	{"pid", "PID", HISTORY_INT, 1},
	{"uid", "UID", HISTORY_INT, 2},
	{"state", "STATE", HISTORY_TEXT, 1},
	{"waiting_events", "WAITING", HISTORY_INT, 1},
	{"waiting_bytes", "BYTES", HISTORY_INT, 2},
	{"read_records", "READ", HISTORY_INT, 1},
	{"dropped_full", "FULL", HISTORY_INT, 1},
	{"dropped_too_big", "TOO BIG", HISTORY_INT, 2},
	{"dropped_busy", "BUSY", HISTORY_INT, 2},
	{"refused", "REFUSED", HISTORY_INT, 2},
	{"note", "NOTE", HISTORY_TEXT, 3},
};

static void add_ring(struct sheet *sheet, const struct status_ring *ring)
{
	const struct books_ring *stored = &ring->stored;
	char id[RING_ID_TEXT_BYTES];
	ring_id_text(stored->ring_id, id);
	sheet_add(sheet, id);
	sheet_add(sheet, stored->app_name);
	sheet_add_int(sheet, stored->pid);
	if (ring->is_readable)
		sheet_add_int(sheet, ring->uid);
	else
		sheet_add(sheet, "");
	sheet_add(sheet, status_ring_word(ring));
	sheet_add_int(sheet, ring->lag_events);
	sheet_add_int(sheet, ring->lag_bytes);
	sheet_add_int(sheet, stored->records);
	sheet_add_int(sheet, stored->dropped_full);
	sheet_add_int(sheet, stored->dropped_too_big);
	sheet_add_int(sheet, stored->dropped_busy);
	sheet_add_int(sheet, stored->refused);
	sheet_add(sheet, *ring->note ? ring->note : stored->reason);
}

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not expected", arg);
	return ARGP_ERR_UNKNOWN;
}

static int print_list(const struct settings *settings, const struct format_options *look,
		      struct err *err)
{
	struct sheet sheet = {.columns = list_columns,
			      .n_columns = sizeof(list_columns) / sizeof(list_columns[0])};
	struct status status;
	int done = status_look(settings->database, settings->ring_dir, &status, err);
	if (!done) {
		for (int i = 0; i < status.n_rings; i++)
			add_ring(&sheet, &status.ring[i]);
		if (!status.n_rings && look->kind == FORMAT_TABLE)
			fprintf(stderr, "there are no rings in %s\n", settings->ring_dir);
		done = sheet_print(&sheet, look, err);
	}
	status_release(&status);
	return done;
}

static int ring_list(int argc, char **argv)
{
	static const char doc[] =
		"The ring files of the ring directory, one of each process that tracks, with what "
		"the "
		"database knows of them. An agent need not run. States: live; ending (its process "
		"is "
		"gone, "
		"what is in it is yet to be stored); new (no agent has read it); aside (it made no "
		"sense); unreadable; gone (its file is)."
		"\vExample:\n"
		"  payi-agent ring list --format json | jq '.[] | select(.waiting_events > 0)'";
	static const struct argp_option none[] = {{0}};
	struct settings settings;
	struct err err;
	struct output output = {0};
	const struct argp argp = {.options = none, .parser = parse_nothing, .doc = doc};
	const struct cli_line line = {"payi-agent ring list", &argp, NULL, CLI_SETTINGS_PATHS,
				      &output};
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	const int failed = print_list(&settings, &output.format, &err);
	settings_release(&settings);
	return failed ? cli_fail(line.command, &err) : cli_finish(line.command);
}

/* ---- Which ---------------------------------------------------------------------------------------- */

int cli_ring(int argc, char **argv)
{
	static const struct command words[] = {
		{"list", "lists them, with what the database knows of each", ring_list},
		{"dump", "shows the records of one", ring_dump},
		{0},
	};
	return command_word("ring", words, argc, argv);
}
