/*
 * The memory orders of include/payi/ring.h itself, under Relacy's C++11 memory model: not a copy of the
 * ring, but its header, with Relacy's atomics in place of C's.
 *
 *     g++ -O2 -Iinclude tests/model/ring_relacy.cpp -o ring_relacy && ./ring_relacy
 *
 * One producer, one agent, one lane of eight words. A record takes three words or four, so that the lane
 * has room for two, and records lie across its end; every word is read back. Each run takes the
 * lane round several times, once from position 0 and once from just below 2^64.
 *
 * -DWEAKEN=<function> makes the one ordered access in that function of the header relaxed. Each of the
 * four must then be reported as a data race: an order that can be weakened unnoticed is not tested.
 */
#include <relacy/relacy.hpp>

#include <cstdio>
#include <cstring>

#define TO_STRING(name) #name
#define STRING(name)    TO_STRING(name)
#ifdef WEAKEN
static const char weakened[] = STRING(WEAKEN);
#else
static const char weakened[] = "";
#endif

/* The order of an access in this function of ring.h. */
static rl::memory_order order_in(const char *function, rl::memory_order order)
{
	return std::strcmp(function, weakened) ? order : rl::mo_relaxed;
}

#define PAYI_RING_ATOMICS
typedef rl::atomic<uint64_t> payi_ring_word;
#define payi_ring_load_own(word)         (word)->load(rl::mo_relaxed, $)
#define payi_ring_load_acquire(word)     (word)->load(order_in(__func__, rl::mo_acquire), $)
#define payi_ring_store_own(word, value) (word)->store((value), rl::mo_relaxed, $)
#define payi_ring_store_release(word, value)                                                       \
	(word)->store((value), order_in(__func__, rl::mo_release), $)
#define payi_ring_add(word, value) (word)->fetch_add((value), rl::mo_relaxed, $)
#include "payi/ring.h"

enum { LANE_WORDS = 8, N_EVENTS = 6, TRIES = 3 };

/* Runs that took the lane round, and runs in which the lane was full and an event dropped. */
static unsigned long n_runs, n_runs_reusing, n_runs_dropping;

static uint64_t payload_bytes_of(uint64_t event)
{
	return event % 2 ? 8 : 16;
}

template <uint64_t first_position> struct ring_test : rl::test_suite<ring_test<first_position>, 2> {
	payi_ring_lane lane;  /* in the ring's file */
	payi_ring_word done;  /* in the agent's file */
	rl::atomic<int> held; /* the kernel's lock */
	rl::var<uint64_t> data[LANE_WORDS];
	uint64_t stored, n_stored; /* the last event, and how many; the agent's */

	void before()
	{
		lane.tail($) = first_position;
		lane.attempted($) = 0;
		lane.refused($) = 0;
		lane.dropped_full($) = 0;
		lane.dropped_too_big($) = 0;
		done($) = first_position;
		held($) = 1;
		stored = 0;
		n_stored = 0;
	}

	void thread(unsigned index)
	{
		if (index == 0)
			produce();
		else
			serve();
	}

	rl::var<uint64_t> &word(uint64_t position)
	{
		return data[position / 8 % LANE_WORDS];
	}

	/* ---- The producer ---- */

	void produce()
	{
		payi_ring_producer producer = {};
		producer.lane = &lane;
		producer.done = &done;
		producer.lane_bytes = LANE_WORDS * 8;
		producer.tail = first_position;
		producer.head = first_position;
		for (uint64_t event = 1; event <= N_EVENTS; event++)
			track(&producer, event);
		/* What the kernel does for a process that ends, after all its stores. */
		held.store(0, rl::mo_release, $);
	}

	void track(payi_ring_producer *producer, uint64_t event)
	{
		const uint64_t payload_bytes = payload_bytes_of(event);
		const uint64_t record_bytes = payi_ring_record_bytes(payload_bytes);
		payi_ring_count(&lane.attempted);
		for (int i = 0; payi_ring_room(producer) < record_bytes; i++) {
			if (payi_ring_refresh(producer))
				continue;
			if (i >= TRIES)
				return payi_ring_count(&lane.dropped_full);
			rl::yield(1, $);
		}
		const uint64_t at = producer->tail;
		word(at)($) = payload_bytes;
		word(at + 8)($) = producer->sequence + 1;
		for (uint64_t i = 0; i < payload_bytes; i += 8)
			word(at + PAYI_RING_RECORD_HEADER + i)($) = event * 100 + i;
		payi_ring_publish(producer, record_bytes);
	}

	/* ---- The agent ---- */

	void serve()
	{
		uint64_t position = first_position;
		uint64_t sequence = 0;
		for (bool dead = false; !dead;) {
			dead = held.load(rl::mo_acquire, $) == 0;
			const uint64_t tail = payi_ring_tail(&lane);
			RL_ASSERT(tail - position <= LANE_WORDS * 8);
			if (tail == position && !dead)
				rl::yield(1, $);
			while (position != tail) {
				position += read_record(position, ++sequence);
				RL_ASSERT(tail - position <= LANE_WORDS * 8);
			}
			payi_ring_release(&done, position);
		}
	}

	/* Checks one record, and returns its bytes. */
	uint64_t read_record(uint64_t at, uint64_t sequence)
	{
		const uint64_t payload_bytes = word(at)($);
		RL_ASSERT(word(at + 8)($) == sequence);
		const uint64_t event = word(at + PAYI_RING_RECORD_HEADER)($) / 100;
		RL_ASSERT(event > stored && event <= N_EVENTS);
		RL_ASSERT(payload_bytes == payload_bytes_of(event));
		for (uint64_t i = 0; i < payload_bytes; i += 8)
			RL_ASSERT(word(at + PAYI_RING_RECORD_HEADER + i)($) == event * 100 + i);
		stored = event;
		n_stored++;
		return payi_ring_record_bytes(payload_bytes);
	}

	void after()
	{
		const uint64_t dropped = lane.dropped_full($);
		const uint64_t written_bytes = lane.tail($) - first_position;
		RL_ASSERT(lane.attempted($) == N_EVENTS);
		RL_ASSERT(n_stored + dropped == N_EVENTS);
		RL_ASSERT(done($) == lane.tail($));
		n_runs++;
		n_runs_reusing += written_bytes > LANE_WORDS * 8;
		n_runs_dropping += dropped > 0;
	}
};

template <uint64_t first_position>
static bool simulate(rl::scheduler_type_e search, rl::iteration_t n_runs_max)
{
	std::ostream quiet(nullptr);
	rl::test_params params;
	params.progress_stream = &quiet;
	params.search_type = search;
	params.iteration_count = n_runs_max;
	params.context_bound = 2;
	return rl::simulate<ring_test<first_position>>(params);
}

int main()
{
	const uint64_t near_wrap = (uint64_t)0 - 40;
	if (!simulate<0>(rl::sched_random, 20000) ||
	    !simulate<near_wrap>(rl::sched_random, 20000) ||
	    !simulate<near_wrap>(rl::sched_bound, 20000))
		return 1;
	std::printf("%lu runs, all orders hold; %lu took the lane round, %lu dropped an event\n",
		    n_runs, n_runs_reusing, n_runs_dropping);
	return n_runs_reusing && n_runs_dropping ? 0 : 1;
}
