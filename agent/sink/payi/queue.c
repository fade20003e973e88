#include "sink/payi/queue.h"

#include <stdlib.h>

enum {
	FETCH_AGAIN_US = 1000000,
	/*
	 * Between two sweeps over the deferred ones. Long enough for the host to have committed what the last
	 * sweep settled: else it would be fetched, and sent, again.
	 */
	DEFERRED_AGAIN_US = 2000000,
	BATCH_BYTES_MIN = 1024,
};

int queue_init(struct queue *queue, int n_slots, void *owner)
{
	queue->slots = calloc((size_t)n_slots, sizeof(*queue->slots));
	if (!queue->slots)
		return -1;
	queue->n_slots = n_slots;
	queue->more = true;
	for (int i = 0; i < n_slots; i++) {
		queue->slots[i].owner = owner;
		if (batch_init(&queue->slots[i].batch, queue->batch_events))
			return -1;
	}
	return 0;
}

void queue_release(struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		batch_release(&queue->slots[i].batch);
	free(queue->slots);
}

/* ---- Slots ------------------------------------------------------------------------------------------ */

static struct queue_slot *free_slot(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state == QUEUE_FREE)
			return &queue->slots[i];
	return NULL;
}

struct queue_slot *queue_next(const struct queue *queue, int64_t now_us)
{
	struct queue_slot *next = NULL;
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *slot = &queue->slots[i];
		if (slot->state == QUEUE_READY && now_us >= slot->not_before_us &&
		    (!next || slot->turn < next->turn))
			next = slot;
	}
	return next;
}

int64_t queue_next_us(const struct queue *queue)
{
	int64_t next_us = INT64_MAX;
	for (int i = 0; i < queue->n_slots; i++) {
		const struct queue_slot *slot = &queue->slots[i];
		if (slot->state == QUEUE_READY && slot->not_before_us < next_us)
			next_us = slot->not_before_us;
	}
	return next_us;
}

void queue_move_back(struct queue *queue, struct queue_slot *slot)
{
	slot->turn = queue->n_turns++;
}

static void count(struct sink_counters *counters, const struct sink_settlement *settlement)
{
	int64_t n[SINK_HELD + 1] = {0};
	for (size_t i = 0; i < settlement->n_outcomes; i++)
		n[settlement->outcomes[i].verdict]++;
	counter_add(&counters->delivered, (uint64_t)settlement->n_delivered);
	counter_add(&counters->deferred, (uint64_t)n[SINK_DEFERRED]);
	counter_add(&counters->dead, (uint64_t)n[SINK_DEAD]);
}

void queue_settle(struct queue *queue, struct queue_slot *slot)
{
	struct sink_settlement settlement;
	batch_settlement(&slot->batch, queue->sink, &settlement);
	count(&queue->counters, &settlement);
	slot->state = QUEUE_FREE;
	queue->host.settle(queue->host.context, &settlement);
}

/* A batch goes as it is now; one that has only events with verdicts need not go. */
static void make_ready(struct queue *queue, struct queue_slot *slot)
{
	if (slot == queue->filling)
		queue->filling = NULL;
	slot->state = QUEUE_READY;
	slot->again = false;
	slot->not_before_us = 0;
	slot->turn = queue->n_turns++;
	if (slot->batch.n_items == 0)
		queue_settle(queue, slot);
}

/* ---- Fetching --------------------------------------------------------------------------------------- */

struct taker {
	struct batch *batch;
	int64_t wall_us;
	int64_t last_id; /* taken */
};

static bool on_take(void *ctx, const struct sink_item *item)
{
	struct taker *taker = ctx;
	if (!batch_add(taker->batch, item, taker->wall_us))
		return false;
	taker->last_id = item->id;
	return true;
}

