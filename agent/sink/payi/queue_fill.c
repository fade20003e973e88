/* The queue's left side: how batches come to have events. */
#include "sink/payi/queue.h"

enum {
	FETCH_AGAIN_US = 1000000,
	DEFERRED_AGAIN_US = 2000000, /* between two sweeps over the deferred ones */
	UNCOMMITTED_MAX = 64,        /* settlements; with more, the store does not keep up */
	STORE_AGAIN_US = 10000,
	FRESH_SPANS = 32, /* in one go: those that are left make many of few events */
};

/* ---- What the host has committed -------------------------------------------------------------------- */

static bool store_keeps_up(struct queue *queue)
{
	uint64_t committed = queue_n_committed(queue);
	waiting_forget(&queue->waiting, committed);
	return queue->n_settled - committed < UNCOMMITTED_MAX;
}

/* ---- Taking ----------------------------------------------------------------------------------------- */

struct taker {
	struct queue *queue;
	struct queue_span *span;
	struct queue_slot *slot; /* NULL: by the event's instance */
	int64_t until_id;        /* none beyond */
	int64_t wall_us;
	bool fresh;      /* those that go by the backlog */
	int64_t last_id; /* taken */
	int n;
	bool full;       /* the last one offered did not fit */
	int64_t left_id; /* it is left for the backlog; 0: none */
	bool at_end;     /* it is beyond until_id */
};

/* Whether one is put off that goes first: known to the host, settled, or in a batch. */
static bool is_behind(const struct queue *queue, const struct sink_item *item)
{
	if (item->instance == 0)
		return false;
	if (item->behind || waiting_before(&queue->waiting, item->instance, item->id))
		return true;
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state != QUEUE_FREE &&
		    batch_keeps_back(&queue->slots[i].batch, item->instance, item->id))
			return true;
	return false;
}

static uint64_t mixed(int64_t instance)
{
	return (uint64_t)instance * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static bool is_of(const struct queue_slot *slot, const struct queue_span *span)
{
	return slot->state == QUEUE_FILLING && slot->span == span;
}

static struct queue_slot *slot_at(const struct queue *queue, const struct queue_span *span,
				  uint64_t at)
{
	struct queue_slot *slot = queue->slots;
	for (; !is_of(slot, span) || at > 0; slot++)
		at -= is_of(slot, span);
	return slot;
}

/* The fullest that has room, while that makes the fewest requests; else the emptiest. */
static struct queue_slot *slot_for_any(const struct queue *queue, const struct queue_span *span)
{
	struct queue_slot *best = NULL;
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *slot = &queue->slots[i];
		if (!is_of(slot, span) ||
		    (slot->batch.n_taken == (size_t)queue->batch_events && best))
			continue;
		bool fuller = best && slot->batch.n_taken > best->batch.n_taken;
		bool best_is_full = best && best->batch.n_taken == (size_t)queue->batch_events;
		if (!best || best_is_full || fuller != span->has_instances)
			best = slot;
	}
	return best;
}

/* All events of an instance go into one of the span's batches. */
static struct queue_slot *slot_for(const struct taker *taker, const struct sink_item *item)
{
	struct queue_span *span = taker->span;
	if (item->instance == 0)
		return slot_for_any(taker->queue, span);
	span->has_instances = true;
	return slot_at(taker->queue, span, mixed(item->instance) % (uint64_t)span->n_slots);
}

static bool on_take(void *ctx, const struct sink_item *offered)
{
	struct taker *taker = ctx;
	struct sink_item item = *offered;
	taker->at_end =
		item.id > taker->until_id && !(taker->slot && queue_fresh_has(taker->queue, &item));
	taker->left_id = taker->fresh && queue_fresh_leaves(taker->queue, &item) ? item.id : 0;
	if (taker->at_end || taker->left_id)
		return false;
	struct queue_slot *slot = taker->slot ? taker->slot : slot_for(taker, &item);
	item.behind = is_behind(taker->queue, &item);
	taker->full = !batch_add(&slot->batch, &item, taker->wall_us);
	if (taker->full)
		return false;
	taker->last_id = item.id;
	taker->n++;
	return true;
}

/* ---- New events ------------------------------------------------------------------------------------- */

