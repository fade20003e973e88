/* How many rows there will be, roughly and at once: for whoever shows how far a reading is. */
#ifndef PAYI_HISTORY_ESTIMATE_H
#define PAYI_HISTORY_ESTIMATE_H

#include "history/history.h"

/* From rollups and indexes; *rows is 0 where these do not tell. Limits count. */
int history_estimate(struct query_db *db, enum history_kind kind,
		     const struct history_filters *filters, int64_t *rows, struct err *err);

#endif
