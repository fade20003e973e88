#include "event/utf8.h"

#include "base/word.h"

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

/* Not ASCII, or NUL. */
static uint64_t is_special(uint64_t word)
{
	return word_passed(word, word_below(word, 1)) | (word & WORD_OF(0x80));
}

/* One character, of however many bytes; 0: there is none. */
static size_t character(const char *text, size_t len)
{
	uint8_t low, high;
	const int n = follow((uint8_t)text[0], &low, &high);
	if (n < 0 || (size_t)n >= len)
		return 0;
	for (int i = 1; i <= n; i++) {
		const uint8_t byte = (uint8_t)text[i];
		if (byte < low || byte > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return (size_t)n + 1;
}

/* How many bytes at the beginning are ASCII; looked at in words, and of the last word no further than it has to. */
static size_t plain(const char *text, size_t len)
{
	size_t i = 0;
	for (; len - i >= WORD_BYTES; i += WORD_BYTES) {
		const uint64_t found = is_special(word_load(text + i));
		if (found)
			return i + word_first(found);
	}
	return i < len && !is_special(word_load_short(text + i, len - i)) ? len : i;
}

bool utf8_is_text(const char *text, size_t len)
{
	size_t i = plain(text, len);
	while (i < len) {
		const size_t n = character(text + i, len - i);
		if (n == 0)
			return false;
		i += n;
		i += plain(text + i, len - i);
	}
	return true;
}
