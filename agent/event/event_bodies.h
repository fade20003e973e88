/*
 * The bodies of an event: what was said to the provider and what it said, by far the most of its bytes, and the
 * part of it that costs nothing. Units, names and times are what is left when they go.
 */
#ifndef PAYI_EVENT_EVENT_BODIES_H
#define PAYI_EVENT_EVENT_BODIES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Appends the record without its bodies: request, response, reasoning, headers and function calls. False, and nothing
 * appended: it has none, or is none that event_decode() knows.
 */
bool event_without_bodies(const uint8_t *record, size_t record_bytes, struct buf *out);

#endif
