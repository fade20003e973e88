/*
 * What changed: usage from since to until beside that of as long a time before, per use case, category and resource.
 * Whole hours come from the rollups; what lies before the first and behind the last whole hour of either time comes
 * from the events, so that both are equally long to the microsecond. Where the events of such a part are gone by now, the
 * sum of what is left would be a wrong one that looks right: then whole hours are compared, those asked for among them.
 */
#include "history/history_parts.h"

/* clang-format off */
#define BESIDE(name, heading, type, rank) \
	{name,               heading,  type,            rank}, \
	{name "_before",     "BEFORE", type,            rank}, \
	{name "_change_pct", "CHANGE", HISTORY_PERCENT, rank}

static const struct history_column columns[] = {
	{"use_case_name",             "USE CASE", HISTORY_TEXT,    1},
	{"category",                  "CATEGORY", HISTORY_TEXT,    9},
	{"resource",                  "RESOURCE", HISTORY_TEXT,    2},
	{"presence",                  "NEW/GONE",       HISTORY_TEXT,    1},
	BESIDE("events", "EVENTS", HISTORY_INT, 3),
	BESIDE("units", "UNITS", HISTORY_INT, 1),
	BESIDE("failures", "FAILED", HISTORY_INT, 4),
	{"latency_p95_ms",            "P95 MS",   HISTORY_INT,     5},
	{"latency_p95_before_ms",     "BEFORE",   HISTORY_INT,     5},
	{"latency_p95_change_pct",    "CHANGE",   HISTORY_PERCENT, 5},
};

/* The two times, the whole hours in each, and the edges: in a time within one hour, the first edge is all of it. */
#define TIMES \
	"WITH period (now, low, high) AS (VALUES (0, 2 * :since - :until, :since), (1, :since, :until))," \
	" whole (now, first, after) AS (SELECT now, (low + 3599999999) / 3600000000, high / 3600000000 FROM period)," \
	" edge (now, low, high) AS (SELECT now, low, min(first * 3600000000, high) FROM period JOIN whole USING (now)" \
	"  UNION ALL SELECT now, max(first, after) * 3600000000, high FROM period JOIN whole USING (now))"

#define WHOLE_HOURS(table) \
	" FROM whole w CROSS JOIN " table " h ON h.hour >= w.first AND h.hour < w.after WHERE true"

#define EDGES \
	" FROM edge w CROSS JOIN events e ON e.event_timestamp_us >= w.low AND e.event_timestamp_us < w.high" \
	" LEFT JOIN use_case_instances i ON i.id = e.instance WHERE true"

#define KEY_OF_EVENT "coalesce(i.use_case_name, 0), e.category, coalesce(e.resource, 0)"

static const char usage_of_hours[] =
	TIMES ", part (now, name, category, resource, events, units, failures) AS ("
	"SELECT w.now, h.use_case_name, h.category, h.resource, h.events, h.input_units + h.output_units, h.failures"
	WHOLE_HOURS("usage_hours");

static const char usage_of_edges[] =
	" UNION ALL SELECT w.now, " KEY_OF_EVENT ", 1, e.input_units + e.output_units,"
	" coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0)" EDGES;

static const char latencies_of_hours[] =
	"), latency (now, name, category, resource, histogram) AS ("
	"SELECT w.now, h.use_case_name, h.category, h.resource, " HISTORY_HISTOGRAM_OF_HOUR WHOLE_HOURS("usage_hours");

static const char latencies_of_edges[] =
	" UNION ALL SELECT w.now, " KEY_OF_EVENT ", latency_histogram(e.end_to_end_latency_ms, 1)" EDGES;

#define PAIR(name) \
	"sum(CASE WHEN now THEN 0 ELSE " name " END) AS " name "_before, sum(CASE WHEN now THEN " name " ELSE 0 END) AS " name

#define CHANGE(name) \
	"s." name ", s." name "_before, (s." name " - s." name "_before) * 100.0 / nullif(s." name "_before, 0), "

