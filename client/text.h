/* Strings on their way into a record: copied and checked in one pass. */
#ifndef PAYI_CLIENT_TEXT_H
#define PAYI_CLIENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool payi__utf8_valid(const char *text, size_t len);

/* Copies the first and the last n bytes of len, n <= len <= 2 n; returns all their bits, or'ed. */
static inline uint64_t payi__copy_ends_8(uint8_t *to, const char *from, size_t len)
{
	uint64_t first, last;
	memcpy(&first, from, 8);
	memcpy(&last, from + len - 8, 8);
	memcpy(to, &first, 8);
	memcpy(to + len - 8, &last, 8);
	return first | last;
}

static inline uint64_t payi__copy_ends_4(uint8_t *to, const char *from, size_t len)
{
	uint32_t first, last;
	memcpy(&first, from, 4);
	memcpy(&last, from + len - 4, 4);
	memcpy(to, &first, 4);
	memcpy(to + len - 4, &last, 4);
	return first | last;
}

/*
 * Copies len bytes and returns whether they are UTF-8. All ASCII, as nearly always, each byte is looked at
 * once, on its way.
 */
static inline bool payi__copy_text(uint8_t *to, const char *from, size_t len)
{
	const uint64_t not_ascii = 0x8080808080808080u;
	uint64_t seen = 0;
	if (len >= 8) {
		size_t i = 0;
		for (; len - i > 16; i += 16)
			seen |= payi__copy_ends_8(to + i, from + i, 16);
		/* At least 8 bytes lie before the end: the last copy may overlap the one before. */
		if (len - i >= 8)
			seen |= payi__copy_ends_8(to + i, from + i, len - i);
		else
			seen |= payi__copy_ends_8(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		seen = payi__copy_ends_4(to, from, len);
	} else {
		for (size_t i = 0; i < len; i++) {
			to[i] = (uint8_t)from[i];
			seen |= to[i];
		}
	}
	return (seen & not_ascii) == 0 || payi__utf8_valid(from, len);
}

#endif
