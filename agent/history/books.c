#include "history/books.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void copy_text(char to[BOOKS_TEXT_BYTES], const struct query *row, int column)
{
	const char *text = query_text(row, column);
	snprintf(to, BOOKS_TEXT_BYTES, "%s", text ? text : "");
}

/* ---- In total ------------------------------------------------------------------------------------- */

/* One statement, so that all is of one moment. */
static const char totals[] =
	"WITH sums AS (SELECT r.state, l.sequence, l.rejected, l.notices, l.refused, "
	"l.dropped_full, "
	"l.dropped_too_big,"
	" l.attempted - l.sequence - l.refused - l.dropped_full - l.dropped_too_big AS open"
	" FROM lanes l JOIN rings r ON r.id = l.ring)"
	" SELECT a.last_event_id, s.sequence + o.sequence, s.notices + o.notices,"
	" s.rejected + o.rejected, s.refused + o.refused, s.dropped_full + o.dropped_full,"
	" s.dropped_too_big + o.dropped_too_big, s.interrupted + o.interrupted,"
	" s.wrong_lanes + o.wrong_lanes, g.dropped_busy + o.dropped_busy, g.open, g.closed + "
	"o.rings,"
	" g.aside FROM agent_state a, rings_gone o,"
	" (SELECT total(sequence) AS sequence, total(notices) AS notices,"
	" total(rejected) AS rejected, total(refused) AS refused,"
	" total(dropped_full) AS dropped_full, total(dropped_too_big) AS dropped_too_big,"
	" total(CASE WHEN state = 'closed' THEN open END) AS interrupted,"
	" count(CASE WHEN state = 'closed' AND open NOT BETWEEN 0 AND 1 THEN 1 END) AS wrong_lanes"
	" FROM sums) s,"
	" (SELECT total(dropped_busy) AS dropped_busy, count(CASE state WHEN 'open' THEN 1 END) AS "
	"open,"
	" count(CASE state WHEN 'closed' THEN 1 END) AS closed,"
	" count(CASE state WHEN 'aside' THEN 1 END) AS aside FROM rings) g";

int books_read(struct query_db *db, struct books *books, struct err *err)
{
	struct query *row = NULL;
	int status = query_prepare(db, totals, &row, err);
	if (status)
		return status;
	status = query_step(row, err);
	if (status == 1)
		*books = (struct books){
			.stored = query_int(row, 0),
			.records = query_int(row, 1),
			.notices = query_int(row, 2),
			.rejected = query_int(row, 3),
			.refused = query_int(row, 4),
			.dropped_full = query_int(row, 5),
			.dropped_too_big = query_int(row, 6),
			.interrupted = query_int(row, 7),
			.wrong_lanes = query_int(row, 8),
			.dropped_busy = query_int(row, 9),
			.rings_open = query_int(row, 10),
			.rings_closed = query_int(row, 11),
			.rings_aside = query_int(row, 12),
		};
	query_free(row);
	if (status == 0)
		return err_set(err, ERR_STORE, "the database has no state of the agent");
	return status < 0 ? status : 0;
}

const char *books_check(const struct books *books)
{
	if (books->stored != books->records - books->notices - books->rejected)
		return "the events stored are not the records read from the rings less notices and "
		       "rejected ones";
	if (books->wrong_lanes)
		return "counters of closed rings do not add up";
	return NULL;
}

/* ---- Retention ------------------------------------------------------------------------------------ */

int books_each_gone(struct query_db *db, void (*tell)(void *context, const struct books_gone *gone),
		    void *context, struct err *err)
{
	static const char sql[] =
		"SELECT what, reason, n, last_us FROM retention_counts ORDER BY what, reason";
	struct query *row = NULL;
	int status = query_prepare(db, sql, &row, err);
	while (!status && (status = query_step(row, err)) == 1) {
		tell(context, &(struct books_gone){.what = query_text(row, 0),
						   .reason = query_text(row, 1),
						   .n = query_int(row, 2),
						   .last_us = query_int(row, 3)});
		status = 0;
	}
	query_free(row);
	return status;
}

/* ---- Sinks ---------------------------------------------------------------------------------------- */

