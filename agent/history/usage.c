/*
 * Usage by hour or day, use case name, category and resource. From the rollups, which outlive the events; where
 * an id or a user is asked for, which no rollup knows, from the events themselves, by the same rules. Read
 * one hour or day at a time, in whole hours.
 */
#include "history/history_parts.h"

/* clang-format off */
#define COLUMNS(name, heading, type) \
	{name,              heading,      type,         1}, \
	{"use_case_name",   "USE CASE",   HISTORY_TEXT, 2}, \
	{"category",        "CATEGORY",   HISTORY_TEXT, 9}, \
	{"resource",        "RESOURCE",   HISTORY_TEXT, 3}, \
	{"events",          "EVENTS",     HISTORY_INT,  1}, \
	{"failures",        "FAILED",     HISTORY_INT,  4}, \
	{"input_units",     "INPUT",      HISTORY_SUM,  1}, \
	{"output_units",    "OUTPUT",     HISTORY_SUM,  1}, \
	{"units",           "UNITS",      HISTORY_JSON, 10}, \
	{"latency_mean_ms", "MEAN MS",    HISTORY_REAL, 5}, \
	{"latency_max_ms",  "MAX MS",     HISTORY_INT,  7}, \
	{"latency_p50_ms",  "P50 MS",     HISTORY_INT,  6}, \
	{"latency_p95_ms",  "P95 MS",     HISTORY_INT,  4}, \
	{"latency_p99_ms",  "P99 MS",     HISTORY_INT,  8}, \
	{"estimated_cost_usd", "EST. COST", HISTORY_MONEY, 2}, \
	{"unpriced_units",  "NO PRICE",   HISTORY_TEXT, HISTORY_RANK_IF_ANY}

static const struct history_column columns_by_hour[] = {COLUMNS("hour", "HOUR", HISTORY_HOUR)};
static const struct history_column columns_by_day[] = {COLUMNS("day", "DAY", HISTORY_DAY)};

#define KEY "use_case_name, category, resource"

/* Of the rows that a "unit AS (…" before it has: a key, a type, and its units. */
#define UNITS_OF_KEY \
	"(SELECT json_group_object(q.type, json_object('input', q.input, 'output', q.output)) FROM" \
	" (SELECT v.* FROM unit v WHERE v.use_case_name = h.use_case_name AND v.category = h.category" \
	"  AND v.resource = h.resource ORDER BY v.type) q)"

/* Likewise what they cost, and which types have no price. */
#define PRICED_OF_KEY(join) \
	" FROM unit v JOIN names y ON y.text = v.type " join " prices p ON p.id = " \
	HISTORY_PRICE("v.category", "v.resource", "y.id", "(:bucket / 86400000000)") \
	" WHERE " HISTORY_ANY_PRICE " AND v.use_case_name = h.use_case_name AND v.category = h.category" \
	" AND v.resource = h.resource"
#define COSTS_OF_KEY \
	", (SELECT " HISTORY_COST("v.input", "v.output") PRICED_OF_KEY("CROSS JOIN") ")," \
	" (SELECT group_concat(q.type, ', ') FROM (SELECT v.type" PRICED_OF_KEY("LEFT JOIN") \
	" AND " HISTORY_HAS_NO_PRICE("v.input", "v.output") " ORDER BY v.type) q)"

static const char rollup_units[] =
	"WITH unit AS MATERIALIZED (SELECT h.use_case_name, h.category, h.resource,"
	" n.text AS type, sum(h.input) AS input, sum(h.output) AS output"
	" FROM usage_hour_units h JOIN names n ON n.id = h.unit_type WHERE h.hour BETWEEN :low AND :high";

/* slow is a text of three numbers, or null. */
#define PERCENTILE_OF_MAX(place) "min(h.slow ->> " place ", h.latency_max_ms)"

static const char rollup_sums[] =
	" GROUP BY 1, 2, 3, 4)"
	" SELECT :bucket, u.text, c.text, r.text, h.events, h.failures, h.input_units, h.output_units, " UNITS_OF_KEY
	", h.latency_sum_ms * 1.0 / nullif(h.latency_count, 0), CASE WHEN h.latency_count > 0 THEN h.latency_max_ms END, "
	PERCENTILE_OF_MAX("0") ", " PERCENTILE_OF_MAX("1") ", " PERCENTILE_OF_MAX("2") COSTS_OF_KEY
	" FROM (SELECT h.use_case_name, h.category, h.resource, sum(h.events) AS events, sum(h.failures) AS failures,"
	" sum(h.input_units) AS input_units, sum(h.output_units) AS output_units, sum(h.latency_count) AS latency_count,"
	" sum(h.latency_sum_ms) AS latency_sum_ms, max(h.latency_max_ms) AS latency_max_ms,"
	" latency_percentiles(" HISTORY_HISTOGRAM_OF_HOUR ") AS slow"
	" FROM usage_hours h WHERE h.hour BETWEEN :low AND :high";

static const char event_hits[] =
	"WITH hit AS MATERIALIZED (SELECT coalesce(i.use_case_name, 0) AS use_case_name, e.category,"
	" coalesce(e.resource, 0) AS resource, e.units, e.input_units, e.output_units,"
	" e.end_to_end_latency_ms AS latency_ms,"
	" coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0) AS failed"
	" FROM events e LEFT JOIN use_case_instances i ON i.id = e.instance"
	" WHERE e.event_timestamp_us BETWEEN :low * 3600000000 AND (:high + 1) * 3600000000 - 1";

