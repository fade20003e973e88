/* What a sink counts, since the start: written by the loop's thread, read by any. */
#ifndef PAYI_SINK_COUNTERS_H
#define PAYI_SINK_COUNTERS_H

#include "base/counter.h"

/* How requests ended; SINK_ENDS(X) calls X(name, text). */
#define SINK_ENDS(X)                                                                               \
	X(ACCEPTED, "accepted")                                                                    \
	X(REFUSED, "refused") /* an event in it is at fault */                                     \
	X(TOO_LARGE, "too_large")                                                                  \
	X(RETRY, "retry")   /* the service says later */                                           \
	X(FAILED, "failed") /* no answer, or one of an error that is the service's own */          \
	X(CONFLICT, "conflict")                                                                    \
	X(UNKNOWN, "unknown") /* the events may be there: they are looked up */                    \
	X(NO_BULK, "no_bulk")                                                                      \
	X(KEY_REFUSED, "key_refused")                                                              \
	X(HELD, "held") /* settings or network lead elsewhere */

enum sink_end {
#define X(name, text) SINK_END_##name,
	SINK_ENDS(X)
#undef X
		SINK_N_ENDS
};

enum { SINK_CODES = 600 };

struct sink_counters {
	struct counter requests[SINK_N_ENDS];
	struct counter codes[SINK_CODES]; /* by HTTP status; 0: there was no answer */
	struct counter retries;           /* requests that were sent again as they were */
	struct counter delivered;         /* events, by how they were settled */
	struct counter deferred;
	struct counter dead;
	struct histogram answer; /* from sending a request to its answer */
};

#endif
