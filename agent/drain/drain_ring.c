#include "drain/drain_ring.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	COPY_BYTES = 64 * 1024, /* one pread; larger only for a larger record */
	STRIKES = 2,            /* a torn word looks like nonsense once, a broken ring twice */
	COUNTERS_INTERVAL_US = 1000000, /* drops without events: written once a second */
};

#define COUNT_MAX (UINT64_C(1) << 48) /* a year of 9 million calls a second */

/* ---- Opening -------------------------------------------------------------------------------------- */

/*
 * A lane of which SQLite knows less than the agent's file says is stored: the database was lost, or replaced by
 * an older one. What was given back may be overwritten by now, so we go on behind it.
 */
static void adopt_orphan(struct drain_ring *ring, uint32_t lane)
{
	const uint64_t done = payi_ring_load_own(&ring->slot->done[lane]);
	log_warn("the database does not know a ring of which an agent has stored events; was it "
		 "replaced?",
		 LOG_STR("ring", ring->name), LOG_STR("app", ring->reader.app_name),
		 LOG_INT("lane", lane), LOG_INT("bytes_stored", done),
		 LOG_INT("bytes_known", ring->committed[lane].position), LOG_END);
	ring->unseen_max[lane] =
		(done - ring->committed[lane].position) / payi_ring_record_bytes(1);
	ring->committed[lane].position = ring->pending[lane].position = done;
}

static void adopt_positions(struct drain_ring *ring,
			    const struct store_lane lanes[PAYI_RING_LANES_MAX])
{
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++) {
		ring->committed[i] = ring->pending[i] = lanes[i];
		if (!ring->slot)
			continue;
		if (lanes[i].position < payi_ring_load_own(&ring->slot->done[i]))
			adopt_orphan(ring, i);
		else /* the last agent may have been killed between C4 and C5 */
			payi_ring_release(&ring->slot->done[i], lanes[i].position);
	}
}

int drain_ring_open(struct home *home, const char *name, struct store *store, int64_t now_wall_us,
		    struct drain_ring *ring, struct err *err)
{
	*ring = (struct drain_ring){.home = home};
	snprintf(ring->name, sizeof(ring->name), "%s", name);
	int status = ring_reader_open(home->dir, name, &ring->reader, err);
	if (status)
		return status;
	struct store_ring identity = {.app_name = ring->reader.app_name,
				      .pid = ring->reader.pid,
				      .uid = ring->reader.uid,
				      .created_us = ring->reader.created_us,
				      .n_lanes = ring->reader.n_lanes};
	memcpy(identity.ring_id, ring->reader.ring_id, sizeof(identity.ring_id));
	struct store_lane lanes[PAYI_RING_LANES_MAX] = {0};
	status = store_ring_open(store, &identity, now_wall_us, &ring->key, lanes, err);
	if (status < 0) {
		drain_ring_close(ring);
		return status;
	}
	ring->slot = agent_file_slot(home->agent_file, ring->reader.ring_id);
	if (!ring->slot)
		log_warn("no slot is left for a ring: it is drained, but gets no space back",
			 LOG_STR("ring", name), LOG_INT("slots", PAYI_RING_SLOTS), LOG_END);
	adopt_positions(ring, lanes);
	ring->ended = ring->aside = status == STORE_RING_ASIDE;
	return 0;
}

void drain_ring_close(struct drain_ring *ring)
{
	ring_reader_close(&ring->reader);
}

/* What keeps us from reading a ring now, but is not its fault: the next visit tries again. */
static int wait_for_ring(const struct drain_ring *ring, const struct err *err)
{
	log_warn("cannot read a ring; it is tried again", LOG_STR("ring", ring->name),
		 LOG_STR("app", ring->reader.app_name), LOG_STR("error", err->text), LOG_END);
	return 0;
}

/* ---- Looking -------------------------------------------------------------------------------------- */

