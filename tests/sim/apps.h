/*
 * The applications: clients of the real library, each a process of its own to the agent. They track in bursts, die (which
 * to a ring is the same as being closed) and come back. For one run at a time.
 */
#ifndef PAYI_SIM_APPS_H
#define PAYI_SIM_APPS_H

#include "prove/kit/place.h"
#include "sim/swarm.h"

#include <stdbool.h>
#include <stdint.h>

/* moved() is called whenever there is something new in the ring directory. */
void apps_begin(const struct swarm *swarm, const struct place *place, void (*moved)(void));

void apps_kill_one(void);
void apps_end(void); /* all end; none tracks any more */

/* Events whose space was given back by now are promised, whatever becomes of the host. */
void apps_note_promises(void);

/* The host is gone, with all that was not given back. */
void apps_lose_host(void);
int apps_host_life(void);

bool apps_have_more(void); /* to track */

struct apps_sums {
	int64_t accepted, refused, deaths, use_cases;
};
const struct apps_sums *apps_sums(void); /* of all runs */

#endif
