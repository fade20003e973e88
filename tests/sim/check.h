/* What must hold in the end of a run (sim/run.h). The agent's database is still there. */
#ifndef PAYI_SIM_CHECK_H
#define PAYI_SIM_CHECK_H

#include "sim/clock.h"
#include "sim/run.h"

#include <stdbool.h>

/* Everything has come to an end: no ring, nothing waits at the sink. */
bool check_is_drained(void);
void check_say_what_waits(void);

/* How long after all is well nothing may be left that is too old: rounds come each minute, of dead letters each hour. */
#define CHECK_OLD_US (3 * SIM_HOUR)

void check_all(const struct swarm *swarm, struct run *run);

#endif
