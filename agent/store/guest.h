/*
 * SQL that is not ours: a query that somebody typed, on the reading connection of query.h. It may read every table and
 * view, and nothing else: no other database, no pragma that sets something, no extension, no transaction of its own.
 *
 * Each of these is enough alone, and all are there: the file is opened for reading; query_only; SQLite's defensive
 * mode; an authorizer that knows what is allowed instead of what is not; one statement, which SQLite says is
 * read-only. What such a query may still do is take long, and keep the write-ahead log from being emptied meanwhile: whoever
 * runs one gives it an end (query_db_stop_when()).
 */
#ifndef PAYI_STORE_GUEST_H
#define PAYI_STORE_GUEST_H

#include "store/query.h"

/* As query_db_open(); what is sorted goes to temporary files and not to memory. All queries on it are a guest's. */
int guest_db_open(const char *path, struct query_db **db, struct err *err);

/*
 * Prepares the one statement of sql. ERR_INVALID: it cannot be had, as the text says; *at is then where in sql that is, in
 * bytes, or -1. Other errors are the database's.
 */
int guest_prepare(struct query_db *db, const char *sql, struct query **query, int *at,
		  struct err *err);

#endif
