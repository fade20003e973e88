/*
 * The way to the service: the agent's own sink/payi/http.h, over a network where anything may become of a request. It
 * checks what a sink owes to others: that it waits when it is told to, that it does not storm a service that is down, and
 * that it has no more under way than it may. For one run at a time.
 */
#ifndef PAYI_SIM_NET_H
#define PAYI_SIM_NET_H

#include "sim/swarm.h"

#include <stdint.h>

void net_begin(const struct swarm *swarm);
void net_end(void);
void net_heal(void);

/* From now on, for so long, this becomes of every request. */
void net_outage(enum swarm_fate fate, int64_t us);

void net_agent_dies(void);

/* It has not heard what its forerunner was told. */
void net_new_agent(void);

/* By the boot clock: not before then, the service has said, to this agent or one before it; 0: it has said nothing. */
int64_t net_asked_until_us(void);

struct net_sums {
	int64_t requests;
	int64_t fates[FATES];
	int64_t outages, outage_us, outage_requests;
	double most_per_s; /* in an outage, over all of it */
};

const struct net_sums *net_sums(void); /* of all runs */

#endif
