/*
 * What goes on right now, by use case, resource and instance: from rollups alone, so that looking every other second costs
 * the same with a thousand events as with ten million. One thread per connection.
 */
#ifndef PAYI_HISTORY_PULSE_H
#define PAYI_HISTORY_PULSE_H

#include "base/err.h"
#include "store/query.h"

#include <stdint.h>

enum pulse_part {
	PULSE_USE_CASES,
	PULSE_RESOURCES,
	PULSE_INSTANCES, /* their sums are of all time */
	PULSE_PARTS,
};

/* Which instances come first, where there are more than are read; of the other parts, those with the most events do. */
enum pulse_first {
	PULSE_LAST_SEEN,
	PULSE_MOST_EVENTS,
	PULSE_MOST_UNITS,
	PULSE_MOST_COST,
	PULSE_MOST_FAILURES,
	PULSE_MOST_LATENCY, /* the mean */
	PULSE_BY_NAME,
};

enum { PULSE_ROWS_MAX = 1000, PULSE_TEXT_BYTES = 128 };

struct pulse_row {
	int64_t key
		[2]; /* tells a row of one look from the others of its part, and finds it in the next */
	char name[PULSE_TEXT_BYTES];   /* the use case; of a resource its category */
	char detail[PULSE_TEXT_BYTES]; /* the resource, or the instance's id */
	int64_t events;
	int64_t failures;
	int64_t input;
	int64_t output;
	int64_t latency_count;
	int64_t latency_sum_ms;
	int64_t last_us;      /* 0: not told */
	int64_t cost_picousd; /* estimated; below 0: there is no price for any of it */
};

/*
 * Reads the rows of a part that had events since then, in whole hours; at most PULSE_ROWS_MAX, those that come first. Returns
 * how many.
 */
int pulse_read(struct query_db *db, enum pulse_part part, enum pulse_first first, int64_t since_us,
	       struct pulse_row *rows, struct err *err);

/* How many events were stored since then: by some twenty look-ups, whatever the number. */
int pulse_stored_since(struct query_db *db, int64_t since_us, int64_t *events, struct err *err);

#endif
