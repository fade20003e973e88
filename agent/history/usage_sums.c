/*
 * Usage by user or step, over the time asked for: from the events, since no rollup knows both; so percentiles are exact.
 */
#include "history/history_parts.h"

/* clang-format off */
#define COLUMNS(part, heading) \
	{part,              heading,    HISTORY_TEXT, 1}, \
	{"use_case_name",   "USE CASE", HISTORY_TEXT, 2}, \
	{"category",        "CATEGORY", HISTORY_TEXT, 9}, \
	{"resource",        "RESOURCE", HISTORY_TEXT, 3}, \
	{"events",          "EVENTS",   HISTORY_INT,  1}, \
	{"failures",        "FAILED",   HISTORY_INT,  4}, \
	{"input_units",     "INPUT",    HISTORY_SUM,  1}, \
	{"output_units",    "OUTPUT",   HISTORY_SUM,  1}, \
	{"latency_mean_ms", "MEAN MS",  HISTORY_REAL, 5}, \
	{"latency_max_ms",  "MAX MS",   HISTORY_INT,  7}, \
	{"latency_p50_ms",  "P50 MS",   HISTORY_INT,  6}, \
	{"latency_p95_ms",  "P95 MS",   HISTORY_INT,  4}, \
	{"latency_p99_ms",  "P99 MS",   HISTORY_INT,  8}, \
	{"estimated_cost_usd", "EST. COST", HISTORY_MONEY, 2}

static const struct history_column columns_by_user[] = {COLUMNS("user_id", "USER")};
static const struct history_column columns_by_step[] = {COLUMNS("use_case_step", "STEP")};

static const char events[] =
	"WITH hit AS (SELECT e.%s AS part, i.use_case_name AS name, e.category, e.resource, count(*) AS events,"
	" sum(coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0)) AS failures,"
	" sum(e.input_units) AS input_units, sum(e.output_units) AS output_units,"
	" avg(e.end_to_end_latency_ms) AS mean, max(e.end_to_end_latency_ms) AS max,"
	" latency_percentiles(e.end_to_end_latency_ms, 1) AS slow"
	" FROM events e LEFT JOIN use_case_instances i ON i.id = e.instance"
	" WHERE true";

/* Units are added up before they are priced: there are far more events than days and types. */
static const char per_day[] =
	" GROUP BY 1, 2, 3, 4), unit AS (SELECT e.%s AS part, i.use_case_name AS name, e.category, e.resource,"
	" e.event_timestamp_us / 86400000000 AS day, j.key AS type,"
	" coalesce(sum(j.value ->> '$.input'), 0) AS input, coalesce(sum(j.value ->> '$.output'), 0) AS output"
	" FROM events e LEFT JOIN use_case_instances i ON i.id = e.instance CROSS JOIN json_each(e.units) j"
	" WHERE " HISTORY_ANY_PRICE;

static const char sums[] =
	" GROUP BY 1, 2, 3, 4, 5, 6), cost AS MATERIALIZED (SELECT v.part, v.name, v.category, v.resource, "
	HISTORY_COST("v.input", "v.output") " AS cost FROM unit v CROSS JOIN names y ON y.text = v.type"
	" CROSS JOIN prices p ON p.id = " HISTORY_PRICE("v.category", "v.resource", "y.id", "v.day")
	" GROUP BY 1, 2, 3, 4)"
	" SELECT p.text, u.text, c.text, r.text, q.events, q.failures, q.input_units, q.output_units,"
	" q.mean, q.max, q.slow ->> 0, q.slow ->> 1, q.slow ->> 2,"
	" (SELECT k.cost FROM cost k WHERE k.part IS q.part AND k.name IS q.name AND k.category IS q.category"
	" AND k.resource IS q.resource)"
	" FROM hit q"
	" LEFT JOIN names p ON p.id = q.part LEFT JOIN names u ON u.id = q.name"
	" LEFT JOIN names c ON c.id = q.category LEFT JOIN names r ON r.id = q.resource"
	" ORDER BY q.input_units + q.output_units %s, p.text, u.text, c.text, r.text LIMIT :limit";
/* clang-format on */

/* Of the two indexes that may help, that of the times where a time is asked for. */
static void add_time_or_name(struct buf *sql, const struct history_filters *filters)
{
	if (filters->since_us != INT64_MIN || filters->until_us != INT64_MAX)
		buf_add_str(sql, " AND e.event_timestamp_us BETWEEN :low AND :high");
	else if (filters->use_case_name)
		buf_add_str(sql, " AND e.instance IN (SELECT f.id FROM use_case_instances f"
				 " WHERE f.use_case_name = :use_case_name)");
}

static int open_sums(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	const char *part = history->kind == HISTORY_USAGE_BY_USER ? "user_id" : "use_case_step";
	buf_addf(&sql, events, part);
	add_time_or_name(&sql, &history->filters);
	history_filter_events(&sql, &history->filters, &history->ids);
	buf_addf(&sql, per_day, part);
	add_time_or_name(&sql, &history->filters);
	history_filter_events(&sql, &history->filters, &history->ids);
	buf_addf(&sql, sums, history_direction(history));
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":low", history->filters.since_us);
	query_bind_int(history->page, ":high", history->filters.until_us - 1);
	return 0;
}

enum { N_COLUMNS = sizeof(columns_by_user) / sizeof(columns_by_user[0]) };

const struct history_table history_usage_by_user = {
	columns_by_user, N_COLUMNS, HISTORY_KNOWS_EVENTS, open_sums, history_read_once};
const struct history_table history_usage_by_step = {
	columns_by_step, N_COLUMNS, HISTORY_KNOWS_EVENTS, open_sums, history_read_once};
