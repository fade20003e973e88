/*
 * An event as the agent holds it: the record's bytes, checked, and where each field lies in them.
 *
 * The record comes from another user's program. event_decode() checks every byte of its structure and
 * every rule that libpayi keeps (UTF-8, lengths, ranges, the use case name), so that all behind it
 * may rely on them. It copies nothing: an event is valid as long as its record's bytes.
 */
#ifndef PAYI_EVENT_EVENT_H
#define PAYI_EVENT_EVENT_H

#include "base/msgpack.h"
#include "schema/event_fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_TIME_MAX_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

enum { EVENT_GENERATED_ID_BYTES = 5 + 36 + 1 }; /* "payi_", a UUID, a NUL */

/* A field's value: its msgpack bytes, and what they say where that is one number or one string. */
struct event_field {
	const uint8_t *raw;
	uint32_t raw_bytes;
	uint32_t len;     /* STR, ID */
	const char *text; /* STR, ID: not NUL-terminated */
	int64_t number;   /* I32, TIME */
};

struct event {
	const uint8_t *record;
	uint32_t record_bytes;
	uint64_t present; /* bit PAYI_FIELD_x is set when the event has x */
	struct event_field field[PAYI_FIELD_MAX + 1];
	int64_t input_units; /* over all types */
	int64_t output_units;
	char generated_id
		[EVENT_GENERATED_ID_BYTES]; /* field[provider_response_id].text may be here */
};

static inline bool event_has(const struct event *event, enum payi_field field)
{
	return (event->present >> field & 1) != 0;
}

/*
 * Reads a record's payload. Returns NULL when it is good, else why not, in words ("units.text.input is
 * -5"); reason must hold 200 bytes.
 */
enum { EVENT_REASON_BYTES = 200 };
const char *event_decode(struct event *event, const uint8_t *record, size_t record_bytes,
			 char reason[EVENT_REASON_BYTES]);

/* One unit type of an event, as event_units_next() walks them. -1 where a side is absent. */
struct event_units {
	struct msgpack_text type;
	int64_t input;
	int64_t output;
};

/* A cursor over a field of a decoded event, past its count. *n is the number of items or pairs. */
struct msgpack event_open(const struct event *event, enum payi_field field, uint32_t *n);
void event_units_next(struct msgpack *in, struct event_units *units);

/* Failed: the provider's status is 400 or more, or Pay-i's 299 ("failed without a status"). */
bool event_failed(const struct event *event);

#endif
