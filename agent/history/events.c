/*
 * Events, by time. Where an id or a user is asked for, its index leads; without either, the index of times
 * does. A use case name, category or resource has no index among the events (each would cost every event
 * that is stored), but the rollups know the hours in which it was used: only these are looked through.
 */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"event_time",             "TIME",       HISTORY_TIME, 1},
	{"event",                  NULL,         HISTORY_INT,  0},
	{"use_case_name",          "USE CASE",   HISTORY_TEXT, 3},
	{"use_case_id",            "ID",         HISTORY_TEXT, 2},
	{"use_case_step",          "STEP",       HISTORY_TEXT, 5},
	{"use_case_version",       NULL,         HISTORY_INT,  0},
	{"category",               "CATEGORY",   HISTORY_TEXT, 9},
	{"resource",               "RESOURCE",   HISTORY_TEXT, 3},
	{"input_units",            "INPUT",      HISTORY_SUM,  1},
	{"output_units",           "OUTPUT",     HISTORY_SUM,  1},
	{"units",                  "UNITS",      HISTORY_JSON, 8},
	{"end_to_end_latency_ms",  "MS",         HISTORY_INT,  4},
	{"time_to_first_token_ms", NULL,         HISTORY_INT,  0},
	{"http_status_code",       "STATUS",     HISTORY_INT,  4},
	{"failed",                 NULL,         HISTORY_BOOL, 0},
	{"user_id",                "USER",       HISTORY_TEXT, 6},
	{"account_name",           NULL,         HISTORY_TEXT, 0},
	{"scope",                  NULL,         HISTORY_TEXT, 0},
	{"limit_ids",              NULL,         HISTORY_JSON, 0},
	{"properties",             NULL,         HISTORY_JSON, 0},
	{"use_case_properties",    NULL,         HISTORY_JSON, 0},
	{"provider_response_id",   NULL,         HISTORY_TEXT, 0},
	{"app_name",               "APP",        HISTORY_TEXT, 10},
	{"delivery",               "DELIVERY",   HISTORY_TEXT, 7},
	{"stored_time",            NULL,         HISTORY_TIME, 0},
	{"service_id",             "SERVICE ID", HISTORY_TEXT, HISTORY_RANK_IF_ANY},
	{"estimated_cost_usd",     "EST. COST",  HISTORY_MONEY, 3},
	{"unpriced_units",         "NO PRICE",   HISTORY_TEXT, HISTORY_RANK_IF_ANY},
	{"service_cost_usd",       "PAY-I COST", HISTORY_MONEY, 4},
};

static const char select_page[] =
	" LIMIT :limit)"
	" SELECT h.event_timestamp_us, h.event, h.use_case_name, h.use_case_id, h.use_case_step, h.use_case_version,"
	" h.category, h.resource, h.input_units, h.output_units, h.units, h.end_to_end_latency_ms,"
	" h.time_to_first_token_ms, h.http_status_code, h.failed, h.user_id, h.account_name, h.scope, h.limit_ids,"
	" h.properties, h.use_case_properties, h.provider_response_id, h.app_name, h.delivery, h.stored_us,"
	" h.service_id, h.estimated_cost_picousd, h.unpriced_units, h.service_cost_picousd,"
	" p.time_us, p.id"
	" FROM page p CROSS JOIN event_history h ON h.event = p.id";
/* clang-format on */

static int prepare_page(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	/* First the ids alone, mostly from an index; then the wide rows for those on the page. */
	buf_add_str(&sql, "WITH page AS MATERIALIZED (SELECT e.event_timestamp_us AS time_us, e.id"
			  " FROM events e WHERE true");
	history_filter_events(&sql, &history->filters, &history->ids);
	history_add_window(&sql, history, "e.event_timestamp_us", "e.id");
	buf_add_str(&sql, select_page);
	buf_add_str(&sql, history->filters.oldest_first ? " ORDER BY p.time_us, p.id"
							: " ORDER BY p.time_us DESC, p.id DESC");
	return history_prepare(history, &sql, &history->page, err);
}

static int open_events(struct history *history, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	const int status = prepare_page(history, err);
	history_set_window(history, filters->since_us, filters->until_us - 1);
	if (status || filters->use_case_id || filters->user_id)
		return status;
	if (!filters->use_case_name && !filters->category && !filters->resource)
		return 0;
	history->window_read = true; /* the first is that of the first hour found */
	if (filters->after) {
		const int64_t hour = history_hour(filters->after->time);
		history_go_on_from(history, hour, hour);
	}
	return history_prepare_finder(history, err);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* 1: there is another window; 0: there is none. */
static int next_window(struct history *history, struct err *err)
{
	int64_t hour = 0;
	if (!history->finder)
		return 0;
	const int status = history_find_hour(history, &hour, err);
	if (status != 1)
		return status;
	history_set_window(history, later(hour * HISTORY_HOUR_US, history->filters.since_us),
			   earlier((hour + 1) * HISTORY_HOUR_US, history->filters.until_us) - 1);
	if (history->filters.oldest_first)
		history->first_hour = hour + 1;
	else
		history->last_hour = hour - 1;
	return 1;
}

static int read_events(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	for (;;) {
		int status = history->window_read ? next_window(history, err) : 1;
		if (status != 1)
			return status;
		status = history_read_window(history, take, taker, err);
		if (status || history->has_more)
			return status;
	}
}

/* ---- In the order of storing ---------------------------------------------------------------------- */

enum {
	STORED_WINDOW = 20000
}; /* ids; a window without a match still holds its snapshot only for some 10 ms */

/* Whatever the filters: ids lead, for what is asked for lies at their end. */
static int open_stored(struct history *history, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	struct buf sql = BUF_INIT;
	history->filters.oldest_first = true;
	history->next_id = (filters->after ? filters->after->row : 0) + 1;
	history->window_read = true;
	buf_add_str(
		&sql,
		"WITH page AS MATERIALIZED (SELECT e.id AS time_us, e.id FROM events e NOT INDEXED"
		" WHERE e.event_timestamp_us >= :since AND e.event_timestamp_us < :until");
	history_filter_events(&sql, filters, &history->ids);
	history_add_window(&sql, history, "e.id", "e.id");
	buf_add_str(&sql, select_page);
	buf_add_str(&sql, " ORDER BY p.id");
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", filters->since_us);
	query_bind_int(history->page, ":until", filters->until_us);
	return 0;
}

static int read_stored(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	for (;;) {
		if (!history->window_read) {
			const int n = history_read_window(history, take, taker, err);
			if (n || history->has_more)
				return n;
		} else if (history->next_id > history->filters.last_event) {
			return 0;
		} else {
			const int64_t last = earlier(history->next_id + STORED_WINDOW - 1,
						     history->filters.last_event);
			history_set_window(history, history->next_id, last);
			history->next_id = last + 1;
		}
	}
}

const struct history_table history_events_stored = {columns, sizeof(columns) / sizeof(columns[0]),
						    HISTORY_KNOWS_EVENTS, open_stored, read_stored};

const struct history_table history_events = {columns, sizeof(columns) / sizeof(columns[0]),
					     HISTORY_KNOWS_EVENTS, open_events, read_events};
