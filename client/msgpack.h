/*
 * Writing msgpack into bounded memory: the few forms that a record is made of. Steps that can run out of
 * room check first and write all or nothing; the others are told that there is room.
 */
#ifndef PAYI_CLIENT_MSGPACK_H
#define PAYI_CLIENT_MSGPACK_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Why a step did not write its value; 0 when it did. */
enum trouble {
	NONE,
	NO_ROOM,
	NOT_TEXT, /* not UTF-8 */
	TOO_LONG,
	EMPTY,
};

struct encoder {
	uint8_t *at;
	uint8_t *end;
	unsigned n_fields;
};

static inline uint8_t *put_be32(uint8_t *at, uint32_t number)
{
	number = __builtin_bswap32(number);
	memcpy(at, &number, 4);
	return at + 4;
}

static inline uint8_t *put_be64(uint8_t *at, uint64_t number)
{
	number = __builtin_bswap64(number);
	memcpy(at, &number, 8);
	return at + 8;
}

static inline bool has_room(const struct encoder *to, size_t bytes)
{
	return (size_t)(to->end - to->at) >= bytes;
}

enum { HEADER_MAX = 5, INT_MAX_BYTES = 9 }; /* of a string, map or array; of a number */

/* The head of something counted: up to small_max in one byte, else in the 16- or 32-bit form. */
static inline void put_head(struct encoder *to, uint8_t small, size_t small_max, uint8_t wide,
			    size_t n)
{
	if (n <= small_max) {
		*to->at++ = (uint8_t)(small | n);
	} else if (n <= UINT16_MAX) {
		*to->at++ = wide;
		*to->at++ = (uint8_t)(n >> 8);
		*to->at++ = (uint8_t)n;
	} else {
		*to->at++ = (uint8_t)(wide + 1);
		to->at = put_be32(to->at, (uint32_t)n);
	}
}

static inline void put_int(struct encoder *to, int64_t number)
{
	if (number >= 0 && number <= 127) {
		*to->at++ = (uint8_t)number;
	} else if (number >= 0 && number <= UINT16_MAX) {
		*to->at++ = 0xcd;
		*to->at++ = (uint8_t)(number >> 8);
		*to->at++ = (uint8_t)number;
	} else if (number >= 0 && number <= UINT32_MAX) {
		*to->at++ = 0xce;
		to->at = put_be32(to->at, (uint32_t)number);
	} else {
		*to->at++ = 0xd3;
		to->at = put_be64(to->at, (uint64_t)number);
	}
}

static inline enum trouble put_str(struct encoder *to, const char *text, size_t limit)
{
	const size_t len = strlen(text);
	if (len > limit)
		return TOO_LONG;
	if (!has_room(to, HEADER_MAX + len))
		return NO_ROOM;
	if (len > 31 && len <= UINT8_MAX) {
		*to->at++ = 0xd9; /* strings alone have an 8-bit form, too */
		*to->at++ = (uint8_t)len;
	} else {
		put_head(to, 0xa0, 31, 0xda, len);
	}
	if (!payi__copy_text(to->at, text, len))
		return NOT_TEXT;
	to->at += len;
	return NONE;
}

#endif
