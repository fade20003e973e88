/*
 * The clock that stamps events is never further from the system's than the millisecond that it promises, whatever
 * either of them does.
 */
#include "client/clock.h"

#include <criterion/criterion.h>

enum { PROMISED_US = 1000, ROUNDING_US = 2 };

/* Reads for long enough that several readings of the system's clock fall into it. */
static void stays_true(struct payi__clock *clock)
{
	const int64_t until = payi__monotonic_us() + 10 * PROMISED_US;
	while (payi__monotonic_us() < until) {
		const int64_t before = payi__now_us();
		const int64_t us = payi__clock_us(clock);
		const int64_t after = payi__now_us();
		cr_assert(us >= before - PROMISED_US - ROUNDING_US, "%lld us behind",
			  (long long)(before - us));
		cr_assert(us <= after + PROMISED_US + ROUNDING_US, "%lld us ahead",
			  (long long)(us - after));
	}
}

Test(client_clock, tells_the_time_from_the_first_call_on)
{
	struct payi__clock clock = {0};
	const int64_t before = payi__now_us();
	const int64_t us = payi__clock_us(&clock);
	cr_assert(us >= before && us <= payi__now_us());
	stays_true(&clock);
}

#if defined(__x86_64__)

/* One that knows its rate, where the machine allows it at all. */
static struct payi__clock running_clock(void)
{
	struct payi__clock clock = {0};
	stays_true(&clock);
	return clock;
}

Test(client_clock, asks_the_system_when_its_reading_is_old)
{
	struct payi__clock clock = running_clock();
	clock.ns -= 3600000000000;
	clock.ticks -= clock.valid;
	stays_true(&clock);
}

Test(client_clock, asks_the_system_when_the_counter_has_gone_back)
{
	struct payi__clock clock = running_clock();
	clock.ticks += UINT64_C(1) << 40;
	stays_true(&clock);
}

/* As it is after the system's clock was set, at the next reading: by days, and by less than a second. */
static void is_set(int64_t by_ns)
{
	struct payi__clock clock = running_clock();
	clock.ns -= (uint64_t)by_ns;
	clock.ticks -= clock.valid;
	payi__clock_us(&clock);
	stays_true(&clock);
}

Test(client_clock, learns_no_wrong_rate_from_a_clock_that_was_set)
{
	is_set(3 * 86400000000000);
	is_set(-3 * 86400000000000);
	is_set(500000000);
	is_set(-500000000);
	is_set(-1500000);
}

Test(client_clock, does_not_go_by_a_counter_that_stood_still_or_ran_away)
{
	struct payi__clock clock = running_clock();
	clock.ns -= 2000000;
	clock.valid = 0;
	payi__clock_us(&clock);
	stays_true(&clock);
	clock.ticks -= UINT64_C(1) << 33;
	payi__clock_us(&clock);
	stays_true(&clock);
}

#endif
