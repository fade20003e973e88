/*
 * The history from inside: what history.c shares with one file per kind of row.
 */
#ifndef PAYI_HISTORY_HISTORY_PARTS_H
#define PAYI_HISTORY_HISTORY_PARTS_H

#include "history/history.h"

enum { HISTORY_PAGE_ROWS = 1000 };

#define HISTORY_HOUR_US INT64_C(3600000000)

struct history {
	struct query_db *db;
	enum history_kind kind;
	struct history_filters filters;
	struct history_ids ids;
	int64_t rows_left; /* until the limit */
	bool has_more;
	bool any;                   /* a row was taken */
	bool in_whole_hours;        /* of changes: since and until are not just those asked for */
	struct history_place place; /* behind it */

	struct query *page;   /* the rows of a window */
	struct query *finder; /* the next hour that has any; NULL: all is one window */

	/* The hours since 1970 that are not looked at yet, both ends included. */
	int64_t first_hour;
	int64_t last_hour;
	int64_t n_skip; /* rows of the next page that another reading has taken */

	int64_t next_id; /* of events in the order of storing: the first that is not looked at yet */

	/* The window, both ends included, and the key of the last row that was read in it. */
	int64_t low_us;
	int64_t high_us;
	int64_t key;
	bool window_read; /* to its end */
};

/* ---- Prices, as SQL ---- */

/*
 * A price is joined as "prices p ON p.id = " HISTORY_PRICE(…), by the numbers of a category, a resource and a unit type,
 * and a day since 1970. All is NULL, and nothing looked up, where there is no price at all. The views of
 * schema/views.sql say the same as plain SQL.
 */
#define HISTORY_PRICE(category, resource, unit_type, day)                                          \
	"price_in_force(" category ", " resource ", " unit_type ", " day ", 0)"
#define HISTORY_ANY_PRICE "EXISTS (SELECT 1 FROM prices)"

/* The sum of units by their prices: of what is joined to p. */
#define HISTORY_COST(input, output)                                                                \
	"sum(" input " * coalesce(p.input, 0) + " output " * coalesce(p.output, 0))"
#define HISTORY_HAS_NO_PRICE(input, output)                                                        \
	"(" input " > 0 AND p.input IS NULL OR " output " > 0 AND p.output IS NULL)"

/* Of an instance's rows v of instance_usage that the condition chooses. */
#define HISTORY_INSTANCE_COST(condition)                                                           \
	"(SELECT sum(cost_in_force(v.category, v.resource, v.unit_type, v.day, 0, v.input,"        \
	" v.output)) FROM instance_usage v WHERE " HISTORY_ANY_PRICE " AND " condition ")"

/* Of the event e. */
#define HISTORY_EVENT_COST                                                                          \
	"(SELECT " HISTORY_COST(                                                                    \
		"coalesce(j.value ->> '$.input', 0)",                                               \
		"coalesce(j.value ->> '$.output', 0)") " FROM json_each(e.units) j CROSS JOIN "     \
						       "names y ON y.text = j.key CROSS JOIN "      \
						       "prices p ON "                               \
						       "p.id = " HISTORY_PRICE(                     \
							       "e.category", "e.resource", "y.id",  \
							       "e.event_timestamp_us / "            \
							       "86400000000") " WHERE"              \
									      " " HISTORY_ANY_PRICE \
									      ")"

/* ---- Latencies, as SQL ---- */

/* Of the row h of usage_hours. Percentiles come of it by agent/store/percentiles.h's functions, without sorting rows. */
#define HISTORY_HISTOGRAM_OF_HOUR                                                                  \
	"(SELECT latency_histogram(l.latency_ms, l.events) FROM usage_hour_latencies l"            \
	" WHERE l.hour = h.hour AND l.use_case_name = h.use_case_name"                             \
	" AND l.category = h.category AND l.resource = h.resource)"

/* ---- Kinds ---- */

