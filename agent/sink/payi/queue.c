#include "sink/payi/queue.h"

#include <stdlib.h>

enum {
	BATCH_BYTES_MIN = 1024,
	SLOW_US = 5000000, /* a request that takes longer is passed by */
};

int queue_init(struct queue *queue, void *owner)
{
	int n = 2 * queue->in_flight + 1;
	size_t n_outcomes = (size_t)queue->in_flight * (size_t)queue->batch_events;
	queue->n_slots = n;
	queue->more = true;
	queue->slots = calloc((size_t)n, sizeof(*queue->slots));
	queue->spans = calloc((size_t)n, sizeof(*queue->spans));
	queue->outcomes = calloc(n_outcomes, sizeof(*queue->outcomes));
	if (!queue->slots || !queue->spans || !queue->outcomes)
		return -1;
	for (int i = 0; i < n; i++) {
		struct queue_slot *slot = &queue->slots[i];
		slot->owner = owner;
		slot->waits_for = calloc((size_t)n, sizeof(*slot->waits_for));
		if (!slot->waits_for || batch_init(&slot->batch, queue->batch_events))
			return -1;
	}
	return 0;
}

/* Of the span that is settled, at the most; its batches may be of the old size. */
static int make_outcomes(struct queue *queue, int32_t batch_events)
{
	const int32_t most = queue->slots[0].batch.events_room;
	const size_t n = (size_t)(batch_events > most ? batch_events : most);
	void *outcomes =
		realloc(queue->outcomes, (size_t)queue->in_flight * n * sizeof(*queue->outcomes));
	if (!outcomes)
		return -1;
	queue->outcomes = outcomes;
	return 0;
}

int queue_resize(struct queue *queue, int32_t batch_events, size_t batch_bytes)
{
	queue_stop_filling(queue);
	if (make_outcomes(queue, batch_events))
		return -1;
	for (int i = 0; i < queue->n_slots; i++)
		if (batch_resize(&queue->slots[i].batch, batch_events)) {
			while (i-- > 0)
				(void)batch_resize(&queue->slots[i].batch, queue->batch_events);
			return -1;
		}
	queue->batch_events = batch_events;
	queue->batch_bytes = batch_bytes;
	return 0;
}

void queue_release(struct queue *queue)
{
	for (int i = 0; queue->slots && i < queue->n_slots; i++) {
		batch_release(&queue->slots[i].batch);
		free(queue->slots[i].waits_for);
	}
	free(queue->slots);
	free(queue->spans);
	free(queue->outcomes);
	waiting_release(&queue->waiting);
}

/* ---- Slots ------------------------------------------------------------------------------------------ */

struct queue_slot *queue_free_slot(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state == QUEUE_FREE)
			return &queue->slots[i];
	return NULL;
}

int queue_n_free(const struct queue *queue)
{
	int n = 0;
	for (int i = 0; i < queue->n_slots; i++)
		n += queue->slots[i].state == QUEUE_FREE;
	return n;
}

struct queue_span *queue_free_span(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (!queue->spans[i].filling && queue->spans[i].n_slots == 0 &&
		    !queue->spans[i].has_outcomes)
			return &queue->spans[i];
	return NULL;
}

uint64_t queue_n_committed(const struct queue *queue)
{
	return queue->host.n_committed ? queue->host.n_committed(queue->host.context)
				       : queue->n_settled;
}

static bool may_go(const struct queue *queue, const struct queue_slot *slot)
{
	if (slot->state != QUEUE_READY)
		return false;
	for (int i = 0; i < queue->n_slots; i++)
		if (slot->waits_for[i])
			return false;
	return true;
}

struct queue_slot *queue_next(const struct queue *queue, int64_t now_us)
{
	struct queue_slot *next = NULL;
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *slot = &queue->slots[i];
		if (may_go(queue, slot) && now_us >= slot->not_before_us &&
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
		if (may_go(queue, slot) && slot->not_before_us < next_us)
			next_us = slot->not_before_us;
	}
	return next_us;
}

void queue_move_back(struct queue *queue, struct queue_slot *slot)
{
	slot->turn = queue->n_turns++;
}

/* ---- Order ------------------------------------------------------------------------------------------ */

/* Those that are ready or under way came before it. Of its own span none has an instance of its own. */
static void find_those_before(struct queue *queue, struct queue_slot *slot)
{
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *other = &queue->slots[i];
		bool active = other->state == QUEUE_READY || other->state == QUEUE_SENDING;
		slot->waits_for[i] = active && other != slot && other->span != slot->span &&
				     batch_shares_instance(&slot->batch, &other->batch);
	}
}

/* Nor does it wait for any: all that it had may have been left behind another. */
static void wait_for_it_no_longer(struct queue *queue, struct queue_slot *slot)
{
	long index = slot - queue->slots;
	for (int i = 0; i < queue->n_slots; i++) {
		queue->slots[i].waits_for[index] = false;
		slot->waits_for[i] = false;
	}
}

