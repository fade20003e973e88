/*
 * An LTTng session that records the benchmark's tracepoint, with a session daemon of its own where none runs. One
 * at a time; the process keeps LTTng's library once it has been opened.
 */
#ifndef PAYI_BENCH_LTTNG_H
#define PAYI_BENCH_LTTNG_H

#include <stdbool.h>

struct lttng {
	const char *dir;
	int (*call)(void *event); /* the tracepoint; takes a payi_event */
};

/* False after a note in the table that says what is missing. Records into dir. */
bool lttng_open(struct lttng *lttng, const char *dir);
void lttng_close(struct lttng *lttng);

#endif
