/*
 * Dead letters, for those who look: HISTORY_DEAD lists them, and here is the story of one event. Any thread; one per
 * connection.
 */
#ifndef PAYI_HISTORY_DEAD_H
#define PAYI_HISTORY_DEAD_H

#include "base/buf.h"
#include "base/err.h"
#include "history/history.h"
#include "store/dead.h"
#include "store/query.h"

/* The same filter, for the one who acts on what was listed. Its texts and events are borrowed. */
void dead_filter_of(const struct history_filters *filters, struct dead_filter *dead);

/*
 * Appends an event as one JSON object, with how its delivery went and all that was tracked. ERR_INVALID: there is
 * no such event.
 */
int dead_story(struct query_db *db, int64_t event, struct buf *out, struct err *err);

/* Its members. */
const struct history_column *dead_story_columns(int *n);

#endif
