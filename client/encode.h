/*
 * An event, checked and written as a record's payload: a msgpack map, keyed by the ids of
 * schema/event_fields.h. Straight into the ring, in one pass; nothing is visible there until the caller
 * publishes it, so a refusal half-way leaves nothing. Likewise what is said of use cases.
 */
#ifndef PAYI_CLIENT_ENCODE_H
#define PAYI_CLIENT_ENCODE_H

#include "clock.h"
#include "payi/payi.h"
#include "payi/ring.h"

#include <stddef.h>
#include <stdint.h>

enum payi__encoded {
	PAYI__ENCODED,
	PAYI__NO_ROOM, /* the record needs more than room bytes */
	PAYI__REFUSED, /* payi_last_error() says why */
};

/* What events lack of time and id comes from here: one per lane, touched by the lane's holder only. */
struct payi__stamper {
	struct payi__clock clock;
	uint64_t random; /* a seed of random bits, at first */
};

/* What is said of a use case. Names and lengths are checked by the caller. */
struct payi__notice {
	enum payi_ring_type type;
	const char *use_case_name;
	const char *use_case_id; /* PAYI_RING_CREATE, PAYI_RING_REQUEST; else NULL */
	const char *description; /* PAYI_RING_DEFINE; else NULL */
};

/* What a record is made of: an event, in its context or in none (NULL), or a notice. */
struct payi__item {
	const payi_event *event;
	const payi_context *context;
	const struct payi__notice *notice; /* NULL: an event */
};

/*
 * Each writes to start, in room bytes at the most. On PAYI__ENCODED *written is the payload's length.
 */
enum payi__encoded payi__encode_event(const struct payi__item *item, struct payi__stamper *stamper,
				      uint8_t *start, size_t room, size_t *written);
enum payi__encoded payi__encode_notice(const struct payi__notice *notice, uint8_t *start,
				       size_t room, size_t *written);

/* A lower bound of what the record takes: for telling "too big" from "full". */
size_t payi__encoded_size_min(const struct payi__item *item);

#endif
