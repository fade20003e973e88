/*
 * Hashing for the store's tables in memory: eight bytes at a time, and seeded, so that nobody who chooses
 * use case ids can choose who shares a slot.
 */
#ifndef PAYI_STORE_HASH_H
#define PAYI_STORE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_add(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 32;
}

/* Up to eight bytes as one number; their count is hashed beside it. */
static inline uint64_t hash_load(const char *bytes, size_t len)
{
	uint64_t word = 0;
	for (size_t i = 0; i < len; i++)
		word = word << 8 | (uint8_t)bytes[i];
	return word;
}

static inline uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t len)
{
	uint64_t word = 0;
	hash = hash_add(hash, len);
	for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = hash_add(hash, word);
	}
	return hash_add(hash, hash_load(bytes, len));
}

#endif
