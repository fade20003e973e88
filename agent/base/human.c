#include "base/human.h"

#include <stdio.h>

const char *human_bytes(int64_t bytes, char text[HUMAN_BYTES])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	double number = (double)bytes;
	int unit = 0;
	for (; number >= 1024 && unit < 4; unit++)
		number /= 1024;
	snprintf(text, HUMAN_BYTES, "%.*f %s", unit ? 1 : 0, number, units[unit]);
	return text;
}

/* The next larger unit begins at two of it: "90 s" says more than "1 min". */
const char *human_duration(int64_t us, char text[HUMAN_BYTES])
{
	static const struct {
		const char *name;
		int64_t us;
	} units[] = {{"days", INT64_C(86400000000)},
		     {"h", INT64_C(3600000000)},
		     {"min", INT64_C(60000000)}};
	const int64_t time_us = us > 0 ? us : 0;
	for (int i = 0; i < 3; i++)
		if (time_us >= 2 * units[i].us) {
			snprintf(text, HUMAN_BYTES, "%lld %s", (long long)(time_us / units[i].us),
				 units[i].name);
			return text;
		}
	if (time_us < 1000000)
		snprintf(text, HUMAN_BYTES, "%lld ms", (long long)(time_us / 1000));
	else
		snprintf(text, HUMAN_BYTES, "%lld s", (long long)(time_us / 1000000));
	return text;
}
