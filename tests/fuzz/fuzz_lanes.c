/*
 * A ring in the drain's hands, visit by visit: its owner changes the file between two of them, the store takes what it is given,
 * or fails. What was committed is in the end what the positions say, and a ring without an owner comes to its end.
 *
 * An input is four bytes, "flags, events in a transaction, what the agent's file says is stored (2)", and then changes as in rings.h;
 * one of no bytes is a visit. The drain's own code runs, above a file in memory (memory_file.h) and a store that counts.
 */
#include "base/log.h"
#include "drain/drain_ring.h"
#include "fuzz/fuzz.h"
#include "fuzz/memory_file.h"
#include "fuzz/rings.h"

/* The linker names them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum { HEAD_BYTES = 4, RECORD_BYTES_MIN = 24 };
enum { VISITS_THAT_MAY_FAIL = 8 }; /* of the last ones */
enum { VISITS_MAX = VISITS_THAT_MAY_FAIL + 3 + RINGS_PAGES_MAX * 4096 / RECORD_BYTES_MIN };
enum {
	FLAG_ALIVE = 1,
	FLAG_NO_SLOT = 2,
	FLAG_STORE_FAILS = 4,
	FLAG_STORE_KNOWS = 8,
	FLAG_LAPPED = 16,
	FLAG_READS_FAIL = 32 /* each second to fifth, as the two flags above it say */
};
enum { LAPS_BYTES = 3 * FORGE_LANE_BYTES - 40 /* the first record goes on at the lane's start */ };

/* ---- The store ------------------------------------------------------------------------------------ */

/* What one transaction adds, and what all have. */
struct books {
	struct store_lane lane[PAYI_RING_LANES_MAX];
	uint64_t events;
	uint64_t notices;
	uint64_t rejected[PAYI_RING_LANES_MAX];
	bool closed;
	bool aside;
};

static struct books stored, under_way;
static struct payi_ring_slot slot;
static uint8_t flags;
static uint32_t calls; /* of which each fifth fails, if any is to */
static bool is_orphan; /* lane 0: its position is the agent's file's */
static uint64_t
	unseen_max; /* records of lane 0 that the agent's file knows of, and the store does not */

static int put(void)
{
	fuzz_must(!under_way.closed && !under_way.aside);
	return flags & FLAG_STORE_FAILS && ++calls % 5 == 0 ? ERR_SYSTEM : 0;
}

int __wrap_store_ring_open(struct store *store, const struct store_ring *ring, int64_t now_us,
			   int64_t *key, struct store_lane lanes[PAYI_RING_LANES_MAX],
			   struct err *err)
{
	(void)store, (void)ring, (void)now_us, (void)err;
	*key = 1;
	memcpy(lanes, stored.lane, sizeof(stored.lane));
	return 0;
}

int __wrap_store_lane_put(struct store *store, int64_t ring, uint32_t lane,
			  const struct store_lane *values, struct err *err)
{
	(void)store, (void)ring, (void)err;
	fuzz_must(lane < PAYI_RING_LANES_MAX);
	under_way.lane[lane] = *values;
	return put();
}

int __wrap_store_ring_busy(struct store *store, int64_t ring, uint64_t dropped_busy,
			   struct err *err)
{
	(void)store, (void)ring, (void)dropped_busy, (void)err;
	return put();
}

int __wrap_store_ring_end(struct store *store, int64_t ring, const char *reason, int64_t now_us,
			  struct err *err)
{
	(void)store, (void)ring, (void)now_us, (void)err;
	const int status = put();
	fuzz_must(!reason || *reason);
	under_way.aside = reason != NULL;
	under_way.closed = !reason;
	return status;
}

int __wrap_store_event_put(struct store *store, int64_t ring, const struct event *event,
			   int64_t now_us, struct err *err)
{
	(void)store, (void)ring, (void)now_us, (void)err;
	fuzz_must(event_has(event, PAYI_FIELD_category));
	under_way.events++;
	return put();
}

int __wrap_store_use_case_put(struct store *store, const struct use_case_notice *notice,
			      struct err *err)
{
	(void)store, (void)err;
	fuzz_must(use_case_name_is_good(notice->name.text, notice->name.len));
	under_way.notices++;
	return put();
}

int __wrap_store_rejected_put(struct store *store, int64_t ring, uint32_t lane,
			      const struct payi_ring_record *record, const uint8_t *payload,
			      const char *reason, int64_t now_us, struct err *err)
{
	(void)store, (void)ring, (void)now_us, (void)err;
	fuzz_must(lane < PAYI_RING_LANES_MAX && *reason);
	fuzz_must(payload[0] + payload[record->payload_bytes - 1] >= 0);
	under_way.rejected[lane]++;
	return put();
}

struct payi_ring_slot *__wrap_agent_file_slot(struct agent_file *file,
					      const uint8_t ring_id[PAYI_RING_ID_BYTES])
{
	(void)file, (void)ring_id;
	return flags & FLAG_NO_SLOT ? NULL : &slot;
}

/* ---- Visits --------------------------------------------------------------------------------------- */

static struct payi_ring_record record_at(const struct forge *forge, const struct ring_reader *ring,
					 uint32_t lane, uint64_t position)
{
	struct payi_ring_record record = {0};
	for (size_t i = 0; i < sizeof(record); i++) {
		const uint64_t at = ring->data_offset + lane * ring->lane_bytes +
				    (position + i) % ring->lane_bytes;
		if (at < sizeof(forge->at))
			((uint8_t *)&record)[i] = forge->at[at];
	}
	return record;
}

