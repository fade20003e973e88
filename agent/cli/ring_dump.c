/*
 * payi-agent ring dump: the records of one ring file, decoded, be its process and its agent alive or dead. It takes
 * the file as it is and changes nothing.
 */
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/ring.h"
#include "cli/sheet.h"
#include "event/event.h"
#include "event/event_json.h"
#include "event/use_case.h"
#include "history/row_json.h"
#include "history/status.h"
#include "ring/ring_reader.h"
#include "ring/ring_walk.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { KEY_WAITING = 0x200, UNKNOWN = -1 };

static const struct argp_option options[] = {
	{"waiting", KEY_WAITING, NULL, 0, "only records that are not stored yet", 1},
	{0},
};

static const char doc[] =
	"What is in a ring: for people its header, its lanes and a line for each record that still "
	"lies "
	"in it; "
	"as JSON each record whole, with all that was tracked, prompts too. RING is the beginning "
	"of "
	"a ring's id, as `payi-agent ring list` shows it, or the path of a file, also of a copy. "
	"\"stored\" is by the database; null where it does not know the ring. Records that are "
	"stored stay in a ring until they are written over. Exit code 1: something in it makes no "
	"sense; what does is shown."
	"\vExamples:\n"
	"  payi-agent ring dump 3f2a\n"
	"  payi-agent ring dump --waiting --format jsonl /dev/shm/payi-1000/ring.3f2a...";

static const struct history_column columns[] = {
	{"lane", "LANE", HISTORY_INT, 1},      {"position", "POSITION", HISTORY_INT, 1},
	{"sequence", "#", HISTORY_INT, 1},     {"bytes", "BYTES", HISTORY_INT, 1},
	{"stored", "STORED", HISTORY_TEXT, 1}, {"type", "TYPE", HISTORY_TEXT, 1},
	{"what", "WHAT", HISTORY_TEXT, 1},
};

