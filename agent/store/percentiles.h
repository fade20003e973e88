/*
 * Percentiles in SQL, by nearest rank, with no sorting of rows: two aggregate functions of the reading connections.
 *
 *   latency_histogram(latency_ms, events)     a histogram, as a blob
 *   latency_percentiles(histogram)            '[p50,p95,p99]', of several histograms together
 *   latency_percentiles(latency_ms, events)   likewise, without the histogram in between
 *
 * Where latency_ms are the buckets of rollups, so are these percentiles; where they are the events' own, they are exact. A
 * row with a null in it counts for nothing; of nothing, the result is null. For the store alone.
 */
#ifndef PAYI_STORE_PERCENTILES_H
#define PAYI_STORE_PERCENTILES_H

#include "base/err.h"

#include <sqlite3.h>

int percentiles_add_functions(sqlite3 *db, struct err *err);

#endif
