/*
 * Eight bytes of text at a time. Tests for ASCII bytes are joined with |, and word_passed() has the top bit of each
 * byte that passed one. The lowest of these is exact, what stands above it may be an echo: so "any?" and
 * "which is the first?" can be asked, and no more. Leaf tool; any thread.
 */
#ifndef PAYI_BASE_WORD_H
#define PAYI_BASE_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { WORD_BYTES = 8 };

/* The first byte is the lowest. */
static inline uint64_t word_load(const char *text)
{
	uint64_t word;
	memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * A word of bytes of the text alone, each of them in it, though not each at its place: for "any?". len is 1 to 7.
 * Never looks beyond the text's end.
 */
static inline uint64_t word_load_short(const char *text, size_t len)
{
	uint32_t first, last;
	uint16_t head, tail;
	if (len >= sizeof(first)) {
		memcpy(&first, text, sizeof(first));
		memcpy(&last, text + len - sizeof(last), sizeof(last));
		return first | (uint64_t)last << 32;
	}
	if (len == 1)
		return WORD_OF((uint8_t)text[0]);
	memcpy(&head, text, sizeof(head));
	memcpy(&tail, text + len - sizeof(tail), sizeof(tail));
	return UINT64_C(0x0000000100000001) * (head | (uint64_t)tail << 16);
}

/* memcpy() of 1 to 7 bytes. */
static inline void word_copy_short(uint8_t *to, const char *text, size_t len)
{
	if (len >= 4) {
		memcpy(to, text, 4);
		memcpy(to + len - 4, text + len - 4, 4);
		return;
	}
	to[0] = (uint8_t)text[0];
	to[len / 2] = (uint8_t)text[len / 2];
	to[len - 1] = (uint8_t)text[len - 1];
}

/* Bytes below limit, which is at most 128. */
static inline uint64_t word_below(uint64_t word, uint8_t limit)
{
	return word - WORD_OF(limit);
}

/* Bytes that are this one, which is below 128. */
static inline uint64_t word_is(uint64_t word, uint8_t byte)
{
	return word_below(word ^ WORD_OF(byte), 1);
}

static inline uint64_t word_passed(uint64_t word, uint64_t tests)
{
	return tests & ~word & WORD_OF(0x80);
}

/* The place of the first one that passed. */
static inline size_t word_first(uint64_t passed)
{
	return (size_t)__builtin_ctzll(passed) / 8;
}

#endif