struct dump {
	struct output output;
	const char *which;
	bool waiting_only;
	struct ring_reader reader;
	const struct books_ring *stored; /* NULL: the database does not know it */
	uint32_t lane;
	int n_wrong;
	int64_t n_shown;    /* in JSON */
	struct sheet sheet; /* for all formats but JSON's */
	struct buf json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dump *dump = state->input;
	switch (key) {
	case KEY_WAITING:
		dump->waiting_only = true;
		return 0;
	case ARGP_KEY_ARG:
		if (dump->which)
			argp_error(state, "one ring at a time: '%s' is too many", arg);
		dump->which = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "say which: see `payi-agent ring list`");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- A record ------------------------------------------------------------------------------------- */

static const char *type_name(uint16_t type)
{
	switch (type) {
	case PAYI_RING_EVENT:
		return "event";
	case PAYI_RING_DEFINE:
		return "define";
	case PAYI_RING_CREATE:
		return "create";
	case PAYI_RING_REQUEST:
		return "request";
	default:
		return "unknown";
	}
}

static enum use_case_kind notice_kind(uint16_t type)
{
	return type == PAYI_RING_DEFINE   ? USE_CASE_DEFINE
	       : type == PAYI_RING_CREATE ? USE_CASE_CREATE
					  : USE_CASE_REQUEST;
}

static void add_text_member(struct buf *out, const char *name, struct msgpack_text text)
{
	if (!text.len)
		return;
	buf_addf(out, ",\"%s\":", name);
	event_json_string(out, text.text, text.len);
}

/* Appends what an event or a notice says as JSON; else the reason why not, which is returned. */
static const char *add_content(const struct payi_ring_record *record, const uint8_t *payload,
			       char reason[EVENT_REASON_BYTES], struct buf *out)
{
	struct event event;
	struct use_case_notice notice;
	const char *wrong;
	if (record->type == PAYI_RING_EVENT) {
		wrong = event_decode(&event, payload, record->payload_bytes, reason);
		if (!wrong)
			event_json(out, &event, EVENT_JSON_FOR_HISTORY);
		return wrong;
	}
	if (record->type < PAYI_RING_DEFINE || record->type > PAYI_RING_REQUEST)
		return "its type is none that this agent knows";
	wrong = use_case_decode(&notice, notice_kind(record->type), payload, record->payload_bytes,
				reason);
	if (wrong)
		return wrong;
	buf_add_str(out, "{\"use_case_name\":");
	event_json_string(out, notice.name.text, notice.name.len);
	add_text_member(out, "use_case_id", notice.id);
	add_text_member(out, "description", notice.description);
	buf_add_char(out, '}');
	return NULL;
}

/* What a record is about, in a line: its use case and category, or why it makes no sense. */
static void add_summary(const struct payi_ring_record *record, const uint8_t *payload,
			const char *wrong, struct buf *out)
{
	static const enum payi_field fields[] = {PAYI_FIELD_use_case_name, PAYI_FIELD_use_case_id,
						 PAYI_FIELD_category, PAYI_FIELD_resource,
						 PAYI_FIELD_provider_response_id};
	struct event event;
	char reason[EVENT_REASON_BYTES];
	if (wrong) {
		buf_addf(out, "makes no sense: %s", wrong);
		return;
	}
	if (record->type != PAYI_RING_EVENT)
		return;
	if (event_decode(&event, payload, record->payload_bytes, reason))
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (event_has(&event, fields[i])) {
			const struct event_field *field = &event.field[fields[i]];
			buf_addf(out, "%s%.*s", out->len ? " " : "", (int)field->len, field->text);
		}
}

static const char *stored_word(const struct dump *dump, uint64_t position)
{
	if (!dump->stored)
		return "";
	return (int64_t)position < dump->stored->position[dump->lane] ? "yes" : "no";
}

static bool is_json(const struct dump *dump)
{
	return dump->output.format.kind == FORMAT_JSON || dump->output.format.kind == FORMAT_JSONL;
}

static void add_json(struct dump *dump, uint64_t position, const struct payi_ring_record *record,
		     const uint8_t *payload, const char *stored)
{
	struct buf *out = &dump->json;
	char reason[EVENT_REASON_BYTES];
	struct buf content = BUF_INIT;
	const char *wrong = add_content(record, payload, reason, &content);
	if (dump->output.format.kind == FORMAT_JSON)
		buf_add_str(out, dump->n_shown++ ? ",\n" : "[\n");
	buf_addf(out,
		 "{\"lane\":%u,\"position\":%" PRIu64 ",\"sequence\":%" PRIu64
		 ",\"bytes\":%u,\"stored\":%s,\"type\":\"%s\",",
		 dump->lane, position, record->sequence, record->payload_bytes,
		 !*stored         ? "null"
		 : *stored == 'y' ? "true"
				  : "false",
		 type_name(record->type));
	buf_addf(out, "\"%s\":",
		 wrong                             ? "wrong"
		 : record->type == PAYI_RING_EVENT ? "event"
						   : "use_case");
	if (wrong)
		row_json_string(out, wrong);
	else
		buf_add(out, content.data, content.len);
	buf_add_str(out, dump->output.format.kind == FORMAT_JSON ? "}" : "}\n");
	out->failed |= content.failed;
	buf_release(&content);
	dump->n_wrong += wrong != NULL;
}

static void add_row(struct dump *dump, uint64_t position, const struct payi_ring_record *record,
		    const uint8_t *payload, const char *stored)
{
	struct sheet *sheet = &dump->sheet;
	char number[32], reason[EVENT_REASON_BYTES];
	struct buf text = BUF_INIT;
	const char *wrong = add_content(record, payload, reason, &text);
	const bool is_event = record->type == PAYI_RING_EVENT;
	if (wrong || is_event)
		buf_clear(&text);
	add_summary(record, payload, wrong, &text);
	snprintf(number, sizeof(number), "%u", dump->lane);
	sheet_add(sheet, number);
	snprintf(number, sizeof(number), "%" PRIu64, position);
	sheet_add(sheet, number);
	snprintf(number, sizeof(number), "%" PRIu64, record->sequence);
	sheet_add(sheet, number);
	snprintf(number, sizeof(number), "%u", record->payload_bytes);
	sheet_add(sheet, number);
	sheet_add(sheet, stored);
	sheet_add(sheet, type_name(record->type));
	sheet_add(sheet, buf_text(&text));
	sheet->cells.failed |= text.failed;
	buf_release(&text);
	dump->n_wrong += wrong != NULL;
}

static int take(void *context, uint64_t position, const struct payi_ring_record *record,
		const uint8_t *payload)
{
	struct dump *dump = context;
	const char *stored = stored_word(dump, position);
	if (dump->waiting_only && *stored == 'y')
		return 0;
	if (is_json(dump))
		add_json(dump, position, record, payload, stored);
	else
		add_row(dump, position, record, payload, stored);
	return 0;
}

/* ---- A ring --------------------------------------------------------------------------------------- */

static void print_header(const struct dump *dump, const struct ring_counters *counters, int alive)
{
	const struct ring_reader *ring = &dump->reader;
	char id[RING_ID_TEXT_BYTES];
	struct buf text = BUF_INIT;
	ring_id_text(ring->ring_id, id);
	format_add_time(&text, ring->created_us, dump->output.format.utc);
	printf("Ring       %s\n", id);
	printf("Process    %s, pid %" PRIu64 ", uid %u, %s\n", ring->app_name, ring->pid, ring->uid,
	       alive > 0    ? "alive"
	       : alive == 0 ? "gone"
			    : "it cannot be told whether it lives");
	printf("Created    %s\n", buf_text(&text));
	printf("Lanes      %u of %" PRIu64 " bytes; all taken, and dropped: %" PRIu64 "\n",
	       ring->n_lanes, ring->lane_bytes, counters->dropped_busy);
	for (uint32_t i = 0; i < ring->n_lanes; i++) {
		const struct ring_lane *lane = &counters->lane[i];
		if (!lane->attempted && !lane->tail)
			continue;
		printf("  %-8u tail %" PRIu64, i, lane->tail);
		if (dump->stored)
			printf(", stored up to %" PRId64, dump->stored->position[i]);
		printf(", attempted %" PRIu64 ", refused %" PRIu64 ", dropped: full %" PRIu64
		       ", too big %" PRIu64 "\n",
		       lane->attempted, lane->refused, lane->dropped_full, lane->dropped_too_big);
	}
	putchar('\n');
	buf_release(&text);
}

static int print_records(struct dump *dump, struct err *err)
{
	const struct format_options *look = &dump->output.format;
	if (!is_json(dump))
		return sheet_print(&dump->sheet, look, err);
	const int status = dump->json.failed ? err_set(err, ERR_MEMORY, "out of memory")
					     : format_write(look, &dump->json, err);
	buf_clear(&dump->json);
	return status;
}

static int dump_lanes(struct dump *dump, const struct ring_counters *counters, struct err *err)
{
	int status = 0;
	for (dump->lane = 0; dump->lane < dump->reader.n_lanes && !status; dump->lane++) {
		struct err why;
		const int walked = ring_walk(&dump->reader, dump->lane,
					     counters->lane[dump->lane].tail, take, dump, &why);
		if (walked == ERR_INVALID) {
			fprintf(stderr, "payi-agent ring dump: lane %u: %s\n", dump->lane,
				why.text);
			dump->n_wrong++;
		} else if (walked) {
			*err = why;
			status = walked;
		}
		if (!status && is_json(dump))
			status = print_records(dump,
					       err); /* a lane's at a time, not all in memory */
	}
	if (dump->output.format.kind == FORMAT_JSON)
		buf_add_str(&dump->json, dump->n_shown ? "\n]\n" : "[]\n");
	return status ? status : print_records(dump, err);
}

static int dump_ring(struct dump *dump, struct err *err)
{
	struct ring_counters counters;
	struct err why;
	const int alive = ring_reader_alive(&dump->reader, &why);
	const int status = ring_reader_counters(&dump->reader, &counters, err);
	if (status)
		return status;
	if (dump->output.format.kind == FORMAT_TABLE)
		print_header(dump, &counters, alive);
	return dump_lanes(dump, &counters, err);
}

/* ---- Which ring ------------------------------------------------------------------------------------ */

/* The one file of the directory whose id begins so. */
static int find_file(const char *directory, const char *beginning, char path[PATH_MAX],
		     struct err *err)
{
	int n = 0;
	DIR *dir = opendir(directory);
	if (!dir)
		return err_errno(err, "cannot read the ring directory %s", directory);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		const char *digits = ring_name_digits(entry->d_name);
		if (!digits || strncmp(digits, beginning, strlen(beginning)) != 0)
			continue;
		n++;
		snprintf(path, PATH_MAX, "%s/%s", directory, entry->d_name);
	}
	closedir(dir);
	if (n == 1)
		return 0;
	return err_set(err, ERR_INVALID,
		       n ? "%d rings in %s begin with '%s'; give more of the id"
			 : "%d rings in %s begin with '%s'; see `payi-agent ring list`",
		       n, directory, beginning);
}

