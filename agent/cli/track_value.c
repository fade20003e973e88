#include "cli/track_value.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int track_value_wrong(const char *field, const char *wanted, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s is not %s", field, wanted);
}

int track_value_text(const json_t *value, const char *field, const char **text, struct err *err)
{
	if (!json_is_string(value))
		return track_value_wrong(field, "a string", err);
	*text = json_string_value(value);
	return 0;
}

int track_value_whole(const json_t *value, const char *field, int64_t *number, struct err *err)
{
	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return 0;
	}
	const double real = json_is_real(value) ? json_real_value(value) : 0.5;
	if (real != floor(real) || fabs(real) > 9007199254740992.0) /* 2^53 */
		return track_value_wrong(field, "a whole number", err);
	*number = (int64_t)real;
	return 0;
}

int track_value_i32(const json_t *value, const char *field, int32_t *number, struct err *err)
{
	int64_t whole = 0;
	const int status = track_value_whole(value, field, &whole, err);
	if (status)
		return status;
	if (whole < -INT32_MAX || whole > INT32_MAX) /* INT32_MIN is PAYI_UNSET */
		return err_set(err, ERR_INVALID, "%s is %lld; it must be -2147483647 to 2147483647",
			       field, (long long)whole);
	*number = (int32_t)whole;
	return 0;
}

int track_value_time(const json_t *value, const char *field, int64_t *us, struct err *err)
{
	const char *text = json_string_value(value);
	if (!text || clock_parse(text, us))
		return err_set(err, ERR_INVALID,
			       "%s is not a time as RFC 3339 has it, such as "
			       "2026-11-23T12:00:00Z, but %s%.80s",
			       field, text ? "" : "no string", text ? text : "");
	if (*us == 0)
		*us = 1;
	return 0;
}

/*
 * Python writes the fewest digits that read back as the same number, with an exponent below 1e-4 and from 1e16
 * on, else with a point.
 */
static void write_real(double real, char text[TRACK_NUMBER_BYTES])
{
	enum { DIGITS_MAX = 17, EXPONENT_MIN = -4, EXPONENT_MAX = 15 };
	int behind = 0; /* digits behind the first */
	do
		snprintf(text, TRACK_NUMBER_BYTES, "%.*e", behind, real);
	while (strtod(text, NULL) != real && ++behind < DIGITS_MAX);
	const long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent < EXPONENT_MIN || exponent > EXPONENT_MAX)
		return;
	const long decimals = behind > exponent ? behind - exponent : 1;
	snprintf(text, TRACK_NUMBER_BYTES, "%.*f", (int)decimals, real);
}

void track_value_number_text(const json_t *number, char text[TRACK_NUMBER_BYTES])
{
	if (json_is_integer(number))
		snprintf(text, TRACK_NUMBER_BYTES, "%lld", (long long)json_integer_value(number));
	else
		write_real(json_real_value(number), text);
}
