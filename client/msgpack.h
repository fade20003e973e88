/*
 * Writing msgpack into bounded memory: the few forms that a record is made of.
 *
 * Every step takes the place to write to and returns the place behind what it wrote, so that the position stays
 * in a register: kept in memory it would be the longest chain of dependent steps in payi_track(). Steps that
 * can fail return NULL and leave the reason in the encoder.
 *
 * Room is asked for by strings and by what is repeated. All else in a record (a key, a head or a number for each
 * field) has room kept for it behind the encoder's end from the beginning, and asks for none.
 */
#ifndef PAYI_CLIENT_MSGPACK_H
#define PAYI_CLIENT_MSGPACK_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Why a step did not write its value. */
enum trouble {
	NO_ROOM = 1,
	NOT_TEXT, /* not UTF-8 */
	TOO_LONG,
	EMPTY,
	TOLD, /* payi_last_error() has it already */
};

struct encoder {
	const uint8_t *end;   /* ENCODER_RESERVE bytes before the memory's end */
	enum trouble trouble; /* of the step that returned NULL */
};

static inline uint8_t *stuck(struct encoder *to, enum trouble trouble)
{
	to->trouble = trouble;
	return NULL;
}

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

enum {
	HEADER_MAX = 5, /* of a string, map or array */
	INT_MAX_BYTES = 9,
	ENCODER_RESERVE = 320,
};

/* False when there is not even room for the reserve. */
static inline bool encoder_begin(struct encoder *to, const uint8_t *start, size_t room)
{
	if (room < ENCODER_RESERVE)
		return false;
	to->end = start + (room - ENCODER_RESERVE);
	return true;
}

/* at may lie in the reserve. */
static inline bool has_room(const struct encoder *to, const uint8_t *at, size_t bytes)
{
	return __builtin_expect(to->end - at >= (ptrdiff_t)bytes, 1);
}

/* The head of something counted: up to small_max in one byte, else in the 16- or 32-bit form. */
static inline uint8_t *put_head(uint8_t *at, uint8_t small, size_t small_max, uint8_t wide,
				size_t n)
{
	if (n <= small_max) {
		*at = (uint8_t)(small | n);
		return at + 1;
	}
	if (n <= UINT16_MAX) {
		at[0] = wide;
		at[1] = (uint8_t)(n >> 8);
		at[2] = (uint8_t)n;
		return at + 3;
	}
	*at = (uint8_t)(wide + 1);
	return put_be32(at + 1, (uint32_t)n);
}

static inline uint8_t *put_int(uint8_t *at, int64_t number)
{
	if (number >= 0 && number <= 127) {
		*at = (uint8_t)number;
		return at + 1;
	}
	if (number >= 0 && number <= UINT16_MAX) {
		at[0] = 0xcd;
		at[1] = (uint8_t)(number >> 8);
		at[2] = (uint8_t)number;
		return at + 3;
	}
	if (number >= 0 && number <= UINT32_MAX) {
		*at = 0xce;
		return put_be32(at + 1, (uint32_t)number);
	}
	*at = 0xd3;
	return put_be64(at + 1, (uint64_t)number);
}

__attribute__((always_inline)) static inline uint8_t *put_str(struct encoder *to, uint8_t *at,
							      const char *text, size_t limit)
{
	const size_t len = strlen(text);
	if (__builtin_expect(len > limit, 0))
		return stuck(to, TOO_LONG);
	if (!has_room(to, at, HEADER_MAX + len))
		return stuck(to, NO_ROOM);
	if (__builtin_expect(len <= 31, 1)) {
		*at++ = (uint8_t)(0xa0 | len);
	} else if (len <= UINT8_MAX) {
		at[0] = 0xd9; /* strings alone have an 8-bit form, too */
		at[1] = (uint8_t)len;
		at += 2;
	} else {
		at = put_head(at, 0xa0, 31, 0xda, len);
	}
	if (__builtin_expect(!payi__copy_text(at, text, len), 0))
		return stuck(to, NOT_TEXT);
	return at + len;
}

#endif