static const char sink_row[] =
	"SELECT b.stored, b.delivered, b.waiting, b.deferred, b.dead, b.held, k.state, "
	"k.last_error, "
	"k.last_error_us,"
	" k.last_success_us, k.next_try_us, b.discarded,"
	" min(coalesce((SELECT e.stored_us FROM events e WHERE e.id > k.position AND NOT EXISTS"
	"  (SELECT 1 FROM sink_settled t WHERE t.sink = k.name AND e.id > t.after_id AND e.id <= "
	"t.last_id)"
	"  ORDER BY e.id LIMIT 1), 9223372036854775807),"
	" coalesce((SELECT e.stored_us FROM sink_exceptions x JOIN events e ON e.id = x.event"
	"  WHERE x.sink = k.name AND x.state = 'deferred' ORDER BY x.event LIMIT 1), "
	"9223372036854775807),"
	" coalesce((SELECT e.stored_us FROM sink_exceptions x JOIN events e ON e.id = x.event"
	"  WHERE x.sink = k.name AND x.state = 'held' ORDER BY x.event LIMIT 1), "
	"9223372036854775807))"
	" FROM sinks k JOIN sink_books b ON b.sink = k.name WHERE k.name = :sink";

int books_read_sink(struct query_db *db, const char *name, struct books_sink *sink, struct err *err)
{
	struct query *row = NULL;
	int status = query_prepare(db, sink_row, &row, err);
	if (status)
		return status;
	query_bind_text(row, ":sink", name);
	status = query_step(row, err);
	if (status == 1) {
		*sink = (struct books_sink){
			.stored = query_int(row, 0),
			.delivered = query_int(row, 1),
			.waiting = query_int(row, 2),
			.deferred = query_int(row, 3),
			.dead = query_int(row, 4),
			.held = query_int(row, 5),
			.last_error_us = query_int(row, 8),
			.last_success_us = query_int(row, 9),
			.next_try_us = query_int(row, 10),
			.discarded = query_int(row, 11),
			.oldest_us = query_int(row, 12) == INT64_MAX ? 0 : query_int(row, 12),
		};
		snprintf(sink->name, sizeof(sink->name), "%s", name);
		copy_text(sink->state, row, 6);
		copy_text(sink->last_error, row, 7);
	}
	query_free(row);
	return status;
}

const char *books_check_sink(const struct books_sink *sink)
{
	const int64_t left = sink->waiting + sink->deferred + sink->held + sink->dead;
	if (sink->stored != sink->delivered + left + sink->discarded)
		return "the events stored are not those delivered, waiting, deferred, held, dead "
		       "or "
		       "discarded";
	return NULL;
}

/* ---- Rings ---------------------------------------------------------------------------------------- */

static const char ring_lanes[] = "SELECT r.ring_id, r.app_name, r.state, r.reason, r.pid, "
				 "r.dropped_busy, l.lane, l.position, l.sequence,"
				 " l.rejected, l.refused, l.dropped_full, l.dropped_too_big"
				 " FROM rings r LEFT JOIN lanes l ON l.ring = r.id WHERE r.state "
				 "<> 'closed' ORDER BY r.id, l.lane";

static void read_ring(const struct query *row, const void *ring_id, struct books_ring *ring)
{
	*ring = (struct books_ring){.pid = query_int(row, 4), .dropped_busy = query_int(row, 5)};
	memcpy(ring->ring_id, ring_id, BOOKS_ID_BYTES);
	copy_text(ring->app_name, row, 1);
	copy_text(ring->state, row, 2);
	copy_text(ring->reason, row, 3);
}

static void add_lane(const struct query *row, struct books_ring *ring)
{
	const int64_t lane = query_int(row, 6);
	if (query_type(row, 6) == QUERY_NULL || lane < 0 || lane >= BOOKS_LANES_MAX)
		return;
	ring->position[lane] = query_int(row, 7);
	ring->records += query_int(row, 8);
	ring->rejected += query_int(row, 9);
	ring->refused += query_int(row, 10);
	ring->dropped_full += query_int(row, 11);
	ring->dropped_too_big += query_int(row, 12);
}

int books_each_ring(struct query_db *db, int (*tell)(void *context, const struct books_ring *ring),
		    void *context, struct err *err)
{
	struct query *row = NULL;
	struct books_ring ring;
	bool any = false;
	int status = query_prepare(db, ring_lanes, &row, err);
	if (status)
		return status;
	while ((status = query_step(row, err)) == 1) {
		size_t bytes = 0;
		const void *id = query_blob(row, 0, &bytes);
		if (bytes != BOOKS_ID_BYTES)
			continue;
		if (any && memcmp(ring.ring_id, id, bytes) != 0) {
			status = tell(context, &ring);
			any = false;
		}
		if (status < 0)
			break;
		if (!any)
			read_ring(row, id, &ring);
		any = true;
		add_lane(row, &ring);
	}
	query_free(row);
	return status < 0 || !any ? status : tell(context, &ring);
}
