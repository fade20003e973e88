#include "sink/payi/queue_fresh.h"

#include "sink/payi/queue.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* From the newest event of now on. */
static void begin(struct queue *queue, int64_t now_us)
{
	struct queue_fresh *fresh = &queue->fresh;
	int64_t event = 0;
	int64_t instance = 0;
	if (!queue->host.newest || queue->host.newest(queue->host.context, &event, &instance) ||
	    event <= queue->fetched_id)
		return;
	fresh->begin_id = event;
	fresh->begin_instance = instance;
	fresh->fetched_id = event;
	fresh->again_us = now_us;
	fresh->ending = false;
}

bool queue_backlog_waits(struct queue *queue, int64_t now_us)
{
	const struct queue_fresh *fresh = &queue->fresh;
	if (fresh->rate == 0 || !queue->backlog || now_us >= fresh->backlog_us)
		return false;
	if (fresh->begin_id == 0)
		begin(queue, now_us);
	return true;
}

void queue_backlog_goes(struct queue *queue, int64_t n, int64_t now_us)
{
	struct queue_fresh *fresh = &queue->fresh;
	if (fresh->rate > 0)
		fresh->backlog_us = later(fresh->backlog_us, now_us) + n * 1000000 / fresh->rate;
}

bool queue_fresh_leaves(const struct queue *queue, const struct sink_item *item)
{
	return item->instance != 0 && item->instance <= queue->fresh.begin_instance;
}

bool queue_fresh_has(const struct queue *queue, const struct sink_item *item)
{
	return queue->fresh.begin_id > 0 && item->id > queue->fresh.begin_id &&
	       item->id <= queue->fresh.fetched_id && !queue_fresh_leaves(queue, item);
}

static bool any_under_way(const struct queue *queue)
{
	for (int i = 0; i < queue->n_slots; i++)
		if (&queue->spans[i] != queue->filling && queue->spans[i].n_slots > 0 &&
		    queue->spans[i].after_id >= queue->fresh.begin_id)
			return true;
	return false;
}

bool queue_fresh_end(struct queue *queue)
{
	struct queue_fresh *fresh = &queue->fresh;
	fresh->ending = true;
	if (any_under_way(queue) || queue_n_committed(queue) < fresh->n_settled)
		return false;
	fresh->begin_id = 0;
	fresh->ending = false;
	return true;
}

bool queue_fresh_is_due(const struct queue *queue, int64_t now_us)
{
	const struct queue_fresh *fresh = &queue->fresh;
	return fresh->begin_id > 0 && !fresh->ending && now_us >= fresh->again_us &&
	       queue_n_free(queue) > 1 && queue_free_span(queue);
}

int64_t queue_fresh_due_us(const struct queue *queue)
{
	const struct queue_fresh *fresh = &queue->fresh;
	if (fresh->begin_id == 0 || fresh->ending || queue_n_free(queue) <= 1)
		return INT64_MAX;
	return fresh->again_us;
}

int64_t queue_backlog_due_us(const struct queue *queue)
{
	const bool waits = queue->fresh.rate > 0 && queue->backlog && !queue->filling;
	return waits ? later(queue->fetch_again_us, queue->fresh.backlog_us)
		     : queue->fetch_again_us;
}
