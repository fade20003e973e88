/*
 * The history over HTTP: what the commands events, use-cases, usage and dead show, by the same functions, as pages of
 * JSON.
 * On a thread of the pool.
 *
 *     {"rows":[{…},…],"cursor":"…"}      cursor null: that was all; else it is the parameter for the next page
 *
 * What changed has "since", "until" and "before" beside them: what is compared, which are whole hours where events are gone.
 */
#ifndef PAYI_HTTP_HISTORY_API_H
#define PAYI_HTTP_HISTORY_API_H

#include "base/buf.h"
#include "base/err.h"
#include "history/history.h"
#include "http/params.h"

/* ERR_INVALID: a parameter is wrong. After an error *out holds anything. */
int history_api(struct query_db *db, enum history_kind kind, const struct params *params,
		struct buf *out, struct err *err);

#endif
