/*
 * Numbers in few bytes: seven bits a byte, the low ones first, and the last byte of each has no high bit. Those that may lie
 * below 0 have their sign in the lowest bit. For the store alone.
 */
#ifndef PAYI_STORE_VARINT_H
#define PAYI_STORE_VARINT_H

#include "base/buf.h"

static inline void varint_put(struct buf *out, uint64_t number)
{
	uint8_t *to = buf_reserve(out, 10);
	size_t n = 0;
	if (!to)
		return;
	for (; number >= 0x80; number >>= 7)
		to[n++] = (uint8_t)(number | 0x80);
	to[n++] = (uint8_t)number;
	out->len += n;
}

/* False: the bytes end within it. */
static inline bool varint_take(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		const uint8_t byte = *(*at)++;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static inline uint64_t varint_of_signed(int64_t number)
{
	return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_signed(uint64_t bits)
{
	return (int64_t)(bits >> 1 ^ (bits & 1 ? UINT64_MAX : 0));
}

#endif
