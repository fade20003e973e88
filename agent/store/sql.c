#include "store/sql.h"

#include <string.h>

/* The few outcomes that somebody can do something about have a code or a hint of their own. */
static int code_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_NOMEM:
		return ERR_MEMORY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	default:
		return ERR_STORE;
	}
}

static const char *hint_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_BUSY:
		return "; another program holds the database's write lock, end its transaction";
	case SQLITE_FULL:
		return "; make room on the database's file system";
	case SQLITE_READONLY:
		return "; the database or its directory cannot be written, look at their owner and "
		       "mode";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; the file is damaged: `sqlite3 FILE .recover` reads what is left";
	default:
		return "";
	}
}

static bool is_file_readable(sqlite3 *db, int which)
{
	sqlite3_file none = {0};
	sqlite3_file *file = &none;
	sqlite3_int64 size = 0;
	char bytes[8192];
	(void)sqlite3_file_control(db, "main", which, (void *)&file);
	if (!file->pMethods)
		return true; /* there is none */
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
		return false;
	for (sqlite3_int64 at = 0; at < size; at += (sqlite3_int64)sizeof(bytes)) {
		const int result = file->pMethods->xRead(file, bytes, sizeof(bytes), at);
		if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ)
			return false;
	}
	return true;
}

bool sql_is_readable(sqlite3 *db)
{
	return is_file_readable(db, SQLITE_FCNTL_FILE_POINTER) &&
	       is_file_readable(db, SQLITE_FCNTL_JOURNAL_POINTER);
}

/*
 * A statement that meets a page which the disk does not give says "malformed", too. That may pass, and nothing is damaged:
 * so damage is believed only of a file that can be read.
 */
static bool is_mere_trouble(sqlite3 *db, int result)
{
	return (result & 0xff) == SQLITE_CORRUPT && !sql_is_readable(db);
}

int sql_error(sqlite3 *db, struct err *err, const char *what)
{
	const int result = sqlite3_extended_errcode(db);
	if (is_mere_trouble(db, result))
		return err_set(err, ERR_STORE, "%s: the database cannot be read (SQLite %d)", what,
			       result);
	return err_set(err, code_of(result), "%s: %s (SQLite %d)%s", what, sqlite3_errmsg(db),
		       result, hint_of(result));
}

int sql_exec(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sql_error(db, err, "database");
	return 0;
}

int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement, struct err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
	    SQLITE_OK)
		return sql_error(db, err, "cannot prepare a statement");
	return 0;
}

int sql_number(sqlite3 *db, const char *sql, int64_t *number, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return sql_error(db, err, "database");
	const int64_t first =
		sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	if (sqlite3_finalize(statement) != SQLITE_OK)
		return sql_error(db, err, "database");
	*number = first;
	return 0;
}

struct sql_value sql_text(const char *text)
{
	if (!text)
		return (struct sql_value){SQL_VALUE_NULL, 0, NULL, 0};
	return (struct sql_value){SQL_VALUE_TEXT, 0, text, strlen(text)};
}

struct sql_value sql_int_or_null(int64_t number)
{
	return number ? SQL_INT(number) : SQL_TEXT(NULL);
}

static int bind(sqlite3_stmt *statement, int at, const struct sql_value *value)
{
	switch (value->kind) { /* gcov: SQL_VALUE_END is never bound */
	case SQL_VALUE_INT:
		return sqlite3_bind_int64(statement, at, value->number);
	case SQL_VALUE_TEXT:
		return sqlite3_bind_text64(statement, at, value->bytes, value->len, SQLITE_STATIC,
					   SQLITE_UTF8);
	case SQL_VALUE_BLOB:
		return sqlite3_bind_blob64(statement, at, value->bytes, value->len, SQLITE_STATIC);
	case SQL_VALUE_NULL:
	case SQL_VALUE_END:
		break;
	}
	return sqlite3_bind_null(statement, at);
}

int sql_bind_values(sqlite3_stmt *statement, struct err *err, const struct sql_value *values)
{
	for (int i = 0; values[i].kind != SQL_VALUE_END; i++)
		if (bind(statement, i + 1, &values[i]) != SQLITE_OK)
			return sql_error(sqlite3_db_handle(statement), err, "cannot bind a value");
	return 0;
}

int sql_run_values(sqlite3_stmt *statement, struct err *err, const struct sql_value *values)
{
	const int status = sql_bind_values(statement, err, values);
	return status ? status : sql_finish(statement, err);
}

int sql_finish(sqlite3_stmt *statement, struct err *err)
{
	while (sqlite3_step(statement) == SQLITE_ROW)
		continue;
	if (sqlite3_reset(statement) != SQLITE_OK)
		return sql_error(sqlite3_db_handle(statement), err, "cannot write");
	return 0;
}

int sql_reset(sqlite3_stmt *statement, struct err *err)
{
	if (sqlite3_reset(statement) != SQLITE_OK)
		return sql_error(sqlite3_db_handle(statement), err, "cannot read");
	return 0;
}
