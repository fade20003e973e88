/*
 * The bodies of a batch's requests, made of its items. batch_prepare() makes the next one; what stands here is
 * for batch.c, which makes the first body while the batch is filled.
 */
#ifndef PAYI_SINK_PAYI_BATCH_BODY_H
#define PAYI_SINK_PAYI_BATCH_BODY_H

#include "event/event.h"
#include "sink/payi/batch.h"

/* One more event for a body that is an array. */
void batch_body_append(struct batch *batch, const struct event *event);

/* The event as it is to be sent. Valid until something is added to the batch's records. */
void batch_body_read(const struct batch *batch, const struct batch_item *item, struct event *event);

/* What is sent in place of the handle that the application used. The text must outlive the event. */
void batch_body_replace_id(struct event *event, const char *given_id, size_t bytes);

#endif