static const char beside[] =
	" GROUP BY 1, 2, 3, 4), usage AS (SELECT name, category, resource, " PAIR("events") ", " PAIR("units") ", " PAIR("failures")
	" FROM part GROUP BY name, category, resource),"
	" slow AS (SELECT name, category, resource,"
	"  latency_percentiles(histogram) FILTER (WHERE NOT now) ->> 1 AS p95_before,"
	"  latency_percentiles(histogram) FILTER (WHERE now) ->> 1 AS p95"
	"  FROM latency GROUP BY name, category, resource)"
	" SELECT u.text, c.text, r.text,"
	" CASE WHEN s.events_before = 0 THEN 'new' WHEN s.events = 0 THEN 'gone' END, "
	CHANGE("events") CHANGE("units") CHANGE("failures")
	"l.p95, l.p95_before, (l.p95 - l.p95_before) * 100.0 / nullif(l.p95_before, 0)"
	" FROM usage s LEFT JOIN slow l USING (name, category, resource)"
	" LEFT JOIN names u ON u.id = s.name LEFT JOIN names c ON c.id = s.category LEFT JOIN names r ON r.id = s.resource"
	" ORDER BY abs(s.units - s.units_before) %s, abs(s.events - s.events_before) %s, u.text, c.text, r.text LIMIT :limit";
/* clang-format on */

/* ---- Parts of hours -------------------------------------------------------------------------------- */

/* 1: all events of the hour that the time lies within are there, or it begins one. */
static int has_events(struct query *query, int64_t time_us, struct err *err)
{
	const int64_t hour = history_hour(time_us);
	if (time_us == hour * HISTORY_HOUR_US)
		return 1;
	query_bind_int(query, ":hour", hour);
	int status = query_step(query, err);
	if (status == 1)
		status = query_int(query, 0) != 0;
	query_reset(query);
	return status;
}

static int settle_period(struct history *history, struct err *err)
{
	struct history_filters *filters = &history->filters;
	const int64_t ends[] = {2 * filters->since_us - filters->until_us, filters->since_us,
				filters->until_us};
	struct query *query = NULL;
	int status = query_prepare(
		history->db,
		"SELECT (SELECT count(*) FROM events e WHERE e.event_timestamp_us BETWEEN"
		" :hour * 3600000000 AND (:hour + 1) * 3600000000 - 1) >="
		" (SELECT coalesce(sum(h.events), 0) FROM usage_hours h WHERE h.hour = :hour)",
		&query, err);
	if (status)
		return status;
	for (int i = 0; i < 3 && status >= 0 && !history->in_whole_hours; i++) {
		status = has_events(query, ends[i], err);
		history->in_whole_hours = status == 0;
	}
	query_free(query);
	if (status < 0)
		return status;
	if (history->in_whole_hours) {
		filters->since_us = history_hour(filters->since_us) * HISTORY_HOUR_US;
		filters->until_us = (history_hour(filters->until_us - 1) + 1) * HISTORY_HOUR_US;
	}
	return 0;
}

static int open_changes(struct history *history, struct err *err)
{
	const struct history_filters *filters = &history->filters;
	const char *direction = history_direction(history);
	struct buf sql = BUF_INIT;
	const int unsettled = settle_period(history, err);
	if (unsettled)
		return unsettled;
	buf_add_str(&sql, usage_of_hours);
	history_filter_hours(&sql, filters);
	buf_add_str(&sql, usage_of_edges);
	history_filter_events(&sql, filters, &history->ids);
	buf_add_str(&sql, latencies_of_hours);
	history_filter_hours(&sql, filters);
	buf_add_str(&sql, latencies_of_edges);
	history_filter_events(&sql, filters, &history->ids);
	buf_addf(&sql, beside, direction, direction);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", filters->since_us);
	query_bind_int(history->page, ":until", filters->until_us);
	return 0;
}

const struct history_table history_usage_changes = {
	columns, sizeof(columns) / sizeof(columns[0]),
	HISTORY_KNOWS_EVENTS & ~(unsigned)(HISTORY_KNOWS_ID | HISTORY_KNOWS_USER), open_changes,
	history_read_once};
