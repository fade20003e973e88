/*
 * The history as rows: events, use case instances and what they add up to, and usage, as the commands and the
 * local HTTP show them.
 *
 * Rows come in pages, and between two pages no snapshot of the database is held, so a reader that is slow
 * (a pager, a stalled client) never keeps the agent's write-ahead log from being emptied; and an
 * export of any length takes the memory of one page. (Sums are one page, however many rows they have.) What is stored meanwhile may or may not be among
 * the rows; no row comes twice but an instance that went on meanwhile. One thread per history.
 */
#ifndef PAYI_HISTORY_HISTORY_H
#define PAYI_HISTORY_HISTORY_H

#include "base/err.h"
#include "history/filters.h"
#include "store/query.h"

#include <stdbool.h>
#include <stdint.h>

enum history_kind {
	HISTORY_EVENTS,
	HISTORY_USE_CASES,
	HISTORY_USAGE_BY_HOUR,
	HISTORY_USAGE_BY_DAY, /* days of UTC */
	HISTORY_USAGE_BY_USER,
	HISTORY_USAGE_BY_STEP,
	HISTORY_USAGE_CHANGES,         /* from since to until, beside as long a time before */
	HISTORY_USE_CASE_STEPS,        /* per use case and step, over all instances */
	HISTORY_USE_CASE_USERS,        /* per use case and user */
	HISTORY_USE_CASE_DISTRIBUTION, /* per use case: how its instances differ */
	HISTORY_USE_CASE_DEFINITIONS,
	HISTORY_USE_CASES_ALIKE,    /* pairs of names that may be one use case spelt twice */
	HISTORY_USE_CASE_HISTOGRAM, /* instances by how much they used */
	HISTORY_SERIES,             /* usage in at most so many buckets of time: filters.points */
	HISTORY_SERIES_BY_USE_CASE, /* and of the greatest few: filters.top; so are the next two */
	HISTORY_SERIES_BY_RESOURCE,
	HISTORY_SERIES_BY_CATEGORY,
	HISTORY_WAITING,       /* events on their way to the service */
	HISTORY_UNPRICED,      /* what was used and has no price */
	HISTORY_DEAD,          /* events that the service refused for good */
	HISTORY_EVENTS_STORED, /* events in the order of storing: behind after->row, up to last_event */
};

/* What a column's values are, beyond SQLite's types. Any may be null. */
enum history_type {
	HISTORY_TEXT,
	HISTORY_INT,
	HISTORY_SUM,   /* an INT that adds up over rows */
	HISTORY_MONEY, /* picodollars, that add up likewise; shown in dollars */
	HISTORY_REAL,
	HISTORY_PERCENT, /* a REAL: the change from one number to another */
	HISTORY_SECONDS, /* an INT: how long */
	HISTORY_BOOL,
	HISTORY_TIME, /* microseconds since 1970 UTC; so are the next two */
	HISTORY_HOUR,
	HISTORY_DAY,
	HISTORY_JSON, /* an object or array, as text */
	HISTORY_ANY,  /* each value as SQLite has it: of queries that are not ours */
};

struct history_column {
	const char *name;    /* in JSON and CSV: as in the documented view */
	const char *heading; /* in a table for people; NULL: not there */
	enum history_type type;
	int rank; /* in a table: the higher, the sooner it is left out where room is short */
};

/* From this rank on a column is also left out of a table in which no row has a value for it. */
enum { HISTORY_RANK_IF_ANY = 20 };

/* A kind's columns; *n is their number. */
const struct history_column *history_columns(enum history_kind kind, int *n);

/* The first filter or order that is set and that a kind does not know: "user", "sort latency"; NULL: all is well. */
const char *history_refuses(enum history_kind kind, const struct history_filters *filters);

struct history;

/*
 * There must be nothing that history_refuses(). Changes need a since and an until. The filters' texts
 * must live as long as the history. A reading that goes on behind another's place has to have its filters and order.
 */
int history_open(struct query_db *db, enum history_kind kind, const struct history_filters *filters,
		 struct history **history, struct err *err);
void history_close(struct history *history); /* NULL is fine */

/*
 * Takes a row: its columns are the first of the query's. HISTORY_ENOUGH: taken, and no more now, as if the limit
 * had been reached. A negative err_code ends the reading.
 */
enum { HISTORY_ENOUGH = 1 };
typedef int history_take_fn(void *taker, const struct query *row);

/* Gives the next page of rows to take(). Returns how many; 0: that was all; or a negative err_code. */
int history_read(struct history *history, history_take_fn *take, void *taker, struct err *err);

/*
 * What a history of changes compares; before that comes as long a time. True: in whole hours, as the events of a part of an
 * hour that was asked for are gone.
 */
bool history_period(const struct history *history, int64_t *since_us, int64_t *until_us);

/* After the last page: whether there are more rows than the limit let through, or may be. */
bool history_has_more(const struct history *history);

/* After the last page: the place behind the last row that was taken; false when none was. */
bool history_place(const struct history *history, struct history_place *place);

#endif
