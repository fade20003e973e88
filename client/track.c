/*
 * payi_track(): the hot path. Takes a lane, encodes the event beyond its tail, publishes; see
 * payi/ring.h for the protocol (P1 to P4) and for what a kill at any point leaves.
 */
#include "client.h"
#include "context_stack.h"
#include "error.h"

#include <string.h>
#include <time.h>

/* The lane that this thread used last, plus one; 0 while it has used none. Of all clients alike. */
static _Thread_local unsigned home_lane __attribute__((tls_model("initial-exec")));

enum { SLEEP_FIRST_US = 50, SLEEP_MAX_US = 1000, POPULATE_AGAIN_US = 10000 };

static bool take(struct payi__lane *lane)
{
	/* Acquire, pairs with the release in leave(): the last holder's positions are in place. */
	return !atomic_load_explicit(&lane->taken, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&lane->taken, 1, memory_order_acquire);
}

static void leave(struct payi__lane *lane)
{
	atomic_store_explicit(&lane->taken, 0, memory_order_release);
}

static unsigned first_lane(payi_client *client)
{
	if (!home_lane)
		home_lane =
			1 + atomic_fetch_add_explicit(&client->next_lane, 1, memory_order_relaxed) %
				    PAYI_RING_LANES;
	return home_lane - 1;
}

uint32_t payi__lane_of_thread(const payi_client *client)
{
	if (home_lane)
		return home_lane - 1;
	return atomic_load_explicit(&client->next_lane, memory_order_relaxed) % PAYI_RING_LANES;
}

/*
 * P2 of a lane that is used for the first time: its pages. Where there is no room for them, a system call for each event would
 * not change that: no lane of the ring asks again for a while.
 */
static bool populate(payi_client *client, struct payi__lane *lane)
{
	const int64_t after =
		atomic_load_explicit(&client->populate_after_us, memory_order_relaxed);
	if (after && payi__monotonic_us() < after)
		return false;
	const bool there = payi__ring_file_populate(&client->file, (uint32_t)(lane - client->lane));
	atomic_store_explicit(&client->populate_after_us,
			      there ? 0 : payi__monotonic_us() + POPULATE_AGAIN_US,
			      memory_order_relaxed);
	if (there)
		lane->producer.lane_bytes = client->lane_bytes;
	return there;
}

/* P2. The agent may have come, or got on, since we last looked. */
static bool gain_room(payi_client *client, struct payi__lane *lane)
{
	struct payi_ring_producer *producer = &lane->producer;
	if (!producer->lane_bytes)
		return populate(client, lane);
	if (!producer->done) {
		if (!payi__client_attach(client, false))
			return false;
		producer->done = &atomic_load_explicit(&client->slot, memory_order_acquire)
					  ->done[lane - client->lane];
	}
	return payi_ring_refresh(producer);
}

static enum payi__encoded encode_item(struct payi__lane *lane, const struct payi__item *item,
				      uint8_t *start, size_t room, size_t *payload_bytes)
{
	if (__builtin_expect(item->notice != NULL, 0))
		return payi__encode_notice(item->notice, start, room, payload_bytes);
	return payi__encode_event(item, &lane->stamper, start, room, payload_bytes);
}

/* Encodes behind the tail, in as much room as there is or can be gained. */
static enum payi__encoded encode(payi_client *client, struct payi__lane *lane,
				 const struct payi__item *item, size_t *payload_bytes)
{
	struct payi_ring_producer *producer = &lane->producer;
	uint8_t *record = lane->data + (producer->tail & lane->mask);
	for (;;) {
		const uint64_t room = payi_ring_room(producer);
		enum payi__encoded result = PAYI__NO_ROOM;
		if (room > PAYI_RING_RECORD_HEADER)
			result = encode_item(lane, item, record + PAYI_RING_RECORD_HEADER,
					     (size_t)room - PAYI_RING_RECORD_HEADER, payload_bytes);
		if (__builtin_expect(result != PAYI__NO_ROOM, 1) || !gain_room(client, lane))
			return result;
	}
}

/* P3, the header, and P4. */
static void publish(struct payi__lane *lane, enum payi_ring_type type, size_t payload_bytes)
{
	struct payi_ring_producer *producer = &lane->producer;
	const struct payi_ring_record header = {.payload_bytes = (uint32_t)payload_bytes,
						.type = (uint16_t)type,
						.sequence = producer->sequence + 1};
	memcpy(lane->data + (producer->tail & lane->mask), &header, sizeof(header));
	payi_ring_publish(producer, payi_ring_record_bytes(payload_bytes));
}

static bool too_big(const payi_client *client, const struct payi__lane *lane,
		    const struct payi__item *item)
{
	return payi_ring_room(&lane->producer) == client->lane_bytes ||
	       payi__encoded_size_min(item) > client->lane_bytes;
}

/* What came of trying one lane; FULL: not this one, and nothing is counted yet. */
static payi_status try_lane(payi_client *client, struct payi__lane *lane,
			    const struct payi__item *item)
{
	struct payi_ring_lane *shared = lane->producer.lane;
	size_t payload_bytes;
	payi_ring_count(&shared->attempted); /* P1 */
	switch (encode(client, lane, item, &payload_bytes)) {
	case PAYI__ENCODED:
		publish(lane, item->notice ? item->notice->type : PAYI_RING_EVENT, payload_bytes);
		return PAYI_OK;
	case PAYI__REFUSED:
		payi_ring_count(&shared->refused);
		return PAYI_ERR_INVALID;
	case PAYI__NO_ROOM:
		break;
	}
	if (!too_big(client, lane, item))
		return PAYI_ERR_FULL;
	payi_ring_count(&shared->dropped_too_big);
	return payi__fail(PAYI_ERR_TOO_BIG,
			  "the event is larger than a lane of %lld bytes; open the client with a "
			  "larger ring_bytes",
			  (long long)client->lane_bytes);
}