/* Into the batch that is being filled, until it is full or there are no more events. */
static void fetch_into(struct queue *queue, struct queue_slot *slot, int64_t now_us,
		       int64_t wall_us)
{
	struct taker taker = {&slot->batch, wall_us, queue->fetched_id};
	size_t n_before = slot->batch.n_taken;
	int room = queue->batch_events - (int)n_before;
	int n = queue->host.fetch(queue->host.context, queue->fetched_id, room, on_take, &taker);
	queue->fetched_id = taker.last_id;
	if (n < 0)
		queue->fetch_again_us = now_us + FETCH_AGAIN_US;
	else if (n < room && !slot->batch.full)
		queue->more = false;
	else if (slot->batch.n_taken == 0) /* full, and empty: memory is short */
		queue->fetch_again_us = now_us + FETCH_AGAIN_US;
	if (n_before == 0 && slot->batch.n_taken > 0)
		slot->first_us = now_us;
}

static bool is_complete(const struct queue *queue, const struct batch *batch)
{
	return batch->n_taken > 0 && (batch->full || batch->n_taken == (size_t)queue->batch_events);
}

static void fetch_new(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	while (queue->more && now_us >= queue->fetch_again_us) {
		struct queue_slot *slot = queue->filling ? queue->filling : free_slot(queue);
		if (!slot)
			return;
		if (!queue->filling) {
			batch_begin(&slot->batch, queue->fetched_id, false, queue->batch_bytes);
			slot->state = QUEUE_FILLING;
			queue->filling = slot;
		}
		fetch_into(queue, slot, now_us, wall_us);
		if (is_complete(queue, &slot->batch))
			make_ready(queue, slot);
	}
}

static bool deferred_is_under_way(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state != QUEUE_FREE && queue->slots[i].batch.deferred)
			return true;
	return false;
}

static void fetch_deferred(struct queue *queue, int64_t now_us, int64_t wall_us)
{
	struct queue_slot *slot = free_slot(queue);
	if (!slot || now_us < queue->deferred_again_us || deferred_is_under_way(queue))
		return;
	batch_begin(&slot->batch, 0, true, queue->batch_bytes);
	struct taker taker = {&slot->batch, wall_us, 0};
	queue->host.fetch_deferred(queue->host.context, wall_us, queue->deferred_after,
				   queue->batch_events, on_take, &taker);
	queue->deferred_after = taker.last_id;
	if (slot->batch.n_taken == 0)
		queue->deferred_again_us = now_us + DEFERRED_AGAIN_US;
	else
		make_ready(queue, slot);
}

static void finish_filling(struct queue *queue, int64_t now_us, bool hurry)
{
	struct queue_slot *slot = queue->filling;
	if (!slot)
		return;
	if (slot->batch.n_taken == 0) {
		slot->state = QUEUE_FREE;
		queue->filling = NULL;
	} else if (hurry || now_us >= slot->first_us + queue->batch_age_us) {
		make_ready(queue, slot);
	}
}

void queue_fill(struct queue *queue, int64_t now_us, int64_t wall_us, bool hurry)
{
	if (hurry) /* new events alone: the deferred ones can wait for the next start */
		queue->deferred_again_us = now_us + DEFERRED_AGAIN_US;
	fetch_deferred(queue, now_us, wall_us);
	fetch_new(queue, now_us, wall_us);
	finish_filling(queue, now_us, hurry);
}

/* ---- State ------------------------------------------------------------------------------------------ */

void queue_shrink(struct queue *queue, size_t refused_bytes)
{
	size_t bytes = refused_bytes / 2;
	if (bytes < BATCH_BYTES_MIN)
		bytes = BATCH_BYTES_MIN;
	if (bytes < queue->batch_bytes)
		queue->batch_bytes = bytes;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t queue_due_us(const struct queue *queue)
{
	int64_t due_us = INT64_MAX;
	bool room = free_slot(queue) != NULL;
	if (queue->filling)
		due_us = queue->filling->first_us + queue->batch_age_us;
	if (queue->more && (room || queue->filling))
		due_us = earlier(due_us, queue->fetch_again_us);
	if (room && !deferred_is_under_way(queue))
		due_us = earlier(due_us, queue->deferred_again_us);
	return due_us;
}

bool queue_is_empty(const struct queue *queue)
{
	if (queue->more)
		return false;
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state != QUEUE_FREE)
			return false;
	return true;
}
