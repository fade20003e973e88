#include "event/utf8.h"

#include <stdint.h>
#include <string.h>

/* The bytes that follow this first one, or -1; *low and *high bound the second of the character. */
static int follow(uint8_t first, uint8_t *low, uint8_t *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80)
		return first ? 0 : -1;
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if ((first & 0xf0) == 0xe0) {
		*low = first == 0xe0 ? 0xa0 : 0x80;
		*high = first == 0xed ? 0x9f : 0xbf;
		return 2;
	}
	if (first >= 0xf0 && first <= 0xf4) {
		*low = first == 0xf0 ? 0x90 : 0x80;
		*high = first == 0xf4 ? 0x8f : 0xbf;
		return 3;
	}
	return -1;
}

/* Eight bytes that are all ASCII and none of them NUL: a byte less than 1 or more than 127 sets its top bit. */
static bool is_plain(const char *text)
{
	uint64_t word;
	memcpy(&word, text, sizeof(word));
	return ((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) == 0;
}

bool utf8_is_text(const char *text, size_t len)
{
	size_t i = 0;
	while (i < len) {
		if (len - i >= 8 && is_plain(text + i)) {
			i += 8;
			continue;
		}
		uint8_t low, high;
		const int n = follow((uint8_t)text[i++], &low, &high);
		if (n < 0 || (size_t)n > len - i)
			return false;
		for (int j = 0; j < n; j++, i++) {
			const uint8_t byte = (uint8_t)text[i];
			if (byte < low || byte > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}
