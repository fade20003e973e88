/*
 * Names that nothing refers to any more: mostly of users who are long gone.
 *
 * Few tables that refer to names have an index by them, and none shall get one for this. So what refers to a name is
 * walked through, slowly, and each name marked; at last those that are not marked go. What comes to be used meanwhile
 * is marked by the store's search for it, wherever its row then goes: see ids_marks_begin().
 */
#include "store/retention_parts.h"
#include "store/sql.h"

enum {
	WORTH = 1000,        /* names; fewer are not worth the search */
	NAMES_MAX = 1 << 26, /* 8 MiB of marks */
	SWEEP = 64,
};

#define WEEK_US INT64_C(604800000000)

static const enum retain_statement sources[] = {
	RETAIN_NAMES_OF_EVENTS,     RETAIN_NAMES_OF_INSTANCES, RETAIN_NAMES_OF_STEPS,
	RETAIN_NAMES_OF_USERS,      RETAIN_NAMES_OF_USAGE,     RETAIN_NAMES_OF_HOURS,
	RETAIN_NAMES_OF_UNITS,      RETAIN_NAMES_OF_TOTALS,    RETAIN_NAMES_OF_DEFINITIONS,
	RETAIN_NAMES_OF_USER_USAGE, RETAIN_NAMES_OF_PRICES,    RETAIN_NAMES_OF_ASKS,
};

enum { N_SOURCES = sizeof(sources) / sizeof(sources[0]) };

static void enter(struct retention_names *names, int source)
{
	names->source = source;
	names->at[0] = names->at[1] = -1;
}

static int begin(struct retain *job, struct err *err)
{
	struct retention_names *names = &job->retention->names;
	const int64_t age_us = job->retention->policy.rollups_us;
	bool found = false;
	names->due_us = job->now_us + WEEK_US;
	int status =
		retain_number(retain_statement(job, RETAIN_NAMES_LAST), &names->last, &found, err);
	if (status || names->last < WORTH || names->last > NAMES_MAX)
		return status;
	if (age_us)
		status = sql_run(retain_statement(job, RETAIN_TOTALS_CUT), err,
				 SQL_INT(retain_cutoff(job, age_us)), SQL_END);
	if (!status)
		status = ids_marks_begin(job->store->names, names->last, err);
	if (status)
		return status;
	enter(names, 1);
	return RETAIN_MORE;
}

/* Marks what a few rows refer to; to the next source when there are no more. */
static int mark(struct retain *job, struct err *err)
{
	struct retention_names *names = &job->retention->names;
	sqlite3_stmt *rows = retain_statement(job, sources[names->source - 1]);
	bool any = false;
	int status = sql_bind(rows, err, SQL_INT(names->at[0]), SQL_INT(names->at[1]), SQL_END);
	if (status)
		return status;
	while (sqlite3_step(rows) == SQLITE_ROW) {
		any = true;
		names->at[0] = sqlite3_column_int64(rows, 0);
		names->at[1] = sqlite3_column_int64(rows, 1);
		for (int i = 2; i < sqlite3_column_count(rows); i++)
			ids_mark(job->store->names, sqlite3_column_int64(rows, i));
	}
	status = sql_reset(rows, err);
	if (!status && !any)
		enter(names, names->source + 1);
	return status ? status : RETAIN_MORE;
}

static int sweep(struct retain *job, struct err *err)
{
	struct retention_names *names = &job->retention->names;
	const int64_t first = names->at[0] < 0 ? 1 : names->at[0] + 1;
	int64_t n = 0;
	int status = 0;
	int64_t id = first;
	for (; !status && id <= names->last && id < first + SWEEP; id++) {
		if (ids_is_marked(job->store->names, id))
			continue;
		status = sql_run(retain_statement(job, RETAIN_NAME_CUT), err, SQL_INT(id), SQL_END);
		n += sqlite3_changes64(job->store->db);
	}
	if (!status)
		status = retain_count(job, "names", RETAIN_AGE, n, err);
	names->at[0] = id - 1;
	if (status || names->at[0] < names->last)
		return status ? status : RETAIN_MORE;
	ids_marks_end(job->store->names);
	names->source = 0;
	return RETAIN_OVER;
}

/* A connection that was opened anew has no marks: then the search begins anew, too. */
int retain_names(struct retain *job, struct err *err)
{
	struct retention_names *names = &job->retention->names;
	if (names->source && !ids_marks_on(job->store->names)) {
		names->source = 0;
		names->due_us = job->now_us;
	}
	if (names->left <= 0)
		return RETAIN_OVER;
	names->left--;
	if (names->source > N_SOURCES)
		return sweep(job, err);
	if (names->source)
		return mark(job, err);
	return job->now_us < names->due_us ? RETAIN_OVER : begin(job, err);
}
