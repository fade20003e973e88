/*
 * Events that no sink has delivered, where the operator lets them go; and dead letters that are given up by age.
 *
 * A sink may have such an event under way. What it settles of it later is not wrong, and is believed: see
 * settle_discarded() of store_sink.c.
 */
#include "store/retention_parts.h"
#include "store/sql.h"

#include <stdio.h>

enum { WINDOW = 128 };

struct last_sink {
	char name[64];
	int64_t position;
	bool found;
};

/* The sink that is furthest behind: what it has not settled is what is not delivered. */
static int find_sink(struct retain *job, struct last_sink *sink, struct err *err)
{
	sqlite3_stmt *find = retain_statement(job, RETAIN_LAST_SINK);
	sink->found = sqlite3_step(find) == SQLITE_ROW;
	if (sink->found) {
		snprintf(sink->name, sizeof(sink->name), "%s",
			 (const char *)sqlite3_column_text(find, 0));
		sink->position = sqlite3_column_int64(find, 1);
	}
	return sql_reset(find, err);
}

/* ---- Dead letters --------------------------------------------------------------------------------- */

int retain_dead(struct retain *job, struct err *err)
{
	const int64_t cutoff_us = retain_cutoff(job, job->retention->policy.dead_us);
	sqlite3_stmt *next = retain_statement(job, RETAIN_DEAD_NEXT);
	struct last_sink sink;
	if (job->retention->policy.dead_us == 0)
		return RETAIN_OVER;
	int status = find_sink(job, &sink, err);
	if (status || !sink.found)
		return status;
	status = sql_bind(next, err, SQL_TEXT(sink.name), SQL_INT(job->retention->after), SQL_END);
	if (status)
		return status;
	const bool found = sqlite3_step(next) == SQLITE_ROW;
	const int64_t event = found ? sqlite3_column_int64(next, 0) : 0;
	const bool old = found && sqlite3_column_int64(next, 1) < cutoff_us;
	status = sql_reset(next, err);
	if (!status && old)
		status = sql_run(job->store->statement[STORE_DEAD_DROP], err, SQL_TEXT(sink.name),
				 SQL_INT(event), SQL_INT(job->wall_us), SQL_END);
	if (!status && old)
		status = retain_count(job, "dead", RETAIN_AGE, 1, err);
	job->retention->after = event;
	return status ? status : (found ? RETAIN_MORE : RETAIN_OVER);
}

/* ---- Exceptions: deferred, held, dead ------------------------------------------------------------- */

struct exception {
	int64_t event;
	int64_t instance;
	bool dead;
	int64_t stored_us;
	bool found;
};

static int find_exception(struct retain *job, const struct last_sink *sink,
			  struct exception *exception, struct err *err)
{
	sqlite3_stmt *next = retain_statement(job, RETAIN_EXCEPTION_NEXT);
	const int status =
		sql_bind(next, err, SQL_TEXT(sink->name), SQL_INT(job->retention->after), SQL_END);
	if (status)
		return status;
	exception->found = sqlite3_step(next) == SQLITE_ROW;
	if (exception->found)
		*exception = (struct exception){.event = sqlite3_column_int64(next, 0),
						.instance = sqlite3_column_int64(next, 1),
						.dead = sqlite3_column_int(next, 2) != 0,
						.stored_us = sqlite3_column_int64(next, 3),
						.found = true};
	return sql_reset(next, err);
}

/* Those of its instance that waited behind it need not any more. */
static int discard_exception(struct retain *job, const struct last_sink *sink,
			     const struct exception *exception, enum retain_reason reason,
			     struct err *err)
{
	struct store *store = job->store;
	int status = sql_run(store->statement[STORE_EXCEPTION_CUT], err, SQL_TEXT(sink->name),
			     SQL_INT(exception->event), SQL_END);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_EVENT_CUT), err,
				 SQL_INT(exception->event), SQL_END);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_SINK_DISCARD), err,
				 SQL_TEXT(sink->name), SQL_INT(1), SQL_INT(0), SQL_END);
	if (!status && exception->instance)
		status = sql_run(store->statement[STORE_BEHIND_RELEASE], err, SQL_TEXT(sink->name),
				 SQL_INT(exception->instance), SQL_INT(job->wall_us), SQL_END);
	return status ? status
		      : retain_count(job, exception->dead ? "dead" : "undelivered", reason, 1, err);
}

