/*
 * What was used over time, as a plot shows it: no more than so many buckets of one width, and in each the greatest
 * few use cases, resources or categories, the others added up. In whole hours, as usage is: the sums are the same.
 *
 * From the rollups by hour. From the events where rollups do not know enough: by a user or an id, and for buckets of
 * minutes, so long as all events of these hours are still there and not too many.
 */
#include "history/history_parts.h"

enum {
	POINTS = 100, /* unless it is asked for others */
	TOP = 7,
	EVENTS_MAX = 50000, /* that buckets of minutes may be made of */
};

/* clang-format off */
#define SUMS \
	{"events",          "EVENTS",  HISTORY_SUM,  1}, \
	{"failures",        "FAILED",  HISTORY_SUM,  4}, \
	{"input_units",     "INPUT",   HISTORY_SUM,  1}, \
	{"output_units",    "OUTPUT",  HISTORY_SUM,  1}, \
	{"latency_mean_ms", "MEAN MS", HISTORY_REAL, 5}, \
	{"latency_max_ms",  "MAX MS",  HISTORY_INT,  7}, \
	{"latency_p50_ms",  "P50 MS",  HISTORY_INT,  6}, \
	{"latency_p95_ms",  "P95 MS",  HISTORY_INT,  4}, \
	{"latency_p99_ms",  "P99 MS",  HISTORY_INT,  8}, \
	{"estimated_cost_usd", "EST. COST", HISTORY_MONEY, 2}

/* others: how many are added up in the row; 0: it is that of the one named. */
#define COLUMNS(key, heading) \
	{"time",    "TIME",   HISTORY_HOUR,    1}, \
	{"seconds", NULL,     HISTORY_SECONDS, 0}, \
	{key,       heading,  HISTORY_TEXT,    2}, \
	{"others",  "OTHERS", HISTORY_INT,     HISTORY_RANK_IF_ANY}, \
	SUMS

static const struct history_column columns_of_all[] = {
	{"time",    "TIME", HISTORY_HOUR,    1},
	{"seconds", NULL,   HISTORY_SECONDS, 0},
	SUMS
};
static const struct history_column columns_of_use_cases[] = {COLUMNS("use_case_name", "USE CASE")};
static const struct history_column columns_of_resources[] = {COLUMNS("resource", "RESOURCE")};
static const struct history_column columns_of_categories[] = {COLUMNS("category", "CATEGORY")};

/* Each source gives the tables sums and cost, by bucket and key. */

static const char rollup_sums[] =
	"WITH sums AS MATERIALIZED (SELECT (h.hour - :first) / :hours AS bucket, %s AS key, sum(h.events) AS events,"
	" sum(h.failures) AS failures, sum(h.input_units) AS input_units, sum(h.output_units) AS output_units,"
	" sum(h.latency_count) AS latency_count, sum(h.latency_sum_ms) AS latency_sum_ms,"
	" max(h.latency_max_ms) AS latency_max_ms FROM usage_hours h WHERE h.hour BETWEEN :low AND :high";

/* A price is one of a day. */
static const char rollup_units[] =
	" GROUP BY 1, 2), cost AS MATERIALIZED (SELECT q.bucket, q.key, " HISTORY_COST("q.input", "q.output") " AS cost"
	" FROM (SELECT (h.hour - :first) / :hours AS bucket, %s AS key, h.category, h.resource, h.unit_type,"
	"  h.hour / 24 AS day, sum(h.input) AS input, sum(h.output) AS output"
	"  FROM usage_hour_units h WHERE " HISTORY_ANY_PRICE " AND h.hour BETWEEN :low AND :high";

static const char rollup_costs[] =
	" GROUP BY 1, 2, 3, 4, 5, 6) q CROSS JOIN prices p ON p.id = "
	HISTORY_PRICE("q.category", "q.resource", "q.unit_type", "q.day");

