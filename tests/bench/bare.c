#include "bench/bare.h"

#include "base/buf.h"
#include "bench/bench.h"
#include "bench/ticks.h"
#include "store/migrate.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	COLUMNS_MAX = 64,
	ROWS_MAX = 65536,       /* in one transaction: the largest commit_events */
	WAL_LONG_PAGES = 16384, /* as agent/store/store.c has it */
	PATH_BYTES = 512,
	SQL_BYTES = 512,
};

/* A value of a row; its bytes stand in the batch's buffer. */
struct cell {
	int type;
	int64_t number;
	size_t at;
	int len;
};

struct bare {
	sqlite3 *from;
	sqlite3 *to;
	sqlite3_stmt *select;
	sqlite3_stmt *insert;
	int n_columns;
	int stored_us; /* the column that tells the agent's transactions apart */
	bool more;     /* select stands on a row */
	struct cell *cells;
	struct buf bytes;
	int n_rows;
	int wal_pages;
};

/* ---- Reading: not timed --------------------------------------------------------------------------- */

static void read_cell(struct bare *bare, struct cell *cell, int column)
{
	sqlite3_stmt *select = bare->select;
	*cell = (struct cell){.type = sqlite3_column_type(select, column)};
	if (cell->type == SQLITE_INTEGER) {
		cell->number = sqlite3_column_int64(select, column);
	} else if (cell->type != SQLITE_NULL) {
		const void *bytes = sqlite3_column_blob(select, column);
		cell->len = sqlite3_column_bytes(select, column);
		cell->at = bare->bytes.len;
		buf_add(&bare->bytes, bytes, (size_t)cell->len);
	}
}

/* The rows of the agent's next transaction. */
static int read_batch(struct bare *bare)
{
	const int64_t stored_us = sqlite3_column_int64(bare->select, bare->stored_us);
	bare->bytes.len = 0;
	bare->n_rows = 0;
	while (bare->more && bare->n_rows < ROWS_MAX &&
	       sqlite3_column_int64(bare->select, bare->stored_us) == stored_us) {
		struct cell *row = &bare->cells[bare->n_rows++ * bare->n_columns];
		for (int i = 0; i < bare->n_columns; i++)
			read_cell(bare, &row[i], i);
		bare->more = sqlite3_step(bare->select) == SQLITE_ROW;
	}
	return bare->bytes.failed ? bench_fail(0, "out of memory") : 0;
}

/* ---- Writing: timed ------------------------------------------------------------------------------- */

static void bind(struct bare *bare, const struct cell *cell, int at)
{
	const char *bytes = (const char *)bare->bytes.data + cell->at;
	if (cell->type == SQLITE_INTEGER)
		sqlite3_bind_int64(bare->insert, at, cell->number);
	else if (cell->type == SQLITE_TEXT)
		sqlite3_bind_text(bare->insert, at, bytes, cell->len, SQLITE_STATIC);
	else if (cell->type == SQLITE_BLOB)
		sqlite3_bind_blob(bare->insert, at, bytes, cell->len, SQLITE_STATIC);
	else
		sqlite3_bind_null(bare->insert, at);
}

static int note_wal(void *context, sqlite3 *db, const char *database, int pages)
{
	struct bare *bare = context;
	(void)db;
	(void)database;
	bare->wal_pages = pages;
	return SQLITE_OK;
}

static int write_batch(struct bare *bare)
{
	if (bare->wal_pages >= WAL_LONG_PAGES)
		sqlite3_wal_checkpoint_v2(bare->to, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_exec(bare->to, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (int i = 0; i < bare->n_rows; i++) {
		const struct cell *row = &bare->cells[i * bare->n_columns];
		for (int j = 0; j < bare->n_columns; j++)
			bind(bare, &row[j], j + 1);
		sqlite3_step(bare->insert);
		if (sqlite3_reset(bare->insert) != SQLITE_OK)
			return bench_fail(0, "bare loop: %s", sqlite3_errmsg(bare->to));
	}
	if (sqlite3_exec(bare->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return bench_fail(0, "bare loop: %s", sqlite3_errmsg(bare->to));
	return 0;
}

static double cpu_now(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int copy_batch(struct bare *bare, struct bare_result *result)
{
	if (read_batch(bare))
		return -1;
	const double start_s = seconds_now();
	const double start_cpu_s = cpu_now();
	if (write_batch(bare))
		return -1;
	result->seconds += seconds_now() - start_s;
	result->cpu_s += cpu_now() - start_cpu_s;
	result->n_rows += bare->n_rows;
	result->n_transactions++;
	return 0;
}

/* ---- Both databases ------------------------------------------------------------------------------- */

static int open_source(struct bare *bare, const char *data_dir)
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s/payi.db", data_dir);
	if (sqlite3_open_v2(path, &bare->from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(bare->from, "SELECT * FROM events ORDER BY id", -1, &bare->select,
			       NULL) != SQLITE_OK)
		return bench_fail(0, "%s: %s", path, sqlite3_errmsg(bare->from));
	bare->n_columns = sqlite3_column_count(bare->select);
	for (int i = 0; i < bare->n_columns; i++)
		if (strcmp(sqlite3_column_name(bare->select, i), "stored_us") == 0)
			bare->stored_us = i;
	bare->more = sqlite3_step(bare->select) == SQLITE_ROW;
	return bare->n_columns <= COLUMNS_MAX ? 0 : bench_fail(0, "too many columns");
}

static int open_target(struct bare *bare, const char *data_dir)
{
	char path[PATH_BYTES];
	char sql[SQL_BYTES] = "INSERT INTO events VALUES (?";
	struct err err;
	snprintf(path, sizeof(path), "%s/bare.db", data_dir);
	if (migrate_open(path, true, &bare->to, &err))
		return bench_fail(0, "%s: %s", path, err.text);
	size_t len = strlen(sql);
	for (int i = 1; i < bare->n_columns; i++, len += 2)
		snprintf(sql + len, sizeof(sql) - len, ",?");
	snprintf(sql + len, sizeof(sql) - len, ")");
	if (sqlite3_prepare_v3(bare->to, sql, -1, SQLITE_PREPARE_PERSISTENT, &bare->insert, NULL) !=
	    SQLITE_OK)
		return bench_fail(0, "%s: %s", sql, sqlite3_errmsg(bare->to));
	sqlite3_wal_hook(bare->to, note_wal, bare);
	return 0;
}

int bare_run(const char *data_dir, struct bare_result *result)
{
	struct bare bare = {0};
	*result = (struct bare_result){0};
	int status = open_source(&bare, data_dir);
	if (!status)
		status = open_target(&bare, data_dir);
	if (!status) {
		bare.cells = calloc((size_t)ROWS_MAX * (size_t)bare.n_columns, sizeof(*bare.cells));
		status = bare.cells ? 0 : bench_fail(0, "out of memory");
	}
	while (!status && bare.more)
		status = copy_batch(&bare, result);
	free(bare.cells);
	buf_release(&bare.bytes);
	sqlite3_finalize(bare.select);
	sqlite3_finalize(bare.insert);
	sqlite3_close(bare.from);
	sqlite3_close(bare.to);
	return status;
}
