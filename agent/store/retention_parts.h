/*
 * Retention from inside: its statements, which store.c keeps prepared, and its phases, one file per kind of thing
 * that goes.
 */
#ifndef PAYI_STORE_RETENTION_PARTS_H
#define PAYI_STORE_RETENTION_PARTS_H

#include "store/retention.h"
#include "store/store_parts.h"

/* RETAIN_STATEMENTS(X) calls X(name, sql) once per statement. */
/* clang-format off */
#define RETAIN_STATEMENTS(X) \
	X(COUNT, \
		"INSERT INTO retention_counts VALUES (?1, ?2, ?3, ?4)" \
		" ON CONFLICT DO UPDATE SET n = n + excluded.n, last_us = excluded.last_us") \
	\
	X(SETTLED_TO,  "SELECT min(position) FROM sinks") \
	X(EVENT_NEXT,  "SELECT id, stored_us FROM events WHERE id > ?1 ORDER BY id LIMIT 1") \
	X(EVENTS_CUT, \
		"DELETE FROM events WHERE id > ?1 AND id <= ?2 AND stored_us < ?3" \
		" AND NOT EXISTS (SELECT 1 FROM sink_exceptions x WHERE x.sink IN (SELECT name FROM sinks)" \
		" AND x.event = events.id AND x.state <> 'discarded')") \
	X(DISCARDED_COUNT, \
		"UPDATE sinks SET discarded = discarded + (SELECT count(*) FROM sink_exceptions x" \
		" WHERE x.sink = sinks.name AND x.state = 'discarded' AND x.event > ?1 AND x.event <= ?2" \
		" AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = x.event))" \
		" WHERE EXISTS (SELECT 1 FROM sink_exceptions x" \
		" WHERE x.sink = sinks.name AND x.state = 'discarded' AND x.event > ?1 AND x.event <= ?2)") \
	X(COSTS_CUT, \
		"DELETE FROM service_costs WHERE event > ?1 AND event <= ?2" \
		" AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = service_costs.event)") \
	X(DISCARDED_CUT, \
		"DELETE FROM sink_exceptions WHERE sink IN (SELECT name FROM sinks) AND state = 'discarded'" \
		" AND event > ?1 AND event <= ?2" \
		" AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = sink_exceptions.event)") \
	\
	X(BODIES_NEXT_SETTLED, \
		"SELECT id, record FROM events WHERE id > ?1 AND id <= ?2 AND length(record) > ?3" \
		" AND NOT EXISTS (SELECT 1 FROM sink_exceptions x WHERE x.sink IN (SELECT name FROM sinks)" \
		" AND x.event = events.id AND x.state <> 'discarded') ORDER BY id LIMIT 1") \
	X(BODIES_NEXT, \
		"SELECT id, record FROM events WHERE id > ?1 AND id <= ?2 AND length(record) > ?3" \
		" ORDER BY id LIMIT 1") \
	X(RECORD_PUT,  "UPDATE events SET record = ?2 WHERE id = ?1") \
	\
	X(DEAD_NEXT, \
		"SELECT event, last_us FROM sink_exceptions WHERE sink = ?1 AND state = 'dead' AND event > ?2" \
		" ORDER BY event LIMIT 1") \
	X(LAST_SINK,   "SELECT name, position FROM sinks ORDER BY position, name LIMIT 1") \
	X(EXCEPTION_NEXT, \
		"SELECT x.event, coalesce(x.instance, 0), x.state = 'dead', coalesce(e.stored_us, 0)" \
		" FROM sink_exceptions x LEFT JOIN events e ON e.id = x.event" \
		" WHERE x.sink = ?1 AND x.state <> 'discarded' AND x.event > ?2 ORDER BY x.event LIMIT 1") \
	X(EVENT_CUT,   "DELETE FROM events WHERE id = ?1") \
	X(SINK_DISCARD, \
		"UPDATE sinks SET discarded = discarded + ?2, position = max(position, ?3) WHERE name = ?1") \
	X(SETTLED_AHEAD, \
		"SELECT min(after_id) FROM sink_settled WHERE sink = ?1 AND after_id >= ?2") \
	X(YOUNG_NEXT, \
		"SELECT min(id) FROM events WHERE id > ?1 AND id <= ?2 AND stored_us >= ?3") \
	X(RANGE_CUT,   "DELETE FROM events WHERE id > ?1 AND id <= ?2") \
	\
	X(HOUR_NEXT, \
		"SELECT hour, use_case_name, category, resource FROM usage_hours WHERE hour < ?1" \
		" ORDER BY hour LIMIT 1") \
	X(HOUR_UNITS_CUT, \
		"DELETE FROM usage_hour_units" \
		" WHERE hour = ?1 AND use_case_name = ?2 AND category = ?3 AND resource = ?4") \
	X(HOUR_LATENCIES_CUT, \
		"DELETE FROM usage_hour_latencies" \
		" WHERE hour = ?1 AND use_case_name = ?2 AND category = ?3 AND resource = ?4") \
	X(HOUR_PACKS_CUT, \
		"DELETE FROM event_packs WHERE id IN" \
		" (SELECT id FROM event_packs WHERE hour = ?1 ORDER BY block LIMIT 16)") \
	X(HOUR_PACKED_FROM, \
		"UPDATE agent_state SET packed_from_hour = ?1 + 1 WHERE packed_from_hour <= ?1") \
	X(HOUR_CUT, \
		"DELETE FROM usage_hours" \
		" WHERE hour = ?1 AND use_case_name = ?2 AND category = ?3 AND resource = ?4") \
	\
	X(USER_NEXT, \
		"SELECT use_case_name, user_id FROM user_usage WHERE (use_case_name, user_id) > (?1, ?2)" \
		" ORDER BY use_case_name, user_id LIMIT 1") \
	X(USER_CUT, \
		"DELETE FROM user_usage WHERE use_case_name = ?1 AND user_id = ?2 AND day < ?3") \
	X(INSTANCE_NEXT, \
		"SELECT t.instance, t.last_us, i.use_case_name, i.use_case_id, h.given_id," \
		" EXISTS (SELECT 1 FROM events e WHERE e.instance = t.instance) OR coalesce(h.state = 'waiting', 0)" \
		" FROM instance_totals t LEFT JOIN use_case_instances i ON i.id = t.instance" \
		" LEFT JOIN use_case_handles h ON h.instance = t.instance" \
		" WHERE t.last_us < ?1 AND (t.last_us, t.instance) > (?2, ?3) ORDER BY t.last_us, t.instance LIMIT 1") \
	X(INSTANCE_CUT_USAGE,     "DELETE FROM instance_usage WHERE instance = ?1") \
	X(INSTANCE_CUT_STEPS,     "DELETE FROM instance_steps WHERE instance = ?1") \
	X(INSTANCE_CUT_USERS,     "DELETE FROM instance_users WHERE instance = ?1") \
	X(INSTANCE_CUT_VERSIONS,  "DELETE FROM instance_versions WHERE instance = ?1") \
	X(INSTANCE_CUT_LATENCIES, "DELETE FROM instance_latencies WHERE instance = ?1") \
	X(INSTANCE_CUT_HANDLE,    "DELETE FROM use_case_handles WHERE instance = ?1") \
	X(INSTANCE_CUT_TOTALS,    "DELETE FROM instance_totals WHERE instance = ?1") \
	X(INSTANCE_CUT,           "DELETE FROM use_case_instances WHERE id = ?1") \
	\
	X(RINGS_USED_FROM, \
		"SELECT min(coalesce((SELECT stored_us FROM events ORDER BY id LIMIT 1), ?1)," \
		" coalesce((SELECT rejected_us FROM rejected_records ORDER BY id LIMIT 1), ?1), ?1)") \
	X(RING_NEXT, \
		"SELECT id, ring_id FROM rings WHERE state = 'closed' AND id > ?1 AND closed_us < ?2" \
		" ORDER BY id LIMIT 1") \
	X(RING_ADD_UP, \
		"UPDATE rings_gone SET rings = rings + 1, sequence = rings_gone.sequence + s.sequence," \
		" notices = rings_gone.notices + s.notices, rejected = rings_gone.rejected + s.rejected," \
		" refused = rings_gone.refused + s.refused," \
		" dropped_full = rings_gone.dropped_full + s.dropped_full," \
		" dropped_too_big = rings_gone.dropped_too_big + s.dropped_too_big," \
		" dropped_busy = rings_gone.dropped_busy + (SELECT g.dropped_busy FROM rings g WHERE g.id = ?1)," \
		" interrupted = interrupted + s.open, wrong_lanes = wrong_lanes + s.wrong" \
		" FROM (SELECT coalesce(sum(sequence), 0) AS sequence, coalesce(sum(notices), 0) AS notices," \
		" coalesce(sum(rejected), 0) AS rejected, coalesce(sum(refused), 0) AS refused," \
		" coalesce(sum(dropped_full), 0) AS dropped_full," \
		" coalesce(sum(dropped_too_big), 0) AS dropped_too_big, coalesce(sum(open), 0) AS open," \
		" count(CASE WHEN open NOT BETWEEN 0 AND 1 THEN 1 END) AS wrong" \
		" FROM (SELECT *, attempted - sequence - refused - dropped_full - dropped_too_big AS open" \
		" FROM lanes WHERE ring = ?1)) s") \
	X(LANES_CUT,   "DELETE FROM lanes WHERE ring = ?1") \
	X(RING_CUT,    "DELETE FROM rings WHERE id = ?1") \
	\
	X(NAMES_LAST,  "SELECT max(id) FROM names") \
	X(TOTALS_CUT, \
		"DELETE FROM use_case_totals WHERE last_us < ?1" \
		" AND NOT EXISTS (SELECT 1 FROM use_case_instances i" \
		" WHERE i.use_case_name = use_case_totals.use_case_name)" \
		" AND NOT EXISTS (SELECT 1 FROM use_case_definitions d" \
		" WHERE d.use_case_name = use_case_totals.use_case_name)") \
	X(NAMES_OF_EVENTS, \
		"SELECT id, 0, category, resource, use_case_step, user_id, account_name, scope FROM events" \
		" WHERE id > ?1 + 0 * ?2 ORDER BY id LIMIT 64") \
	X(NAMES_OF_INSTANCES, \
		"SELECT id, 0, use_case_name FROM use_case_instances WHERE id > ?1 + 0 * ?2 ORDER BY id LIMIT 256") \
	X(NAMES_OF_STEPS, \
		"SELECT instance, step, step FROM instance_steps WHERE (instance, step) > (?1, ?2)" \
		" ORDER BY instance, step LIMIT 256") \
	X(NAMES_OF_USERS, \
		"SELECT instance, user_id, user_id FROM instance_users WHERE (instance, user_id) > (?1, ?2)" \
		" ORDER BY instance, user_id LIMIT 256") \
	X(NAMES_OF_USAGE, \
		"SELECT instance, 0, category, resource, unit_type FROM instance_usage" \
		" WHERE instance = (SELECT min(instance) FROM instance_usage WHERE instance > ?1 + 0 * ?2)") \
	X(NAMES_OF_USER_USAGE, \
		"SELECT u.use_case_name, u.user_id, u.use_case_name, u.user_id, u.category, u.resource, u.unit_type" \
		" FROM (SELECT use_case_name, user_id FROM user_usage WHERE (use_case_name, user_id) > (?1, ?2)" \
		" ORDER BY use_case_name, user_id LIMIT 1) f" \
		" JOIN user_usage u ON u.use_case_name = f.use_case_name AND u.user_id = f.user_id") \
	X(NAMES_OF_HOURS, \
		"SELECT hour, 0, use_case_name, category, resource FROM usage_hours" \
		" WHERE hour = (SELECT min(hour) FROM usage_hours WHERE hour > ?1 + 0 * ?2)") \
	X(NAMES_OF_UNITS, \
		"SELECT hour, 0, unit_type FROM usage_hour_units" \
		" WHERE hour = (SELECT min(hour) FROM usage_hour_units WHERE hour > ?1 + 0 * ?2)") \
	X(NAMES_OF_TOTALS, \
		"SELECT use_case_name, 0, use_case_name FROM use_case_totals" \
		" WHERE use_case_name > ?1 + 0 * ?2 ORDER BY use_case_name LIMIT 256") \
	X(NAMES_OF_DEFINITIONS, \
		"SELECT use_case_name, 0, use_case_name FROM use_case_definitions" \
		" WHERE use_case_name > ?1 + 0 * ?2 ORDER BY use_case_name LIMIT 256") \
	X(NAMES_OF_PRICES, \
		"SELECT id, 0, category, resource, unit_type FROM prices WHERE id > ?1 + 0 * ?2" \
		" ORDER BY id LIMIT 256") \
	X(NAMES_OF_ASKS, \
		"SELECT category, resource, category, resource FROM price_asks" \
		" WHERE (category, resource) > (?1, ?2) ORDER BY category, resource LIMIT 256") \
	X(NAME_CUT,    "DELETE FROM names WHERE id = ?1") \
	\
	X(PAGES,       "PRAGMA page_count") \
	X(FREE_PAGES,  "PRAGMA freelist_count") \
	X(GIVE_BACK,   "PRAGMA incremental_vacuum(16)")
