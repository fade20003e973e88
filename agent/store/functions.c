#include "store/functions.h"

#include "store/sql.h"

int functions_add(sqlite3 *db, const struct sql_function *functions, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct sql_function *one = &functions[i];
		if (sqlite3_create_function(db, one->name, one->n, SQLITE_UTF8 | one->flags, NULL,
					    one->call, one->step, one->finish) != SQLITE_OK)
			return sql_error(db, err, "cannot add a function to SQL");
	}
	return 0;
}

void functions_result(sqlite3_context *context, struct buf *out)
{
	if (out->failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text64(context, buf_text(out), out->len, SQLITE_TRANSIENT,
				      SQLITE_UTF8);
	buf_release(out);
}

void functions_sum(int64_t *sum, int64_t number)
{
	if (__builtin_add_overflow(*sum, number, sum))
		*sum = number > 0 ? INT64_MAX : INT64_MIN;
}
