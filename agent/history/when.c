#include "history/when.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
#define AGO_S_MAX INT64_C(315360000000)

/* A number of at most nine digits, and a unit; 10,000 years at the most. */
int history_duration(const char *text, int64_t *duration_us)
{
	static const struct {
		char unit;
		int32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	const size_t digits = strspn(text, "0123456789");
	int64_t number = 0;
	if (digits < 1 || digits > 9 || strlen(text) != digits + 1)
		return -1;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (text[digits] == units[i].unit && number <= AGO_S_MAX / units[i].seconds) {
			*duration_us = number * units[i].seconds * SECOND_US;
			return 0;
		}
	return -1;
}

/* Microseconds of the moment that clocks here show as *local; they may be put forward or back. */
static int64_t from_local(struct tm *local)
{
	local->tm_isdst = -1;
	return (int64_t)mktime(local) * SECOND_US;
}

static int64_t midnight(int64_t now_us, bool utc, int days_before)
{
	const time_t now = (time_t)(now_us / SECOND_US);
	struct tm tm;
	if (utc)
		return (now / 86400 - days_before) * 86400 * SECOND_US;
	localtime_r(&now, &tm);
	tm.tm_mday -= days_before;
	tm.tm_hour = 0;
	tm.tm_min = 0;
	tm.tm_sec = 0;
	return from_local(&tm);
}

/* Z, or +01:00, behind the date's ten characters. */
static bool has_zone(const char *text)
{
	return strlen(text) > 10 && strpbrk(text + 10, "Zz+-") != NULL;
}

static int parse_date(const char *text, bool utc, int64_t *when_us)
{
	struct tm tm;
	if (clock_parse(text, when_us))
		return -1;
	if (utc || has_zone(text))
		return 0;
	const time_t as_utc = (time_t)(*when_us / SECOND_US);
	gmtime_r(&as_utc, &tm);
	*when_us = from_local(&tm) + *when_us % SECOND_US;
	return 0;
}

int history_when(const char *text, int64_t now_us, bool utc, int64_t *when_us)
{
	int64_t ago_us = 0;
	if (history_duration(text, &ago_us) == 0)
		*when_us = now_us - ago_us;
	else if (strcmp(text, "now") == 0)
		*when_us = now_us;
	else if (strcmp(text, "today") == 0)
		*when_us = midnight(now_us, utc, 0);
	else if (strcmp(text, "yesterday") == 0)
		*when_us = midnight(now_us, utc, 1);
	else
		return parse_date(text, utc, when_us);
	return 0;
}