/* clang-format on */

enum retain_statement {
#define X(name, sql) RETAIN_##name,
	RETAIN_STATEMENTS(X)
#undef X
		RETAIN_N_STATEMENTS
};

/* Prepared and finalized by store.c, with the connection. */
int retain_prepare(struct store *store, struct err *err);
void retain_finalize(struct store *store);

/* ---- Phases ---- */

struct retain {
	struct retention *retention;
	struct store *store;
	int64_t now_us;
	int64_t wall_us;
};

/* What a phase answers: it is over, or there is more to do. Or a negative err_code. */
enum { RETAIN_OVER = 0, RETAIN_MORE = 1 };

/* By age. */
int retain_rings(struct retain *job, struct err *err);
int retain_dead(struct retain *job, struct err *err);
int retain_events(struct retain *job, struct err *err);
int retain_undelivered(struct retain *job, struct err *err);
int retain_hours(struct retain *job, struct err *err);
int retain_user_days(struct retain *job, struct err *err);
int retain_instances(struct retain *job, struct err *err);

/* Under pressure: over at once when there is none. */
int retain_bodies_settled(struct retain *job, struct err *err);
int retain_events_pressed(struct retain *job, struct err *err);
int retain_bodies_all(struct retain *job, struct err *err);
int retain_undelivered_pressed(struct retain *job, struct err *err);