static int open_ring(struct dump *dump, const struct settings *settings, struct err *err)
{
	char path[PATH_MAX];
	const char *which = dump->which;
	if (strncmp(which, PAYI_RING_FILE_PREFIX, strlen(PAYI_RING_FILE_PREFIX)) == 0)
		which += strlen(PAYI_RING_FILE_PREFIX);
	if (strchr(which, '/'))
		snprintf(path, sizeof(path), "%s", dump->which);
	else if (find_file(settings->ring_dir, which, path, err))
		return err->code;
	const int status = ring_reader_open_copy(path, &dump->reader, err);
	if (status) {
		err_wrap(err, "%s", path);
		return status < 0 ? status : err_code(ERR_SYSTEM);
	}
	return 0;
}

static int run(struct dump *dump, const struct settings *settings, struct err *err)
{
	struct status status;
	int done = open_ring(dump, settings, err);
	if (done)
		return done;
	done = status_look(settings->database, settings->ring_dir, &status, err);
	for (int i = 0; !done && i < status.n_rings; i++)
		if (status.ring[i].in_database && memcmp(status.ring[i].stored.ring_id,
							 dump->reader.ring_id, BOOKS_ID_BYTES) == 0)
			dump->stored = &status.ring[i].stored;
	if (!done)
		done = dump_ring(dump, err);
	status_release(&status);
	ring_reader_close(&dump->reader);
	return done;
}

int ring_dump(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	struct dump dump = {
		.output = {.has_times = true},
		.sheet = {.columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0])},
	};
	const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "RING", .doc = doc};
	const struct cli_line line = {"payi-agent ring dump", &argp, &dump, CLI_SETTINGS_PATHS,
				      &dump.output};
	const int usage = cli_parse(&line, argc, argv, &settings);
	if (usage)
		return usage;
	const int failed = run(&dump, &settings, &err);
	settings_release(&settings);
	buf_release(&dump.sheet.cells);
	buf_release(&dump.json);
	if (failed)
		return cli_fail(line.command, &err);
	const int written = cli_finish(line.command);
	return written ? written : dump.n_wrong ? CLI_FAILED : CLI_FINE;
}
