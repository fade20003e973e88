/*
 * The ring's functions under ThreadSanitizer: producers that take lanes by a try-lock, as the client does,
 * and one consumer, on one mapping. (TSan knows memory by its address: with two mappings of the same
 * pages, or lanes mapped twice in a row, it would see no races.) A program of its own: Criterion does not
 * run under TSan.
 *
 * Lanes are small and begin just below 2^64, so that space is used again and again, records lie
 * across a lane's end, and positions wrap. Every byte is checked; a mismatch ends the program with 1.
 *
 * -DWEAKEN=<function> makes the ordered access in that function relaxed: in the header's four, in take() or in
 * leave(). TSan must then complain, or the test tests nothing.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef WEAKEN
#define TO_STRING(name)        #name
#define STRING(name)           TO_STRING(name)
#define ordered(weak, ordered) (strcmp(__func__, STRING(WEAKEN)) == 0 ? (weak) : (ordered))

#define PAYI_RING_ATOMICS
typedef _Atomic(uint64_t) payi_ring_word;
#define payi_ring_load_own(word) atomic_load_explicit((word), memory_order_relaxed)
#define payi_ring_load_acquire(word)                                                               \
	ordered(atomic_load_explicit((word), memory_order_relaxed),                                \
		atomic_load_explicit((word), memory_order_acquire))
#define payi_ring_store_own(word, value)                                                           \
	atomic_store_explicit((word), (value), memory_order_relaxed)
#define payi_ring_store_release(word, value)                                                       \
	ordered(atomic_store_explicit((word), (value), memory_order_relaxed),                      \
		atomic_store_explicit((word), (value), memory_order_release))
#define payi_ring_add(word, value) atomic_fetch_add_explicit((word), (value), memory_order_relaxed)
#else
#define ordered(weak, ordered) (ordered)
#endif
#include "payi/ring.h"

enum {
	N_PRODUCERS = 4,
	N_LANES = 2,
	N_EVENTS = 5000, /* of each producer */
	LANE_BYTES = 512,
	PAYLOAD_MAX = 120,
};
#define FIRST_POSITION ((uint64_t)0 - 5 * LANE_BYTES)

/* What two processes share. */
struct shared {
	struct payi_ring_counters counters;
	struct payi_ring_slot slot;
	uint8_t data[N_LANES][LANE_BYTES];
};

/* As in the client: whoever has taken it may touch the rest. */
struct lane {
	_Alignas(128) atomic_uint taken;
	struct payi_ring_producer producer;
	uint8_t *data;
};

struct producer {
	struct lane *lanes;
	struct shared *shared;
	uint32_t number;
	unsigned home;
};

struct event {
	uint32_t producer;
	uint32_t number;
	uint8_t filler[PAYLOAD_MAX - 8]; /* from nothing to all of it, by the number */
};
static_assert(sizeof(struct event) == PAYLOAD_MAX, "no padding");

static size_t event_bytes(uint32_t number)
{
	return 8 + number % (PAYLOAD_MAX - 7);
}

static uint8_t filler_of(uint32_t number)
{
	return (uint8_t)(number * 7);
}

static void fail(const char *what)
{
	fprintf(stderr, "failed: %s\n", what);
	exit(1);
}

/* ---- Records that lie across the lane's end --------------------------------------------------------- */

static size_t bytes_to_end(uint64_t position, size_t n)
{
	const size_t left = LANE_BYTES - position % LANE_BYTES;
	return left < n ? left : n;
}

static void write_at(uint8_t *data, uint64_t position, const void *from, size_t n)
{
	const size_t first = bytes_to_end(position, n);
	memcpy(data + position % LANE_BYTES, from, first);
	memcpy(data, (const uint8_t *)from + first, n - first);
}

static void read_at(const uint8_t *data, uint64_t position, void *to, size_t n)
{
	const size_t first = bytes_to_end(position, n);
	memcpy(to, data + position % LANE_BYTES, first);
	memcpy((uint8_t *)to + first, data, n - first);
}

/* ---- Producers -------------------------------------------------------------------------------------- */

static bool take(struct lane *lane)
{
	/* Acquire, pairs with the release in leave(): the last holder's positions are in place. */
	return !ordered(atomic_exchange_explicit(&lane->taken, 1, memory_order_relaxed),
			atomic_exchange_explicit(&lane->taken, 1, memory_order_acquire));
}

static void leave(struct lane *lane)
{
	/* Release, pairs with the acquire in take(). */
	ordered(atomic_store_explicit(&lane->taken, 0, memory_order_relaxed),
		atomic_store_explicit(&lane->taken, 0, memory_order_release));
}

static bool put(struct lane *lane, const struct event *event)
{
	struct payi_ring_producer *producer = &lane->producer;
	const size_t payload_bytes = event_bytes(event->number);
	const uint64_t record_bytes = payi_ring_record_bytes(payload_bytes);
	const struct payi_ring_record header = {.payload_bytes = (uint32_t)payload_bytes,
						.type = PAYI_RING_EVENT,
						.sequence = producer->sequence + 1};
	payi_ring_count(&producer->lane->attempted); /* P1 */
	if (payi_ring_room(producer) < record_bytes &&
	    (!payi_ring_refresh(producer) || payi_ring_room(producer) < record_bytes)) {
		payi_ring_count(&producer->lane->dropped_full);
		return false;
	}
	write_at(lane->data, producer->tail, &header, sizeof(header));
	write_at(lane->data, producer->tail + sizeof(header), event, payload_bytes);
	payi_ring_publish(producer, record_bytes);
	return true;
}

