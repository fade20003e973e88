#include "sink/payi/waiting.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_EVENTS = 64 };

void waiting_release(struct waiting *waiting)
{
	free(waiting->events);
	*waiting = (struct waiting){0};
}

static bool grow(struct waiting *waiting)
{
	size_t capacity = waiting->capacity ? 2 * waiting->capacity : FIRST_EVENTS;
	struct waiting_event *events =
		realloc(waiting->events, capacity * sizeof(waiting->events[0]));
	if (!events)
		return false;
	waiting->events = events;
	waiting->capacity = capacity;
	return true;
}

/* Of one settlement, the first of an instance is enough: ids ascend. */
static bool is_known(const struct waiting *waiting, int64_t instance, uint64_t settlement)
{
	for (size_t i = waiting->n; i-- > 0 && waiting->events[i].settlement == settlement;)
		if (waiting->events[i].instance == instance)
			return true;
	return false;
}

void waiting_add(struct waiting *waiting, int64_t instance, int64_t event, uint64_t settlement)
{
	if (is_known(waiting, instance, settlement))
		return;
	if (waiting->n == waiting->capacity && !grow(waiting))
		return;
	waiting->events[waiting->n++] = (struct waiting_event){instance, event, settlement};
}

void waiting_forget(struct waiting *waiting, uint64_t settlement)
{
	size_t n = 0;
	while (n < waiting->n && waiting->events[n].settlement <= settlement)
		n++;
	if (n == 0)
		return;
	waiting->n -= n;
	memmove(waiting->events, waiting->events + n, waiting->n * sizeof(waiting->events[0]));
}

bool waiting_before(const struct waiting *waiting, int64_t instance, int64_t event)
{
	for (size_t i = 0; i < waiting->n; i++)
		if (waiting->events[i].instance == instance && waiting->events[i].event < event)
			return true;
	return false;
}
