/*
 * A query that somebody typed, run and shown. For `payi-agent sql`, and the option --sql of others.
 */
#ifndef PAYI_CLI_SQL_RUN_H
#define PAYI_CLI_SQL_RUN_H

#include "base/err.h"
#include "cli/format.h"

enum { SQL_TIMEOUT_S = 60 };

struct sql_run {
	const char *command;  /* for what is said on standard error */
	const char *database; /* its path */
	const char *sql;
	int64_t timeout_us; /* 0: none. A query that runs keeps the write-ahead log from being emptied */
	const struct format_options *format;
};

/* Runs it, and says what is wrong. Returns an exit code. */
int sql_run(const struct sql_run *run);

#endif