static const char event_hits[] =
	"WITH hit AS MATERIALIZED (SELECT (e.event_timestamp_us - :first * 1000000) / (:seconds * 1000000) AS bucket,"
	" %s AS key, e.end_to_end_latency_ms AS latency_ms, count(*) AS events,"
	" sum(coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0)) AS failures,"
	" sum(e.input_units) AS input_units, sum(e.output_units) AS output_units,"
	" sum(" HISTORY_EVENT_COST ") AS cost FROM events e LEFT JOIN use_case_instances i ON i.id = e.instance"
	" WHERE e.event_timestamp_us BETWEEN :low AND :high";

static const char event_sums[] =
	" GROUP BY 1, 2, 3), sums AS MATERIALIZED (SELECT bucket, key, sum(events) AS events, sum(failures) AS failures,"
	" sum(input_units) AS input_units, sum(output_units) AS output_units,"
	" sum(events) FILTER (WHERE latency_ms IS NOT NULL) AS latency_count,"
	" sum(latency_ms * events) AS latency_sum_ms, max(latency_ms) AS latency_max_ms FROM hit GROUP BY 1, 2), cost AS"
	" (SELECT bucket, key, sum(cost) AS cost FROM hit";

/* A key that is not shown becomes -1. */
static const char shown[] =
	" GROUP BY 1, 2), part AS MATERIALIZED (SELECT * FROM sums LEFT JOIN cost USING (bucket, key)),"
	" shown AS MATERIALIZED (SELECT key,"
	" CASE WHEN row_number() OVER (ORDER BY %s DESC, key) <= :top THEN key ELSE -1 END AS shown"
	" FROM part GROUP BY key), ";

/* The percentiles of what is shown, as a text of three numbers, or null. */

static const char rollup_percentiles[] =
	"slow AS MATERIALIZED (SELECT (h.hour - :first) / :hours AS bucket, s.shown,"
	" latency_percentiles(" HISTORY_HISTOGRAM_OF_HOUR ") AS slow"
	" FROM usage_hours h CROSS JOIN shown s ON s.key = %s WHERE h.hour BETWEEN :low AND :high";

static const char event_percentiles[] =
	"slow AS MATERIALIZED (SELECT h.bucket, s.shown, latency_percentiles(h.latency_ms, h.events) AS slow"
	" FROM hit h CROSS JOIN shown s USING (key) WHERE true";

static const char times[] =
	" GROUP BY 1, 2) SELECT (:first_s + p.bucket * :seconds) * 1000000, :seconds";

static const char named[] =
	", n.text, CASE WHEN p.shown = -1 THEN (SELECT count(*) FROM shown WHERE shown = -1) ELSE 0 END";

static const char rows[] =
	", sum(p.events), sum(p.failures), sum(p.input_units), sum(p.output_units),"
	" sum(p.latency_sum_ms) * 1.0 / nullif(sum(p.latency_count), 0),"
	" CASE WHEN sum(p.latency_count) > 0 THEN max(p.latency_max_ms) END,"
	" min(l.slow ->> 0, max(p.latency_max_ms)), min(l.slow ->> 1, max(p.latency_max_ms)),"
	" min(l.slow ->> 2, max(p.latency_max_ms)),"
	" sum(p.cost)"
	" FROM (SELECT p.*, s.shown FROM part p JOIN shown s USING (key)) p"
	" LEFT JOIN slow l ON l.bucket = p.bucket AND l.shown = p.shown LEFT JOIN names n ON n.id = p.shown"
	" GROUP BY p.bucket, p.shown ORDER BY p.bucket, %s DESC, n.text LIMIT :limit";