/* In a backlog as many batches as may be under way; one is kept for deferred events. */
static int width_of_next(const struct queue *queue)
{
	int n_free = queue_n_free(queue) - 1;
	if (!queue->backlog || queue->fresh.rate > 0)
		return n_free > (queue->fresh.begin_id > 0) ? 1 : 0;
	return n_free >= queue->in_flight ? queue->in_flight : 0;
}

static struct queue_span *begin_span(struct queue *queue, int64_t after_id, int width)
{
	struct queue_span *span = queue_free_span(queue);
	if (!span || width == 0)
		return NULL;
	*span = (struct queue_span){.after_id = after_id, .last_id = after_id, .filling = true};
	for (int i = 0; i < width; i++) {
		struct queue_slot *slot = queue_free_slot(queue);
		batch_begin(&slot->batch, false, queue->batch_bytes);
		slot->state = QUEUE_FILLING;
		slot->span = span;
		span->n_slots++;
	}
	return span;
}

static void free_empty(struct queue *queue, struct queue_span *span)
{
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *slot = &queue->slots[i];
		if (slot->state == QUEUE_FILLING && slot->span == span &&
		    slot->batch.n_taken == 0) {
			slot->state = QUEUE_FREE;
			span->n_slots--;
		}
	}
}

/* It may be settled, and free again, when its last batch is made ready. */
static void close_span(struct queue *queue, struct queue_span *span)
{
	if (queue->filling == span)
		queue->filling = NULL;
	span->filling = false;
	free_empty(queue, span);
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state == QUEUE_FILLING && queue->slots[i].span == span)
			queue_make_ready(queue, &queue->slots[i]);
}

/* Of those that came in their order, that is. */
static void no_more(struct queue *queue, int64_t now_us)
{
	if (queue->fresh.begin_id == 0)
		queue->more = false;
	else if (!queue_fresh_end(queue))
		queue->fetch_again_us = now_us + STORE_AGAIN_US;
}

/*
 * Into the span that is being filled, until it is full or there are no more events. The end of a backlog has
 * waited long enough: it goes without company.
 */
static void fetch_into(struct queue *queue, struct queue_span *span, int64_t now_us,
		       int64_t wall_us)
{
	struct taker taker = {.queue = queue,
			      .span = span,
			      .until_id = queue->fresh.begin_id ? queue->fresh.begin_id : INT64_MAX,
			      .wall_us = wall_us,
			      .last_id = queue->fetched_id};
	int room = span->n_slots * queue->batch_events - span->n_taken;
	bool was_empty = span->n_taken == 0;
	int n = queue->host.fetch(queue->host.context, queue->fetched_id, room, on_take, &taker);
	queue->fetched_id = taker.last_id;
	span->last_id = taker.last_id;
	span->n_taken += taker.n;
	if (n < 0)
		queue->fetch_again_us = now_us + FETCH_AGAIN_US;
	else if (n < room && !taker.full)
		no_more(queue, now_us);
	else if (span->n_taken == 0) /* full, and empty: memory is short */
		queue->fetch_again_us = now_us + FETCH_AGAIN_US;
	if (was_empty && taker.n > 0)
		queue->first_us = now_us;
	bool full = taker.full || n == room;
	bool tail = queue->wide_backlog && span->n_slots > 1;
	bool enough = tail || (span->n_slots > 1 && span->n_taken >= queue->batch_events);
	queue->backlog = full && was_empty;
	queue->wide_backlog = queue->backlog && span->n_slots > 1;
	if (queue->backlog)
		queue_backlog_goes(queue, taker.n, now_us);
	if ((full || enough || taker.at_end) && span->n_taken > 0)
		close_span(queue, span);
}

static void fetch_new(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	while (queue->more && now_us >= queue->fetch_again_us) {
		if (!store_keeps_up(queue)) {
			queue->fetch_again_us = now_us + STORE_AGAIN_US;
			return;
		}
		if (!queue->filling && queue_backlog_waits(queue, now_us))
			return;
		if (!queue->filling)
			queue->filling = begin_span(queue, queue->fetched_id, width_of_next(queue));
		if (!queue->filling)
			return;
		fetch_into(queue, queue->filling, now_us, wall_us);
	}
}

