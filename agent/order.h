/*
 * An order to the storage thread that its giver waits for: dead letters to be sent again, or dropped. Two hold it, the
 * giver and the letter that brings it; whoever lets go last frees it.
 *
 * A giver on any thread makes it, hands it over by storage_order(), waits, and lets go.
 */
#ifndef PAYI_ORDER_H
#define PAYI_ORDER_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct order;

int order_new(const char *sink, enum dead_action action, const struct dead_filter *filter,
	      struct order **order, struct err *err);
void order_hold(struct order *order);
void order_release(struct order *order);

/*
 * Waits until it was carried out, and tells for how many events. ERR_BUSY: must_stop() has said so before; then it
 * may yet be carried out, or not.
 */
int order_wait(struct order *order, bool (*must_stop)(void *context), void *context, int64_t *n,
	       struct err *err);

/* ---- The storage thread ---- */

/* Writes a part of it into the transaction; again after a rollback, the same part. */
int order_write(struct order *order, struct store *store, int64_t now_us, struct err *err);

/* That transaction was committed. True: that was all, and the giver is told. */
bool order_committed(struct order *order);

#endif