static const char *const measures[] = {
	[HISTORY_SORT_OWN] = "sum(input_units + output_units)",
	[HISTORY_SORT_UNITS] = "sum(input_units + output_units)",
	[HISTORY_SORT_EVENTS] = "sum(events)",
	[HISTORY_SORT_LATENCY] = "0", /* is refused */
	[HISTORY_SORT_FAILURES] = "sum(failures)",
	[HISTORY_SORT_LAST] = "max(bucket)",
	[HISTORY_SORT_COST] = "sum(cost)",
};
/* clang-format on */

/* ---- The buckets ---------------------------------------------------------------------------------- */

enum { HOUR_S = 3600, DAY_S = 86400 };

struct buckets {
	int64_t since_s;
	int64_t until_s;
	int64_t seconds; /* how wide each is */
	int64_t first_s; /* where the first begins: a multiple of that */
};

static int64_t floor_to(int64_t number, int64_t unit)
{
	return (number / unit - (number % unit < 0)) * unit;
}

/* Where the time asked for has no beginning or no end, that of the hours that have any. */
static int find_time(struct history *history, struct buckets *buckets, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	struct query *query = NULL;
	int status = query_prepare(history->db, "SELECT min(hour), max(hour) FROM usage_hours",
				   &query, err);
	if (!status)
		status = query_step(query, err);
	if (status == 1 && filters->since_us == INT64_MIN)
		history->first_hour = query_int(query, 0);
	if (status == 1 && filters->until_us == INT64_MAX)
		history->last_hour = query_int(query, 1);
	query_free(query);
	buckets->since_s = history->first_hour * HOUR_S;
	buckets->until_s = (history->last_hour + 1) * HOUR_S;
	return status < 0 ? status : 0;
}

/* The least width of those that people count in; of one bucket, all there is. */
static int64_t width_of(const struct buckets *buckets, int64_t points)
{
	static const int64_t widths[] = {60,          120,        300,        600,
					 900,         1800,       HOUR_S,     2 * HOUR_S,
					 3 * HOUR_S,  4 * HOUR_S, 6 * HOUR_S, 8 * HOUR_S,
					 12 * HOUR_S, DAY_S,      2 * DAY_S};
	const int64_t span = buckets->until_s - buckets->since_s;
	if (points == 1)
		return span > HOUR_S ? span : HOUR_S;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (span / points < widths[i] || (span / points == widths[i] && span % points == 0))
			return widths[i];
	return floor_to(span / points, 7 * (int64_t)DAY_S) + 7 * DAY_S;
}

/* 1: the events of these hours are all there, and not too many to be looked at. */
static int has_events(struct history *history, struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(
		history->db,
		"SELECT q.n <= :max AND q.n = (SELECT count(*) FROM events e WHERE q.n <= :max AND"
		" e.event_timestamp_us BETWEEN :low * 3600000000 AND (:high + 1) * 3600000000 - 1)"
		" FROM (SELECT coalesce(sum(h.events), 0) AS n FROM usage_hours h"
		" WHERE h.hour BETWEEN :low AND :high) q",
		&query, err);
	if (status)
		return status;
	query_bind_int(query, ":max", EVENTS_MAX);
	query_bind_int(query, ":low", history->first_hour);
	query_bind_int(query, ":high", history->last_hour);
	status = query_step(query, err);
	if (status == 1)
		status = query_int(query, 0) != 0;
	query_free(query);
	return status;
}

/* ---- Opening -------------------------------------------------------------------------------------- */

static const char *key_of(enum history_kind kind, bool from_events)
{
	switch ((int)kind) {
	case HISTORY_SERIES_BY_USE_CASE:
		return from_events ? "coalesce(i.use_case_name, 0)" : "h.use_case_name";
	case HISTORY_SERIES_BY_RESOURCE:
		return from_events ? "coalesce(e.resource, 0)" : "h.resource";
	case HISTORY_SERIES_BY_CATEGORY:
		return from_events ? "e.category" : "h.category";
	default:
		return "0";
	}
}

