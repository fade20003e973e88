#include "standin/rfc3339.h"

#include <stdio.h>
#include <time.h>

struct moment {
	int year, month, day, hour, minute, second, micro, zone_minutes;
};

/* Reads exactly n digits; -1 when there are other characters. */
static int digits(const char **at, int n)
{
	int value = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static bool literal(const char **at, char upper, char lower)
{
	if (**at != upper && **at != lower)
		return false;
	(*at)++;
	return true;
}

static bool fraction(const char **at, int *micro)
{
	*micro = 0;
	if (**at != '.')
		return true;
	const char *from = ++*at;
	for (int scale = 100000; **at >= '0' && **at <= '9'; (*at)++, scale /= 10)
		*micro += (**at - '0') * scale;
	return *at > from;
}

static bool zone(const char **at, int *minutes)
{
	*minutes = 0;
	if (literal(at, 'Z', 'z'))
		return true;
	const int sign = **at == '-' ? -1 : 1;
	if (!literal(at, '+', '-'))
		return false;
	const int hour = digits(at, 2);
	if (hour < 0 || hour > 23 || !literal(at, ':', ':'))
		return false;
	const int minute = digits(at, 2);
	*minutes = sign * (hour * 60 + minute);
	return minute >= 0 && minute <= 59;
}

static int days_in_month(int year, int month)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return DAYS[month - 1] + (month == 2 && leap);
}

static bool date(const char **at, struct moment *m)
{
	m->year = digits(at, 4);
	if (m->year < 1 || !literal(at, '-', '-'))
		return false;
	m->month = digits(at, 2);
	if (m->month < 1 || m->month > 12 || !literal(at, '-', '-'))
		return false;
	m->day = digits(at, 2);
	return m->day >= 1 && m->day <= days_in_month(m->year, m->month);
}

static bool time_of_day(const char **at, struct moment *m)
{
	m->hour = digits(at, 2);
	if (m->hour < 0 || m->hour > 23 || !literal(at, ':', ':'))
		return false;
	m->minute = digits(at, 2);
	if (m->minute < 0 || m->minute > 59 || !literal(at, ':', ':'))
		return false;
	m->second = digits(at, 2);
	return m->second >= 0 && m->second <= 60 && fraction(at, &m->micro);
}

/* Days since 1970-01-01 in the Gregorian calendar; a year begins in March, so that leap days come last. */
static int64_t days_since_1970(int year, int month, int day)
{
	const int64_t y = month <= 2 ? year - 1 : year;
	const int64_t month_from_march = (month + 9) % 12;
	const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

bool rfc3339_parse(const char *text, int64_t *us)
{
	struct moment m;
	const char *at = text;
	if (!date(&at, &m) || !literal(&at, 'T', 't') || !time_of_day(&at, &m) ||
	    !zone(&at, &m.zone_minutes) || *at != '\0')
		return false;
	const int64_t minutes = days_since_1970(m.year, m.month, m.day) * 1440 + m.hour * 60 +
				m.minute - m.zone_minutes;
	*us = (minutes * 60 + m.second) * 1000000 + m.micro;
	return true;
}

void rfc3339_write(char text[RFC3339_BYTES], int64_t us)
{
	int64_t micro = us % 1000000;
	if (micro < 0)
		micro += 1000000;
	const time_t seconds = (time_t)((us - micro) / 1000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	snprintf(text, RFC3339_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)micro);
}

int64_t rfc3339_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
