/*
 * Latencies as histograms: which bucket one falls into. A bucket is called by its middle, so that whoever
 * reads a histogram needs to know nothing of how it was made. For the store alone.
 */
#ifndef PAYI_STORE_LATENCY_H
#define PAYI_STORE_LATENCY_H

#include <stdint.h>

/*
 * 1 ms wide below 32 ms, a sixteenth of its power of two above. Latencies below 0, which come of clocks that were set
 * back, are taken for 0. schema/migrations/0002_use_cases.sql says the same in SQL.
 */
int64_t latency_bucket(int64_t latency_ms);

#endif
