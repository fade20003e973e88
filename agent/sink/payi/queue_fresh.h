/*
 * A backlog that is drained at a rate, and the new events that are not to wait for it.
 *
 * While the backlog must wait for its turn, new events go by it: those behind the newest one of the moment at which that
 * began, if they are of no use case instance, or of one that is younger than that moment: no event of it is in the
 * backlog, so the order of its events is kept. The others are left for the backlog, which comes to them in the end. What
 * goes by is settled ahead, in ranges around those that are left.
 *
 *     settled | backlog ....................... | fresh: gone, left, gone, gone, left
 *             fetched_id                  begin_id                       fresh.fetched_id
 *
 * When the backlog comes to begin_id nothing goes by any more; what went is waited for, until it is committed; then the
 * backlog goes on over the rest. Without a rate there is none of this: everything goes in its order, as fast as it goes.
 */
#ifndef PAYI_SINK_PAYI_QUEUE_FRESH_H
#define PAYI_SINK_PAYI_QUEUE_FRESH_H

#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>

struct queue;
struct queue_span;

struct queue_fresh {
	int64_t rate;       /* events of a backlog in a second; 0: no bound */
	int64_t backlog_us; /* not before: its next ones */
	int64_t begin_id;   /* 0: nothing goes by */
	int64_t begin_instance;
	int64_t fetched_id;
	int64_t again_us;   /* not before: the next look for new ones */
	bool ending;        /* the backlog has come to begin_id */
	uint64_t n_settled; /* the queue's, when one that went by was settled last */
};

/* Whether the backlog has to wait; new ones go by it from now on, then. */
bool queue_backlog_waits(struct queue *queue, int64_t now_us);

/* So many events of the backlog go now. */
void queue_backlog_goes(struct queue *queue, int64_t n, int64_t now_us);

/* The backlog has come to what went by it. False: that is not committed yet. */
bool queue_fresh_end(struct queue *queue);

/* Whether this one is left for the backlog. */
bool queue_fresh_leaves(const struct queue *queue, const struct sink_item *item);

/* Whether this one went by the backlog already. */
bool queue_fresh_has(const struct queue *queue, const struct sink_item *item);

bool queue_fresh_is_due(const struct queue *queue, int64_t now_us);

/* When the next ones in their order may be fetched. */
int64_t queue_backlog_due_us(const struct queue *queue);

/* When to look again; INT64_MAX: not because of these. */
int64_t queue_fresh_due_us(const struct queue *queue);

#endif
