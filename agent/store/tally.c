#include "store/tally.h"

#include "store/hash.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 256 };

void tally_release(struct tally *tally)
{
	buf_release(&tally->rows);
	free(tally->slots);
	tally->slots = NULL;
}

static uint32_t *slot_of(const struct tally *tally, const int64_t *key)
{
	uint64_t hash = 0;
	for (int i = 0; i < TALLY_KEYS; i++)
		hash = hash_add(hash, (uint64_t)key[i]);
	for (size_t at = hash % tally->n_slots;; at = (at + 1) % tally->n_slots) {
		uint32_t *slot = &tally->slots[at];
		if (*slot == 0 || memcmp(tally->rows.data + (*slot - 1) * tally->row_bytes, key,
					 TALLY_KEYS * sizeof(*key)) == 0)
			return slot;
	}
}

/* Half of the slots stay free. */
static bool grow(struct tally *tally)
{
	const size_t n_slots = tally->n_slots ? tally->n_slots * 2 : SLOTS_FIRST;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return false;
	free(tally->slots);
	tally->slots = slots;
	tally->n_slots = n_slots;
	for (size_t i = 0; i < tally->n; i++) {
		int64_t key[TALLY_KEYS];
		memcpy(key, tally->rows.data + i * tally->row_bytes, sizeof(key));
		*slot_of(tally, key) = (uint32_t)i + 1;
	}
	return true;
}

void *tally_row(struct tally *tally, const int64_t key[TALLY_KEYS])
{
	if (2 * tally->n >= tally->n_slots && !grow(tally))
		return NULL;
	uint32_t *slot = slot_of(tally, key);
	if (*slot == 0) {
		uint8_t *row = buf_reserve(&tally->rows, tally->row_bytes);
		if (!row)
			return NULL;
		memset(row, 0, tally->row_bytes);
		memcpy(row, key, TALLY_KEYS * sizeof(*key));
		tally->rows.len += tally->row_bytes;
		*slot = (uint32_t)++tally->n;
	}
	return tally->rows.data + (*slot - 1) * tally->row_bytes;
}
