/*
 * A bounded cache in memory: (number, bytes) -> id of the row that stands for them. When it is full it
 * forgets everything and starts anew; what is missing is looked up in the database again.
 */
#ifndef PAYI_STORE_ID_CACHE_H
#define PAYI_STORE_ID_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct id_cache;

/* NULL without memory. At most n_max entries (a power of two) and bytes_max bytes of keys. */
struct id_cache *id_cache_new(uint32_t n_max, uint32_t bytes_max, uint64_t seed);
void id_cache_free(struct id_cache *cache); /* NULL is fine */
void id_cache_clear(struct id_cache *cache);

/* The id, or 0 when it is not known here; no row has the id 0. */
int64_t id_cache_get(const struct id_cache *cache, int64_t number, const char *text, size_t len);

/* For a key that id_cache_get() did not find. */
void id_cache_put(struct id_cache *cache, int64_t number, const char *text, size_t len, int64_t id);

#endif