static const char event_sums[] =
	"), unit AS MATERIALIZED (SELECT " KEY ", j.key AS type, coalesce(sum(j.value ->> '$.input'), 0) AS input,"
	" coalesce(sum(j.value ->> '$.output'), 0) AS output FROM hit, json_each(hit.units) j GROUP BY 1, 2, 3, 4)"
	" SELECT :bucket, u.text, c.text, r.text, h.events, h.failures, h.input_units, h.output_units, "
	UNITS_OF_KEY ", h.mean, h.max, h.slow ->> 0, h.slow ->> 1, h.slow ->> 2" COSTS_OF_KEY
	" FROM (SELECT " KEY ", count(*) AS events, sum(failed) AS failures, sum(input_units) AS input_units,"
	" sum(output_units) AS output_units, avg(latency_ms) AS mean, max(latency_ms) AS max,"
	" latency_percentiles(latency_ms, 1) AS slow FROM hit";

static const char names_and_order[] =
	" GROUP BY 1, 2, 3) h"
	" LEFT JOIN names u ON u.id = h.use_case_name"
	" LEFT JOIN names c ON c.id = h.category"
	" LEFT JOIN names r ON r.id = h.resource"
	" ORDER BY u.text, c.text, r.text";
/* clang-format on */

static int open_rollups(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, rollup_units);
	history_filter_hours(&sql, &history->filters);
	buf_add_str(&sql, rollup_sums);
	history_filter_hours(&sql, &history->filters);
	buf_add_str(&sql, names_and_order);
	const int status = history_prepare(history, &sql, &history->page, err);
	return status ? status : history_prepare_finder(history, err);
}

static int prepare_event_finder(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(
		&sql,
		"SELECT e.event_timestamp_us / 3600000000 FROM events e WHERE e.event_timestamp_us"
		" BETWEEN :low * 3600000000 AND (:high + 1) * 3600000000 - 1");
	history_filter_events(&sql, &history->filters, &history->ids);
	buf_addf(&sql, " ORDER BY e.event_timestamp_us %s LIMIT 1",
		 history->filters.oldest_first ? "ASC" : "DESC");
	return history_prepare(history, &sql, &history->finder, err);
}

static int64_t bucket_hours(const struct history *history)
{
	return history->kind == HISTORY_USAGE_BY_DAY ? 24 : 1;
}

static int open_usage(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	const struct history_place *after = history->filters.after;
	if (after)
		history_go_on_from(history, after->time, after->time + bucket_hours(history) - 1);
	if (!history->filters.use_case_id && !history->filters.user_id)
		return open_rollups(history, err);
	buf_add_str(&sql, event_hits);
	history_filter_events(&sql, &history->filters, &history->ids);
	buf_add_str(&sql, event_sums);
	buf_add_str(&sql, names_and_order);
	const int status = history_prepare(history, &sql, &history->page, err);
	return status ? status : prepare_event_finder(history, err);
}

/* Takes the hours that belong with this one out of those that are left: itself, or its day. Returns the first. */
static int64_t take_bucket(struct history *history, int64_t hour, int64_t *low, int64_t *high)
{
	const int64_t n = bucket_hours(history);
	const int64_t start = (hour / n - (hour % n < 0)) * n;
	*low = start > history->first_hour ? start : history->first_hour;
	*high = start + n - 1 < history->last_hour ? start + n - 1 : history->last_hour;
	if (history->filters.oldest_first)
		history->first_hour = *high + 1;
	else
		history->last_hour = *low - 1;
	query_bind_int(history->page, ":bucket", start * HISTORY_HOUR_US);
	return start;
}

static int read_bucket(struct history *history, int64_t hour, history_take_fn *take, void *taker,
		       struct err *err)
{
	const struct history_place *after = history->filters.after;
	int64_t low = 0;
	int64_t high = 0;
	int n_seen = 0;
	const int64_t start = take_bucket(history, hour, &low, &high);
	const int64_t n_before = after && after->time == start ? after->row : 0;
	history->n_skip = n_before;
	query_bind_int(history->page, ":low", low);
	query_bind_int(history->page, ":high", high);
	const int n_taken = history_step(history, take, taker, &n_seen, err);
	query_reset(history->page);
	history->n_skip = 0;
	if (n_taken > 0)
		history->place = (struct history_place){start, n_before + n_taken};
	return n_taken;
}

/* A bucket that another reading took whole gives no rows: on to the next. */
static int read_usage(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	int n_taken = 0;
	while (n_taken == 0 && !history->has_more) {
		int64_t hour = 0;
		const int status = history_find_hour(history, &hour, err);
		if (status != 1)
			return status;
		n_taken = read_bucket(history, hour, take, taker, err);
	}
	return n_taken;
}

enum { N_COLUMNS = sizeof(columns_by_hour) / sizeof(columns_by_hour[0]) };

const struct history_table history_usage_by_hour = {columns_by_hour, N_COLUMNS,
						    HISTORY_KNOWS_EVENTS, open_usage, read_usage};
const struct history_table history_usage_by_day = {columns_by_day, N_COLUMNS, HISTORY_KNOWS_EVENTS,
						   open_usage, read_usage};