/* Those that go by the backlog: up to the first one that is left for it. */
static void fetch_fresh_span(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	struct queue_fresh *fresh = &queue->fresh;
	struct queue_span *span = begin_span(queue, fresh->fetched_id, 1);
	struct taker taker = {.queue = queue,
			      .span = span,
			      .fresh = true,
			      .until_id = INT64_MAX,
			      .wall_us = wall_us,
			      .last_id = fresh->fetched_id};
	const int n = queue->host.fetch(queue->host.context, fresh->fetched_id, queue->batch_events,
					on_take, &taker);
	fresh->fetched_id = taker.left_id ? taker.left_id : taker.last_id;
	span->last_id = taker.last_id;
	span->n_taken = taker.n;
	if (!taker.left_id && n < queue->batch_events && (!taker.full || taker.n == 0))
		fresh->again_us = now_us + queue->batch_age_us;
	close_span(queue, span);
}

static void fetch_fresh(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	for (int i = 0; i < FRESH_SPANS && queue_fresh_is_due(queue, now_us); i++) {
		if (!store_keeps_up(queue)) {
			queue->fresh.again_us = now_us + STORE_AGAIN_US;
			return;
		}
		fetch_fresh_span(queue, now_us, wall_us);
	}
}

static void finish_filling(struct queue *queue, int64_t now_us, bool hurry)
{
	struct queue_span *span = queue->filling;
	if (!span)
		return;
	if (span->n_taken == 0 || hurry || now_us >= queue->first_us + queue->batch_age_us)
		close_span(queue, span);
}

/* ---- Deferred events -------------------------------------------------------------------------------- */

static bool deferred_is_under_way(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state != QUEUE_FREE && queue->slots[i].batch.deferred)
			return true;
	return false;
}

/*
 * Up to here new events are in batches that go, or are settled: all of them, when there are no more. What was deferred
 * beyond, in an earlier life, may have to wait behind one that is yet to be fetched.
 */
static int64_t made_ready_id(const struct queue *queue)
{
	if (queue->filling)
		return queue->filling->after_id;
	return queue->more ? queue->fetched_id : INT64_MAX;
}

/* What was settled and is not committed would be fetched, and sent, again. */
static void fetch_deferred(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	struct queue_slot *slot = queue_free_slot(queue);
	struct queue_span *span = queue_free_span(queue);
	if (!slot || !span || now_us < queue->deferred_again_us || deferred_is_under_way(queue))
		return;
	if (queue_n_committed(queue) < queue->deferred_settled) {
		queue->deferred_again_us = now_us + STORE_AGAIN_US;
		return;
	}
	waiting_forget(&queue->waiting, queue_n_committed(queue));
	batch_begin(&slot->batch, true, queue->batch_bytes);
	struct taker taker = {
		.queue = queue, .slot = slot, .until_id = made_ready_id(queue), .wall_us = wall_us};
	queue->host.fetch_deferred(queue->host.context, wall_us, queue->deferred_after,
				   queue->batch_events, on_take, &taker);
	queue->deferred_after = taker.last_id;
	if (taker.n == 0) {
		queue->deferred_again_us = now_us + DEFERRED_AGAIN_US;
		return;
	}
	*span = (struct queue_span){.n_slots = 1};
	slot->span = span;
	queue_make_ready(queue, slot);
}

/* ---- Public ----------------------------------------------------------------------------------------- */

void queue_fill(struct queue *queue, int64_t now_us, int64_t wall_us, bool hurry)
{
	if (hurry) /* new events alone: the deferred ones can wait for the next start */
		queue->deferred_again_us = now_us + DEFERRED_AGAIN_US;
	fetch_deferred(queue, now_us, wall_us);
	fetch_new(queue, now_us, wall_us);
	fetch_fresh(queue, now_us, wall_us);
	finish_filling(queue, now_us, hurry);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t queue_due_us(const struct queue *queue)
{
	int64_t due_us = queue_slow_us(queue);
	if (queue->filling)
		due_us = earlier(due_us, queue->first_us + queue->batch_age_us);
	if (queue->more && (queue->filling || width_of_next(queue) > 0))
		due_us = earlier(due_us, queue_backlog_due_us(queue));
	due_us = earlier(due_us, queue_fresh_due_us(queue));
	if (queue_n_free(queue) > 0 && !deferred_is_under_way(queue))
		due_us = earlier(due_us, queue->deferred_again_us);
	return due_us;
}

void queue_stop_filling(struct queue *queue)
{
	if (queue->filling)
		close_span(queue, queue->filling);
}
