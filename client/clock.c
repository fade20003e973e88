#include "clock.h"

#if defined(__x86_64__)

enum {
	VALID_NS = 1000000,
	/* Of readings further apart nothing is learnt; those nearer fit into the 64 bits of set_rate(). */
	APART_MAX_NS = 1000000000,
	/*
	 * A reading that took longer was interrupted, and nobody knows where; or every one does, as where the kernel
	 * does not trust the counter and has to be asked: then we do not, either.
	 */
	READING_TICKS_MAX = 2000,
};

/* If the clock was set between the readings the rate is wrong, but valid still ends with a millisecond by it. */
static void set_rate(struct payi__clock *clock, uint64_t ticks, uint64_t ns)
{
	if (ns > APART_MAX_NS || ticks == 0 || ticks > UINT32_MAX)
		return;
	clock->rate = (ns << 32) / ticks;
	clock->valid = ticks * VALID_NS / ns;
}

int64_t payi__clock_read(struct payi__clock *clock)
{
	struct timespec now;
	const uint64_t before = __builtin_ia32_rdtsc();
	clock_gettime(CLOCK_REALTIME, &now);
	const uint64_t took = __builtin_ia32_rdtsc() - before;
	const uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	/* From readings that follow closely the rate would be told badly: then the earlier one stays. */
	if (took <= READING_TICKS_MAX && ns - clock->ns >= VALID_NS) {
		const uint64_t ticks = before + took / 2;
		set_rate(clock, ticks - clock->ticks, ns - clock->ns);
		clock->ticks = ticks;
		clock->ns = ns;
	}
	return (int64_t)(ns / 1000);
}

#endif
