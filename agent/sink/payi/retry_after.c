#include "sink/payi/retry_after.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>

static int64_t bounded(double us)
{
	if (us >= (double)RETRY_AFTER_MAX_US)
		return RETRY_AFTER_MAX_US;
	return (int64_t)us;
}

/* "1.5" and the like, nothing behind it; no sign, no "inf", no "nan". */
static bool read_number(const char *text, double *number)
{
	if (!isdigit((unsigned char)text[0]))
		return false;
	char *end;
	*number = strtod(text, &end);
	return *end == '\0';
}

static int64_t until_date(const char *retry_after, const char *date, int64_t wall_us)
{
	time_t then = curl_getdate(retry_after, NULL);
	if (then == -1)
		return -1;
	time_t reference = date[0] ? curl_getdate(date, NULL) : -1;
	double now_s = reference != -1 ? (double)reference : (double)wall_us / 1e6;
	double wait_s = (double)then - now_s;
	return wait_s > 0 ? bounded(wait_s * 1e6) : 0;
}

int64_t retry_after_us(const char *retry_after_ms, const char *retry_after, const char *date,
		       int64_t wall_us)
{
	double number;
	if (read_number(retry_after_ms, &number))
		return bounded(number * 1e3);
	if (read_number(retry_after, &number))
		return bounded(number * 1e6);
	return retry_after[0] ? until_date(retry_after, date, wall_us) : -1;
}
