/*
 * Writes events into packs as they are stored: gathered over a transaction, and appended to what there is of their block and
 * hour already. For the store alone.
 */
#ifndef PAYI_STORE_PACKS_H
#define PAYI_STORE_PACKS_H

#include "base/err.h"
#include "store/pack.h"

#include <sqlite3.h>

struct packs;

int packs_open(sqlite3 *db, struct packs **packs, struct err *err);
void packs_close(struct packs *packs); /* NULL is fine */

/* Within a transaction, in the order of ids. The event's units are to be put into *pack next. */
int packs_add(struct packs *packs, const struct pack_event *event, struct buf **pack,
	      struct err *err);

/* Writes what was gathered, before it is committed. */
int packs_write(struct packs *packs, struct err *err);

/* After a rollback. */
void packs_forget(struct packs *packs);

#endif