int retain_give_back(struct retain *job, struct err *err);
int retain_names(struct retain *job, struct err *err);

/* ---- What they share ---- */

enum retain_reason { RETAIN_AGE, RETAIN_BYTES, RETAIN_DISK, RETAIN_NO_REASON };

/* What is missing on the file system of path, of what is wanted to be free there; 0 or less: nothing. INT64_MAX: no matter. */
int64_t retain_missing(const struct retention_policy *policy, const char *path,
		       int64_t *wanted_bytes);

/* 0: *reason is why more must go, or RETAIN_NO_REASON. */
int retain_pressure(struct retain *job, enum retain_reason *reason, struct err *err);

/* Adds n of what to the counts; nothing for 0. */
int retain_count(struct retain *job, const char *what, enum retain_reason reason, int64_t n,
		 struct err *err);

/* The first column of the first row of a statement that is bound, and whether there is one that is not null. */
int retain_number(sqlite3_stmt *statement, int64_t *number, bool *found, struct err *err);

static inline sqlite3_stmt *retain_statement(const struct retain *job, enum retain_statement which)
{
	return job->store->retain[which];
}

/* What was stored before this is too old; INT64_MIN where nothing is. */
static inline int64_t retain_cutoff(const struct retain *job, int64_t age_us)
{
	return age_us > 0 ? job->wall_us - age_us : INT64_MIN;
}

#endif
