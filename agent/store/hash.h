/*
 * Hashing for the store's tables in memory: eight bytes at a time, and seeded, so that nobody who chooses
 * use case ids can choose who shares a slot.
 */
#ifndef PAYI_STORE_HASH_H
#define PAYI_STORE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* murmur3's finalizer: every bit of the input moves every bit of the output. */
static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static inline uint64_t hash_add(uint64_t hash, uint64_t word)
{
	return hash_mix(hash ^ word);
}

static inline uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
	uint64_t word = 0;
	hash = hash_add(hash, len);
	for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = hash_add(hash, word);
	}
	word = 0;
	memcpy(&word, bytes, len);
	return hash_add(hash, word);
}

#endif
