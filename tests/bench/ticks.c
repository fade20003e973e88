#include "bench/ticks.h"

#include <stdlib.h>
#include <time.h>

static int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

#if !defined(__x86_64__)
uint64_t ticks_now(void)
{
	return (uint64_t)monotonic_ns();
}
#endif

double seconds_now(void)
{
	return (double)monotonic_ns() / 1e9;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static uint64_t measure_overhead(void)
{
	enum { READINGS = 10001 };
	static uint64_t interval[READINGS];
	for (int i = 0; i < READINGS; i++) {
		const uint64_t start = ticks_now();
		interval[i] = ticks_now() - start;
	}
	qsort(interval, READINGS, sizeof(interval[0]), compare);
	return interval[READINGS / 2];
}

struct ticks ticks_calibrate(void)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	const int64_t start_ns = monotonic_ns();
	const uint64_t start = ticks_now();
	nanosleep(&pause, NULL);
	const uint64_t end = ticks_now();
	const int64_t end_ns = monotonic_ns();
	return (struct ticks){
		.per_ns = (double)(end - start) / (double)(end_ns - start_ns),
		.overhead = measure_overhead(),
	};
}

double thread_cpu_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare_numbers(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return (x > y) - (x < y);
}

void sort_numbers(double *numbers, size_t n)
{
	qsort(numbers, n, sizeof(*numbers), compare_numbers);
}
