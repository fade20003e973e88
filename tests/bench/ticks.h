/*
 * A clock for intervals of a few nanoseconds: the processor's time stamp counter, calibrated against
 * CLOCK_MONOTONIC; elsewhere that clock itself. Any thread.
 */
#ifndef PAYI_BENCH_TICKS_H
#define PAYI_BENCH_TICKS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
/*
 * The fences keep the measured instructions between the two readings. Stores may still be in the store
 * buffer: that, too, is how the caller sees it.
 */
static inline uint64_t ticks_now(void)
{
	__builtin_ia32_lfence();
	const uint64_t now = __builtin_ia32_rdtsc();
	__builtin_ia32_lfence();
	return now;
}
#else
uint64_t ticks_now(void);
#endif

struct ticks {
	double per_ns;
	uint64_t
		overhead; /* of two readings with nothing between them, in ticks: to be subtracted */
};

struct ticks ticks_calibrate(void);

static inline double ticks_ns(const struct ticks *ticks, uint64_t interval)
{
	return interval > ticks->overhead ? (double)(interval - ticks->overhead) / ticks->per_ns
					  : 0;
}

/* Seconds by CLOCK_MONOTONIC, for everything longer. */
double seconds_now(void);
double thread_cpu_s(void); /* of the calling thread */

/* The least first, so that ranks can be read off. */
void sort_numbers(double *numbers, size_t n);

#endif
