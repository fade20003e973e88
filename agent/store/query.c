#include "store/query.h"

#include "store/migrations.h"
#include "store/percentiles.h"
#include "store/price_book.h"
#include "store/query_parts.h"
#include "store/spreads.h"
#include "store/sql.h"
#include "store/sums.h"
#include "store/usage_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BUSY_MS = 2000,
	STOP_OPERATIONS =
		4000, /* of SQLite's machine, between two questions: well below a millisecond */
};

/* ---- The connection ------------------------------------------------------------------------------- */

/*
 * trusted_schema stays on, as it is by default: with it off, SQLite 3.40 refuses its own JSON functions in
 * our views. The schema is the one that we made.
 */
static int set_up(sqlite3 *db, struct err *err)
{
	int64_t all = 0, tables = 0;
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	int status = sql_exec(db,
			      "PRAGMA query_only = ON; PRAGMA mmap_size = 0;"
			      "PRAGMA temp_store = MEMORY;",
			      err);
	if (!status)
		status = sql_number(db, "SELECT count(*) FROM sqlite_schema", &all, err);
	if (!status && all == 0)
		status = err_set(err, ERR_BUSY,
				 "it is empty as yet: an agent that starts makes its tables; ask "
				 "again, or start the agent (payi-agent run)");
	if (!status)
		status = sql_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'events'",
				    &tables, err);
	if (!status && tables != 1)
		status = err_set(err, ERR_STORE, "it is no database of payi-agent");
	return status;
}

static int open_reader(const char *path, int flags, sqlite3 **db, struct err *err)
{
	int status = 0;
	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | flags, NULL) !=
	    SQLITE_OK)
		status = *db ? sql_error(*db, err, "open")
			     : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = set_up(*db, err);
	if (!status)
		status = percentiles_add_functions(*db, err);
	if (!status)
		status = spreads_add_functions(*db, err);
	if (!status)
		status = price_book_add_functions(*db, err);
	if (!status)
		status = sums_add_function(*db, err);
	if (!status)
		status = usage_parts_add_table(*db, err);
	if (status) {
		sqlite3_close(*db);
		*db = NULL;
	}
	return status;
}

int query_db_open(const char *path, struct query_db **out, struct err *err)
{
	if (access(path, F_OK) && errno == ENOENT)
		return err_set(
			err, ERR_STORE,
			"there is no database at %s yet: start the agent (payi-agent run), or "
			"say where it is (--data-dir)",
			path);
	if (access(path, R_OK) && errno == EACCES)
		return err_set(
			err, ERR_STORE,
			"this user may not read the database %s: ask as the agent's user (sudo -u)",
			path);
	struct query_db *db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int status = open_reader(path, 0, &db->db, err);
	if (status) {
		free(db);
		return err_wrap(err, "cannot read the database %s", path);
	}
	*out = db;
	return 0;
}

int query_db_open_schema(struct query_db **out, struct err *err)
{
	struct query_db *db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(err, ERR_MEMORY, "out of memory");
	int status = sqlite3_open(":memory:", &db->db) == SQLITE_OK
			     ? 0
			     : err_set(err, ERR_MEMORY, "out of memory");
	for (int i = 0; i < schema_n_migrations && !status; i++)
		status = sql_exec(db->db, schema_migrations[i], err);
	if (!status)
		status = sql_exec(db->db, schema_views, err);
	if (status) {
		query_db_close(db);
		return status;
	}
	*out = db;
	return 0;
}

void query_db_close(struct query_db *db)
{
	if (!db)
		return;
	sqlite3_close(db->db);
	free(db);
}

static int ask_stop(void *context)
{
	const struct query_db *db = context;
	return db->stop(db->stop_context);
}

void query_db_stop_when(struct query_db *db, bool (*stop)(void *context), void *context)
{
	db->stop = stop;
	db->stop_context = context;
	sqlite3_progress_handler(db->db, STOP_OPERATIONS, ask_stop, db);
}

