#include "sim/events.h"

#include "prove/kit/prove.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim_event *events;
static int32_t n_events, capacity;

void events_begin(void)
{
	n_events = 0;
}

int32_t events_count(void)
{
	return n_events;
}

struct sim_event *events_add(char kind, int32_t *number)
{
	if (n_events + 1 >= capacity) {
		capacity = 2 * capacity + 1024;
		events = realloc(events, (size_t)capacity * sizeof(*events));
		if (!events)
			prove_broken("no memory for the events");
	}
	*number = ++n_events;
	events[n_events] = (struct sim_event){.kind = kind, .n_allowed = 1};
	return &events[n_events];
}

struct sim_event *events_at(int32_t number)
{
	return &events[number];
}

void event_id(int32_t number, char kind, char id[EVENT_ID_BYTES])
{
	snprintf(id, EVENT_ID_BYTES, "%c%" PRId32, kind, number);
}

int32_t event_number(const char *id)
{
	char again[EVENT_ID_BYTES];
	const long number = id && id[0] ? strtol(id + 1, NULL, 10) : 0;
	if (number < 1 || number > n_events)
		return 0;
	event_id((int32_t)number, events[number].kind, again);
	return strcmp(id, again) == 0 ? (int32_t)number : 0;
}