/* One try of every lane, from this thread's own on. */
static bool try_lanes(struct producer *self, const struct event *event)
{
	bool all_taken = true;
	for (unsigned i = 0; i < N_LANES; i++) {
		const unsigned index = (self->home + i) % N_LANES;
		struct lane *lane = &self->lanes[index];
		if (!take(lane))
			continue;
		all_taken = false;
		const bool was_put = put(lane, event);
		leave(lane);
		if (was_put) {
			self->home = index;
			return true;
		}
	}
	if (all_taken)
		payi_ring_add(&self->shared->counters.dropped_busy, 1);
	return false;
}

static void *produce(void *argument)
{
	struct producer *self = argument;
	for (uint32_t i = 0; i < N_EVENTS; i++) {
		struct event event = {.producer = self->number, .number = i};
		memset(event.filler, filler_of(i), sizeof(event.filler));
		while (!try_lanes(self, &event))
			sched_yield();
	}
	return NULL;
}

/* ---- The consumer ----------------------------------------------------------------------------------- */

struct consumer {
	struct shared *shared;
	uint64_t position[N_LANES];
	uint64_t sequence[N_LANES];
	uint32_t next[N_LANES][N_PRODUCERS]; /* the least that the next event's number may be */
	bool seen[N_PRODUCERS][N_EVENTS];
	unsigned n_seen;
};

static void check_event(struct consumer *self, unsigned lane, const struct event *event,
			size_t bytes)
{
	if (event->producer >= N_PRODUCERS || event->number >= N_EVENTS)
		fail("the event is nobody's");
	if (bytes != event_bytes(event->number))
		fail("the event's length");
	for (size_t i = 0; i < bytes - 8; i++)
		if (event->filler[i] != filler_of(event->number))
			fail("the event's bytes");
	if (self->seen[event->producer][event->number])
		fail("the event is there twice");
	if (event->number < self->next[lane][event->producer])
		fail("a producer's events are out of order");
	self->next[lane][event->producer] = event->number + 1;
	self->seen[event->producer][event->number] = true;
	self->n_seen++;
}

static uint64_t read_record(struct consumer *self, unsigned lane, uint64_t position)
{
	struct payi_ring_record header;
	struct event event;
	read_at(self->shared->data[lane], position, &header, sizeof(header));
	if (header.type != PAYI_RING_EVENT || header.flags != 0)
		fail("the record's type or flags");
	if (header.sequence != ++self->sequence[lane])
		fail("the record's sequence");
	if (header.payload_bytes < 8 || header.payload_bytes > sizeof(event))
		fail("the record's length");
	read_at(self->shared->data[lane], position + sizeof(header), &event, header.payload_bytes);
	check_event(self, lane, &event, header.payload_bytes);
	return payi_ring_record_bytes(header.payload_bytes);
}

/* Drains one lane once. */
static void visit(struct consumer *self, unsigned lane)
{
	const uint64_t tail = payi_ring_tail(&self->shared->counters.lane[lane]);
	uint64_t position = self->position[lane];
	if (tail - position > LANE_BYTES)
		fail("the tail is beyond the lane");
	while (position != tail) {
		position += read_record(self, lane, position);
		if (tail - position > LANE_BYTES)
			fail("a record ends beyond the tail");
	}
	self->position[lane] = position;
	payi_ring_release(&self->shared->slot.done[lane], position);
}

static void consume(struct consumer *self)
{
	while (self->n_seen < N_PRODUCERS * N_EVENTS) {
		for (unsigned lane = 0; lane < N_LANES; lane++)
			visit(self, lane);
		sched_yield();
	}
}

/* Once the producers are gone. */
static void check_accounts(const struct consumer *self)
{
	for (unsigned i = 0; i < N_LANES; i++) {
		const struct payi_ring_lane *lane = &self->shared->counters.lane[i];
		const uint64_t records = self->sequence[i];
		if (payi_ring_load_own(&lane->attempted) !=
		    records + payi_ring_load_own(&lane->dropped_full))
			fail("the lane's accounts");
		if (self->position[i] != payi_ring_tail(lane))
			fail("more events than were tracked");
		if (records * PAYLOAD_MAX < 10 * LANE_BYTES)
			fail("a lane was hardly taken round: the test proves little");
	}
}

/* ---- The program ------------------------------------------------------------------------------------- */

static void lay_out(struct shared *shared, struct lane lanes[N_LANES], struct consumer *consumer)
{
	consumer->shared = shared;
	for (unsigned i = 0; i < N_LANES; i++) {
		payi_ring_store_own(&shared->counters.lane[i].tail, FIRST_POSITION);
		payi_ring_store_own(&shared->slot.done[i], FIRST_POSITION);
		lanes[i].data = shared->data[i];
		lanes[i].producer = (struct payi_ring_producer){.lane = &shared->counters.lane[i],
								.done = &shared->slot.done[i],
								.lane_bytes = LANE_BYTES,
								.tail = FIRST_POSITION,
								.head = FIRST_POSITION};
		consumer->position[i] = FIRST_POSITION;
	}
}

int main(void)
{
	static struct lane lanes[N_LANES];
	static struct consumer consumer;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("no memory");
	lay_out(shared, lanes, &consumer);

	struct producer producers[N_PRODUCERS];
	pthread_t threads[N_PRODUCERS];
	for (uint32_t i = 0; i < N_PRODUCERS; i++) {
		producers[i] = (struct producer){lanes, shared, i, i % N_LANES};
		if (pthread_create(&threads[i], NULL, produce, &producers[i]))
			fail("no thread");
	}
	consume(&consumer);
	for (unsigned i = 0; i < N_PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	check_accounts(&consumer);
	printf("%u events, each once, none torn; %llu tries found every lane taken\n",
	       consumer.n_seen,
	       (unsigned long long)payi_ring_load_own(&shared->counters.dropped_busy));
	munmap(shared, sizeof(*shared));
	return 0;
}
