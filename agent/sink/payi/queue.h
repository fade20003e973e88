/*
 * The batches of the sink: which events are fetched, which batch goes out next. Bounded: as many batches
 * as requests may be under way, the one that is being filled among them; while the service is down the
 * store alone holds what waits.
 *
 * New events are fetched once, in order, so that the ranges of the batches tile the ids. Deferred ones are
 * fetched in sweeps, one batch at a time. All on the loop's thread; times are clock_boot_us().
 */
#ifndef PAYI_SINK_PAYI_QUEUE_H
#define PAYI_SINK_PAYI_QUEUE_H

#include "sink/counters.h"
#include "sink/payi/batch.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>

enum queue_state { QUEUE_FREE, QUEUE_FILLING, QUEUE_READY, QUEUE_SENDING };

struct queue_slot {
	struct batch batch;
	enum queue_state state;
	uint64_t turn;         /* the lowest goes first */
	int64_t first_us;      /* FILLING: when its first event came */
	bool probe;            /* SENDING: as endpoint_answered() */
	uint32_t generation;   /* SENDING: of the key */
	int64_t sent_us;       /* SENDING */
	bool again;            /* READY: it was sent as it is, and is to be sent again */
	int64_t not_before_us; /* READY */
	void *owner;
};

struct queue {
	struct sink_host host;
	const char *sink;
	int32_t batch_events;
	size_t batch_bytes; /* goes down when the service says so */
	int64_t batch_age_us;

	struct queue_slot *slots;
	int n_slots;
	struct queue_slot *filling; /* or NULL */
	uint64_t n_turns;
	int64_t fetched_id;     /* up to here events are in batches, or settled */
	bool more;              /* there may be more behind it */
	int64_t fetch_again_us; /* not before, after the store said no */
	int64_t deferred_after; /* the sweep's position */
	int64_t deferred_again_us;
	struct sink_counters counters; /* events here, requests by the sink */
};

/* queue's sizes, host and fetched_id are set; owner is for the slots. */
int queue_init(struct queue *queue, int n_slots, void *owner);
void queue_release(struct queue *queue);

/* Fetches what there is room for. hurry: no event waits for company. */
void queue_fill(struct queue *queue, int64_t now_us, int64_t wall_us, bool hurry);

/* The batch that goes next, or NULL; and from when on there is one. */
struct queue_slot *queue_next(const struct queue *queue, int64_t now_us);
int64_t queue_next_us(const struct queue *queue);

/* It failed: let others try first, so that one does not stand for all. */
void queue_move_back(struct queue *queue, struct queue_slot *slot);

/* Settles a batch without items; the slot is free then. */
void queue_settle(struct queue *queue, struct queue_slot *slot);

/* The service took no request of that many bytes. */
void queue_shrink(struct queue *queue, size_t refused_bytes);

/* When queue_fill() should be called again without being woken. */
int64_t queue_due_us(const struct queue *queue);

/* Nothing is fetched, nothing is known to wait. */
bool queue_is_empty(const struct queue *queue);

#endif
