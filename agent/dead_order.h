/*
 * Dead letters sent again or dropped, for a command: one connection does every write, so a running agent is asked to
 * do it; where none runs, this process takes its lock and is the one. Blocks.
 */
#ifndef PAYI_DEAD_ORDER_H
#define PAYI_DEAD_ORDER_H

#include "base/err.h"
#include "store/dead.h"

struct settings;

/* *n is how many there were. */
int dead_order(const struct settings *settings, enum dead_action action,
	       const struct dead_filter *filter, int64_t *n, struct err *err);

#endif