static void add_rollups(struct buf *sql, struct history *history)
{
	const char *key = key_of(history->kind, false);
	buf_addf(sql, rollup_sums, key);
	history_filter_hours(sql, &history->filters);
	buf_addf(sql, rollup_units, key);
	history_filter_hours(sql, &history->filters);
	buf_add_str(sql, rollup_costs);
}

static void add_events(struct buf *sql, struct history *history)
{
	buf_addf(sql, event_hits, key_of(history->kind, true));
	history_filter_events(sql, &history->filters, &history->ids);
	buf_add_str(sql, event_sums);
}

static void add_percentiles(struct buf *sql, struct history *history, bool from_events)
{
	if (from_events) {
		buf_add_str(sql, event_percentiles);
		return;
	}
	buf_addf(sql, rollup_percentiles, key_of(history->kind, false));
	history_filter_hours(sql, &history->filters);
}

static int prepare(struct history *history, bool from_events, struct err *err)
{
	const char *measure = measures[history->filters.sort];
	struct buf sql = BUF_INIT;
	if (from_events)
		add_events(&sql, history);
	else
		add_rollups(&sql, history);
	buf_addf(&sql, shown, measure);
	add_percentiles(&sql, history, from_events);
	buf_add_str(&sql, times);
	if (history->kind != HISTORY_SERIES)
		buf_add_str(&sql, named);
	buf_addf(&sql, rows, measure);
	return history_prepare(history, &sql, &history->page, err);
}

static void bind(struct history *history, const struct buckets *buckets, bool from_events)
{
	const int64_t low = history->first_hour;
	const int64_t high = history->last_hour;
	query_bind_int(history->page, ":low", from_events ? low * HISTORY_HOUR_US : low);
	query_bind_int(history->page, ":high",
		       from_events ? (high + 1) * HISTORY_HOUR_US - 1 : high);
	query_bind_int(history->page, ":seconds", buckets->seconds);
	query_bind_int(history->page, ":hours", buckets->seconds / HOUR_S);
	query_bind_int(history->page, ":first_s", buckets->first_s);
	query_bind_int(history->page, ":first",
		       from_events ? buckets->first_s : buckets->first_s / HOUR_S);
	query_bind_int(history->page, ":top", history->filters.top ? history->filters.top : TOP);
}

static int open_series(struct history *history, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	struct buckets buckets = {0};
	int from_events = filters->use_case_id || filters->user_id;
	int status = find_time(history, &buckets, err);
	if (status)
		return status;
	buckets.seconds = width_of(&buckets, filters->points ? filters->points : POINTS);
	if (!from_events && buckets.seconds < HOUR_S)
		from_events = has_events(history, err);
	if (from_events < 0)
		return from_events;
	if (!from_events && buckets.seconds < HOUR_S)
		buckets.seconds = HOUR_S;
	buckets.first_s =
		filters->points == 1 ? buckets.since_s : floor_to(buckets.since_s, buckets.seconds);
	status = prepare(history, from_events, err);
	if (!status)
		bind(history, &buckets, from_events);
	return status;
}

enum {
	N_OF_ALL = sizeof(columns_of_all) / sizeof(columns_of_all[0]),
	N_KEYED = sizeof(columns_of_use_cases) / sizeof(columns_of_use_cases[0]),
	KNOWS = (HISTORY_KNOWS_EVENTS & ~HISTORY_KNOWS_ORDER) | HISTORY_KNOWS_SORT |
		HISTORY_KNOWS_SORT_COST
};

const struct history_table history_series = {columns_of_all, N_OF_ALL, KNOWS, open_series,
					     history_read_once};
const struct history_table history_series_by_use_case = {columns_of_use_cases, N_KEYED, KNOWS,
							 open_series, history_read_once};
const struct history_table history_series_by_resource = {columns_of_resources, N_KEYED, KNOWS,
							 open_series, history_read_once};
const struct history_table history_series_by_category = {columns_of_categories, N_KEYED, KNOWS,
							 open_series, history_read_once};
