/* Moments, as people and applications write them: one that is written out reads as itself. */
#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "history/when.h"

#include <string.h>

#define NOW_US INT64_C(1795000000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256], again[CLOCK_TEXT_BYTES];
	int64_t us = 0, same_us = 0;
	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	(void)history_when(text, NOW_US, false, &us);
	(void)history_when(text, NOW_US, true, &us);
	if (clock_parse(text, &us))
		return 0;
	clock_text(us, 6, again);
	if (us >= INT64_C(-62135596800000000) && us <= INT64_C(253402300799999999))
		fuzz_must(clock_parse(again, &same_us) == 0 && same_us == us);
	return 0;
}
