#define _DEFAULT_SOURCE /* timegm(), CLOCK_BOOTTIME */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec now;
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t clock_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static char *put_two(char *to, int64_t number)
{
	to[0] = (char)('0' + number / 10);
	to[1] = (char)('0' + number % 10);
	return to + 2;
}

/*
 * Days since 1970 to a date, without the C library's locks: this is called for each event on its way to the
 * service. Counted in eras of 400 years that begin on 1 March, so that the leap day comes last.
 */
static void civil_date(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	days += 719468; /* from 0000-03-01 to 1970-01-01 */
	const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	const int64_t day_of_era = days - era * 146097;
	const int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t shifted_month = (5 * day_of_year + 2) / 153;
	*day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
	*month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

const char *clock_text(int64_t wall_us, int digits, char text[CLOCK_TEXT_BYTES])
{
	int64_t seconds = wall_us / 1000000;
	int64_t fraction = wall_us % 1000000;
	if (fraction < 0) {
		fraction += 1000000;
		seconds--;
	}
	int64_t days = seconds / 86400;
	int64_t second_of_day = seconds % 86400;
	if (second_of_day < 0) {
		second_of_day += 86400;
		days--;
	}
	int64_t year, month, day;
	civil_date(days, &year, &month, &day);
	memcpy(text, "0000-00-00T00:00:00.", 20);
	put_two(put_two(text, year / 100), year % 100);
	put_two(text + 5, month);
	put_two(text + 8, day);
	put_two(text + 11, second_of_day / 3600);
	put_two(text + 14, second_of_day / 60 % 60);
	put_two(text + 17, second_of_day % 60);
	char *at = text + 19;
	if (digits > 0) {
		at = put_two(at + 1, fraction / 10000);
		at = put_two(at, fraction / 100 % 100);
		at = put_two(at, fraction % 100);
		at -= digits == 3 ? 3 : 0;
	}
	*at++ = 'Z';
	*at = '\0';
	return text;
}

/* ---- Reading -------------------------------------------------------------------------------------- */

/* Reads exactly n digits; moves *at on. */
static bool get_digits(const char **at, int n, int *number)
{
	*number = 0;
	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*number = *number * 10 + (**at - '0');
	}
	return true;
}

static bool get_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static bool get_date(const char **at, struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	if (!get_digits(at, 4, &year) || !get_char(at, '-') || !get_digits(at, 2, &month) ||
	    !get_char(at, '-') || !get_digits(at, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1)
		return false;
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > days[month - 1] + (month == 2 && leap))
		return false;
	*tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	return true;
}

static bool get_time(const char **at, struct tm *tm)
{
	if (!get_digits(at, 2, &tm->tm_hour) || !get_char(at, ':') ||
	    !get_digits(at, 2, &tm->tm_min))
		return false;
	tm->tm_sec = 0;
	if (get_char(at, ':') && !get_digits(at, 2, &tm->tm_sec))
		return false;
	return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* Any number of digits; what is below a microsecond is cut off. */
static bool get_fraction(const char **at, int64_t *us)
{
	*us = 0;
	if (!get_char(at, '.') && !get_char(at, ','))
		return true;
	int64_t unit = 100000;
	const char *start = *at;
	for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*us += (**at - '0') * unit;
	return *at > start;
}

static bool get_zone(const char **at, int64_t *offset_s)
{
	*offset_s = 0;
	if (**at == '\0' || get_char(at, 'Z') || get_char(at, 'z'))
		return true;
	const int sign = **at == '-' ? -1 : 1;
	int hours, minutes = 0;
	if (!get_char(at, '+') && !get_char(at, '-'))
		return false;
	if (!get_digits(at, 2, &hours))
		return false;
	get_char(at, ':');
	if (**at && !get_digits(at, 2, &minutes))
		return false;
	*offset_s = sign * (hours * 3600 + minutes * 60);
	return hours <= 23 && minutes <= 59;
}

int clock_parse(const char *text, int64_t *wall_us)
{
	struct tm tm;
	int64_t us = 0, offset_s = 0;
	const char *at = text;
	if (!get_date(&at, &tm))
		return -1;
	if (*at) {
		if (!get_char(&at, 'T') && !get_char(&at, 't') && !get_char(&at, ' '))
			return -1;
		if (!get_time(&at, &tm) || !get_fraction(&at, &us) || !get_zone(&at, &offset_s) ||
		    *at)
			return -1;
	}
	*wall_us = ((int64_t)timegm(&tm) - offset_s) * 1000000 + us;
	return 0;
}