/* What the ring says now against what SQLite knows: are the words possible at all? */
static int check_tail(const struct drain_ring *ring, uint32_t lane, struct err *err)
{
	const struct ring_lane *seen = &ring->seen.lane[lane];
	const uint64_t tail = seen->tail;
	const uint64_t position = ring->committed[lane].position;
	if (tail - position > ring->reader.lane_bytes)
		return err_set(err, ERR_INVALID,
			       "lane %u: tail %llu with %llu stored and %llu bytes of room", lane,
			       (unsigned long long)tail, (unsigned long long)position,
			       (unsigned long long)ring->reader.lane_bytes);
	if ((seen->attempted | seen->refused | seen->dropped_full | seen->dropped_too_big |
	     ring->seen.dropped_busy) >= COUNT_MAX)
		return err_set(err, ERR_INVALID, "lane %u: its counters are not to be believed",
			       lane);
	if (tail % 8)
		return err_set(err, ERR_INVALID, "lane %u: tail %llu is no multiple of 8", lane,
			       (unsigned long long)tail);
	return 0;
}

static int look(struct drain_ring *ring, struct err *err)
{
	const int alive = ring_reader_alive(&ring->reader, err); /* C1, before C2 */
	if (alive < 0)
		return alive;
	ring->alive = alive > 0;
	int status = ring_reader_counters(&ring->reader, &ring->seen, err); /* C2 */
	for (uint32_t i = 0; !status && i < ring->reader.n_lanes; i++)
		status = check_tail(ring, i, err);
	return status;
}

/* A visit that made no sense. The second in a row puts the ring aside, with the next transaction. */
static bool strike(struct drain_ring *ring, const struct err *err)
{
	snprintf(ring->reason, sizeof(ring->reason), "%s", err->text);
	if (++ring->strikes < STRIKES)
		return false;
	ring->ending = ring->aside = true;
	return true;
}

static bool has_records(const struct drain_ring *ring)
{
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++)
		if (ring->seen.lane[i].tail != ring->committed[i].position)
			return true;
	return false;
}

static bool counters_differ(const struct drain_ring *ring)
{
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++) {
		const struct ring_lane *seen = &ring->seen.lane[i];
		const struct store_lane *known = &ring->committed[i];
		if (seen->attempted != known->attempted || seen->refused != known->refused ||
		    seen->dropped_full != known->dropped_full ||
		    seen->dropped_too_big != known->dropped_too_big)
			return true;
	}
	return ring->seen.dropped_busy != ring->committed_busy;
}

bool drain_ring_look(struct drain_ring *ring, int64_t now_us)
{
	struct err err;
	ring->ending = false;
	const int status = look(ring, &err);
	if (status == ERR_INVALID)
		return strike(ring, &err);
	if (status)
		return wait_for_ring(ring, &err);
	if (has_records(ring))
		return true;
	ring->strikes = 0;
	if (!ring->alive) {
		ring->ending = true;
		return true;
	}
	if (!counters_differ(ring) || now_us - ring->counters_stored_us < COUNTERS_INTERVAL_US)
		return false;
	ring->counters_stored_us = now_us;
	return true;
}

/* ---- Taking --------------------------------------------------------------------------------------- */

enum { NOT_ACCEPTED = 1 };

static int put_event(const struct drain_ring *ring, struct store *store, const uint8_t *payload,
		     uint32_t bytes, int64_t now_wall_us, char *reason, struct err *err)
{
	struct event event;
	if (event_decode(&event, payload, bytes, reason))
		return NOT_ACCEPTED;
	return store_event_put(store, ring->key, &event, now_wall_us, err);
}

static int put_notice(struct store_lane *lane, struct store *store, enum use_case_kind kind,
		      const uint8_t *payload, uint32_t bytes, char *reason, struct err *err)
{
	struct use_case_notice notice;
	if (use_case_decode(&notice, kind, payload, bytes, reason))
		return NOT_ACCEPTED;
	lane->notices++;
	return store_use_case_put(store, &notice, err);
}

