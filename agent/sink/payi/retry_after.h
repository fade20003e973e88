/* How long the service asks us to wait: the headers retry-after-ms and Retry-After. */
#ifndef PAYI_SINK_PAYI_RETRY_AFTER_H
#define PAYI_SINK_PAYI_RETRY_AFTER_H

#include <stdint.h>

/*
 * The wait in microseconds, or -1 when none is asked for (or none that makes sense). Each text may be "".
 * A date is taken relative to the answer's own Date where it has one, as our clock and the service's
 * may differ. Obeyed in full, up to RETRY_AFTER_MAX_US: a date in the year 9999 is a mistake.
 */
#define RETRY_AFTER_MAX_US (INT64_C(7) * 24 * 3600 * 1000000)

int64_t retry_after_us(const char *retry_after_ms, const char *retry_after, const char *date,
		       int64_t wall_us);

#endif
