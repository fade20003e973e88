/*
 * An event, checked and written as a record's payload: a msgpack map, keyed by the ids of
 * schema/event_fields.h. Straight into the ring, in one pass; nothing is visible there until the caller
 * publishes it, so a refusal half-way leaves nothing.
 */
#ifndef PAYI_CLIENT_ENCODE_H
#define PAYI_CLIENT_ENCODE_H

#include "payi/payi.h"

#include <stddef.h>
#include <stdint.h>

enum payi__encoded {
	PAYI__ENCODED,
	PAYI__NO_ROOM, /* the event needs more than room bytes */
	PAYI__REFUSED, /* payi_last_error() says why */
};

/* The source of generated ids: one per lane, touched by the lane's holder only. Seeded with random bits. */
struct payi__id_source {
	uint64_t state;
};

/*
 * Writes the event to start, in room bytes at the most. On PAYI__ENCODED *written is the payload's length.
 * What the event lacks of time and id comes from the clock and from ids.
 */
enum payi__encoded payi__encode(const payi_event *event, struct payi__id_source *ids,
				uint8_t *start, size_t room, size_t *written);

/* A lower bound of what the event's record takes: for telling "too big" from "full". */
size_t payi__encoded_size_min(const payi_event *event);

#endif
