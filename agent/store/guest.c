#include "store/guest.h"

#include "store/query_parts.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is allowed ------------------------------------------------------------------------------ */

/* Pragmas that tell. The others set something, write, or take hours. */
static bool is_telling(const char *pragma)
{
	static const char *const names[] = {
		"table_info",    "table_xinfo",      "table_list",    "index_list",
		"index_info",    "index_xinfo",      "database_list", "collation_list",
		"function_list", "foreign_key_list", "pragma_list",   "compile_options",
		"module_list",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sqlite3_stricmp(pragma, names[i]) == 0)
			return true;
	return false;
}

/* Of those that tell without a value, and set with one. */
static bool is_number_of_the_file(const char *pragma)
{
	static const char *const names[] = {"user_version",   "page_count",    "page_size",
					    "freelist_count", "encoding",      "application_id",
					    "journal_mode",   "schema_version"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sqlite3_stricmp(pragma, names[i]) == 0)
			return true;
	return false;
}

static int refuse(struct query_db *db, const char *what, const char *name)
{
	snprintf(db->refused, sizeof(db->refused), "%s%.60s", what, name ? name : "");
	return SQLITE_DENY;
}

static int authorize(void *context, int action, const char *first, const char *second,
		     const char *database, const char *view)
{
	struct query_db *db = context;
	(void)database;
	(void)view;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_UPDATE: /* asked also when a table-valued function, as json_each(), is declared */
		if (strcmp(first, "sqlite_master") == 0)
			return SQLITE_OK;
		return refuse(db, "changing anything", NULL);
	case SQLITE_FUNCTION:
		if (sqlite3_stricmp(second, "load_extension") == 0 ||
		    sqlite3_stricmp(second, "fts3_tokenizer") == 0)
			return refuse(db, "the function ", second);
		return SQLITE_OK;
	case SQLITE_PRAGMA:
		if (is_telling(first) || (is_number_of_the_file(first) && !second))
			return SQLITE_OK;
		return refuse(db, second ? "setting PRAGMA " : "PRAGMA ", first);
	case SQLITE_ATTACH:
		return refuse(db, "ATTACH, or VACUUM INTO", NULL);
	case SQLITE_DETACH:
		return refuse(db, "DETACH", NULL);
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
		return refuse(db, "a transaction", NULL);
	default:
		return refuse(db, "changing anything", NULL);
	}
}

/* ---- The statement -------------------------------------------------------------------------------- */

int guest_db_open(const char *path, struct query_db **out, struct err *err)
{
	struct query_db *db = NULL;
	int status = query_db_open(path, &db, err);
	if (status)
		return status;
	status = sql_exec(db->db, "PRAGMA temp_store = FILE", err);
	if (status) {
		query_db_close(db);
		return status;
	}
	sqlite3_limit(db->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_set_authorizer(db->db, authorize, db);
	*out = db;
	return 0;
}

static int explain(struct query_db *db, int *at, struct err *err)
{
	const int result = sqlite3_errcode(db->db);
	if (result == SQLITE_AUTH)
		return err_set(err, ERR_INVALID, "not allowed here, where queries only read: %s",
			       db->refused);
	if (result != SQLITE_ERROR)
		return sql_error(db->db, err, "cannot prepare the query");
	*at = sqlite3_error_offset(db->db);
	return err_set(err, ERR_INVALID, "%s", sqlite3_errmsg(db->db));
}

/* Behind a statement: spaces, semicolons and comments are nothing. */
static bool is_more(struct query_db *db, const char *rest)
{
	sqlite3_stmt *next = NULL;
	while (*rest) {
		const char *end = rest;
		if (sqlite3_prepare_v2(db->db, rest, -1, &next, &end) != SQLITE_OK || next) {
			sqlite3_finalize(next);
			return true;
		}
		if (end == rest) /* gcov: never; we would wait for ever if it was */
			return false;
		rest = end;
	}
	return false;
}

static int check(struct query_db *db, sqlite3_stmt *statement, const char *sql, const char *rest,
		 int *at, struct err *err)
{
	if (!statement)
		return err_set(err, ERR_INVALID, "there is no query in it");
	if (is_more(db, rest)) {
		*at = (int)(rest - sql);
		return err_set(err, ERR_INVALID, "one query at a time: here begins another");
	}
	if (!sqlite3_stmt_readonly(statement))
		return err_set(err, ERR_INVALID,
			       "it is no query: a SELECT, or a PRAGMA that tells "
			       "something");
	if (sqlite3_bind_parameter_count(statement) > 0)
		return err_set(err, ERR_INVALID,
			       "it has parameters (? or :name), and nothing gives them values: "
			       "write the values out");
	return 0;
}

int guest_prepare(struct query_db *db, const char *sql, struct query **out, int *at,
		  struct err *err)
{
	struct query *query = calloc(1, sizeof(*query));
	const char *rest = sql;
	if (!query)
		return err_set(err, ERR_MEMORY, "out of memory");
	query->db = db->db;
	*at = -1;
	db->refused[0] = '\0';
	int status = 0;
	if (sqlite3_prepare_v2(db->db, sql, -1, &query->statement, &rest) != SQLITE_OK)
		status = explain(db, at, err);
	if (!status)
		status = check(db, query->statement, sql, rest, at, err);
	if (status) {
		query_free(query);
		return status;
	}
	*out = query;
	return 0;
}
