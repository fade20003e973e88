/* Moments as people give them. */
#include "history/when.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

#define NOW_US INT64_C(1793448000123456) /* 2026-10-31T12:00:00.123456Z */

static void means(const char *text, bool utc, const char *expected)
{
	int64_t when_us = 0;
	char got[CLOCK_TEXT_BYTES];
	cr_assert_eq(history_when(text, NOW_US, utc, &when_us), 0, "%s was not taken", text);
	cr_expect_str_eq(clock_text(when_us, 6, got), expected, "%s is %s", text, got);
}

static void use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

Test(when, is_so_long_ago)
{
	means("30s", true, "2026-10-31T11:59:30.123456Z");
	means("15m", true, "2026-10-31T11:45:00.123456Z");
	means("2h", true, "2026-10-31T10:00:00.123456Z");
	means("7d", true, "2026-10-24T12:00:00.123456Z");
	means("4w", true, "2026-10-03T12:00:00.123456Z");
	means("0s", true, "2026-10-31T12:00:00.123456Z");
	means("now", false, "2026-10-31T12:00:00.123456Z");
}

Test(when, of_a_date_is_its_midnight_here_or_in_utc)
{
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3"); /* winter since 2026-10-25 */
	means("2026-10-01", false, "2026-09-30T22:00:00.000000Z");
	means("2026-11-01", false, "2026-10-31T23:00:00.000000Z");
	means("2026-11-01", true, "2026-11-01T00:00:00.000000Z");
	means("today", false, "2026-10-30T23:00:00.000000Z");
	means("today", true, "2026-10-31T00:00:00.000000Z");
	means("yesterday", false, "2026-10-29T23:00:00.000000Z");
	means("yesterday", true, "2026-10-30T00:00:00.000000Z");
}

/* The day that the clocks are put back has 25 hours. */
Test(when, yesterday_begins_at_midnight_though_clocks_were_put_back)
{
	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	int64_t now_us = 0;
	int64_t when_us = 0;
	char got[CLOCK_TEXT_BYTES];
	cr_assert_eq(clock_parse("2026-10-26T08:00:00Z", &now_us), 0);
	cr_assert_eq(history_when("yesterday", now_us, false, &when_us), 0);
	cr_expect_str_eq(clock_text(when_us, 0, got), "2026-10-24T22:00:00Z");
}

Test(when, with_a_zone_is_the_same_everywhere)
{
	use_zone("JST-9");
	means("2026-11-01T12:30:00Z", false, "2026-11-01T12:30:00.000000Z");
	means("2026-11-01T12:30:00.25+02:00", false, "2026-11-01T10:30:00.250000Z");
	means("2026-11-01T12:30", false, "2026-11-01T03:30:00.000000Z");
	means("2026-11-01 12:30:10.5", false, "2026-11-01T03:30:10.500000Z");
	means("2026-11-01T12:30", true, "2026-11-01T12:30:00.000000Z");
}

Test(when, is_refused_when_it_is_none)
{
	static const char *const wrong[] = {
		"",           "7",          "d",          "-2h",         "2hh",
		"2 h",        "1.5h",       "3y",         "1234567890s", "20214012w",
		"2026-13-01", "2026-02-30", "11/01/2026", "tomorrow",    "2026-11-01T25:00"};
	int64_t when_us = 42;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(history_when(wrong[i], NOW_US, true, &when_us), -1, "%s was taken",
			     wrong[i]);
}
