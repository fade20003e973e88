/*
 * The service: the stand-in's own (tests/standin), within this program, on the true clock; and what it must see, checked as
 * it comes: no event more often than there was reason for, none that it was never to see, those of an instance in order.
 * For one run at a time.
 */
#ifndef PAYI_SIM_CLOUD_H
#define PAYI_SIM_CLOUD_H

#include "sim/swarm.h"
#include "standin/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOUD_KEY "sim-key"

void cloud_begin(const struct swarm *swarm);
void cloud_end(void);

/* What holds from now on, beside the swarm's ways. */
void cloud_set(bool key_refused, bool puts_off);
void cloud_amend(void); /* what it refuses it takes from now on */
void cloud_heal(void);  /* only what cannot be mended stays: events that it refuses */

/* Carries a request out. headers: "Name: value", each ended by a NUL. The answer is the caller's to release. */
void cloud_answer(const char *method, const char *target, const char *headers, size_t headers_bytes,
		  const char *body, size_t body_bytes, struct answer *answer);

/* What these requests carried may be carried out once more each: the agent cannot know that it was. */
void cloud_allow(const char *body);
void cloud_allow_event(int32_t number);

int64_t cloud_n_events(void);
int64_t cloud_n_again(void); /* events that came again */

/* At the end: calls it for each event that it took, in the order of their coming. */
void cloud_each(void (*each)(void *context, int32_t number), void *context);

/* The sum of the units, which are the numbers of the events. */
int64_t cloud_units(void);

#endif