/* By its type; NOT_ACCEPTED, and the reason, when it is not what it says that it is. */
static int put_by_type(struct drain_ring *ring, uint32_t lane, struct store *store,
		       const struct payi_ring_record *record, const uint8_t *payload,
		       int64_t now_wall_us, char *reason, struct err *err)
{
	static const enum use_case_kind kinds[] = {[PAYI_RING_DEFINE] = USE_CASE_DEFINE,
						   [PAYI_RING_CREATE] = USE_CASE_CREATE,
						   [PAYI_RING_REQUEST] = USE_CASE_REQUEST};
	if (record->flags) {
		snprintf(reason, EVENT_REASON_BYTES, "unknown flags");
		return NOT_ACCEPTED;
	}
	switch (record->type) {
	case PAYI_RING_EVENT:
		return put_event(ring, store, payload, record->payload_bytes, now_wall_us, reason,
				 err);
	case PAYI_RING_DEFINE:
	case PAYI_RING_CREATE:
	case PAYI_RING_REQUEST:
		return put_notice(&ring->pending[lane], store, kinds[record->type], payload,
				  record->payload_bytes, reason, err);
	default:
		snprintf(reason, EVENT_REASON_BYTES, "unknown type of record");
		return NOT_ACCEPTED;
	}
}

/* One record, whole and in its order, into the transaction: as what it is, or as its bytes when it is nothing. */
static int put_record(struct drain_ring *ring, uint32_t lane, struct store *store,
		      const struct payi_ring_record *record, const uint8_t *payload,
		      int64_t now_wall_us, struct err *err)
{
	char reason[EVENT_REASON_BYTES];
	const int status =
		put_by_type(ring, lane, store, record, payload, now_wall_us, reason, err);
	if (status != NOT_ACCEPTED)
		return status;
	ring->pending[lane].rejected++;
	log_warn("a record is not valid; it is kept in rejected_records",
		 LOG_STR("ring", ring->name), LOG_STR("app", ring->reader.app_name),
		 LOG_STR("reason", reason), LOG_END);
	return store_rejected_put(store, ring->key, lane, record, payload, reason, now_wall_us,
				  err);
}

/*
 * Puts the records that are whole in a copy of the lane from its pending position on. Returns how many
 * bytes of it they took, or a negative code; ERR_INVALID is the ring's fault, all else the store's.
 */
static int64_t put_records(struct drain_ring *ring, uint32_t lane, struct store *store,
			   const uint8_t *copy, size_t bytes, struct drain_budget *budget,
			   int64_t now_wall_us, struct err *err)
{
	struct store_lane *pending = &ring->pending[lane];
	size_t at = 0;
	while (at < bytes && budget->events > 0 && budget->bytes > 0) {
		struct payi_ring_record record;
		const int whole = ring_reader_parse(copy + at, bytes - at,
						    ring->seen.lane[lane].tail - pending->position,
						    pending->sequence + 1, &record, err);
		if (whole < 0)
			return whole;
		if (!whole)
			break;
		const int status = put_record(ring, lane, store, &record,
					      copy + at + sizeof(record), now_wall_us, err);
		if (status)
			return status; /* the store's, which never says ERR_INVALID: sql.c */
		const uint64_t record_bytes = payi_ring_record_bytes(record.payload_bytes);
		at += (size_t)record_bytes;
		pending->position += record_bytes;
		pending->sequence++;
		budget->events--;
		budget->bytes -= (int64_t)record_bytes;
	}
	return (int64_t)at;
}

/* How much to copy next: as a rule COPY_BYTES, but all of a record that is larger. */
static int64_t copy_size(const struct drain_ring *ring, uint32_t lane, uint64_t left,
			 struct err *err)
{
	if (left <= COPY_BYTES)
		return (int64_t)left;
	uint8_t head[sizeof(struct payi_ring_record)];
	struct payi_ring_record record = {0};
	const struct store_lane *pending = &ring->pending[lane];
	int status =
		ring_reader_copy(&ring->reader, lane, pending->position, head, sizeof(head), err);
	if (!status)
		status = ring_reader_parse(head, sizeof(head), left, pending->sequence + 1, &record,
					   err);
	if (status < 0)
		return status;
	const uint64_t record_bytes = payi_ring_record_bytes(record.payload_bytes);
	return record_bytes > COPY_BYTES ? (int64_t)record_bytes : COPY_BYTES;
}

