/*
 * Events that are settled, and bodies. Events lie in the order of their ids, which is that of their storing, so each
 * phase walks from the oldest on, a window of ids at a time, until one is too young.
 */
#include "event/event_bodies.h"
#include "store/retention_parts.h"
#include "store/sql.h"

enum {
	WINDOW = 128,         /* events that one statement deletes: about a millisecond */
	BODIES_WINDOW = 1024, /* that one statement looks through */
	BODIES_BYTES = 1024,  /* a record of less is not worth writing anew */
};

/* A clock that was ahead has stored events in the future: they do not end the walk, and go when their time has come. */
#define FUTURE_US INT64_C(86400000000)

/* ---- Walking -------------------------------------------------------------------------------------- */

struct first {
	int64_t id;
	int64_t stored_us;
	bool found;
};

static int find_first(struct retain *job, int64_t after, struct first *first, struct err *err)
{
	sqlite3_stmt *next = retain_statement(job, RETAIN_EVENT_NEXT);
	const int status = sql_bind(next, err, SQL_INT(after), SQL_END);
	if (status)
		return status;
	first->found = sqlite3_step(next) == SQLITE_ROW;
	first->id = first->found ? sqlite3_column_int64(next, 0) : 0;
	first->stored_us = first->found ? sqlite3_column_int64(next, 1) : 0;
	return sql_reset(next, err);
}

static int settled_to(struct retain *job, int64_t *id, struct err *err)
{
	bool found = false;
	return retain_number(retain_statement(job, RETAIN_SETTLED_TO), id, &found, err);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- Events --------------------------------------------------------------------------------------- */

static int cut_window(struct retain *job, int64_t after, int64_t last, int64_t cutoff_us,
		      enum retain_reason reason, struct err *err)
{
	int status = sql_run(retain_statement(job, RETAIN_EVENTS_CUT), err, SQL_INT(after),
			     SQL_INT(last), SQL_INT(cutoff_us), SQL_END);
	const int64_t n = sqlite3_changes64(job->store->db);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_DISCARDED_COUNT), err, SQL_INT(after),
				 SQL_INT(last), SQL_END);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_DISCARDED_CUT), err, SQL_INT(after),
				 SQL_INT(last), SQL_END);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_COSTS_CUT), err, SQL_INT(after),
				 SQL_INT(last), SQL_END);
	return status ? status : retain_count(job, "events", reason, n, err);
}

static int cut_next(struct retain *job, int64_t cutoff_us, enum retain_reason reason,
		    struct err *err)
{
	struct retention *retention = job->retention;
	struct first first;
	int64_t settled = 0;
	int status = settled_to(job, &settled, err);
	if (!status)
		status = find_first(job, retention->after, &first, err);
	if (status)
		return status;
	if (!first.found || first.id > settled)
		return RETAIN_OVER;
	const bool young = first.stored_us >= cutoff_us;
	if (young && first.stored_us <= job->wall_us + FUTURE_US)
		return RETAIN_OVER;
	const int64_t last = young ? first.id : smaller(first.id + WINDOW - 1, settled);
	if (!young)
		status = cut_window(job, first.id - 1, last, cutoff_us, reason, err);
	retention->after = last;
	return status ? status : RETAIN_MORE;
}

int retain_events(struct retain *job, struct err *err)
{
	const int64_t age_us = job->retention->policy.events_us;
	return age_us ? cut_next(job, retain_cutoff(job, age_us), RETAIN_AGE, err) : RETAIN_OVER;
}

int retain_events_pressed(struct retain *job, struct err *err)
{
	enum retain_reason reason;
	const int status = retain_pressure(job, &reason, err);
	if (status || reason == RETAIN_NO_REASON)
		return status;
	return cut_next(job, INT64_MAX, reason, err);
}

/* ---- Bodies --------------------------------------------------------------------------------------- */

/* *id: of the event that lost them, or was found to have none; 0: there is none in the window. */
static int strip_next(struct retain *job, sqlite3_stmt *next, int64_t after, int64_t last,
		      int64_t *id, int64_t *n, struct err *err)
{
	struct buf record = BUF_INIT;
	bool any = false;
	int status =
		sql_bind(next, err, SQL_INT(after), SQL_INT(last), SQL_INT(BODIES_BYTES), SQL_END);
	if (!status && sqlite3_step(next) == SQLITE_ROW) {
		*id = sqlite3_column_int64(next, 0);
		any = event_without_bodies(sqlite3_column_blob(next, 1),
					   (size_t)sqlite3_column_bytes(next, 1), &record);
	}
	if (!status)
		status = sql_reset(next, err);
	if (!status && any && record.failed)
		status = err_set(err, ERR_MEMORY, "out of memory");
	if (!status && any)
		status = sql_run(retain_statement(job, RETAIN_RECORD_PUT), err, SQL_INT(*id),
				 SQL_BLOB(record.data, record.len), SQL_END);
	*n = any;
	buf_release(&record);
	return status;
}

static int strip_window(struct retain *job, enum retain_statement which, int64_t end,
			enum retain_reason reason, struct err *err)
{
	int64_t *after = &job->retention->bodies_after[which == RETAIN_BODIES_NEXT];
	struct first first;
	int64_t id = 0;
	int64_t n = 0;
	int status = find_first(job, *after, &first, err);
	if (status)
		return status;
	if (!first.found || first.id > end)
		return RETAIN_OVER;
	const int64_t last = smaller(first.id + BODIES_WINDOW - 1, end);
	status = strip_next(job, retain_statement(job, which), first.id - 1, last, &id, &n, err);
	if (!status)
		status = retain_count(job, "bodies", reason, n, err);
	*after = id ? id : last;
	return status ? status : RETAIN_MORE;
}

int retain_bodies_settled(struct retain *job, struct err *err)
{
	enum retain_reason reason;
	int64_t settled = 0;
	if (job->retention->policy.bodies == RETENTION_BODIES_KEEP)
		return RETAIN_OVER;
	int status = retain_pressure(job, &reason, err);
	if (status || reason == RETAIN_NO_REASON)
		return status;
	status = settled_to(job, &settled, err);
	return status ? status
		      : strip_window(job, RETAIN_BODIES_NEXT_SETTLED, settled, reason, err);
}

int retain_bodies_all(struct retain *job, struct err *err)
{
	enum retain_reason reason;
	if (job->retention->policy.bodies != RETENTION_BODIES_ALL)
		return RETAIN_OVER;
	const int status = retain_pressure(job, &reason, err);
	if (status || reason == RETAIN_NO_REASON)
		return status;
	return strip_window(job, RETAIN_BODIES_NEXT, job->store->committed_id, reason, err);
}
