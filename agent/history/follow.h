/*
 * Events as they are stored, for one who goes on reading behind an agent that goes on writing: across restarts of the agent,
 * and across a database that was put aside for a new one. Each reading is short, and between two no snapshot is held. One thread.
 */
#ifndef PAYI_HISTORY_FOLLOW_H
#define PAYI_HISTORY_FOLLOW_H

#include "history/history.h"

struct follow;

/* Opens an existing database, and begins behind the last event in it. path and the filters' texts are borrowed. */
int follow_open(const char *path, const struct history_filters *filters, struct follow **follow,
		struct err *err);
void follow_close(struct follow *follow); /* NULL is fine */

/*
 * Gives those before the beginning to take(), in the order of their time: the last n that the filters leave; all for
 * INT64_MAX. flush(), if any, is called between pages, when no snapshot is held; what it returns below 0 ends it.
 */
int follow_past(struct follow *follow, int64_t n, history_take_fn *take,
		int (*flush)(void *taker, struct err *err), void *taker, struct err *err);

/*
 * Gives those that were stored since the last call, in that order. Returns 1 when there was a new database, or the old one
 * came back, whose events are then all new; 0 otherwise, also while there is none. An error may pass: ask again.
 */
int follow_read(struct follow *follow, history_take_fn *take,
		int (*flush)(void *taker, struct err *err), void *taker, struct err *err);

#endif