/* Of an orphan: its next record tells how many came before, which this database will never have. */
static int learn_sequence(struct drain_ring *ring, uint32_t lane, struct err *err)
{
	struct payi_ring_record record;
	struct store_lane *pending = &ring->pending[lane];
	if (ring->unseen_max[lane] == 0)
		return 0;
	const int status = ring_reader_copy(&ring->reader, lane, pending->position,
					    (uint8_t *)&record, sizeof(record), err);
	if (status)
		return status;
	const uint64_t unseen = record.sequence - 1 - pending->sequence;
	if (unseen > ring->unseen_max[lane])
		return err_set(err, ERR_INVALID, "lane %u: record %llu cannot come after %llu",
			       lane, (unsigned long long)record.sequence,
			       (unsigned long long)pending->sequence);
	pending->sequence += unseen;
	pending->rejected += unseen;
	return 0; /* asked again until it is committed: then there is nothing unseen */
}

/* C3, of the next records. Returns how many bytes of them there are in the copy, or a negative code. */
static int64_t copy_next(struct drain_ring *ring, uint32_t lane, uint64_t left, struct buf *copy,
			 struct err *err)
{
	const int status = learn_sequence(ring, lane, err);
	if (status)
		return status;
	const int64_t bytes = copy_size(ring, lane, left, err);
	if (bytes < 0)
		return bytes;
	buf_clear(copy);
	uint8_t *to = buf_reserve(copy, (size_t)bytes);
	if (!to)
		return err_set(err, ERR_SYSTEM, "no memory for a record of %lld bytes",
			       (long long)bytes);
	const int copied = ring_reader_copy(&ring->reader, lane, ring->pending[lane].position, to,
					    (size_t)bytes, err);
	return copied ? copied : bytes;
}

static uint64_t bytes_left(const struct drain_ring *ring, uint32_t lane)
{
	return ring->seen.lane[lane].tail - ring->pending[lane].position;
}

/* Returns 1 when records were left over, ERR_INVALID for the ring's fault, else the store's code. */
static int take_lane(struct drain_ring *ring, uint32_t lane, struct store *store, struct buf *copy,
		     struct drain_budget *budget, int64_t now_wall_us, struct err *err)
{
	for (;;) {
		const uint64_t left = bytes_left(ring, lane);
		if (left == 0 || budget->events <= 0 || budget->bytes <= 0)
			return left != 0;
		const int64_t bytes = copy_next(ring, lane, left, copy, err);
		if (bytes < 0)
			return bytes == ERR_SYSTEM ? wait_for_ring(ring, err) : (int)bytes;
		const int64_t done = put_records(ring, lane, store, copy->data, (size_t)bytes,
						 budget, now_wall_us, err);
		if (done < 0)
			return (int)done;
		if (done == 0) /* its length was another when we chose how much to copy */
			return err_set(err, ERR_INVALID, "lane %u: a record's length changes",
				       lane);
	}
}

static int put_counters(struct drain_ring *ring, struct store *store, struct err *err)
{
	int status = 0;
	for (uint32_t i = 0; !status && i < ring->reader.n_lanes; i++) {
		struct store_lane *pending = &ring->pending[i];
		const struct ring_lane *seen = &ring->seen.lane[i];
		pending->attempted = seen->attempted;
		pending->refused = seen->refused;
		pending->dropped_full = seen->dropped_full;
		pending->dropped_too_big = seen->dropped_too_big;
		if (memcmp(pending, &ring->committed[i], sizeof(*pending)) != 0)
			status = store_lane_put(store, ring->key, i, pending, err);
	}
	ring->pending_busy = ring->seen.dropped_busy;
	if (!status && ring->pending_busy != ring->committed_busy)
		status = store_ring_busy(store, ring->key, ring->pending_busy, err);
	return status;
}