/* ---- Queries -------------------------------------------------------------------------------------- */

int query_prepare(struct query_db *db, const char *sql, struct query **out, struct err *err)
{
	struct query *query = calloc(1, sizeof(*query));
	if (!query)
		return err_set(err, ERR_MEMORY, "out of memory");
	query->db = db->db;
	const int status = sql_prepare(db->db, sql, &query->statement, err);
	if (status) {
		free(query);
		return status;
	}
	*out = query;
	return 0;
}

void query_free(struct query *query)
{
	if (!query)
		return;
	sqlite3_finalize(query->statement);
	free(query);
}

void query_reset(struct query *query)
{
	sqlite3_reset(query->statement);
}

/*
 * Index 0 is none of SQLite's: a name that the SQL has not binds nothing. A value that could not be bound is NULL, with which
 * a query would give an answer, and a wrong one: so that is remembered.
 */
static void note_bound(struct query *query, int at, int result)
{
	const uint64_t bit = UINT64_C(1) << at % 64;
	if (result == SQLITE_OK)
		query->unbound &= ~bit;
	else if (at > 0)
		query->unbound |= bit;
}

void query_bind_text(struct query *query, const char *name, const char *text)
{
	const int at = sqlite3_bind_parameter_index(query->statement, name);
	note_bound(query, at, sqlite3_bind_text(query->statement, at, text, -1, SQLITE_TRANSIENT));
}

void query_bind_int(struct query *query, const char *name, int64_t number)
{
	const int at = sqlite3_bind_parameter_index(query->statement, name);
	note_bound(query, at, sqlite3_bind_int64(query->statement, at, number));
}

int query_check(const struct query *query, struct err *err)
{
	return query->unbound ? err_set(err, ERR_MEMORY, "out of memory for what a query asks for")
			      : 0;
}

int query_step(struct query *query, struct err *err)
{
	if (query->unbound)
		return query_check(query, err);
	switch (sqlite3_step(query->statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		sqlite3_reset(query->statement);
		return 0;
	default: {
		const int status = sql_error(query->db, err, "cannot read the database");
		sqlite3_reset(query->statement);
		return status;
	}
	}
}

int query_columns(const struct query *query)
{
	return sqlite3_column_count(query->statement);
}

const char *query_name(const struct query *query, int column)
{
	return sqlite3_column_name(query->statement, column);
}

enum query_type query_type(const struct query *query, int column)
{
	switch (sqlite3_column_type(query->statement, column)) {
	case SQLITE_INTEGER:
		return QUERY_INT;
	case SQLITE_FLOAT:
		return QUERY_REAL;
	case SQLITE_TEXT:
		return QUERY_TEXT;
	case SQLITE_BLOB:
		return QUERY_BLOB;
	default:
		return QUERY_NULL;
	}
}

int64_t query_int(const struct query *query, int column)
{
	return sqlite3_column_int64(query->statement, column);
}

double query_real(const struct query *query, int column)
{
	return sqlite3_column_double(query->statement, column);
}

const char *query_text(const struct query *query, int column)
{
	return (const char *)sqlite3_column_text(query->statement, column);
}

const void *query_blob(const struct query *query, int column, size_t *bytes)
{
	const void *blob = sqlite3_column_blob(query->statement, column);
	*bytes = (size_t)sqlite3_column_bytes(query->statement, column);
	return blob;
}

const char *query_sqlite_version(void)
{
	return sqlite3_libversion();
}

int query_sqlite_version_number(void)
{
	return sqlite3_libversion_number();
}

/* Fixed in 3.51.3, and in 3.44.6 and 3.50.7. */
bool query_sqlite_has_reset_defect(int version)
{
	const int series = version / 1000;
	if (series == 3044)
		return version < 3044006;
	if (series == 3050)
		return version < 3050007;
	return version < 3051003;
}

int query_schema_version(void)
{
	return schema_n_migrations;
}