/* What was put off keeps back what is in batches already; those of its instance have not gone out yet. */
static void keep_back(struct queue *queue, const struct queue_slot *slot)
{
	for (size_t i = 0; i < slot->batch.n_verdicts; i++) {
		const struct sink_outcome *outcome = &slot->batch.verdicts[i].outcome;
		if (!sink_waits(outcome->verdict) || outcome->instance == 0)
			continue;
		for (int j = 0; j < queue->n_slots; j++)
			if (queue->slots[j].state == QUEUE_READY ||
			    queue->slots[j].state == QUEUE_FILLING)
				batch_keep_back(&queue->slots[j].batch, outcome->instance,
						outcome->id);
	}
}

static void pass_by(struct queue *queue, struct queue_slot *slot, struct queue_slot *slow)
{
	batch_leave_behind(&slot->batch, &slow->batch);
	slot->waits_for[slow - queue->slots] = false;
	if (slot->batch.n_items == 0)
		queue_settle(queue, slot);
}

void queue_pass_by(struct queue *queue, int64_t now_us)
{
	for (int i = 0; i < queue->n_slots; i++) {
		struct queue_slot *slow = &queue->slots[i];
		if (slow->state != QUEUE_SENDING || now_us < slow->sent_us + SLOW_US)
			continue;
		for (int j = 0; j < queue->n_slots; j++) {
			struct queue_slot *slot = &queue->slots[j];
			/* A deferred batch is the end of what can be left behind. */
			if (slot->state == QUEUE_READY && slot->waits_for[i] &&
			    !slot->batch.deferred)
				pass_by(queue, slot, slow);
		}
	}
}

static bool is_waited_for(const struct queue *queue, int index)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].waits_for[index] && !queue->slots[i].batch.deferred)
			return true;
	return false;
}

int64_t queue_slow_us(const struct queue *queue)
{
	int64_t slow_us = INT64_MAX;
	for (int i = 0; i < queue->n_slots; i++) {
		const struct queue_slot *slot = &queue->slots[i];
		if (slot->state == QUEUE_SENDING && slot->sent_us + SLOW_US < slow_us &&
		    is_waited_for(queue, i))
			slow_us = slot->sent_us + SLOW_US;
	}
	return slow_us;
}

/* ---- Settling --------------------------------------------------------------------------------------- */

static void count(struct sink_counters *counters, const struct sink_settlement *settlement)
{
	int64_t n[SINK_VERDICTS] = {0};
	for (size_t i = 0; i < settlement->n_outcomes; i++)
		n[settlement->outcomes[i].verdict]++;
	counter_add(&counters->delivered, (uint64_t)settlement->n_delivered);
	counter_add(&counters->deferred, (uint64_t)n[SINK_DEFERRED]);
	counter_add(&counters->dead, (uint64_t)n[SINK_DEAD]);
}

static size_t take_outcomes(struct queue *queue, const struct queue_span *span)
{
	size_t n = 0;
	for (int i = 0; i < queue->n_slots; i++) {
		const struct queue_slot *slot = &queue->slots[i];
		if (slot->state == QUEUE_DONE && slot->span == span)
			n += batch_outcomes(&slot->batch, queue->outcomes + n);
	}
	return n;
}

static void free_done(struct queue *queue, const struct queue_span *span)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (queue->slots[i].state == QUEUE_DONE && queue->slots[i].span == span)
			queue->slots[i].state = QUEUE_FREE;
}

void queue_settle_span(struct queue *queue, struct queue_span *span)
{
	const struct sink_settlement settlement = {
		.sink = queue->sink,
		.after_id = span->after_id,
		.last_id = span->last_id,
		.n_delivered = span->n_delivered,
		.outcomes = queue->outcomes,
		.n_outcomes = take_outcomes(queue, span),
	};
	queue->n_settled++;
	for (size_t i = 0; i < settlement.n_outcomes; i++) {
		const struct sink_outcome *outcome = &settlement.outcomes[i];
		if (sink_waits(outcome->verdict) && outcome->instance)
			waiting_add(&queue->waiting, outcome->instance, outcome->id,
				    queue->n_settled);
	}
	if (span->after_id == span->last_id)
		queue->deferred_settled = queue->n_settled;
	else if (queue->fresh.begin_id > 0 && span->after_id >= queue->fresh.begin_id)
		queue->fresh.n_settled = queue->n_settled;
	count(&queue->counters, &settlement);
	queue->host.settle(queue->host.context, &settlement);
	free_done(queue, span);
	*span = (struct queue_span){0};
}

void queue_settle(struct queue *queue, struct queue_slot *slot)
{
	struct queue_span *span = slot->span;
	bool has_outcomes = slot->batch.n_verdicts > 0;
	keep_back(queue, slot);
	wait_for_it_no_longer(queue, slot);
	slot->state = has_outcomes ? QUEUE_DONE : QUEUE_FREE;
	span->n_delivered += slot->batch.n_delivered;
	span->has_outcomes |= has_outcomes;
	if (--span->n_slots == 0)
		queue_settle_span(queue, span);
}

/* A batch goes as it is now; one that has only events with verdicts need not go. */
void queue_make_ready(struct queue *queue, struct queue_slot *slot)
{
	slot->state = QUEUE_READY;
	slot->again = false;
	slot->not_before_us = 0;
	slot->turn = queue->n_turns++;
	batch_close(&slot->batch);
	find_those_before(queue, slot);
	if (slot->batch.n_items == 0)
		queue_settle(queue, slot);
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

bool queue_is_empty(const struct queue *queue)
{
	return !queue->more && queue_n_free(queue) == queue->n_slots;
}
