/* When a thread hangs, and when it is the disk that does. */
#include "pulse.h"

#include <criterion/criterion.h>

enum { SECOND = 1000000 };

static struct pulse pulse;

static bool beats(int64_t now_s, int64_t tick_s, int64_t cpu_s, bool at_disk)
{
	const struct pulse_reading reading = {.now_us = now_s * SECOND,
					      .tick_us = tick_s * SECOND,
					      .cpu_us = cpu_s * SECOND,
					      .at_disk = at_disk};
	return pulse_beats(&pulse, &reading);
}

TestSuite(pulse);

Test(pulse, beats_while_the_thread_comes_round)
{
	for (int64_t s = 1; s < 1000; s++)
		cr_assert(beats(s, s - 1, s, s % 2));
}

Test(pulse, stops_when_the_thread_hangs_on_its_way)
{
	cr_expect(beats(114, 100, 7, false));
	cr_expect_not(beats(115, 100, 7, false));
	cr_expect(beats(120, 119, 7, false), "and goes on when it does");
}

Test(pulse, is_excused_by_a_disk_for_as_long_as_it_takes)
{
	for (int64_t s = 101; s < 100000; s += 5)
		cr_assert(beats(s, 100, 7, true));
}

Test(pulse, stops_when_a_step_turns_in_a_circle)
{
	cr_expect(beats(120, 100, 20, true));
	cr_expect(beats(179, 100, 79, true));
	cr_expect_not(beats(180, 100, 80, true));
	cr_expect(beats(185, 181, 90, true));
	cr_expect(beats(300, 250, 130, true), "another step has CPU of its own");
	cr_expect_not(beats(361, 250, 190, true));
}