/* Each lane that has more may have its share of the budget. Returns as take_lane(). */
static int take_shares(struct drain_ring *ring, struct store *store, struct buf *copy,
		       struct drain_budget *budget, int64_t now_wall_us, struct err *err)
{
	bool left_over = false;
	int n_wanted = 0;
	int status = 0;
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++)
		n_wanted += bytes_left(ring, i) != 0;
	for (uint32_t i = 0; status >= 0 && n_wanted > 0; i++) {
		const uint32_t lane = (ring->first_lane + i) % ring->reader.n_lanes;
		if (!bytes_left(ring, lane))
			continue;
		const struct drain_budget share = {.events = budget->events / n_wanted,
						   .bytes = budget->bytes / n_wanted};
		struct drain_budget rest = share;
		n_wanted--;
		status = take_lane(ring, lane, store, copy, &rest, now_wall_us, err);
		budget->events -= share.events - rest.events;
		budget->bytes -= share.bytes - rest.bytes;
		left_over |= status > 0;
	}
	return status < 0 ? status : left_over;
}

int drain_ring_take(struct drain_ring *ring, struct store *store, struct buf *copy,
		    struct drain_budget *budget, int64_t now_wall_us, struct err *err)
{
	if (ring->ending && ring->aside)
		return store_ring_end(store, ring->key, ring->reason, now_wall_us, err);
	/* Fair first, then full: lanes that have more may have what the others left. */
	int left_over = take_shares(ring, store, copy, budget, now_wall_us, err);
	if (left_over > 0)
		left_over = take_shares(ring, store, copy, budget, now_wall_us, err);
	const bool sound = left_over != ERR_INVALID;
	if (left_over < 0 && sound)
		return left_over;
	/* What was whole before the nonsense is taken; the next visit decides. */
	if (sound)
		ring->strikes = 0;
	else
		strike(ring, err);
	const int status = put_counters(ring, store, err);
	if (!status && ring->ending)
		return store_ring_end(store, ring->key, ring->aside ? ring->reason : NULL,
				      now_wall_us, err);
	return status ? status : left_over > 0;
}

/* ---- After the transaction ------------------------------------------------------------------------ */

static void log_aside(const struct drain_ring *ring)
{
	log_error("a ring makes no sense and was put aside; its file is kept",
		  LOG_STR("ring", ring->name), LOG_STR("app", ring->reader.app_name),
		  LOG_INT("uid", ring->reader.uid), LOG_STR("reason", ring->reason), LOG_END);
}

/* C6. Killed before this, or kept from it: who finds it next finds it dead and empty, and ends it once more. */
static int remove_file(struct drain_ring *ring)
{
	const int error = unlinkat(ring->home->dir, ring->name, 0) ? errno : 0;
	if (ring->slot)
		agent_file_slot_free(ring->slot);
	log_debug("ring closed", LOG_STR("ring", ring->name), LOG_STR("app", ring->reader.app_name),
		  LOG_END);
	if (!error || error == ENOENT)
		return 0;
	log_warn("cannot remove a ring that has ended; it is tried again",
		 LOG_STR("ring", ring->name), LOG_STR("error", strerror(error)), LOG_END);
	return error == EACCES || error == EPERM || error == EROFS ? DRAIN_RING_BARRED
								   : DRAIN_RING_STAYS;
}

int drain_ring_give_back(struct drain_ring *ring)
{
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++) {
		if (ring->slot && ring->pending[i].position != ring->committed[i].position)
			payi_ring_release(&ring->slot->done[i], ring->pending[i].position); /* C5 */
		if (ring->pending[i].sequence != ring->committed[i].sequence)
			ring->unseen_max[i] = 0;
		ring->committed[i] = ring->pending[i];
	}
	ring->committed_busy = ring->pending_busy;
	/* Each lane is the first one in its turn: what is left of the budget, or less than one event for each, would end
	 * in the same lane for ever. */
	ring->first_lane = (ring->first_lane + 1) % ring->reader.n_lanes;
	if (!ring->ending)
		return 0;
	ring->ended = true;
	if (ring->aside) {
		log_aside(ring);
		if (ring->slot)
			payi_ring_store_release(&ring->slot->state, PAYI_RING_SLOT_ASIDE);
		return 0;
	}
	return remove_file(ring);
}

void drain_ring_forget(struct drain_ring *ring)
{
	memcpy(ring->pending, ring->committed, sizeof(ring->pending));
	ring->pending_busy = ring->committed_busy;
	if (ring->ending && ring->aside)
		ring->strikes--; /* it is put aside with the next transaction instead */
	ring->ending = ring->aside = false;
}
