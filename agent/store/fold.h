/*
 * A rollup that is folded in memory: rows of sums, minima and maxima by a key of a few numbers, gathered over a
 * transaction and then added to a table, one upsert per key. What a row says does not depend on the
 * order of the events, nor on how they fell into transactions. For the store alone.
 */
#ifndef PAYI_STORE_FOLD_H
#define PAYI_STORE_FOLD_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdint.h>

enum { FOLD_COLUMNS_MAX = 12, FOLD_ROWS_MAX = 8192 };

enum fold_op {
	FOLD_END, /* behind the last column */
	FOLD_KEY, /* keys come first */
	FOLD_SUM,
	FOLD_MIN,
	FOLD_MAX,
};

struct fold_spec {
	const char *table; /* its primary key is the keys */
	struct {
		enum fold_op op;
		const char *name;
	} column[FOLD_COLUMNS_MAX + 1];
};

struct fold;

int fold_open(sqlite3 *db, const struct fold_spec *spec, struct fold **fold, struct err *err);
void fold_close(struct fold *fold); /* NULL is fine */

/* Room for one more key: when there are FOLD_ROWS_MAX, they are written first. */
int fold_make_room(struct fold *fold, struct err *err);

/* Adds one row, a number per column. Once after each fold_make_room(). */
void fold_add(struct fold *fold, const int64_t *row);

/* Adds what was gathered to the table, and forgets it. Within a transaction. */
int fold_write(struct fold *fold, struct err *err);

/* Forgets what was gathered: the transaction was rolled back. */
void fold_forget(struct fold *fold);

#endif
