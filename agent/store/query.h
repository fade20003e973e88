/*
 * Reading the database: a thin cover over SQLite, so that nobody else includes sqlite3.h.
 *
 * Connections are read-only, never checkpoint (not on close either), and hold a snapshot only while a
 * query is between its first step and its reset or end. Any thread; one thread per connection.
 */
#ifndef PAYI_STORE_QUERY_H
#define PAYI_STORE_QUERY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query_db;
struct query;

/*
 * Opens an existing database; ERR_STORE with a text that says what to do if there is none, ERR_BUSY if it is empty: an agent
 * is about to make its tables.
 */
int query_db_open(const char *path, struct query_db **db, struct err *err);

/* Likewise a database of its own, in memory: the schema of this agent, and no rows. */
int query_db_open_schema(struct query_db **db, struct err *err);
void query_db_close(struct query_db *db);

/* From now on every step asks stop(), often and from inside, and fails once that says true. */
void query_db_stop_when(struct query_db *db, bool (*stop)(void *context), void *context);

int query_prepare(struct query_db *db, const char *sql, struct query **query, struct err *err);
void query_free(struct query *query); /* NULL is fine */
void query_reset(struct query *query);

/*
 * name as in the SQL, ":since". A name that the SQL has not is ignored. text is copied. Without memory for that each step
 * fails, until the same name has a value; query_check() tells so before.
 */
void query_bind_text(struct query *query, const char *name, const char *text);
void query_bind_int(struct query *query, const char *name, int64_t number);
int query_check(const struct query *query, struct err *err);

/* 1: a row; 0: no more; negative: an error. */
int query_step(struct query *query, struct err *err);

enum query_type { QUERY_NULL, QUERY_INT, QUERY_REAL, QUERY_TEXT, QUERY_BLOB };

/* Columns are numbered from 0. What is returned is valid until the next step, reset or free. */
int query_columns(const struct query *query);
const char *query_name(const struct query *query, int column);
enum query_type query_type(const struct query *query, int column);
int64_t query_int(const struct query *query, int column);
double query_real(const struct query *query, int column);
const char *query_text(const struct query *query, int column); /* NULL for null */
const void *query_blob(const struct query *query, int column, size_t *bytes);

/* The version of SQLite that runs, "3.40.1". */
const char *query_sqlite_version(void);

/*
 * Whether a version, as 3040001, may corrupt a database in WAL mode when one connection checkpoints while another commits
 * (sqlite.org/wal.html, "the WAL-reset bug").
 */
int query_sqlite_version_number(void);
bool query_sqlite_has_reset_defect(int version);

/* The newest schema that this agent knows: of PRAGMA user_version. */
int query_schema_version(void);

#endif