/* What of the filters a kind knows. */
enum {
	HISTORY_KNOWS_USE_CASE = 1 << 0,
	HISTORY_KNOWS_ID = 1 << 1,
	HISTORY_KNOWS_USER = 1 << 2,
	HISTORY_KNOWS_CATEGORY = 1 << 3,
	HISTORY_KNOWS_RESOURCE = 1 << 4,
	HISTORY_KNOWS_TIME = 1 << 5,
	HISTORY_KNOWS_ORDER = 1 << 6, /* that it can be turned round */
	HISTORY_KNOWS_SORT = 1 << 7,  /* by all but latency */
	HISTORY_KNOWS_SORT_LATENCY = 1 << 8,
	HISTORY_KNOWS_DEATHS = 1 << 9,
	HISTORY_KNOWS_SORT_COST = 1 << 10,

	HISTORY_KNOWS_INSTANCES = HISTORY_KNOWS_USE_CASE | HISTORY_KNOWS_ID | HISTORY_KNOWS_USER |
				  HISTORY_KNOWS_TIME | HISTORY_KNOWS_ORDER,
	HISTORY_KNOWS_EVENTS =
		HISTORY_KNOWS_INSTANCES | HISTORY_KNOWS_CATEGORY | HISTORY_KNOWS_RESOURCE,
};

/* A kind: its columns, and how they are read. */
struct history_table {
	const struct history_column *columns;
	int n_columns;
	unsigned knows;
	int (*open)(struct history *history, struct err *err);
	int (*read)(struct history *history, history_take_fn *take, void *taker, struct err *err);
};

extern const struct history_table history_events;
extern const struct history_table history_events_stored;
extern const struct history_table history_use_cases;
extern const struct history_table history_usage_by_hour;
extern const struct history_table history_usage_by_day;
extern const struct history_table history_usage_by_user;
extern const struct history_table history_usage_by_step;
extern const struct history_table history_usage_changes;
extern const struct history_table history_use_case_steps;
extern const struct history_table history_use_case_users;
extern const struct history_table history_use_case_distribution;
extern const struct history_table history_use_case_definitions;
extern const struct history_table history_use_cases_alike;
extern const struct history_table history_use_case_histogram;
extern const struct history_table history_series;
extern const struct history_table history_series_by_use_case;
extern const struct history_table history_series_by_resource;
extern const struct history_table history_series_by_category;
extern const struct history_table history_waiting;
extern const struct history_table history_dead;
extern const struct history_table history_unpriced;

/* The hour since 1970 that a time is in. */
int64_t history_hour(int64_t time_us);

/* Prepares sql, and releases it. */
int history_prepare(struct history *history, struct buf *sql, struct query **query,
		    struct err *err);

/* Leaves only these of the hours to be looked at, both ends included, and those that come later in the order. */
void history_go_on_from(struct history *history, int64_t first_hour, int64_t last_hour);

/* Sets the window, and the key before its first row; where another reading ended in it, that is the key. */
void history_set_window(struct history *history, int64_t low_us, int64_t high_us);

/*
 * Appends the conditions of window and key, and the order: for rows that are sorted by a time and an id,
 * both named as in SQL.
 */
void history_add_window(struct buf *sql, const struct history *history, const char *time,
			const char *id);

/*
 * Reads the window's next page, whose last two columns are a row's time and id. Returns how many rows
 * were taken.
 */
int history_read_window(struct history *history, history_take_fn *take, void *taker,
			struct err *err);

/*
 * Steps through the page until it ends or the limit is reached. Returns the rows taken; *n_seen counts
 * also the one that the limit kept back.
 */
int history_step(struct history *history, history_take_fn *take, void *taker, int *n_seen,
		 struct err *err);

/* Reads all that the page's query gives, up to the limit (:limit), as one page: a kind's read(). */
int history_read_once(struct history *history, history_take_fn *take, void *taker, struct err *err);

/* The direction in which the history's order sorts what comes the most first: "DESC", or "ASC". */
const char *history_direction(const struct history *history);

/*
 * Finds the next hour that has rows, by the finder. The caller takes it, and what belongs with it, out of
 * the hours that are left. 1: *hour is it; 0: there is none; or a negative err_code.
 */
int history_find_hour(struct history *history, int64_t *hour, struct err *err);

/* The finder in the rollups, filtered; *query is history->finder. */
int history_prepare_finder(struct history *history, struct err *err);

#endif
