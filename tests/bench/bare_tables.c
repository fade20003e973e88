#include "bench/bare_tables.h"

#include "store/latency.h"

#include <stddef.h>

/* clang-format off */
#define OF_THESE      " FROM events e WHERE e.id BETWEEN ?1 AND ?2"
#define OF_INSTANCES  " FROM events e JOIN use_case_instances i ON i.id = e.instance WHERE e.id BETWEEN ?1 AND ?2"
#define OF_ALL        " FROM events e LEFT JOIN use_case_instances i ON i.id = e.instance WHERE e.id BETWEEN ?1 AND ?2"
#define OF_UNITS      " FROM events e, json_each(e.units) j JOIN names n ON n.text = j.key" \
                      " LEFT JOIN use_case_instances i ON i.id = e.instance WHERE e.id BETWEEN ?1 AND ?2"
#define FAILED        "sum(coalesce(e.http_status_code >= 400 OR e.http_status_code = 299, 0))"
#define SUMS          "count(*), " FAILED ", sum(e.input_units), sum(e.output_units)"
#define SPAN          "min(e.event_timestamp_us), max(e.event_timestamp_us)"
#define LATENCY       "count(e.end_to_end_latency_ms), sum(coalesce(e.end_to_end_latency_ms, 0))," \
                      " max(coalesce(e.end_to_end_latency_ms, 0))"
#define UNITS         "count(*), sum(coalesce(j.value ->> '$.input', 0)), sum(coalesce(j.value ->> '$.output', 0))"
#define HOUR          "e.event_timestamp_us / 3600000000"
#define DAY           "e.event_timestamp_us / 86400000000"
#define HOUR_KEY      HOUR ", coalesce(i.use_case_name, 0), e.category, coalesce(e.resource, 0)"

const struct bare_table bare_tables[BARE_TABLES] = {
	{"events", 0, "SELECT *" OF_THESE " ORDER BY id"},
	{"use_case_instances", 0, "SELECT * FROM use_case_instances i WHERE i.id IN (SELECT e.instance" OF_THESE ")"
		" AND NOT EXISTS (SELECT 1 FROM events o WHERE o.instance = i.id AND o.id < ?1) ORDER BY i.id"},
	{"use_case_totals", 1, "SELECT i.use_case_name, " SUMS ", " SPAN OF_INSTANCES " GROUP BY 1"},
	{"instance_totals", 1, "SELECT e.instance, " SUMS ", " LATENCY ", " SPAN ", i.use_case_name" OF_INSTANCES " GROUP BY 1"},
	{"instance_usage", 5, "SELECT e.instance, " DAY ", e.category, coalesce(e.resource, 0), n.id, " UNITS OF_UNITS
		" AND e.instance IS NOT NULL GROUP BY 1, 2, 3, 4, 5"},
	{"user_usage", 6, "SELECT i.use_case_name, e.user_id, " DAY ", e.category, coalesce(e.resource, 0), n.id, " UNITS OF_UNITS
		" AND e.instance IS NOT NULL AND e.user_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6"},
	{"instance_steps", 2, "SELECT e.instance, e.use_case_step, " SPAN ", " SUMS OF_INSTANCES " AND e.use_case_step IS NOT NULL GROUP BY 1, 2"},
	{"instance_users", 2, "SELECT e.instance, e.user_id, " SPAN ", " SUMS OF_INSTANCES " AND e.user_id IS NOT NULL GROUP BY 1, 2"},
	{"instance_versions", 2, "SELECT e.instance, e.use_case_version, " SPAN ", count(*)" OF_INSTANCES " AND e.use_case_version IS NOT NULL GROUP BY 1, 2"},
	{"instance_latencies", 2, "SELECT e.instance, latency_bucket(e.end_to_end_latency_ms), count(*)" OF_INSTANCES
		" AND e.end_to_end_latency_ms IS NOT NULL GROUP BY 1, 2"},
	{"usage_hours", 4, "SELECT " HOUR_KEY ", " SUMS ", " LATENCY OF_ALL " GROUP BY 1, 2, 3, 4"},
	{"usage_hour_units", 5, "SELECT " HOUR_KEY ", n.id, " UNITS OF_UNITS " GROUP BY 1, 2, 3, 4, 5"},
	{"usage_hour_latencies", 5, "SELECT " HOUR_KEY ", latency_bucket(e.end_to_end_latency_ms), count(*)" OF_ALL
		" AND e.end_to_end_latency_ms IS NOT NULL GROUP BY 1, 2, 3, 4, 5"},
};
/* clang-format on */

static void bucket(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	sqlite3_result_int64(context, latency_bucket(sqlite3_value_int64(values[0])));
}

int bare_functions(sqlite3 *db)
{
	return sqlite3_create_function(db, "latency_bucket", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
				       NULL, bucket, NULL, NULL);
}
