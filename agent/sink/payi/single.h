/*
 * Single ingest, for accounts without bulk: an event's use case, user, account, limits and scope go as
 * headers, its id in the query too, and all the rest in the body. See the OpenAPI document, requests.Ingest.
 */
#ifndef PAYI_SINK_PAYI_SINGLE_H
#define PAYI_SINK_PAYI_SINGLE_H

#include "base/buf.h"
#include "event/event.h"

/* Each appends to out: "?id=…"; the headers, each ended by a NUL; the body. */
void single_query(struct buf *out, const struct event *event);
void single_headers(struct buf *out, const struct event *event);
void single_body(struct buf *out, const struct event *event);

#endif
