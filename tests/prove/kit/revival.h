/*
 * An agent on whatever lies about in its directories: it has to be ready within ten seconds, to store what is tracked now, to
 * end well, and all that again, since a start that succeeds once may still have left behind what the next one fails at.
 */
#ifndef PAYI_PROVE_REVIVAL_H
#define PAYI_PROVE_REVIVAL_H

#include "prove/kit/place.h"

enum revival_result {
	REVIVAL_GOOD,
	REVIVAL_REFUSED, /* it ended at its start, by itself and not by a signal; its words are in the log */
	REVIVAL_BAD, /* a finding says why */
};

struct revival {
	int n_said; /* log lines, of all starts, that told of a database that was set aside */
};

/* No agent runs, before and afterwards. */
enum revival_result revival_try(struct place *place, struct revival *revival);

/* How many databases lie set aside in the place. */
int revival_count_aside(const struct place *place);

#endif
