#include "text.h"

/* The number of bytes that follow this first one, or -1; *low and *high bound the second. */
static int utf8_follow(uint8_t first, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef) {
		*low = first == 0xe0 ? 0xa0 : 0x80;  /* no overlong forms */
		*high = first == 0xed ? 0x9f : 0xbf; /* no surrogates */
		return 2;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*low = first == 0xf0 ? 0x90 : 0x80;
		*high = first == 0xf4 ? 0x8f : 0xbf; /* U+10FFFF */
		return 3;
	}
	return -1;
}

bool payi__utf8_valid(const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;
	const uint8_t *end = at + len;
	while (at < end) {
		uint8_t low, high;
		const int follow = utf8_follow(*at++, &low, &high);
		if (follow < 0 || end - at < follow)
			return false;
		for (int i = 0; i < follow; i++, at++) {
			if (*at < low || *at > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}
