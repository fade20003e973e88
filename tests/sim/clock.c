#define _GNU_SOURCE /* syscall(), the clocks' names */
#include "sim/clock.h"

#include "client/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OURS __attribute__((visibility("default"))) /* shared libraries must find them */

static const int64_t BEGIN_MONOTONIC_US = 1000 * SIM_SECOND;
static const int64_t BEGIN_TRUE_US = INT64_C(1795000000) * SIM_SECOND; /* in 2026 */

static struct {
	bool runs;
	int64_t monotonic_us, slept_us, error_us, pace_us;
	uint64_t random;
} it;

void sim_clock_begin(uint64_t seed)
{
	it.runs = true;
	it.monotonic_us = BEGIN_MONOTONIC_US;
	it.slept_us = it.error_us = it.pace_us = 0;
	it.random = seed;
}

int64_t sim_monotonic_us(void)
{
	return it.monotonic_us;
}

int64_t sim_slept_us(void)
{
	return it.slept_us;
}

int64_t sim_true_us(void)
{
	return BEGIN_TRUE_US + it.monotonic_us - BEGIN_MONOTONIC_US + it.slept_us;
}

int64_t sim_error_us(void)
{
	return it.error_us;
}

void sim_pass(int64_t monotonic_us)
{
	if (monotonic_us > it.monotonic_us)
		it.monotonic_us = monotonic_us;
}

void sim_suspend(int64_t us)
{
	it.slept_us += us;
}

void sim_set_error(int64_t us)
{
	it.error_us = us;
}

void sim_set_pace(int64_t us)
{
	it.pace_us = us;
}

double sim_spent_s(void)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- In the C library's place --------------------------------------------------------------------- */

static int64_t read_us(clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return sim_true_us() + it.error_us;
	case CLOCK_BOOTTIME:
		return it.monotonic_us + it.slept_us;
	default:
		return it.monotonic_us;
	}
}

OURS int clock_gettime(clockid_t id, struct timespec *now)
{
	if (!it.runs)
		return (int)syscall(SYS_clock_gettime, id, now);
	const int64_t us = read_us(id);
	it.monotonic_us += it.pace_us;
	now->tv_sec = us / SIM_SECOND;
	now->tv_nsec = us % SIM_SECOND * 1000;
	return 0;
}

OURS int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

OURS time_t time(time_t *now)
{
	struct timespec exact;
	clock_gettime(CLOCK_REALTIME, &exact);
	if (now)
		*now = exact.tv_sec;
	return exact.tv_sec;
}

/* SplitMix64. */
static uint64_t next_random(void)
{
	uint64_t z = it.random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

OURS ssize_t getrandom(void *to, size_t n, unsigned flags)
{
	if (!it.runs)
		return syscall(SYS_getrandom, to, n, flags);
	for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
		const uint64_t random = next_random();
		memcpy((char *)to + at, &random, n - at < 8 ? n - at : 8);
	}
	return (ssize_t)n;
}

/* The client's clock goes by the processor's counter between two readings of the system's: here it never does. */
int64_t payi__clock_read(struct payi__clock *clock)
{
	(void)clock;
	return payi__now_us();
}
