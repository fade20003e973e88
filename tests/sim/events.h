/*
 * The oracle: every event that was ever tracked, by its number, and what has become of it. All that is in an event follows
 * from its number and its kind. For one run at a time.
 */
#ifndef PAYI_SIM_EVENTS_H
#define PAYI_SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

/* What the service does with it; its id begins with the letter. */
enum event_kind {
	EVENT_TAKEN = 'e',
	EVENT_REFUSED = 'd', /* refuses it, with a reason */
	EVENT_POISON = 'p',  /* refuses all that is in one request with it, without one */
	EVENT_PUT_OFF = 'r', /* wants it later, a few times */
};

struct sim_event {
	char kind;
	bool accepted; /* by the library; else it said that there is no room */
	bool promised; /* its space was given back */
	bool dead;
	bool discarded; /* it was, and was given up */
	bool gone;      /* from the database */
	bool delivered;
	int host_life; /* in which it was tracked */
	int32_t next;  /* of the same ring, the one before; 0: none */
	int lane;
	uint64_t ring_end;
	/* At the end, and at the service. */
	int n_stored;
	int n_carried_out, n_allowed; /* requests that had it and were carried out; how many may */
	int64_t row, instance;
};

enum { EVENT_ID_BYTES = 24 };

void events_begin(void);
int32_t events_count(void);

/* A new one; numbers go from 1 on. The pointer is good until the next call. */
struct sim_event *events_add(char kind, int32_t *number);
struct sim_event *events_at(int32_t number);

void event_id(int32_t number, char kind, char id[EVENT_ID_BYTES]);

/* The number in an id; 0: it is none of ours. */
int32_t event_number(const char *id);

#endif
