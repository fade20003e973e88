/*
 * Usage by user or step, over the time asked for: from the events, since no rollup knows both; so percentiles are exact. From
 * their packs (agent/store/pack.h), but where an index finds the few that are asked for sooner, or an earlier agent has stored
 * some of them.
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
static const char packed[] =
	"WITH part AS MATERIALIZED (SELECT * FROM usage_parts('%s', :low, :high, :user_id, :use_case_name, :category, :resource)),"
	" cost AS MATERIALIZED (SELECT v.part, v.use_case_name, v.category, v.resource, "
	HISTORY_COST("v.input_units", "v.output_units") " AS cost FROM part v CROSS JOIN prices p ON p.id = "
	HISTORY_PRICE("v.category", "v.resource", "v.unit_type", "v.day") " WHERE v.unit_type > 0 AND " HISTORY_ANY_PRICE
	" GROUP BY 1, 2, 3, 4)"
	" SELECT p.text, u.text, c.text, r.text, q.events, q.failures, q.input_units, q.output_units,"
	" q.latency_sum_ms * 1.0 / nullif(q.latency_count, 0), q.latency_max_ms,"
	" q.latency_p50_ms, q.latency_p95_ms, q.latency_p99_ms, k.cost"
	" FROM part q LEFT JOIN cost k USING (part, use_case_name, category, resource)"
	" LEFT JOIN names p ON p.id = q.part LEFT JOIN names u ON u.id = q.use_case_name"
	" LEFT JOIN names c ON c.id = q.category LEFT JOIN names r ON r.id = q.resource"
	" WHERE q.unit_type = 0"
	" ORDER BY q.input_units + q.output_units %s, p.text, u.text, c.text, r.text LIMIT :limit";

/* The events that an index finds, when they are few: of a user or a use case, or, of all, those of an earlier agent. */
static const char few_of_user[] =
	"SELECT count(*) < :few FROM (SELECT 1 FROM events e WHERE e.user_id = :user_id"
	" AND e.event_timestamp_us BETWEEN :low AND :high LIMIT :few)";
static const char few_of_use_case[] =
	"SELECT coalesce((SELECT t.events < :few FROM use_case_totals t WHERE t.use_case_name = :use_case_name), 1)";
static const char any_unpacked[] =
	"SELECT (SELECT min(id) FROM events) < a.packed_from AND EXISTS (SELECT 1 FROM events e"
	" WHERE e.event_timestamp_us BETWEEN :low AND :high AND e.id < a.packed_from) OR EXISTS (SELECT 1 FROM events e"
	" WHERE e.event_timestamp_us BETWEEN :low AND min(:high, a.packed_from_hour * 3600000000 - 1)) FROM agent_state a";
/* clang-format on */

enum { FEW = 2000, FEW_OF_USE_CASE = 50000 };

static void bind_time(struct query *query, const struct history_filters *filters)
{
	query_bind_int(query, ":low", filters->since_us);
	query_bind_int(query, ":high", filters->until_us - 1);
}

static int ask_whether(struct history *history, const char *sql, int few, bool *answer,
		       struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(history->db, sql, &query, err);
	if (status)
		return status;
	history_filter_bind(query, &history->filters, &history->ids);
	bind_time(query, &history->filters);
	query_bind_int(query, ":few", few);
	status = query_step(query, err);
	*answer = status == 1 && query_int(query, 0) != 0;
	query_free(query);
	return status < 0 ? status : 0;
}

static bool has_time(const struct history_filters *filters)
{
	return filters->since_us != INT64_MIN || filters->until_us != INT64_MAX;
}

static int choose(struct history *history, bool *from_packs, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	bool no = filters->use_case_id != NULL;
	int status = 0;
	if (!no && filters->user_id)
		status = ask_whether(history, few_of_user, FEW, &no, err);
	if (!status && !no && filters->use_case_name && !has_time(filters))
		status = ask_whether(history, few_of_use_case, FEW_OF_USE_CASE, &no, err);
	if (!status && !no)
		status = ask_whether(history, any_unpacked, 0, &no, err);
	*from_packs = !no;
	return status;
}

/* Of the two indexes that may help, that of the times where a time is asked for. */
static void add_time_or_name(struct buf *sql, const struct history_filters *filters)
{
	if (has_time(filters))
		buf_add_str(sql, " AND e.event_timestamp_us BETWEEN :low AND :high");
	else if (filters->use_case_name)
		buf_add_str(sql, " AND e.instance IN (SELECT f.id FROM use_case_instances f"
				 " WHERE f.use_case_name = :use_case_name)");
}

static void add_events(struct buf *sql, const struct history *history, const char *part)
{
	buf_addf(sql, events, part);
	add_time_or_name(sql, &history->filters);
	history_filter_events(sql, &history->filters, &history->ids);
	buf_addf(sql, per_day, part);
	add_time_or_name(sql, &history->filters);
	history_filter_events(sql, &history->filters, &history->ids);
	buf_addf(sql, sums, history_direction(history));
}

static int open_sums(struct history *history, struct err *err)
{
	const bool users = history->kind == HISTORY_USAGE_BY_USER;
	struct buf sql = BUF_INIT;
	bool from_packs = false;
	int status = choose(history, &from_packs, err);
	if (status)
		return status;
	if (from_packs)
		buf_addf(&sql, packed, users ? "user" : "step", history_direction(history));
	else
		add_events(&sql, history, users ? "user_id" : "use_case_step");
	status = history_prepare(history, &sql, &history->page, err);
	if (!status)
		bind_time(history->page, &history->filters);
	return status;
}

enum { N_COLUMNS = sizeof(columns_by_user) / sizeof(columns_by_user[0]) };

const struct history_table history_usage_by_user = {
	columns_by_user, N_COLUMNS, HISTORY_KNOWS_EVENTS, open_sums, history_read_once};
const struct history_table history_usage_by_step = {
	columns_by_step, N_COLUMNS, HISTORY_KNOWS_EVENTS, open_sums, history_read_once};
