/*
 * What our functions of SQL have in common: how a connection gets them, what they give, how they add up. For the store alone.
 */
#ifndef PAYI_STORE_FUNCTIONS_H
#define PAYI_STORE_FUNCTIONS_H

#include "base/buf.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* One that is called for each row, or an aggregate, which has step and finish. */
struct sql_function {
	const char *name;
	int n;     /* arguments */
	int flags; /* SQLITE_DETERMINISTIC, or 0 */
	void (*call)(sqlite3_context *context, int n, sqlite3_value **values);
	void (*step)(sqlite3_context *context, int n, sqlite3_value **values);
	void (*finish)(sqlite3_context *context);
};

int functions_add(sqlite3 *db, const struct sql_function *functions, size_t n, struct err *err);

/* The contents are the result, as text; releases it. */
void functions_result(sqlite3_context *context, struct buf *out);

/* A sum goes no further than its type does. */
void functions_sum(int64_t *sum, int64_t number);

#endif
