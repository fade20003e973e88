/*
 * An INSERT of many rows: they are gathered in memory, and written several at once, which costs SQLite a good
 * part less than one statement each. Everything is copied. For the store alone.
 */
#ifndef PAYI_STORE_ROWS_H
#define PAYI_STORE_ROWS_H

#include "base/buf.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct rows;

/* into is "table (column, …)"; tail follows the values: "", or what to do ON CONFLICT. */
int rows_open(sqlite3 *db, const char *into, int n_columns, const char *tail, struct rows **rows,
	      struct err *err);
void rows_close(struct rows *rows); /* NULL is fine */

/* The row at hand: its columns, from 0, are null until set. */
void rows_set_int(struct rows *rows, int column, int64_t number);
void rows_set_text(struct rows *rows, int column, const char *text, size_t len);
void rows_set_blob(struct rows *rows, int column, const void *bytes, size_t len);

/* Likewise, for a text that is written straight into the returned buffer; nothing else in between. */
struct buf *rows_begin_text(struct rows *rows);
void rows_end_text(struct rows *rows, int column);

/* Within a transaction. Ends the row; writes what was gathered when that is enough. */
int rows_put(struct rows *rows, struct err *err);

/* Writes what is left. */
int rows_write(struct rows *rows, struct err *err);

/* After a rollback, or a failure half-way through a row. */
void rows_forget(struct rows *rows);

#endif
