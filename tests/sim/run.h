/*
 * A run: a swarm's faults for its active time, then none; then all must have come to where it belongs, within bounded
 * time. What is wrong is a finding (prove/kit/prove.h), with the world's trace.
 *
 *     accepted ⊆ stored ∪ lost with the host, and what was lost had not been given back; stored ⊆ accepted; each once
 *     stored = at the service, once in effect and as it was, or dead with the reason that the service gave, or given up where the
 *     operator said so; what left the database was old enough, or in the way, and what is too old has left it
 *     events of a use case instance in order; the books balance; the database is sound
 *     no request but for a reason, none before the service wants one, few while it is down, no more at once than allowed
 */
#ifndef PAYI_SIM_RUN_H
#define PAYI_SIM_RUN_H

#include "sim/swarm.h"

#include <stdbool.h>
#include <stdint.h>

struct run {
	int64_t virtual_us, drained_us; /* in all, and after the faults had ended */
	int64_t accepted, stored, delivered, dead, lost, again;
	int64_t gone,
		given_up; /* by retention; of them and of the dropped, those that were never delivered */
	uint64_t digest;
	bool calm; /* there were no faults */
};

/* A moment of the caller's own script. */
struct run_order {
	int64_t at_us; /* from the run's begin on */
	void (*order)(int64_t argument);
	int64_t argument;
};

/*
 * Random faults come from the swarm, which the seed draws where none is given; orders, which NULL ends, beside them. False:
 * something was wrong.
 */
bool run(uint64_t seed, const struct swarm *swarm, const struct run_order *orders, struct run *run);

/* Of the short share the same each time, so that what fails in it is a change's doing; else as given, or by the clock. */
uint64_t run_first_seed(void);

void run_no_more(void); /* what is left of them on the disk goes, unless there are findings */

#endif
