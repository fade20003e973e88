/* An event's limits, without those that the service does not take. Pure; any thread. */
#ifndef PAYI_SINK_PAYI_LIMITS_H
#define PAYI_SINK_PAYI_LIMITS_H

#include "base/buf.h"
#include "event/event.h"
#include "sink/payi/reply.h"

/*
 * Appends the event's limit_ids as msgpack, but for those that the error names, in its list of blocked limits or as
 * a word of its message; but for all when it names none of them. *n: how many are left. False: there were none, or
 * memory is short; out is as before.
 */
bool limits_without(struct buf *out, const struct event *event, const struct reply_error *error,
		    uint32_t *n);

#endif
