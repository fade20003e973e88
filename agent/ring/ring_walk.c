/*
 * A copy of the lane is looked at backwards: a place is good if a record there ends at the tail, or at a good place whose
 * record has the next number. So each place is looked at once, whatever bytes lie there.
 */
#include "ring/ring_walk.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 8 /* records begin at multiples of it */ };

struct lane_copy {
	uint8_t *bytes;
	uint64_t begin; /* the position of its first byte */
	uint64_t n;
	uint8_t *good; /* one for each place */
};

/* The record at a place; false: it does not end within the copy. */
static bool read_record(const struct lane_copy *copy, uint64_t at, struct payi_ring_record *record)
{
	if (copy->n - at < sizeof(*record))
		return false;
	memcpy(record, copy->bytes + at, sizeof(*record));
	return record->payload_bytes > 0 &&
	       payi_ring_record_bytes(record->payload_bytes) <= copy->n - at;
}

static bool leads_on(const struct lane_copy *copy, uint64_t at)
{
	struct payi_ring_record record, next = {0};
	if (!read_record(copy, at, &record))
		return false;
	const uint64_t end = at + payi_ring_record_bytes(record.payload_bytes);
	if (end == copy->n)
		return true;
	if (!copy->good[end / STEP])
		return false;
	(void)read_record(copy, end, &next); /* it can be read: its place is good */
	return next.sequence == record.sequence + 1;
}

/* The first good place, or the copy's end. */
static uint64_t find_first(const struct lane_copy *copy)
{
	uint64_t first = copy->n;
	for (uint64_t at = copy->n; at >= STEP;) {
		at -= STEP;
		copy->good[at / STEP] = leads_on(copy, at);
		if (copy->good[at / STEP])
			first = at;
	}
	return first;
}

static int tell(const struct lane_copy *copy, ring_walk_fn *take, void *context, struct err *err)
{
	struct payi_ring_record record = {0};
	uint64_t at = find_first(copy);
	if (at == copy->n)
		return err_set(err, ERR_INVALID, "no record leads to the tail");
	for (; at < copy->n; at += payi_ring_record_bytes(record.payload_bytes)) {
		(void)read_record(copy, at, &record); /* it can be read: its place is good */
		const int status =
			take(context, copy->begin + at, &record, copy->bytes + at + sizeof(record));
		if (status)
			return status;
	}
	return 0;
}

int ring_walk(const struct ring_reader *ring, uint32_t lane, uint64_t tail, ring_walk_fn *take,
	      void *context, struct err *err)
{
	struct lane_copy copy = {.n = tail < ring->lane_bytes ? tail : ring->lane_bytes};
	if (tail % STEP)
		return err_set(err, ERR_INVALID, "tail %llu is no multiple of %d",
			       (unsigned long long)tail, STEP);
	if (tail == 0)
		return 0;
	copy.begin = tail - copy.n;
	copy.bytes = malloc(copy.n);
	copy.good = calloc(copy.n / STEP, 1);
	int status = copy.bytes && copy.good ? 0 : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = ring_reader_copy(ring, lane, copy.begin, copy.bytes, copy.n, err);
	if (!status)
		status = tell(&copy, take, context, err);
	free(copy.bytes);
	free(copy.good);
	return status;
}
