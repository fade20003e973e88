/* An event as JSON: as Pay-i's bulk ingest takes it, or whole, for the history. */
#ifndef PAYI_EVENT_EVENT_JSON_H
#define PAYI_EVENT_EVENT_JSON_H

#include "base/buf.h"
#include "event/event.h"

enum event_json_for {
	/*
	 * A BulkIngestRequest item: no nulls (what Pay-i makes of one is not documented) and no
	 * request_tags (no longer taken).
	 */
	EVENT_JSON_FOR_SERVICE,
	EVENT_JSON_FOR_HISTORY, /* every field that was tracked */
};

/* Appends one object. Times are RFC 3339 in UTC with microseconds for the history, milliseconds else. */
void event_json(struct buf *out, const struct event *event, enum event_json_for purpose);

/* Appends the value of one present field alone. */
void event_json_field(struct buf *out, const struct event *event, enum payi_field field,
		      enum event_json_for purpose);

/* Appends a JSON string, quotes included. text is valid UTF-8. */
void event_json_string(struct buf *out, const char *text, size_t len);

#endif
