/*
 * payi_flush() and the statistics: the questions that a client asks of its ring.
 *
 * Waiting is done by looking again, a little later each time: flushing is rare, and the agent need know
 * nothing of who waits for it.
 */
#include "client.h"
#include "error.h"

#include <time.h>

enum { SLEEP_FIRST_US = 100, SLEEP_MAX_US = 5000 };

static uint64_t tail_of(const payi_client *client, uint32_t lane)
{
	return payi_ring_tail(&client->file.counters->lane[lane]);
}

/* What the agent has stored of a lane. Its word is another process's: never more than there is. */
static uint64_t done_of(payi_client *client, uint32_t lane, uint64_t tail)
{
	if (!payi__client_attach(client, true))
		return 0;
	const struct payi_ring_slot *slot =
		atomic_load_explicit(&client->slot, memory_order_acquire);
	const uint64_t done = payi_ring_load_acquire(&slot->done[lane]);
	return done < tail ? done : tail;
}

static bool all_done(payi_client *client, const uint64_t tails[PAYI_RING_LANES])
{
	for (uint32_t i = 0; i < PAYI_RING_LANES; i++)
		if (done_of(client, i, tails[i]) != tails[i])
			return false;
	return true;
}

payi_status payi_flush(payi_client *client, int timeout_ms)
{
	const payi_status status = payi__client_ready(client);
	if (status)
		return status;
	uint64_t tails[PAYI_RING_LANES] = {0};
	for (uint32_t i = 0; i < PAYI_RING_LANES; i++)
		tails[i] = tail_of(client, i);
	const int64_t deadline = payi__monotonic_us() + (int64_t)timeout_ms * 1000;
	long sleep_us = SLEEP_FIRST_US;
	while (!all_done(client, tails)) {
		if (timeout_ms >= 0 && payi__monotonic_us() >= deadline)
			return payi__fail(PAYI_ERR_TIMEOUT,
					  "the agent has not stored everything within %d ms; is "
					  "one running on %s?",
					  timeout_ms, client->directory);
		nanosleep(&(struct timespec){.tv_nsec = sleep_us * 1000}, NULL);
		sleep_us = sleep_us * 2 < SLEEP_MAX_US ? sleep_us * 2 : SLEEP_MAX_US;
	}
	return PAYI_OK;
}

payi_status payi_client_stats_get(payi_client *client, payi_client_stats *stats)
{
	const payi_status status = payi__client_ready(client);
	if (status)
		return status;
	if (!stats || stats->size != sizeof(*stats))
		return payi__fail(PAYI_ERR_INVALID,
				  "stats.size is %zu; begin with PAYI_CLIENT_STATS_INIT",
				  stats ? stats->size : 0);
	payi_client_stats sum = PAYI_CLIENT_STATS_INIT;
	const struct payi_ring_counters *counters = client->file.counters;
	for (uint32_t i = 0; i < PAYI_RING_LANES; i++) {
		const struct payi_ring_lane *lane = &counters->lane[i];
		const uint64_t tail = tail_of(client, i);
		sum.ring_bytes_used += tail - done_of(client, i, tail);
		sum.refused += payi_ring_load_own(&lane->refused);
		sum.dropped_full += payi_ring_load_own(&lane->dropped_full);
		sum.dropped_too_big += payi_ring_load_own(&lane->dropped_too_big);
		sum.attempted += payi_ring_load_own(&lane->attempted);
	}
	sum.tracked = sum.attempted - sum.refused - sum.dropped_full - sum.dropped_too_big;
	sum.dropped_busy = payi_ring_load_own(&counters->dropped_busy);
	sum.attempted += sum.dropped_busy;
	sum.unbalanced_ends = atomic_load_explicit(&client->unbalanced_ends, memory_order_relaxed);
	sum.ring_bytes = PAYI_RING_LANES * client->lane_bytes;
	sum.event_bytes_max = client->lane_bytes - PAYI_RING_RECORD_HEADER;
	*stats = sum;
	return PAYI_OK;
}
