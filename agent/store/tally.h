/*
 * Sums by a key of four numbers, in memory: which place a key has, from 0, in the order in which keys came up. For the store
 * alone.
 */
#ifndef PAYI_STORE_TALLY_H
#define PAYI_STORE_TALLY_H

#include "base/buf.h"

#include <stdint.h>

enum { TALLY_KEYS = 4 };

/* Zeroed, it is empty. */
struct tally {
	struct buf rows; /* of row_bytes each, which begin with the key */
	size_t row_bytes;
	size_t n;
	uint32_t *slots; /* a row's place plus one, or 0 */
	size_t n_slots;
};

void tally_release(struct tally *tally);

/* The row of a key, zeroed behind it when it is new; valid until the next. NULL: out of memory. */
void *tally_row(struct tally *tally, const int64_t key[TALLY_KEYS]);

#endif
