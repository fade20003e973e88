#include "uuid.h"

void payi__uuid_write(struct payi__uuid uuid, char text[PAYI__UUID_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char *at = text;
	for (unsigned i = 0; i < 32; i++) {
		const uint64_t half = i < 16 ? uuid.high : uuid.low;
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*at++ = '-';
		*at++ = digits[half >> (60 - i % 16 * 4) & 15];
	}
	*at = '\0';
}
