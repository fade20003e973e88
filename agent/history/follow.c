#include "history/follow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct follow {
	const char *path;
	struct history_filters filters;
	struct query_db *db; /* NULL: gone, or damaged; there may be another by and by */
	struct stat file;    /* whose connection db is */
	int64_t position;    /* every event up to it was read, or was there before */
	int64_t mark_us; /* when that one was stored, by which a database is known again; 0: it was not there */
};

/* What is given on, and to whom. */
struct reading {
	history_take_fn *take;
	int (*flush)(void *taker, struct err *err);
	void *taker;
	struct history_place first; /* rows before it, by time and id, are skipped */
	int64_t last;               /* and so are ids behind this one */
	int64_t taken;              /* the id of the last row that was given on */
};

/* ---- The database --------------------------------------------------------------------------------- */

static int read_last(struct query_db *db, int64_t *last, struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(db, "SELECT last_event_id FROM agent_state", &query, err);
	if (status)
		return status;
	status = query_step(query, err);
	*last = status == 1 ? query_int(query, 0) : 0;
	query_free(query);
	return status < 0 ? status : 0;
}

static int read_mark(struct query_db *db, int64_t id, int64_t *stored_us, struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(db, "SELECT stored_us FROM events WHERE id = :id", &query, err);
	if (status)
		return status;
	query_bind_int(query, ":id", id);
	status = query_step(query, err);
	*stored_us = status == 1 ? query_int(query, 0) : 0;
	query_free(query);
	return status < 0 ? status : 0;
}

static void leave(struct follow *follow)
{
	query_db_close(follow->db);
	follow->db = NULL;
}

/* The file first: should it be another by the time it is opened, the next look sees that. */
static int enter(struct follow *follow, struct err *err)
{
	if (stat(follow->path, &follow->file))
		follow->file = (struct stat){0};
	return query_db_open(follow->path, &follow->db, err);
}

/* Whether the path still leads to the file that is read. */
static bool is_same(const struct follow *follow)
{
	struct stat now;
	return stat(follow->path, &now) == 0 && now.st_dev == follow->file.st_dev &&
	       now.st_ino == follow->file.st_ino;
}

/* ---- Reading -------------------------------------------------------------------------------------- */

static int take_row(void *context, const struct query *row)
{
	struct reading *reading = context;
	const int n = query_columns(row);
	const int64_t time = query_int(row, n - 2);
	const int64_t id = query_int(row, n - 1);
	if (id > reading->last || (time == reading->first.time && id < reading->first.row))
		return 0;
	reading->taken = id;
	return reading->take(reading->taker, row);
}

static int read_all(struct query_db *db, enum history_kind kind,
		    const struct history_filters *filters, struct reading *reading, struct err *err)
{
	struct history *history = NULL;
	int status = history_open(db, kind, filters, &history, err);
	if (status)
		return status;
	do {
		status = history_read(history, take_row, reading, err);
		if (status > 0 && reading->flush) {
			const int flushed = reading->flush(reading->taker, err);
			status = flushed < 0 ? flushed : status;
		}
	} while (status > 0);
	history_close(history);
	return status;
}

static int take_none(void *context, const struct query *row)
{
	(void)context;
	(void)row;
	return 0;
}

/* Where the last n begin: by a look at them from the other end. 0: *first is set, or all are among the last n. */
static int find_first(struct follow *follow, int64_t n, struct history_place *first,
		      struct err *err)
{
	struct history_filters filters = follow->filters;
	struct history *history = NULL;
	filters.limit = n;
	int status = history_open(follow->db, HISTORY_EVENTS, &filters, &history, err);
	if (status)
		return status;
	while ((status = history_read(history, take_none, NULL, err)) > 0)
		;
	if (!status)
		history_place(history, first);
	history_close(history);
	return status;
}

int follow_past(struct follow *follow, int64_t n, history_take_fn *take,
		int (*flush)(void *taker, struct err *err), void *taker, struct err *err)
{
	struct reading reading = {take, flush, taker, {INT64_MIN, 0}, follow->position, 0};
	struct history_filters filters = follow->filters;
	filters.oldest_first = true;
	int status = 0;
	if (n <= 0)
		return 0;
	if (n < INT64_MAX)
		status = find_first(follow, n, &reading.first, err);
	if (reading.first.time > filters.since_us)
		filters.since_us = reading.first.time;
	return status ? status : read_all(follow->db, HISTORY_EVENTS, &filters, &reading, err);
}

static int read_new(struct follow *follow, struct reading *reading, struct err *err)
{
	struct history_filters filters = follow->filters;
	const struct history_place after = {follow->position, follow->position};
	int64_t last = 0;
	int status = read_last(follow->db, &last, err);
	if (status || last <= follow->position)
		return status;
	filters.after = &after;
	filters.last_event = last;
	reading->last = last;
	status = read_all(follow->db, HISTORY_EVENTS_STORED, &filters, reading, err);
	if (!status)
		follow->position = last;
	else if (reading->taken > follow->position)
		follow->position = reading->taken;
	return status ? status : read_mark(follow->db, last, &follow->mark_us, err);
}

/* Whether the database that was entered is not the one that was left; it counts its events from 1. */
static int is_other(struct follow *follow, bool same_file, struct err *err)
{
	int64_t last = 0;
	int64_t stored_us = 0;
	int status = read_last(follow->db, &last, err);
	if (!status && !same_file)
		status = read_mark(follow->db, follow->position, &stored_us, err);
	if (status)
		return status;
	return last < follow->position || (!same_file && stored_us != follow->mark_us);
}

static int enter_again(struct follow *follow, struct err *err)
{
	const bool same_file = is_same(follow);
	leave(follow);
	int status = enter(follow, err);
	if (!status)
		status = is_other(follow, same_file, err);
	if (status == 1)
		follow->position = 0;
	return status;
}

int follow_read(struct follow *follow, history_take_fn *take,
		int (*flush)(void *taker, struct err *err), void *taker, struct err *err)
{
	struct reading reading = {take, flush, taker, {INT64_MIN, 0}, 0, 0};
	struct stat now;
	int entered = 0;
	if (stat(follow->path, &now)) {
		leave(follow);
		return 0;
	}
	if (!follow->db || !is_same(follow))
		entered = enter_again(follow, err);
	const int status = entered < 0 ? entered : read_new(follow, &reading, err);
	if (status < 0 && status != ERR_CLOSED)
		leave(follow);
	return status < 0 ? status : entered;
}

/* ---- From opening to closing ---------------------------------------------------------------------- */

int follow_open(const char *path, const struct history_filters *filters, struct follow **out,
		struct err *err)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	if (!follow)
		return err_set(err, ERR_MEMORY, "out of memory");
	follow->path = path;
	follow->filters = *filters;
	follow->filters.limit = 0;
	int status = enter(follow, err);
	if (!status)
		status = read_last(follow->db, &follow->position, err);
	if (!status)
		status = read_mark(follow->db, follow->position, &follow->mark_us, err);
	if (status) {
		follow_close(follow);
		return status;
	}
	*out = follow;
	return 0;
}

void follow_close(struct follow *follow)
{
	if (!follow)
		return;
	leave(follow);
	free(follow);
}
