#include "history/pulse.h"

#include "history/history_parts.h"

#include <stdio.h>

/* clang-format off */
#define SUMS \
	" sum(h.events), sum(h.failures), sum(h.input_units), sum(h.output_units), sum(h.latency_count), sum(h.latency_sum_ms)"

/* What it costs by the prices of its days: first by day and not by hour, for prices are. */
#define COST_BY(key) \
	"WITH unit AS (SELECT v.use_case_name, v.category, v.resource, v.unit_type, v.hour / 24 AS day, sum(v.input) AS input," \
	" sum(v.output) AS output FROM usage_hour_units v WHERE v.hour >= :hour AND " HISTORY_ANY_PRICE \
	" GROUP BY 1, 2, 3, 4, 5)," \
	" cost AS MATERIALIZED (SELECT " key ", " HISTORY_COST("v.input", "v.output") " AS cost FROM unit v CROSS JOIN prices p" \
	" ON p.id = " HISTORY_PRICE("v.category", "v.resource", "v.unit_type", "v.day") " GROUP BY " key ")"

static const char *const queries[] = {
	[PULSE_USE_CASES] =
	COST_BY("v.use_case_name")
	" SELECT h.use_case_name, 0, u.text, NULL," SUMS ","
	" (SELECT t.last_us FROM use_case_totals t WHERE t.use_case_name = h.use_case_name),"
	" (SELECT k.cost FROM cost k WHERE k.use_case_name = h.use_case_name)"
	" FROM usage_hours h LEFT JOIN names u ON u.id = h.use_case_name WHERE h.hour >= :hour"
	" GROUP BY h.use_case_name ORDER BY 5 DESC, 1 LIMIT :limit",
	[PULSE_RESOURCES] =
	COST_BY("v.category, v.resource")
	" SELECT h.category, h.resource, c.text, r.text," SUMS ", 0,"
	" (SELECT k.cost FROM cost k WHERE k.category = h.category AND k.resource = h.resource)"
	" FROM usage_hours h LEFT JOIN names c ON c.id = h.category LEFT JOIN names r ON r.id = h.resource"
	" WHERE h.hour >= :hour GROUP BY h.category, h.resource ORDER BY 5 DESC, 1, 2 LIMIT :limit",
};

static const char instances[] =
	"WITH page AS MATERIALIZED (SELECT t.instance AS id FROM instance_totals t WHERE t.last_us >= :hour * 3600000000"
	" ORDER BY %s, t.last_us DESC LIMIT :limit)"
	" SELECT t.instance, 0, u.text, i.use_case_id, t.events, t.failures, t.input_units, t.output_units,"
	" t.latency_count, t.latency_sum_ms, t.last_us, " HISTORY_INSTANCE_COST("v.instance = t.instance")
	" FROM page p CROSS JOIN instance_totals t ON t.instance = p.id CROSS JOIN use_case_instances i ON i.id = p.id"
	" CROSS JOIN names u ON u.id = i.use_case_name";

static const char *const orders[] = {
	[PULSE_LAST_SEEN] = "t.last_us DESC",
	[PULSE_MOST_EVENTS] = "t.events DESC",
	[PULSE_MOST_UNITS] = "t.input_units + t.output_units DESC",
	[PULSE_MOST_COST] = HISTORY_INSTANCE_COST("v.instance = t.instance") " DESC",
	[PULSE_MOST_FAILURES] = "t.failures DESC",
	[PULSE_MOST_LATENCY] = "t.latency_sum_ms * 1.0 / nullif(t.latency_count, 0) DESC",
	[PULSE_BY_NAME] = ("(SELECT u.text FROM names u WHERE u.id = t.use_case_name),"
			   " (SELECT i.use_case_id FROM use_case_instances i WHERE i.id = t.instance)"),
};
/* clang-format on */

static void copy_text(const struct query *query, int column, char text[PULSE_TEXT_BYTES])
{
	const char *from = query_text(query, column);
	snprintf(text, PULSE_TEXT_BYTES, "%s", from ? from : "");
}

static void read_row(const struct query *query, struct pulse_row *row)
{
	*row = (struct pulse_row){
		.key = {query_int(query, 0), query_int(query, 1)},
		.events = query_int(query, 4),
		.failures = query_int(query, 5),
		.input = query_int(query, 6),
		.output = query_int(query, 7),
		.latency_count = query_int(query, 8),
		.latency_sum_ms = query_int(query, 9),
		.last_us = query_int(query, 10),
		.cost_picousd = query_type(query, 11) == QUERY_NULL ? -1 : query_int(query, 11),
	};
	copy_text(query, 2, row->name);
	copy_text(query, 3, row->detail);
}

static int prepare(struct query_db *db, enum pulse_part part, enum pulse_first first,
		   struct query **query, struct err *err)
{
	struct buf sql = BUF_INIT;
	if (part == PULSE_INSTANCES)
		buf_addf(&sql, instances, orders[first]);
	const int status =
		sql.failed ? err_set(err, ERR_MEMORY, "out of memory")
			   : query_prepare(db,
					   part == PULSE_INSTANCES ? buf_text(&sql) : queries[part],
					   query, err);
	buf_release(&sql);
	return status;
}

int pulse_read(struct query_db *db, enum pulse_part part, enum pulse_first first, int64_t since_us,
	       struct pulse_row *rows, struct err *err)
{
	struct query *query = NULL;
	int n = 0;
	int status = prepare(db, part, first, &query, err);
	if (status)
		return status;
	query_bind_int(query, ":hour", since_us / HISTORY_HOUR_US);
	query_bind_int(query, ":limit", PULSE_ROWS_MAX);
	while (n < PULSE_ROWS_MAX && (status = query_step(query, err)) == 1)
		read_row(query, &rows[n++]);
	query_free(query);
	return status < 0 ? status : n;
}

/* The first event of this id or behind it: 1, and when it was stored; 0: there is none. */
static int look_up(struct query *query, int64_t *id, int64_t *stored_us, struct err *err)
{
	query_bind_int(query, ":id", *id);
	const int status = query_step(query, err);
	if (status == 1) {
		*id = query_int(query, 0);
		*stored_us = query_int(query, 1);
	}
	query_reset(query);
	return status;
}

/* Ids ascend with the time of storing, but for a clock that was set back. */
int pulse_stored_since(struct query_db *db, int64_t since_us, int64_t *events, struct err *err)
{
	struct query *query = NULL;
	int64_t stored_us = 0;
	int64_t low = 1; /* the first that is new lies between the two */
	int64_t high = 0;
	int status = query_prepare(db, "SELECT last_event_id, 0 FROM agent_state", &query, err);
	if (status)
		return status;
	status = look_up(query, &high, &stored_us, err);
	query_free(query);
	if (status < 0)
		return status;
	const int64_t last = high++;
	status = query_prepare(
		db, "SELECT id, stored_us FROM events WHERE id >= :id ORDER BY id LIMIT 1", &query,
		err);
	while (status >= 0 && low < high) {
		const int64_t middle = low + (high - low) / 2;
		int64_t id = middle;
		status = look_up(query, &id, &stored_us, err);
		if (status == 0 || (status == 1 && stored_us >= since_us))
			high = middle;
		else if (status == 1)
			low = id + 1;
	}
	query_free(query);
	*events = last - low + 1;
	return status < 0 ? status : 0;
}
