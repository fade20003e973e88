/*
 * The store from inside: what store.c and the store_….c share.
 */
#ifndef PAYI_STORE_STORE_PARTS_H
#define PAYI_STORE_STORE_PARTS_H

#include "store/ids.h"
#include "store/packs.h"
#include "store/rollups.h"
#include "store/rows.h"
#include "store/store.h"

#include <sqlite3.h>

enum { STORE_PAGE_BYTES = 8192 }; /* migrate.c sets it */

/*
 * STORE_STATEMENTS(X) calls X(name, sql) once per statement that the store keeps prepared, beside those of
 * ids.c and rows.c.
 */
/* clang-format off */
#define STORE_STATEMENTS(X) \
	X(BEGIN,    "BEGIN IMMEDIATE") \
	X(COMMIT,   "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	X(STATE,    "UPDATE agent_state SET last_event_id = ?1, epoch = ?2 + 1 WHERE epoch = ?2") \
	\
	X(RING_FIND,   "SELECT id, state = 'aside' FROM rings WHERE ring_id = ?1") \
	X(RING_ADD,    "INSERT INTO rings (ring_id, app_name, pid, uid, created_us, seen_us, state)" \
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open')") \
	X(RING_BUSY,   "UPDATE rings SET dropped_busy = ?2 WHERE id = ?1") \
	X(RING_END,    "UPDATE rings SET state = ?2, reason = ?3, closed_us = ?4 WHERE id = ?1") \
	X(LANES_FIND,  "SELECT lane, position, sequence, rejected, notices, attempted, refused," \
		       " dropped_full, dropped_too_big FROM lanes WHERE ring = ?1") \
	X(LANE_PUT,    "INSERT OR REPLACE INTO lanes (ring, lane, position, sequence, rejected, notices," \
		       " attempted, refused, dropped_full, dropped_too_big)" \
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)") \
	X(REJECTED_PUT, \
		       "INSERT INTO rejected_records (ring, lane, sequence, rejected_us, reason, record_bytes," \
		       " record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") \
	X(REJECTED_CUT, "DELETE FROM rejected_records WHERE id <= ?1") \
	\
	X(DEFINITION_SEEN, \
		       "UPDATE use_case_definitions SET defined_us = max(defined_us, ?3)" \
		       " WHERE use_case_name = ?1 AND description = ?2") \
	X(DEFINITION_PUT, \
		       "INSERT INTO use_case_definitions (use_case_name, description, defined_us)" \
		       " VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET description = excluded.description," \
		       " defined_us = excluded.defined_us, state = 'waiting', attempts = 0, retry_us = 0," \
		       " http_status = NULL, code = NULL, message = NULL, settled_us = NULL" \
		       " WHERE description <> excluded.description" \
		       " AND (excluded.defined_us, excluded.description) > (defined_us, description)") \
	X(DEFINITION_SETTLE, \
		       "UPDATE use_case_definitions SET state = ?3, settled_us = ?4, attempts = attempts + ?5," \
		       " retry_us = ?6, http_status = ?7, code = ?8, message = ?9" \
		       " WHERE use_case_name = ?1 AND description = ?2 AND state = 'waiting'") \
	X(HANDLE_SETTLE, \
		       "UPDATE use_case_handles SET given_id = ?2, state = ?3, given_us = ?4," \
		       " attempts = attempts + ?5, retry_us = ?6, http_status = ?7, code = ?8, message = ?9" \
		       " WHERE instance = ?1 AND state = 'waiting'") \
	X(HANDLE_OF_EVENT, \
		       "SELECT h.state, h.http_status, h.code, h.message FROM events e" \
		       " JOIN use_case_handles h ON h.instance = e.instance WHERE e.id = ?1") \
	X(HELD_END, \
		       "UPDATE sink_exceptions SET state = ?2, retry_us = ?3, http_status = ?4, code = ?5," \
		       " message = ?6, last_us = ?7 WHERE state = 'held' AND sink IN (SELECT name FROM sinks)" \
		       " AND event IN (SELECT id FROM events WHERE instance = ?1)") \
	\
	X(SINK_ADD,    "INSERT INTO sinks (name, position) VALUES (?1, 0) ON CONFLICT DO NOTHING") \
	X(SINK_FIND,   "SELECT position FROM sinks WHERE name = ?1") \
	X(SINK_MOVE,   "UPDATE sinks SET position = ?2, delivered = delivered + ?3 WHERE name = ?1") \
	X(SINK_REPORT, \
		       "UPDATE sinks SET state = coalesce(?2, state), last_error = coalesce(?3, last_error)," \
		       " last_error_us = coalesce(?4, last_error_us)," \
		       " last_success_us = coalesce(?5, last_success_us), next_try_us = ?6 WHERE name = ?1") \
	X(SETTLED_WITHIN, \
		       "DELETE FROM sink_settled WHERE sink = ?1 AND after_id >= ?2 AND last_id <= ?3") \
	X(SETTLED_PUT, "INSERT INTO sink_settled (sink, after_id, last_id) VALUES (?1, ?2, ?3)") \
	X(SETTLED_NEXT, \
		       "SELECT max(last_id) FROM sink_settled WHERE sink = ?1 AND after_id <= ?2") \
	X(EVENT_IS,    "SELECT 1 FROM events WHERE id = ?1") \
	X(SETTLED_AMONG, \
		       "SELECT coalesce(sum(min(last_id, ?3) - max(after_id, ?2)), 0) FROM sink_settled" \
		       " WHERE sink = ?1 AND last_id > ?2 AND after_id < ?3") \
	X(DISCARDED_TAKE, \
		       "UPDATE sinks SET discarded = max(0, discarded - ?2) WHERE name = ?1 AND discarded > 0") \
	X(SETTLED_CUT, "DELETE FROM sink_settled WHERE sink = ?1 AND after_id <= ?2") \
	X(EXCEPTION_PUT, \
		       "INSERT INTO sink_exceptions (sink, event, state, attempts, retry_us, http_status, code," \
		       " message, first_us, last_us, instance)" \
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)" \
		       " ON CONFLICT DO UPDATE SET state = excluded.state," \
		       " attempts = attempts + excluded.attempts," \
		       " retry_us = excluded.retry_us, http_status = excluded.http_status," \
		       " code = excluded.code, message = excluded.message, last_us = excluded.last_us," \
		       " instance = excluded.instance") \
	X(WAITING_BEFORE, \
		       "SELECT 1 FROM sink_exceptions WHERE sink = ?1 AND instance = ?2" \
		       " AND state IN ('deferred', 'held') AND event < ?3 LIMIT 1") \
	X(DEFERRED_OF, \
		       "SELECT 1 FROM sink_exceptions WHERE sink = ?1 AND instance = ?2" \
		       " AND state = 'deferred' LIMIT 1") \
	X(BEHIND_RELEASE, \
		       "UPDATE sink_exceptions SET state = 'deferred', retry_us = ?3" \
		       " WHERE sink = ?1 AND event IN (SELECT event FROM sink_exceptions WHERE sink = ?1" \
		       " AND instance = ?2 AND state = 'held' ORDER BY event LIMIT" \
		       " CASE WHEN EXISTS (SELECT 1 FROM sink_exceptions WHERE sink = ?1 AND instance = ?2" \
		       " AND state = 'deferred') THEN 0 ELSE 1000 END)") \
	X(DEAD_RETRY, \
		       "UPDATE sink_exceptions SET state = 'deferred', retry_us = ?3" \
		       " WHERE sink = ?1 AND event = ?2 AND state = 'dead'") \
	X(DEAD_DROP, \
		       "UPDATE sink_exceptions SET state = 'discarded', discarded_us = ?3" \
		       " WHERE sink = ?1 AND event = ?2 AND state = 'dead'") \
	X(HANDLE_AGAIN, \
		       "UPDATE use_case_handles SET state = 'waiting', retry_us = 0 WHERE state = 'refused'" \
		       " AND instance = (SELECT instance FROM events WHERE id = ?1)") \
	X(COST_PUT, \
		       "INSERT OR REPLACE INTO service_costs SELECT id, nullif(?2, -1), nullif(?3, -1), ?4" \
		       " FROM events WHERE id = ?1") \
	X(PRICES_CUT_FILE, "DELETE FROM prices WHERE rank = 0") \
	X(PRICES_CUT, \
		       "DELETE FROM prices WHERE rank = 1 AND category = ?1 AND resource = ?2") \
	X(PRICE_PUT, \
		       "INSERT OR REPLACE INTO prices (category, resource, unit_type, rank, from_day, until_day," \
		       " input, output) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
	X(PRICE_ASK_PUT, \
		       "INSERT INTO price_asks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" \
		       " ON CONFLICT DO UPDATE SET state = excluded.state," \
		       " attempts = CASE excluded.attempts WHEN 0 THEN 0 ELSE attempts + 1 END," \
		       " retry_us = excluded.retry_us, http_status = excluded.http_status," \
		       " code = excluded.code, message = excluded.message") \
	X(EXCEPTION_CUT, \
		       "DELETE FROM sink_exceptions WHERE sink = ?1 AND event = ?2")
/* clang-format on */

enum store_statement {
#define X(name, sql) STORE_##name,
	STORE_STATEMENTS(X)
#undef X
		STORE_N_STATEMENTS
};

struct store {
	char *path;
	bool sync_full;
	sqlite3 *db; /* NULL after a reopening that failed */
	struct ids *names;
	struct ids *instances;
	struct rollups *rollups;
	sqlite3_stmt *statement[STORE_N_STATEMENTS];
	sqlite3_stmt **retain; /* retention_parts.h */
	struct rows *events;
	struct packs *packs;
	int64_t last_id;      /* of an event, the transaction under way included */
	int64_t committed_id; /* without it */
	int64_t epoch;        /* the number of the last transaction that was committed */
	bool within;          /* a transaction: see refuse_stray() */
	bool in_doubt;        /* the last commit failed half-way: only the database knows */
	bool shrunk;          /* the file will be, with the next checkpoint */
	int wal_long;         /* pages from which on a busy store moves them */
	int wal_pages;        /* in the WAL, that a checkpoint would move */
	int wal_starved;      /* so many are too many: wait for readers */
};

/*
 * store_sink.c: takes a sink's *position on over all ranges that were settled ahead and now join it, and forgets these.
 */
int store_absorb(struct store *store, const char *sink, int64_t *position, struct err *err);

/* store_prices.c: what the service answered about the prices of a resource. */
int store_settle_prices(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
			struct err *err);

/* store_event.c: the columns that the fields' table makes. */
int store_event_prepare(struct store *store, struct err *err);

#endif
