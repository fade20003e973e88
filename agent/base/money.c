#include "base/money.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PICO        INT64_C(1000000000000)
#define DOLLARS_MAX 1e6

const char *money_text(int64_t picodollars, char text[MONEY_TEXT_BYTES])
{
	const int64_t part = picodollars % PICO;
	const bool minus = picodollars < 0;
	snprintf(text, MONEY_TEXT_BYTES, "%s%" PRId64 ".%012" PRId64, minus ? "-" : "",
		 minus ? -(picodollars / PICO) : picodollars / PICO, minus ? -part : part);
	size_t len = strlen(text);
	while (text[len - 1] == '0')
		len--;
	text[text[len - 1] == '.' ? len - 1 : len] = '\0';
	return text;
}

int64_t money_of_dollars(double dollars)
{
	if (!(dollars >= 0 && dollars <= DOLLARS_MAX))
		return -1;
	return llround(dollars * 1e12);
}
