/*
 * Clocks. Reading the system's takes a third of the time that tracking an event does; so where the processor has a time
 * stamp counter, and the last reading is less than a millisecond old, the time since then is the counter's.
 *
 * The counter is trusted with that millisecond, and with nothing else. How fast it runs is found out between
 * readings, as long as the program runs. Where it misbehaves (processors that do not agree, a virtual machine that was
 * moved) the time is wrong by less than a millisecond, and so it is for as long after the clock was set.
 */
#ifndef PAYI_CLIENT_CLOCK_H
#define PAYI_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Wall clock, microseconds since 1970. */
static inline int64_t payi__now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* For intervals. */
static inline int64_t payi__monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The last reading. Begins as all 0; one thread at a time. */
struct payi__clock {
	uint64_t ns;    /* since 1970 */
	uint64_t ticks; /* the counter at that time */
	uint64_t valid; /* for so many ticks: a millisecond; 0 while the rate is not known */
	uint64_t rate;  /* nanoseconds to a tick, times 2^32 */
};

#if defined(__x86_64__)

int64_t payi__clock_read(struct payi__clock *clock);

/* Wall clock, microseconds since 1970. */
static inline int64_t payi__clock_us(struct payi__clock *clock)
{
	const uint64_t ticks = __builtin_ia32_rdtsc() - clock->ticks;
	if (__builtin_expect(ticks >= clock->valid, 0))
		return payi__clock_read(clock);
	return (int64_t)((clock->ns + (ticks * clock->rate >> 32)) / 1000);
}

#else

static inline int64_t payi__clock_us(struct payi__clock *clock)
{
	(void)clock;
	return payi__now_us();
}

#endif

#endif
