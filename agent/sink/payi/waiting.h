/*
 * Events that were settled as waiting, and are not committed yet: until they are, the host does not know that later
 * events of their use case instances must wait behind them. A list in the order of settling, and a hash of instances
 * into it, for a service that defers everything. It is bounded: when the store stands still, so does the fetching
 * (queue_fill.c).
 *
 * Without memory for one more, the order of its instance is not kept. One thread.
 */
#ifndef PAYI_SINK_PAYI_WAITING_H
#define PAYI_SINK_PAYI_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct waiting_event {
	int64_t instance;
	int64_t event;
	uint64_t settlement;
	uint64_t older; /* the number of the one before in its bucket */
};

/* Events are numbered from 1 on, for ever: first is the number of events[0], and those before are forgotten. */
struct waiting {
	struct waiting_event *events;
	uint64_t *newest; /* by bucket; there are as many as capacity, a power of two */
	uint64_t first;
	size_t n;
	size_t capacity;
};

void waiting_release(struct waiting *waiting);

/* By settlement number; later numbers do not come before earlier ones. */
void waiting_add(struct waiting *waiting, int64_t instance, int64_t event, uint64_t settlement);

/* Settlements up to this number are committed. */
void waiting_forget(struct waiting *waiting, uint64_t settlement);

/* Whether an event of the instance waits that came before this one. */
bool waiting_before(const struct waiting *waiting, int64_t instance, int64_t event);

#endif
