#include "sink/payi/waiting.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_EVENTS = 64 };

void waiting_release(struct waiting *waiting)
{
	free(waiting->events);
	free(waiting->newest);
	*waiting = (struct waiting){0};
}

static uint64_t *bucket(const struct waiting *waiting, int64_t instance)
{
	const uint64_t mixed = (uint64_t)instance * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	return &waiting->newest[mixed & (waiting->capacity - 1)];
}

/* NULL: it is forgotten, or there never was one. While there are events, first is 1 or more. */
static struct waiting_event *numbered(const struct waiting *waiting, uint64_t number)
{
	return number >= waiting->first ? &waiting->events[number - waiting->first] : NULL;
}

/* The newest event of the instance's bucket, or the next older one; NULL: there is none. */
static struct waiting_event *newest(const struct waiting *waiting, int64_t instance)
{
	return waiting->n ? numbered(waiting, *bucket(waiting, instance)) : NULL;
}

static struct waiting_event *older(const struct waiting *waiting, const struct waiting_event *event)
{
	return numbered(waiting, event->older);
}

static void link_event(struct waiting *waiting, size_t i)
{
	uint64_t *head = bucket(waiting, waiting->events[i].instance);
	waiting->events[i].older = *head;
	*head = waiting->first + i;
}

static bool grow(struct waiting *waiting)
{
	const size_t capacity = waiting->capacity ? 2 * waiting->capacity : FIRST_EVENTS;
	struct waiting_event *events =
		realloc(waiting->events, capacity * sizeof(waiting->events[0]));
	if (events)
		waiting->events = events;
	uint64_t *heads = events ? calloc(capacity, sizeof(*heads)) : NULL;
	if (!heads)
		return false;
	free(waiting->newest);
	waiting->newest = heads;
	waiting->capacity = capacity;
	for (size_t i = 0; i < waiting->n; i++)
		link_event(waiting, i);
	return true;
}

/* Of one settlement, the first of an instance is enough: ids ascend. */
static bool is_known(const struct waiting *waiting, int64_t instance, uint64_t settlement)
{
	const struct waiting_event *event = newest(waiting, instance);
	for (; event && event->settlement == settlement; event = older(waiting, event))
		if (event->instance == instance)
			return true;
	return false;
}

void waiting_add(struct waiting *waiting, int64_t instance, int64_t event, uint64_t settlement)
{
	if (is_known(waiting, instance, settlement))
		return;
	if (waiting->n == waiting->capacity && !grow(waiting))
		return;
	if (waiting->first == 0)
		waiting->first = 1;
	waiting->events[waiting->n] = (struct waiting_event){
		.instance = instance, .event = event, .settlement = settlement};
	link_event(waiting, waiting->n++);
}

void waiting_forget(struct waiting *waiting, uint64_t settlement)
{
	size_t n = 0;
	while (n < waiting->n && waiting->events[n].settlement <= settlement)
		n++;
	if (n == 0)
		return;
	waiting->n -= n;
	waiting->first += n;
	memmove(waiting->events, waiting->events + n, waiting->n * sizeof(waiting->events[0]));
}

bool waiting_before(const struct waiting *waiting, int64_t instance, int64_t event)
{
	const struct waiting_event *one = newest(waiting, instance);
	for (; one; one = older(waiting, one))
		if (one->instance == instance && one->event < event)
			return true;
	return false;
}
