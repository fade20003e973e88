#include "store/rows.h"

#include "store/sql.h"

#include <stdlib.h>
#include <string.h>

enum {
	AT_ONCE = 16,           /* more gains nothing */
	BYTES_MAX = 256 * 1024, /* of texts and blobs; one more row may be larger */
};

/* Bytes lie in a buffer that moves as it grows: bytes_at, and a pointer only when it is bound. */
struct value {
	enum { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB } kind;
	int64_t number;
	size_t bytes_at;
	size_t len;
};

struct rows {
	int n_columns;
	int n; /* whole rows */
	struct value *values;
	struct buf bytes;
	size_t text_at; /* of a text that is being written */
	sqlite3_stmt *one;
	sqlite3_stmt *many;
};

/* ---- Opening -------------------------------------------------------------------------------------- */

static int prepare(sqlite3 *db, const char *into, int n_columns, int n_rows, const char *tail,
		   sqlite3_stmt **statement, struct err *err)
{
	struct buf sql = BUF_INIT;
	/*
	 * OR ROLLBACK: on any error the whole transaction is undone, as its owner would do anyway. With the
	 * default, ABORT, SQLite would copy each page that a statement touches, to be able to undo that alone.
	 */
	buf_addf(&sql, "INSERT OR ROLLBACK INTO %s VALUES ", into);
	for (int i = 0; i < n_rows; i++) {
		buf_add_str(&sql, i ? ", (?" : "(?");
		for (int k = 1; k < n_columns; k++)
			buf_add_str(&sql, ", ?");
		buf_add_str(&sql, ")");
	}
	buf_add_str(&sql, tail);
	const char *text = buf_text(&sql);
	const int status = sql.failed ? err_set(err, ERR_MEMORY, "out of memory")
				      : sql_prepare(db, text, statement, err);
	buf_release(&sql);
	return status;
}

int rows_open(sqlite3 *db, const char *into, int n_columns, const char *tail, struct rows **out,
	      struct err *err)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	if (!rows)
		return err_set(err, ERR_MEMORY, "out of memory");
	rows->n_columns = n_columns;
	rows->values = calloc((size_t)AT_ONCE * (size_t)n_columns, sizeof(*rows->values));
	int status = rows->values ? 0 : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = prepare(db, into, n_columns, 1, tail, &rows->one, err);
	if (!status)
		status = prepare(db, into, n_columns, AT_ONCE, tail, &rows->many, err);
	if (status) {
		rows_close(rows);
		return status;
	}
	*out = rows;
	return 0;
}

void rows_close(struct rows *rows)
{
	if (!rows)
		return;
	sqlite3_finalize(rows->one);
	sqlite3_finalize(rows->many);
	buf_release(&rows->bytes);
	free(rows->values);
	free(rows);
}

/* ---- The row at hand ------------------------------------------------------------------------------ */

static struct value *value_at(const struct rows *rows, int row, int column)
{
	return &rows->values[row * rows->n_columns + column];
}

void rows_set_int(struct rows *rows, int column, int64_t number)
{
	*value_at(rows, rows->n, column) = (struct value){.kind = VALUE_INT, .number = number};
}

void rows_set_text(struct rows *rows, int column, const char *text, size_t len)
{
	*value_at(rows, rows->n, column) =
		(struct value){.kind = VALUE_TEXT, .bytes_at = rows->bytes.len, .len = len};
	buf_add(&rows->bytes, text, len);
}

void rows_set_blob(struct rows *rows, int column, const void *bytes, size_t len)
{
	*value_at(rows, rows->n, column) =
		(struct value){.kind = VALUE_BLOB, .bytes_at = rows->bytes.len, .len = len};
	buf_add(&rows->bytes, bytes, len);
}

struct buf *rows_begin_text(struct rows *rows)
{
	rows->text_at = rows->bytes.len;
	return &rows->bytes;
}

void rows_end_text(struct rows *rows, int column)
{
	*value_at(rows, rows->n, column) = (struct value){.kind = VALUE_TEXT,
							  .bytes_at = rows->text_at,
							  .len = rows->bytes.len - rows->text_at};
}

/* ---- Writing -------------------------------------------------------------------------------------- */

static int bind(const struct rows *rows, sqlite3_stmt *statement, int parameter,
		const struct value *value)
{
	const uint8_t *bytes = rows->bytes.data ? rows->bytes.data + value->bytes_at : NULL;
	switch (value->kind) { /* gcov: no other */
	case VALUE_INT:
		return sqlite3_bind_int64(statement, parameter, value->number);
	case VALUE_TEXT:
		return sqlite3_bind_text64(statement, parameter, (const char *)bytes, value->len,
					   SQLITE_STATIC, SQLITE_UTF8);
	case VALUE_BLOB:
		return sqlite3_bind_blob64(statement, parameter, bytes, value->len, SQLITE_STATIC);
	case VALUE_NULL:
		break; /* all are null after sqlite3_clear_bindings() */
	}
	return SQLITE_OK;
}

/* What is bound is null again for the row that comes next. */
static int write_rows(struct rows *rows, sqlite3_stmt *statement, int first, int n, struct err *err)
{
	sqlite3_clear_bindings(statement);
	struct value *values = value_at(rows, first, 0);
	for (int i = 0; i < n * rows->n_columns; i++) {
		if (bind(rows, statement, i + 1, &values[i]) != SQLITE_OK)
			return sql_error(sqlite3_db_handle(statement), err, "cannot bind a value");
		values[i].kind = VALUE_NULL;
	}
	return sql_finish(statement, err);
}

/* A buffer that one huge row has blown up is given back. */
static void empty(struct rows *rows)
{
	rows->n = 0;
	if (rows->bytes.capacity > 4 * BYTES_MAX)
		buf_release(&rows->bytes);
	else
		buf_clear(&rows->bytes);
}

int rows_write(struct rows *rows, struct err *err)
{
	int status = 0;
	if (rows->bytes.failed)
		status = err_set(err, ERR_MEMORY, "out of memory");
	else if (rows->n == AT_ONCE)
		status = write_rows(rows, rows->many, 0, AT_ONCE, err);
	else
		for (int i = 0; !status && i < rows->n; i++)
			status = write_rows(rows, rows->one, i, 1, err);
	if (!status)
		empty(rows);
	return status;
}

int rows_put(struct rows *rows, struct err *err)
{
	rows->n++;
	if (rows->n < AT_ONCE && rows->bytes.len < BYTES_MAX && !rows->bytes.failed)
		return 0;
	return rows_write(rows, err);
}

void rows_forget(struct rows *rows)
{
	memset(rows->values, 0, (size_t)AT_ONCE * (size_t)rows->n_columns * sizeof(*rows->values));
	empty(rows);
}