/* ---- Events that wait ----------------------------------------------------------------------------- */

/* The last of a window behind the position, up to what is settled ahead of it, or is too young. */
static int find_end(struct retain *job, const struct last_sink *sink, int64_t cutoff_us,
		    int64_t *end, struct err *err)
{
	sqlite3_stmt *ahead = retain_statement(job, RETAIN_SETTLED_AHEAD);
	sqlite3_stmt *young = retain_statement(job, RETAIN_YOUNG_NEXT);
	int64_t id = 0;
	bool found = false;
	const int64_t last = job->store->committed_id;
	*end = sink->position + WINDOW < last ? sink->position + WINDOW : last;
	int status = sql_bind(ahead, err, SQL_TEXT(sink->name), SQL_INT(sink->position), SQL_END);
	if (!status)
		status = retain_number(ahead, &id, &found, err);
	if (!status && found && id < *end)
		*end = id;
	if (status || cutoff_us == INT64_MAX)
		return status;
	status = sql_bind(young, err, SQL_INT(sink->position), SQL_INT(*end), SQL_INT(cutoff_us),
			  SQL_END);
	if (!status)
		status = retain_number(young, &id, &found, err);
	if (!status && found)
		*end = id - 1;
	return status;
}

static int discard_waiting(struct retain *job, const struct last_sink *sink, int64_t cutoff_us,
			   enum retain_reason reason, struct err *err)
{
	int64_t end = 0;
	int status = find_end(job, sink, cutoff_us, &end, err);
	if (status || end <= sink->position)
		return status;
	const int64_t n = end - sink->position;
	int64_t position = end;
	status = sql_run(retain_statement(job, RETAIN_RANGE_CUT), err, SQL_INT(sink->position),
			 SQL_INT(end), SQL_END);
	if (!status)
		status = store_absorb(job->store, sink->name, &position, err);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_SINK_DISCARD), err,
				 SQL_TEXT(sink->name), SQL_INT(n), SQL_INT(position), SQL_END);
	if (!status)
		status = retain_count(job, "undelivered", reason, n, err);
	return status ? status : RETAIN_MORE;
}

/* ---- Both ----------------------------------------------------------------------------------------- */

/* Exceptions first: they are older than what waits, but for the few that overtook it. */
static int discard_next(struct retain *job, int64_t cutoff_us, enum retain_reason reason,
			struct err *err)
{
	struct last_sink sink;
	struct exception exception;
	int status = find_sink(job, &sink, err);
	if (status || !sink.found)
		return status;
	status = find_exception(job, &sink, &exception, err);
	if (status)
		return status;
	if (!exception.found)
		return discard_waiting(job, &sink, cutoff_us, reason, err);
	const bool old = exception.stored_us < cutoff_us;
	job->retention->after = old ? exception.event : INT64_MAX; /* so are those behind it */
	if (old)
		status = discard_exception(job, &sink, &exception, reason, err);
	return status ? status : RETAIN_MORE;
}

int retain_undelivered(struct retain *job, struct err *err)
{
	const struct retention_policy *policy = &job->retention->policy;
	if (!policy->undelivered || policy->events_us == 0)
		return RETAIN_OVER;
	return discard_next(job, retain_cutoff(job, policy->events_us), RETAIN_AGE, err);
}

int retain_undelivered_pressed(struct retain *job, struct err *err)
{
	enum retain_reason reason;
	if (!job->retention->policy.undelivered)
		return RETAIN_OVER;
	const int status = retain_pressure(job, &reason, err);
	if (status || reason == RETAIN_NO_REASON)
		return status;
	return discard_next(job, INT64_MAX, reason, err);
}
