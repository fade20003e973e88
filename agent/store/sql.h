/*
 * The few things that every part of the store says to SQLite, with errors in our own words. For the files of
 * store/ alone.
 */
#ifndef PAYI_STORE_SQL_H
#define PAYI_STORE_SQL_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What SQLite says went wrong last, behind what we were doing. Returns a negative err_code. */
int sql_error(sqlite3 *db, struct err *err, const char *what);

/* Whether the disk gives every byte of the database and its WAL. It reads them all. */
bool sql_is_readable(sqlite3 *db);

/* Runs statements without values or rows. */
int sql_exec(sqlite3 *db, const char *sql, struct err *err);

/* Prepares a statement that is kept and used often. */
int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement, struct err *err);

/* The first column of the first row, as a number; 0 when there is no row. */
int sql_number(sqlite3 *db, const char *sql, int64_t *number, struct err *err);

/* ---- Values for the parameters of a statement, in their order, up to SQL_END ---- */

struct sql_value {
	enum { SQL_VALUE_END, SQL_VALUE_NULL, SQL_VALUE_INT, SQL_VALUE_TEXT, SQL_VALUE_BLOB } kind;
	int64_t number;
	const void *bytes;
	size_t len;
};

#define SQL_INT(value)        ((struct sql_value){SQL_VALUE_INT, (int64_t)(value), NULL, 0})
#define SQL_TEXT(text)        (sql_text(text)) /* NULL is null */
#define SQL_STR(text, size)   ((struct sql_value){SQL_VALUE_TEXT, 0, (text), (size)})
#define SQL_BLOB(bytes, size) ((struct sql_value){SQL_VALUE_BLOB, 0, (bytes), (size)})
#define SQL_END               ((struct sql_value){SQL_VALUE_END, 0, NULL, 0})

struct sql_value sql_text(const char *text);
struct sql_value sql_int_or_null(int64_t number); /* 0 is null */

/* Binds without copying: what the values point at must live until the statement is reset. */
int sql_bind_values(sqlite3_stmt *statement, struct err *err, const struct sql_value *values);

/* Binds, runs to the end, resets. The statement gives no rows, or they do not matter. */
int sql_run_values(sqlite3_stmt *statement, struct err *err, const struct sql_value *values);

#define sql_bind(statement, err, ...)                                                              \
	sql_bind_values((statement), (err), (const struct sql_value[]){__VA_ARGS__})
#define sql_run(statement, err, ...)                                                               \
	sql_run_values((statement), (err), (const struct sql_value[]){__VA_ARGS__})

/* Runs a statement that is bound already, and resets it. */
int sql_finish(sqlite3_stmt *statement, struct err *err);

/*
 * Resets a statement whose rows were read, as far as they were wanted. Here it is told that a step has failed: another step
 * would begin anew, and may well go right.
 */
int sql_reset(sqlite3_stmt *statement, struct err *err);

#endif
