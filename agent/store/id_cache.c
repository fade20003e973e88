#include "store/id_cache.h"

#include "store/hash.h"

#include <stdlib.h>
#include <string.h>

/*
 * Slots hold the number of an entry plus one, 0 when free; twice as many as entries, so that a search is
 * short. The keys' bytes lie one behind the other.
 */
struct entry {
	int64_t number;
	int64_t id;
	uint32_t at;
	uint32_t len;
};

struct id_cache {
	uint64_t seed;
	uint32_t n_max;
	uint32_t n;
	uint32_t bytes_max;
	uint32_t bytes_used;
	struct entry *entries;
	uint32_t *slots;
	char *bytes;
};

struct id_cache *id_cache_new(uint32_t n_max, uint32_t bytes_max, uint64_t seed)
{
	struct id_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	cache->seed = seed;
	cache->n_max = n_max;
	cache->bytes_max = bytes_max;
	cache->entries = malloc(n_max * sizeof(*cache->entries));
	cache->slots = calloc((size_t)2 * n_max, sizeof(*cache->slots));
	cache->bytes = malloc(bytes_max);
	if (!cache->entries || !cache->slots || !cache->bytes) {
		id_cache_free(cache);
		return NULL;
	}
	return cache;
}

void id_cache_free(struct id_cache *cache)
{
	if (!cache)
		return;
	free(cache->entries);
	free(cache->slots);
	free(cache->bytes);
	free(cache);
}

void id_cache_clear(struct id_cache *cache)
{
	memset(cache->slots, 0, (size_t)2 * cache->n_max * sizeof(*cache->slots));
	cache->n = 0;
	cache->bytes_used = 0;
}

/* The slot that the key has, or the free one where it would go. At least half of the slots are free. */
static uint32_t *find(const struct id_cache *cache, int64_t number, const char *text, size_t len)
{
	const uint32_t mask = 2 * cache->n_max - 1;
	const uint64_t hash = hash_bytes(hash_add(cache->seed, (uint64_t)number), text, len);
	for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
		uint32_t *slot = &cache->slots[at];
		if (*slot == 0)
			return slot;
		const struct entry *entry = &cache->entries[*slot - 1];
		if (entry->number == number && entry->len == len &&
		    memcmp(cache->bytes + entry->at, text, len) == 0)
			return slot;
	}
}

int64_t id_cache_get(const struct id_cache *cache, int64_t number, const char *text, size_t len)
{
	const uint32_t slot = *find(cache, number, text, len);
	return slot ? cache->entries[slot - 1].id : 0;
}

void id_cache_put(struct id_cache *cache, int64_t number, const char *text, size_t len, int64_t id)
{
	if (len > cache->bytes_max)
		return;
	if (cache->n == cache->n_max || cache->bytes_max - cache->bytes_used < len)
		id_cache_clear(cache);
	uint32_t *slot = find(cache, number, text, len);
	memcpy(cache->bytes + cache->bytes_used, text, len);
	cache->entries[cache->n] = (struct entry){
		.number = number, .id = id, .at = cache->bytes_used, .len = (uint32_t)len};
	cache->bytes_used += (uint32_t)len;
	*slot = ++cache->n;
}
