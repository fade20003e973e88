#include "standin/index.h"

#include "standin/memory.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 1024 };

struct index_slot {
	uint32_t hash;     /* half of it: enough to place the row again, and to skip most others */
	uint32_t row_plus; /* 1 + row; 0: free */
};

static void place(struct index *index, uint32_t hash, uint32_t row_plus)
{
	size_t at = hash & (index->n_slots - 1);
	while (index->slots[at].row_plus)
		at = (at + 1) & (index->n_slots - 1);
	index->slots[at] = (struct index_slot){hash, row_plus};
}

static void grow(struct index *index)
{
	const struct index old = *index;
	index->n_slots = old.n_slots ? old.n_slots * 2 : FIRST_SLOTS;
	index->slots = memory_zeroed(index->n_slots, sizeof(index->slots[0]));
	for (size_t i = 0; i < old.n_slots; i++)
		if (old.slots[i].row_plus)
			place(index, old.slots[i].hash, old.slots[i].row_plus);
	free(old.slots);
}

uint32_t index_find(const struct index *index, uint64_t hash, index_is_fn *is, const void *owner,
		    const void *key)
{
	if (index->n_slots == 0)
		return INDEX_NONE;
	size_t at = (uint32_t)hash & (index->n_slots - 1);
	for (; index->slots[at].row_plus; at = (at + 1) & (index->n_slots - 1)) {
		const struct index_slot *slot = &index->slots[at];
		if (slot->hash == (uint32_t)hash && is(owner, slot->row_plus - 1, key))
			return slot->row_plus - 1;
	}
	return INDEX_NONE;
}

void index_add(struct index *index, uint64_t hash, uint32_t row)
{
	if ((index->n_rows + 1) * 4 > index->n_slots * 3)
		grow(index);
	place(index, (uint32_t)hash, row + 1);
	index->n_rows++;
}

void index_release(struct index *index)
{
	free(index->slots);
	*index = (struct index){0};
}
