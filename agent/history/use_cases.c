/*
 * Use case instances, by when they were last seen, or by what they used.
 *
 * The last seen come in the order of an index. All other orders look at every instance that the filters leave,
 * and so does the name of a use case that has few: its instances are found sooner than met among the others.
 */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"last_seen",        "LAST SEEN",  HISTORY_TIME,    1},
	{"first_seen",       "FIRST SEEN", HISTORY_TIME,    10},
	{"use_case_name",    "USE CASE",   HISTORY_TEXT,    2},
	{"use_case_id",      "ID",         HISTORY_TEXT,    1},
	{"duration_s",       "LASTED",     HISTORY_SECONDS, 6},
	{"events",           "EVENTS",     HISTORY_INT,     1},
	{"failures",         "FAILED",     HISTORY_INT,     4},
	{"input_units",      "INPUT",      HISTORY_SUM,     1},
	{"output_units",     "OUTPUT",     HISTORY_SUM,     1},
	{"units",            "UNITS",      HISTORY_JSON,    13},
	{"steps",            NULL,         HISTORY_TEXT,    0},
	{"users",            "USERS",      HISTORY_INT,     8},
	{"latency_mean_ms",  "MEAN MS",    HISTORY_REAL,    7},
	{"latency_max_ms",   "MAX MS",     HISTORY_INT,     9},
	{"versions",         "VERSIONS",   HISTORY_JSON,    HISTORY_RANK_IF_ANY},
	{"step_events",      "STEPS",      HISTORY_JSON,    11},
	{"latency_p50_ms",   "P50 MS",     HISTORY_INT,     8},
	{"latency_p95_ms",   "P95 MS",     HISTORY_INT,     5},
	{"latency_p99_ms",   "P99 MS",     HISTORY_INT,     9},
	{"idle_s",           "IDLE",       HISTORY_SECONDS, 3},
	{"service_id_state", "ID STATE",   HISTORY_TEXT,    HISTORY_RANK_IF_ANY + 1},
	{"service_id",       "SERVICE ID", HISTORY_TEXT,    HISTORY_RANK_IF_ANY},
	{"estimated_cost_usd", "EST. COST", HISTORY_MONEY,  3},
	{"unpriced_units",   "NO PRICE",   HISTORY_TEXT,    HISTORY_RANK_IF_ANY},
};

static const char select_page[] =
	" LIMIT :limit)"
	" SELECT h.last_us, h.first_us, h.use_case_name, h.use_case_id, h.duration_s, h.events, h.failures,"
	" h.input_units, h.output_units, h.units, h.steps, h.users, h.latency_mean_ms, h.latency_max_ms,"
	" h.versions, h.step_events, h.latency_p50_ms, h.latency_p95_ms, h.latency_p99_ms, h.idle_s,"
	" h.service_id_state, h.service_id, h.estimated_cost_picousd, h.unpriced_units, p.time_us, p.id"
	" FROM page p CROSS JOIN use_case_history h ON h.instance = p.id";

/* Whole numbers, so that a page can go on behind one. */
static const char *const measures[] = {
	[HISTORY_SORT_OWN] = "t.last_us",
	[HISTORY_SORT_UNITS] = "t.input_units + t.output_units",
	[HISTORY_SORT_EVENTS] = "t.events",
	[HISTORY_SORT_LATENCY] = "coalesce(t.latency_sum_ms * 1000 / nullif(t.latency_count, 0), -1)",
	[HISTORY_SORT_FAILURES] = "t.failures",
	[HISTORY_SORT_LAST] = "t.last_us",
	[HISTORY_SORT_COST] = "coalesce(" HISTORY_INSTANCE_COST("v.instance = t.instance") ", 0)",
};
/* clang-format on */

enum { FEW = 10000 };

/* 1: the use case that is asked for has few instances. */
static int has_few(struct history *history, struct err *err)
{
	struct query *query = NULL;
	if (!history->filters.use_case_name)
		return 0;
	int status = query_prepare(history->db,
				   "SELECT count(*) FROM (SELECT 1 FROM use_case_instances"
				   " WHERE use_case_name = :use_case_name LIMIT :few)",
				   &query, err);
	if (status)
		return status;
	history_filter_bind(query, &history->filters, &history->ids);
	query_bind_int(query, ":few", FEW);
	status = query_step(query, err);
	if (status == 1)
		status = query_int(query, 0) < FEW;
	query_free(query);
	return status;
}

/* The first table leads, and the index that it has for the measure or the instances. */
static const char from_times[] =
	"instance_totals t CROSS JOIN use_case_instances i ON i.id = t.instance";
static const char from_instances[] =
	"use_case_instances i CROSS JOIN instance_totals t ON t.instance = i.id";

/* Those that were active within the time asked for: begun before its end, seen after its start. */
static int prepare_page(struct history *history, const char *from, struct err *err)
{
	const char *measure = measures[history->filters.sort];
	struct buf sql = BUF_INIT;
	buf_addf(&sql,
		 "WITH page AS MATERIALIZED (SELECT %s AS time_us, i.id FROM %s"
		 " WHERE t.first_us < :until AND t.last_us >= :since",
		 measure, from);
	history_filter_instances(&sql, &history->filters, &history->ids);
	history_add_window(&sql, history, measure, "t.instance");
	buf_add_str(&sql, select_page);
	buf_addf(&sql, " ORDER BY p.time_us %s, p.id %s", history_direction(history),
		 history_direction(history));
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	return 0;
}

static int open_use_cases(struct history *history, struct err *err)
{
	const enum history_sort sort = history->filters.sort;
	const bool by_time = sort == HISTORY_SORT_OWN || sort == HISTORY_SORT_LAST;
	const int few = has_few(history, err);
	if (few < 0)
		return few;
	history_set_window(history, by_time ? history->filters.since_us : INT64_MIN, INT64_MAX);
	return prepare_page(history,
			    by_time && !few && !history->filters.use_case_id ? from_times
									     : from_instances,
			    err);
}

static int read_use_cases(struct history *history, history_take_fn *take, void *taker,
			  struct err *err)
{
	return history->window_read ? 0 : history_read_window(history, take, taker, err);
}

const struct history_table history_use_cases = {columns, sizeof(columns) / sizeof(columns[0]),
						HISTORY_KNOWS_INSTANCES | HISTORY_KNOWS_SORT |
							HISTORY_KNOWS_SORT_LATENCY |
							HISTORY_KNOWS_SORT_COST,
						open_use_cases, read_use_cases};