/* Gives up an attempt in a lane that was full: as if it had not been. */
static void withdraw(struct payi__lane *lane)
{
	struct payi_ring_lane *shared = lane->producer.lane;
	payi_ring_store_own(&shared->attempted, payi_ring_load_own(&shared->attempted) - 1);
	leave(lane);
}

/*
 * Tries the lanes from the one behind this thread's own on, which is full (and still taken) or was another's. The
 * last one that was full stays taken until another one is: the attempt's mark is always in one lane. With
 * count_drop that lane counts the drop; else nothing remains of the attempt.
 */
__attribute__((noinline)) static payi_status try_others(payi_client *client,
							struct payi__lane *full,
							const struct payi__item *item,
							bool count_drop)
{
	const unsigned first = first_lane(client);
	for (unsigned i = 1; i < PAYI_RING_LANES; i++) {
		const unsigned index = (first + i) % PAYI_RING_LANES;
		struct payi__lane *lane = &client->lane[index];
		if (!take(lane))
			continue;
		if (full)
			withdraw(full);
		full = NULL;
		const payi_status status = try_lane(client, lane, item);
		if (status != PAYI_ERR_FULL) {
			leave(lane);
			home_lane = index + 1;
			return status;
		}
		full = lane;
	}
	if (!full) {
		if (count_drop)
			payi_ring_add(&client->file.counters->dropped_busy, 1);
		return PAYI_ERR_BUSY;
	}
	if (!count_drop) {
		withdraw(full);
		return PAYI_ERR_FULL;
	}
	payi_ring_count(&full->producer.lane->dropped_full);
	leave(full);
	return PAYI_ERR_FULL;
}

/* Nearly always this thread's own lane is free, and has room. */
static inline payi_status try_lanes(payi_client *client, const struct payi__item *item,
				    bool count_drop)
{
	struct payi__lane *own = &client->lane[first_lane(client)];
	struct payi__lane *full = NULL;
	if (__builtin_expect(take(own), 1)) {
		const payi_status status = try_lane(client, own, item);
		if (__builtin_expect(status != PAYI_ERR_FULL, 1)) {
			leave(own);
			return status;
		}
		full = own;
	}
	return try_others(client, full, item, count_drop);
}

/* PAYI_WHEN_FULL_BLOCK: sleeps, a little longer each time, and tries again, until block_ms are over. */
static payi_status track_blocking(payi_client *client, const struct payi__item *item)
{
	const int64_t deadline = payi__monotonic_us() + (int64_t)client->block_ms * 1000;
	long sleep_us = SLEEP_FIRST_US;
	for (;;) {
		const bool last = payi__monotonic_us() >= deadline;
		const payi_status status = try_lanes(client, item, last);
		if (last || (status != PAYI_ERR_FULL && status != PAYI_ERR_BUSY))
			return status;
		nanosleep(&(struct timespec){.tv_nsec = sleep_us * 1000}, NULL);
		sleep_us = sleep_us * 2 < SLEEP_MAX_US ? sleep_us * 2 : SLEEP_MAX_US;
	}
}

static payi_status explain(const payi_client *client, payi_status status)
{
	if (status != PAYI_ERR_FULL && status != PAYI_ERR_BUSY)
		return status;
	if (atomic_load_explicit(&client->populate_after_us, memory_order_relaxed))
		return payi__fail(status,
				  "the lanes of the ring that are in use are %s, and the tmpfs of "
				  "%s has no room for another one",
				  status == PAYI_ERR_FULL ? "full" : "taken by other threads",
				  client->directory);
	if (status == PAYI_ERR_FULL)
		return payi__fail(status,
				  "the ring is full; is an agent running on %s? A larger "
				  "ring_bytes bridges longer gaps",
				  client->directory);
	return payi__fail(status, "all %d lanes of the ring are taken by other threads",
			  PAYI_RING_LANES);
}

/* The first attempt is the same either way: most records find room, and need no clock. */
static payi_status put(payi_client *client, const struct payi__item *item)
{
	const bool block = client->when_full == PAYI_WHEN_FULL_BLOCK;
	payi_status status = try_lanes(client, item, !block);
	if (__builtin_expect(status == PAYI_OK, 1))
		return PAYI_OK;
	if (block && (status == PAYI_ERR_FULL || status == PAYI_ERR_BUSY))
		status = track_blocking(client, item);
	return explain(client, status);
}

static payi_status check_size(const payi_event *event)
{
	if (!event)
		return payi__fail(PAYI_ERR_INVALID, "the event is NULL");
	if (event->size > sizeof(*event))
		return payi__fail(PAYI_ERR_VERSION,
				  "payi_event is %zu bytes, this library knows %zu: the program "
				  "was built against a "
				  "newer payi.h",
				  event->size, sizeof(*event));
	if (event->size < sizeof(*event))
		return payi__fail(PAYI_ERR_INVALID, "event.size is %zu; begin with PAYI_EVENT_INIT",
				  event->size);
	return PAYI_OK;
}

payi_status payi_track_with(payi_client *client, const payi_context *context,
			    const payi_event *event)
{
	payi_status status = payi__client_ready(client);
	if (!status)
		status = check_size(event);
	if (status)
		return status;
	return put(client, &(struct payi__item){.event = event, .context = context});
}

payi_status payi_track(payi_client *client, const payi_event *event)
{
	return payi_track_with(client, client ? payi__context_here(client) : NULL, event);
}

payi_status payi__track_notice(payi_client *client, const struct payi__notice *notice)
{
	return put(client, &(struct payi__item){.notice = notice});
}
