/* Strings on their way into a record: copied and checked in one pass. */
#ifndef PAYI_CLIENT_TEXT_H
#define PAYI_CLIENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool payi__utf8_valid(const char *text, size_t len);

/*
 * Copies len bytes and returns whether they are UTF-8. Eight bytes at a time, the last eight overlapping
 * those before; all ASCII, as nearly always, it has looked at each byte once.
 */
static inline bool payi__copy_text(uint8_t *to, const char *from, size_t len)
{
	const uint64_t not_ascii = 0x8080808080808080u;
	uint64_t seen = 0;
	uint64_t word;
	if (len >= 8) {
		for (size_t i = 0; i + 8 < len; i += 8) {
			memcpy(&word, from + i, 8);
			memcpy(to + i, &word, 8);
			seen |= word;
		}
		memcpy(&word, from + len - 8, 8);
		memcpy(to + len - 8, &word, 8);
		seen |= word;
	} else if (len >= 4) {
		uint32_t first, last;
		memcpy(&first, from, 4);
		memcpy(&last, from + len - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + len - 4, &last, 4);
		seen = first | last;
	} else {
		for (size_t i = 0; i < len; i++) {
			to[i] = (uint8_t)from[i];
			seen |= to[i];
		}
	}
	return (seen & not_ascii) == 0 || payi__utf8_valid(from, len);
}

#endif
