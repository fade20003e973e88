/*
 * Counters that one thread writes and any thread reads: for metrics, and for nothing that decides anything. A reader
 * may see one of two counters newer than the other.
 */
#ifndef PAYI_BASE_COUNTER_H
#define PAYI_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t n;
};

static inline uint64_t counter_read(const struct counter *counter)
{
	return atomic_load_explicit(&counter->n, memory_order_relaxed);
}

/* Its one writer; so a load and a store will do. */
static inline void counter_set(struct counter *counter, uint64_t n)
{
	atomic_store_explicit(&counter->n, n, memory_order_relaxed);
}

static inline void counter_add(struct counter *counter, uint64_t n)
{
	counter_set(counter, counter_read(counter) + n);
}

/* ---- Histograms of durations ---- */

/* The upper bounds of the buckets; beyond the last there is one more. */
static const int64_t histogram_bounds_us[] = {
	100,    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,
	100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

enum { HISTOGRAM_BOUNDS = sizeof(histogram_bounds_us) / sizeof(histogram_bounds_us[0]) };

struct histogram {
	struct counter bucket[HISTOGRAM_BOUNDS + 1];
	struct counter sum_us;
};

static inline void histogram_add(struct histogram *histogram, int64_t us)
{
	int i = 0;
	while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
		i++;
	counter_add(&histogram->bucket[i], 1);
	counter_add(&histogram->sum_us, us > 0 ? (uint64_t)us : 0);
}

#endif
