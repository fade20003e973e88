/*
 * The batches of the sink: which events are fetched, which batch goes out next. Bounded: twice as many batches
 * as requests may be under way, and one of deferred events; while the service is down the store alone holds what
 * waits.
 *
 * New events are fetched once, in order, in spans: ranges of ids without a gap. A span is one batch where few
 * events come. While many wait it is as many as may be under way, its events dealt out by their use case
 * instances; it is settled when its last batch is. Deferred events are fetched in sweeps, one batch at a time.
 *
 * Order: events of one use case instance go out in the order of their ids.
 *   - A batch waits until those before it that hold events of the same instances are done.
 *   - An event that is put off (deferred, or held for an id) keeps back the later ones of its instance: those in
 *     batches here, and those that are fetched: by what the host says of it, and, until the host has
 *     committed what was settled, by what is remembered here (backlog of settlements: see waiting.h).
 *   - Of what shares one request the service takes each event for itself: when it puts one off, those behind it
 *     in the same request are there. This, and what two agents do, is not guaranteed.
 *   - A batch that takes long keeps back the events of its own instances alone: others in the batches behind it
 *     leave those behind.
 *
 * All on the loop's thread; times are clock_boot_us().
 */
#ifndef PAYI_SINK_PAYI_QUEUE_H
#define PAYI_SINK_PAYI_QUEUE_H

#include "sink/counters.h"
#include "sink/payi/batch.h"
#include "sink/payi/queue_fresh.h"
#include "sink/payi/waiting.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>

/* A range of ids, settled as one. Its last_id is its after_id when its events are deferred ones. */
struct queue_span {
	int64_t after_id;
	int64_t last_id;
	int n_slots; /* that are not done; 0, and not filling: free */
	int n_taken; /* events, while filling */
	int64_t n_delivered;
	bool filling;
	bool has_instances; /* an event of one, that is */
	bool has_outcomes;
};

/* Done: it has outcomes, and waits for the others of its span. */
enum queue_state { QUEUE_FREE, QUEUE_FILLING, QUEUE_READY, QUEUE_SENDING, QUEUE_DONE };

struct queue_slot {
	struct batch batch;
	enum queue_state state;
	struct queue_span *span;
	bool *waits_for;       /* by the index of another slot: that one must be done first */
	uint64_t turn;         /* the lowest goes first */
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
	int in_flight;

	struct queue_slot *slots;
	int n_slots;
	struct queue_span *spans;      /* as many */
	struct sink_outcome *outcomes; /* of the span that is being settled */
	struct waiting waiting;
	uint64_t n_settled; /* calls of the host's settle() */
	uint64_t n_turns;

	struct queue_span *filling; /* or NULL */
	int64_t first_us;           /* when its first event came */
	bool backlog;               /* the last span was full */
	bool wide_backlog;          /* it was, and of more than one batch */
	struct queue_fresh fresh;
	int64_t fetched_id;     /* up to here events are in batches, or settled */
	bool more;              /* there may be more behind it */
	int64_t fetch_again_us; /* not before, after the store said no */
	int64_t deferred_after; /* the sweep's position */
	int64_t deferred_again_us;
	uint64_t deferred_settled;     /* n_settled when a batch of deferred ones was, last */
	struct sink_counters counters; /* events here, requests by the sink */
};

/* queue's sizes, host and fetched_id are set; owner is for the slots. */
int queue_init(struct queue *queue, void *owner);
void queue_release(struct queue *queue);

/* Other sizes, for batches that are begun from now on. -1: no memory, and what was is still so. */
int queue_resize(struct queue *queue, int32_t batch_events, size_t batch_bytes);

/* Fetches what there is room for. hurry: no event waits for company. (queue_fill.c) */
void queue_fill(struct queue *queue, int64_t now_us, int64_t wall_us, bool hurry);

/* The batches that are being filled go as they are. (queue_fill.c) */
void queue_stop_filling(struct queue *queue);

/* The batch that goes next, or NULL; and from when on there is one. */
struct queue_slot *queue_next(const struct queue *queue, int64_t now_us);
int64_t queue_next_us(const struct queue *queue);

/* It failed: let others try first, so that one does not stand for all. */
void queue_move_back(struct queue *queue, struct queue_slot *slot);

/* A batch without items is done. */
void queue_settle(struct queue *queue, struct queue_slot *slot);

/* Batches that wait for one that takes long leave behind what it keeps back, and go. */
void queue_pass_by(struct queue *queue, int64_t now_us);

int64_t queue_slow_us(const struct queue *queue); /* when one has taken long */

/* The service took no request of that many bytes. */
void queue_shrink(struct queue *queue, size_t refused_bytes);

/* When queue_fill() should be called again without being woken. */
int64_t queue_due_us(const struct queue *queue);

/* Nothing is fetched, nothing is known to wait. */
bool queue_is_empty(const struct queue *queue);

/* ---- For queue_fill.c ---- */

struct queue_slot *queue_free_slot(const struct queue *queue);
int queue_n_free(const struct queue *queue);
uint64_t queue_n_committed(const struct queue *queue);
struct queue_span *queue_free_span(const struct queue *queue);
void queue_make_ready(struct queue *queue, struct queue_slot *slot);
void queue_settle_span(struct queue *queue, struct queue_span *span);

#endif