/* From where it was before, a lane has come as far as the records lead whose number its own is more. */
static void check_lane(const struct forge *forge, const struct drain_ring *ring, uint32_t i,
		       const struct store_lane *before)
{
	const struct store_lane *lane = &ring->committed[i];
	uint64_t position = before->position;
	fuzz_must(!ring->slot || payi_ring_load_own(&slot.done[i]) <= lane->position);
	if (i == 0 && is_orphan) {
		fuzz_must(lane->rejected - stored.rejected[i] <= unseen_max);
		return;
	}
	for (uint64_t n = before->sequence; n < lane->sequence; n++) {
		const struct payi_ring_record record = record_at(forge, &ring->reader, i, position);
		fuzz_must(record.sequence == n + 1);
		position += payi_ring_record_bytes(record.payload_bytes);
	}
	fuzz_must(position == lane->position && lane->rejected == stored.rejected[i]);
	fuzz_must(memcmp(lane, &stored.lane[i], sizeof(*lane)) == 0);
}

/* Each record that a position lies behind was put once, as what it is; but those that an earlier agent has given back. */
static void check_books(const struct drain_ring *ring)
{
	uint64_t events = 0, notices = 0;
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++) {
		const struct store_lane *lane = &ring->committed[i];
		events += lane->sequence - lane->rejected - lane->notices;
		notices += lane->notices;
	}
	fuzz_must(events == stored.events && notices == stored.notices);
	fuzz_must(ring->ended == (stored.closed || stored.aside));
}

/* As the drain does: its share first, then what the others have left. */
static int take(struct drain_ring *ring, int64_t n_events)
{
	static struct buf copy;
	struct err err;
	int status = 1;
	for (int i = 0; i < 2 && status == 1; i++) {
		struct drain_budget budget = {.events = n_events, .bytes = 1 << 20};
		status = drain_ring_take(ring, NULL, &copy, &budget, 1, &err);
		fuzz_must(budget.events >= 0);
	}
	return status;
}

static void visit(const struct forge *forge, struct drain_ring *ring, int64_t n_events)
{
	const struct books before = stored;
	if (ring->ended || !drain_ring_look(ring, 0))
		return;
	under_way = stored;
	if (take(ring, n_events) < 0) {
		drain_ring_forget(ring);
		return;
	}
	stored = under_way;
	(void)drain_ring_give_back(ring);
	for (uint32_t i = 0; i < ring->reader.n_lanes; i++)
		check_lane(forge, ring, i, &before.lane[i]);
	check_books(ring);
}

/* Lane 0 as it was full some times before: all that was there is stored and forgotten. */
static void lap(struct forge *forge)
{
	uint8_t lane[FORGE_LANE_BYTES];
	uint8_t *at = forge->at + PAYI_RING_DATA_AT_MIN;
	payi_ring_word *tail = &forge_counters(forge)->lane[0].tail;
	for (size_t i = 0; i < sizeof(lane); i++)
		lane[(i + LAPS_BYTES) % sizeof(lane)] = at[i];
	memcpy(at, lane, sizeof(lane));
	payi_ring_store_own(tail, payi_ring_load_own(tail) + LAPS_BYTES);
	stored.lane[0].position += LAPS_BYTES;
}

/* Of the first record an earlier agent may have told the store, or of more only the agent's file. */
static void begin(struct forge *forge, const uint8_t head[HEAD_BYTES])
{
	const uint64_t done = (uint64_t)(head[2] | head[3] << 8);
	log_setup((enum log_level)(LOG_ERROR + 1), LOG_LOGFMT);
	rings_begin(forge);
	flags = head[0];
	calls = 0;
	memset(&stored, 0, sizeof(stored));
	memset(&slot, 0, sizeof(slot));
	if (flags & FLAG_STORE_KNOWS) {
		stored.lane[0].position =
			payi_ring_record_bytes(forge_record(forge, 0)->payload_bytes);
		stored.lane[0].sequence = 1;
		stored.events = 1;
	}
	if (flags & FLAG_LAPPED)
		lap(forge);
	payi_ring_store_own(&slot.done[0], done);
	is_orphan = !(flags & FLAG_NO_SLOT) && done > stored.lane[0].position;
	unseen_max = is_orphan ? (done - stored.lane[0].position) / RECORD_BYTES_MIN : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forge forge;
	struct drain_ring ring;
	struct err err;
	struct home home = {.dir = MEMORY_FILE_DIR};
	size_t at = HEAD_BYTES;
	if (size < HEAD_BYTES)
		return 0;
	begin(&forge, data);
	const int64_t n_events = data[1] ? data[1] : 1;
	at += rings_change_some(&forge, data + at, size - at);
	memory_file_put(&forge, flags & FLAG_ALIVE);
	memory_file_fail(flags & FLAG_READS_FAIL ? 2u + (flags >> 6) : 0);
	if (drain_ring_open(&home, forge.name, NULL, 1, &ring, &err))
		return 0;
	for (; at < size; at += rings_change_some(&forge, data + at, size - at))
		visit(&forge, &ring, n_events);
	memory_file_put(&forge, false); /* its owner is gone */
	flags &= (uint8_t)~FLAG_STORE_FAILS;
	for (int i = 0; !ring.ended; i++) {
		fuzz_must(i < VISITS_MAX);
		if (i == VISITS_THAT_MAY_FAIL)
			memory_file_fail(0);
		visit(&forge, &ring, n_events);
	}
	drain_ring_close(&ring);
	if (size == HEAD_BYTES && !is_orphan) /* nothing was changed: it is sound */
		fuzz_must(stored.closed && stored.events == FORGE_RECORDS);
	return 0;
}
