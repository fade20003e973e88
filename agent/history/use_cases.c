/*
 * Use case instances, by when they were last seen, or by what they used.
 *
 * The last seen come in the order of an index. All other orders look at every instance that the filters leave,
 * and so do a use case or user that has few: its instances are found sooner than met among the others.
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

/* What the view adds up of many rows, in fewer steps: percentiles without sorting, and prices by the book. */
static const char select_page[] =
	" LIMIT :limit), sum AS MATERIALIZED (SELECT g.*,"
	" (SELECT latency_percentiles(v.latency_ms, v.events) FROM instance_latencies v WHERE v.instance = g.id) AS slow,"
	" (SELECT json_group_object(q.type, json_object('input', q.input, 'output', q.output)) FROM"
	"  (SELECT n.text AS type, s.input, s.output FROM (SELECT v.unit_type, sum(v.input) AS input, sum(v.output) AS output"
	"    FROM instance_usage v WHERE v.instance = g.id GROUP BY v.unit_type) s JOIN names n ON n.id = s.unit_type"
	"   ORDER BY n.text) q) AS units, "
	HISTORY_INSTANCE_COST("v.instance = g.id") " AS cost,"
	" (SELECT group_concat(q.text, ', ') FROM (SELECT n.text FROM (SELECT DISTINCT v.unit_type FROM instance_usage v"
	"  LEFT JOIN prices p ON p.id = " HISTORY_PRICE("v.category", "v.resource", "v.unit_type", "v.day")
	"  WHERE " HISTORY_ANY_PRICE " AND v.instance = g.id AND " HISTORY_HAS_NO_PRICE("v.input", "v.output") ") s"
	"  JOIN names n ON n.id = s.unit_type ORDER BY n.text) q) AS unpriced FROM page g)"
	" SELECT h.last_us, h.first_us, h.use_case_name, h.use_case_id, h.duration_s, h.events, h.failures,"
	" h.input_units, h.output_units, g.units, h.steps, h.users, h.latency_mean_ms, h.latency_max_ms,"
	" h.versions, h.step_events, min(g.slow ->> 0, h.latency_max_ms), min(g.slow ->> 1, h.latency_max_ms),"
	" min(g.slow ->> 2, h.latency_max_ms), h.idle_s, h.service_id_state, h.service_id, g.cost, g.unpriced, g.time_us, g.id"
	" FROM sum g CROSS JOIN use_case_history h ON h.instance = g.id";

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

enum { FEW = 10000, MOST = 4 };

/* What leads to the rows of instance_totals. */
enum lead { LEAD_FILTERS, LEAD_USER, LEAD_USE_CASE, LEAD_TIME, LEAD_ALL };

static int ask_number(struct history *history, const char *sql, int64_t *number, struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(history->db, sql, &query, err);
	if (status)
		return status;
	history_filter_bind(query, &history->filters, &history->ids);
	query_bind_int(query, ":few", FEW);
	query_bind_int(query, ":since", history->filters.since_us);
	query_bind_int(query, ":most", MOST);
	status = query_step(query, err);
	if (status == 1)
		*number = query_int(query, 0);
	query_free(query);
	return status < 0 ? status : 0;
}

/* Whoever is asked for and has few. */
static int find_few(struct history *history, enum lead *lead, struct err *err)
{
	int64_t n = FEW;
	int status = 0;
	if (history->filters.user_id)
		status = ask_number(history,
				    "SELECT count(*) FROM (SELECT 1 FROM instance_users"
				    " WHERE user_id = :user_id LIMIT :few)",
				    &n, err);
	if (!status && n < FEW) {
		*lead = LEAD_USER;
		return 0;
	}
	if (!status && history->filters.use_case_name)
		status = ask_number(history,
				    "SELECT count(*) FROM (SELECT 1 FROM use_case_instances"
				    " WHERE use_case_name = :use_case_name LIMIT :few)",
				    &n, err);
	if (!status && n < FEW)
		*lead = LEAD_USE_CASE;
	return status;
}

/* Where most of the time is asked for, the rows are sooner read one after the other than in the order of time. */
static int find_lead(struct history *history, enum lead *lead, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	const bool by_time =
		filters->sort == HISTORY_SORT_OWN || filters->sort == HISTORY_SORT_LAST;
	int64_t all = 0;
	*lead = filters->use_case_id ? LEAD_FILTERS : LEAD_TIME;
	int status = filters->use_case_id ? 0 : find_few(history, lead, err);
	if (status || *lead != LEAD_TIME || by_time)
		return status;
	status = filters->since_us == INT64_MIN
			 ? 0
			 : ask_number(history,
				      "SELECT :since > (SELECT max(last_us) FROM instance_totals)"
				      " - ((SELECT max(last_us) FROM instance_totals)"
				      " - (SELECT min(last_us) FROM instance_totals)) / :most",
				      &all, err);
	if (!all)
		*lead = LEAD_ALL;
	return status;
}

static const char *const from[] = {
	[LEAD_FILTERS] = "instance_totals t",
	[LEAD_USER] = "(SELECT f.instance FROM instance_users f WHERE f.user_id = :user_id) f"
		      " CROSS JOIN instance_totals t ON t.instance = f.instance",
	[LEAD_USE_CASE] =
		"(SELECT f.id FROM use_case_instances f WHERE f.use_case_name = :use_case_name) f"
		" CROSS JOIN instance_totals t ON t.instance = f.id",
	[LEAD_TIME] = "instance_totals t INDEXED BY instance_totals_by_time",
	[LEAD_ALL] = "instance_totals t NOT INDEXED",
};

/* Those that were active within the time asked for: begun before its end, seen after its start. */
static int prepare_page(struct history *history, enum lead lead, struct err *err)
{
	const char *measure = measures[history->filters.sort];
	struct buf sql = BUF_INIT;
	struct history_filters filters = history->filters;
	if (lead == LEAD_USER)
		filters.user_id = NULL;
	buf_addf(&sql,
		 "WITH page AS MATERIALIZED (SELECT %s AS time_us, t.instance AS id FROM %s"
		 " WHERE true",
		 measure, from[lead]);
	if (filters.since_us != INT64_MIN)
		buf_add_str(&sql, " AND t.last_us >= :since");
	if (filters.until_us != INT64_MAX)
		buf_add_str(&sql, " AND t.first_us < :until");
	history_filter_totals(&sql, &filters, &history->ids, true);
	history_add_window(&sql, history, measure, "t.instance");
	buf_add_str(&sql, select_page);
	buf_addf(&sql, " ORDER BY g.time_us %s, g.id %s", history_direction(history),
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
	enum lead lead = LEAD_FILTERS;
	const int status = find_lead(history, &lead, err);
	if (status)
		return status;
	history_set_window(history, by_time ? history->filters.since_us : INT64_MIN, INT64_MAX);
	return prepare_page(history, lead, err);
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
