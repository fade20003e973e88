/* What is wrong with a query that somebody typed: where, what was meant perhaps, and what there is. */
#ifndef PAYI_CLI_SQL_ERROR_H
#define PAYI_CLI_SQL_ERROR_H

struct query_db;

/* Says it on standard error. at is where in sql, in bytes; -1: nowhere in particular. text is what SQLite says. */
void sql_error_explain(const char *command, struct query_db *db, const char *sql, int at,
		       const char *text);

#endif
