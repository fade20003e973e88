/*
 * The records that still lie in a lane, the oldest first: those that wait, and those that are stored but not yet written
 * over. For tools that look at a ring, of the living and of the dead; the drain has its own way, from a position on.
 */
#ifndef PAYI_RING_RING_WALK_H
#define PAYI_RING_RING_WALK_H

#include "base/err.h"
#include "payi/ring.h"
#include "ring/ring_reader.h"

#include <stdint.h>

/* A record and where it begins; payload is valid until it returns. Not 0: go no further, and return that. */
typedef int ring_walk_fn(void *context, uint64_t position, const struct payi_ring_record *record,
			 const uint8_t *payload);

/*
 * Tells take() each record of the lane that ends before tail. Where the oldest of them begins is not written down
 * anywhere: it is found, as the first place from which records follow each other, their numbers rising by one, up to tail.
 *
 * 0; ERR_INVALID: no record leads to the tail, though the lane is not empty; ERR_SYSTEM, ERR_MEMORY. Of a ring
 * whose owner lives the oldest records, whose space was given back, may be written over while they are read.
 */
int ring_walk(const struct ring_reader *ring, uint32_t lane, uint64_t tail, ring_walk_fn *take,
	      void *context, struct err *err);

#endif
