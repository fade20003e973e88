/*
 * A hash index: from a 64-bit hash to a row of somebody's array. It keeps no keys: the owner says whether
 * the row it proposes is the one that is sought. Grows without bound, never shrinks. Not for several threads.
 */
#ifndef PAYI_STANDIN_INDEX_H
#define PAYI_STANDIN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index_slot;

struct index {
	struct index_slot *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t n_rows;
};

typedef bool index_is_fn(const void *owner, uint32_t row, const void *key);

uint32_t index_find(const struct index *index, uint64_t hash, index_is_fn *is, const void *owner,
		    const void *key);
void index_add(struct index *index, uint64_t hash, uint32_t row); /* not there yet */
void index_release(struct index *index);

#endif
