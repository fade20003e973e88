#include "bench/bare.h"

#include "base/buf.h"
#include "bench/bare_tables.h"
#include "bench/bench.h"
#include "bench/ticks.h"
#include "store/migrate.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	WAL_LONG_PAGES = 6144, /* as agent/store/store.c has it */
	PATH_BYTES = 512,
};

/* A value of a row; its bytes stand in the table's buffer. */
struct cell {
	int type;
	int64_t number;
	size_t at;
	int len;
};

/* One table's rows of the transaction at hand. */
struct part {
	const struct bare_table *table;
	sqlite3_stmt *select;
	sqlite3_stmt *insert;
	int n_columns;
	long n_rows;
	struct buf cells;
	struct buf bytes;
};

struct bare {
	sqlite3 *from;
	sqlite3 *to;
	sqlite3_stmt *transactions;
	int n_parts;
	struct part part[BARE_TABLES];
	int wal_pages;
};

/* ---- Reading: not timed --------------------------------------------------------------------------- */

static void read_cell(struct part *part, int column)
{
	sqlite3_stmt *select = part->select;
	struct cell cell = {.type = sqlite3_column_type(select, column)};
	if (cell.type == SQLITE_INTEGER) {
		cell.number = sqlite3_column_int64(select, column);
	} else if (cell.type != SQLITE_NULL) {
		const void *bytes = sqlite3_column_blob(select, column);
		cell.len = sqlite3_column_bytes(select, column);
		cell.at = part->bytes.len;
		buf_add(&part->bytes, bytes, (size_t)cell.len);
	}
	buf_add(&part->cells, &cell, sizeof(cell));
}

static int read_part(struct bare *bare, struct part *part, int64_t first, int64_t last)
{
	part->n_rows = 0;
	buf_clear(&part->cells);
	buf_clear(&part->bytes);
	sqlite3_bind_int64(part->select, 1, first);
	sqlite3_bind_int64(part->select, 2, last);
	for (; sqlite3_step(part->select) == SQLITE_ROW; part->n_rows++)
		for (int i = 0; i < part->n_columns; i++)
			read_cell(part, i);
	if (sqlite3_reset(part->select) != SQLITE_OK)
		return bench_fail(0, "%s: %s", part->table->name, sqlite3_errmsg(bare->from));
	return part->cells.failed || part->bytes.failed ? bench_fail(0, "out of memory") : 0;
}

/* ---- Writing: timed ------------------------------------------------------------------------------- */

static void bind(const struct part *part, const struct cell *cell, int at)
{
	const char *bytes = (const char *)part->bytes.data + cell->at;
	if (cell->type == SQLITE_INTEGER)
		sqlite3_bind_int64(part->insert, at, cell->number);
	else if (cell->type == SQLITE_TEXT)
		sqlite3_bind_text(part->insert, at, bytes, cell->len, SQLITE_STATIC);
	else if (cell->type == SQLITE_BLOB)
		sqlite3_bind_blob(part->insert, at, bytes, cell->len, SQLITE_STATIC);
	else
		sqlite3_bind_null(part->insert, at);
}

static int note_wal(void *context, sqlite3 *db, const char *database, int pages)
{
	struct bare *bare = context;
	(void)db;
	(void)database;
	bare->wal_pages = pages;
	return SQLITE_OK;
}

static int write_part(const struct part *part)
{
	const struct cell *cell = (const struct cell *)part->cells.data;
	for (long i = 0; i < part->n_rows; i++) {
		for (int j = 0; j < part->n_columns; j++)
			bind(part, cell++, j + 1);
		sqlite3_step(part->insert);
		if (sqlite3_reset(part->insert) != SQLITE_OK)
			return -1;
	}
	return 0;
}

static int write_all(struct bare *bare)
{
	if (bare->wal_pages >= WAL_LONG_PAGES)
		sqlite3_wal_checkpoint_v2(bare->to, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	int status = sqlite3_exec(bare->to, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (int i = 0; !status && i < bare->n_parts; i++)
		status = write_part(&bare->part[i]);
	if (status || sqlite3_exec(bare->to, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
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

static int copy_transaction(struct bare *bare, struct bare_result *result)
{
	const int64_t first = sqlite3_column_int64(bare->transactions, 0);
	const int64_t last = sqlite3_column_int64(bare->transactions, 1);
	for (int i = 0; i < bare->n_parts; i++)
		if (read_part(bare, &bare->part[i], first, last))
			return -1;
	const double start_s = seconds_now();
	const double start_cpu_s = cpu_now();
	if (write_all(bare))
		return -1;
	result->seconds += seconds_now() - start_s;
	result->cpu_s += cpu_now() - start_cpu_s;
	result->n_events += bare->part[0].n_rows;
	result->n_transactions++;
	return 0;
}

/* ---- Statements ----------------------------------------------------------------------------------- */

/* How a summary's column takes a transaction's share in. */
static void add_update(struct buf *sql, const char *name)
{
	if (strcmp(name, "first_us") == 0)
		buf_addf(sql, "%s = min(%s, excluded.%s)", name, name, name);
	else if (strcmp(name, "last_us") == 0 || strcmp(name, "latency_max_ms") == 0 ||
		 strcmp(name, "use_case_name") == 0)
		buf_addf(sql, "%s = max(%s, excluded.%s)", name, name, name);
	else
		buf_addf(sql, "%s = %s + excluded.%s", name, name, name);
}

static void add_insert(struct buf *sql, const struct bare_table *table, sqlite3_stmt *columns)
{
	const int n = sqlite3_column_count(columns);
	buf_addf(sql, "INSERT INTO %s VALUES (?", table->name);
	for (int i = 1; i < n; i++)
		buf_add_str(sql, ",?");
	buf_add_str(sql, ")");
	for (int i = table->n_keys; table->n_keys && i < n; i++) {
		buf_add_str(sql, i > table->n_keys ? ", " : " ON CONFLICT DO UPDATE SET ");
		add_update(sql, sqlite3_column_name(columns, i));
	}
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
	    SQLITE_OK)
		return bench_fail(0, "%s: %s", sql, sqlite3_errmsg(db));
	return 0;
}

static int open_part(struct bare *bare, struct part *part, const struct bare_table *table)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *columns = NULL;
	part->table = table;
	buf_addf(&sql, "SELECT * FROM %s", table->name);
	int status = prepare(bare->from, buf_text(&sql), &columns);
	if (!status)
		status = prepare(bare->from, table->rows, &part->select);
	if (!status) {
		part->n_columns = sqlite3_column_count(part->select);
		buf_clear(&sql);
		add_insert(&sql, table, columns);
		status = prepare(bare->to, buf_text(&sql), &part->insert);
	}
	sqlite3_finalize(columns);
	buf_release(&sql);
	return status;
}

/* ---- Both databases ------------------------------------------------------------------------------- */

static void name_target(char path[PATH_BYTES], const char *data_dir, const char *suffix)
{
	snprintf(path, PATH_BYTES, "%s/bare.db%s", data_dir, suffix);
}

static int open_both(struct bare *bare, const char *data_dir)
{
	char path[PATH_BYTES];
	struct err err;
	snprintf(path, sizeof(path), "%s/payi.db", data_dir);
	if (sqlite3_open_v2(path, &bare->from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    bare_functions(bare->from) != SQLITE_OK)
		return bench_fail(0, "%s: %s", path, sqlite3_errmsg(bare->from));
	name_target(path, data_dir, "");
	if (migrate_open(path, true, &bare->to, &err))
		return bench_fail(0, "%s: %s", path, err.text);
	sqlite3_wal_hook(bare->to, note_wal, bare);
	return prepare(bare->from,
		       "SELECT min(id), max(id) FROM events GROUP BY stored_us ORDER BY 1",
		       &bare->transactions);
}

static void close_both(struct bare *bare, const char *data_dir)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[PATH_BYTES];
	for (int i = 0; i < bare->n_parts; i++) {
		sqlite3_finalize(bare->part[i].select);
		sqlite3_finalize(bare->part[i].insert);
		buf_release(&bare->part[i].cells);
		buf_release(&bare->part[i].bytes);
	}
	sqlite3_finalize(bare->transactions);
	sqlite3_close(bare->from);
	sqlite3_close(bare->to);
	for (int i = 0; i < 3; i++) {
		name_target(path, data_dir, suffixes[i]);
		unlink(path);
	}
}

/* Rows of a summary that are not the same on both sides. */
static int compare_part(struct bare *bare, const struct bare_table *table)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *statement = NULL;
	buf_addf(&sql,
		 "SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM agent.%s),"
		 " (SELECT count(*) FROM %s NATURAL JOIN agent.%s)",
		 table->name, table->name, table->name, table->name);
	int status = prepare(bare->to, buf_text(&sql), &statement);
	if (!status && sqlite3_step(statement) != SQLITE_ROW)
		status = bench_fail(0, "%s: %s", table->name, sqlite3_errmsg(bare->to));
	if (!status) {
		const long long ours = sqlite3_column_int64(statement, 0);
		const long long theirs = sqlite3_column_int64(statement, 1);
		const long long same = sqlite3_column_int64(statement, 2);
		if (ours != same || theirs != same)
			status = bench_fail(0,
					    "%s: the agent has %lld rows; %lld were right, of %lld",
					    table->name, theirs, same, ours);
	}
	sqlite3_finalize(statement);
	buf_release(&sql);
	return status;
}

static int compare(struct bare *bare, const char *data_dir)
{
	char sql[PATH_BYTES];
	snprintf(sql, sizeof(sql), "ATTACH '%s/payi.db' AS agent", data_dir);
	int status = sqlite3_exec(bare->to, sql, NULL, NULL, NULL);
	if (status)
		return bench_fail(0, "%s: %s", sql, sqlite3_errmsg(bare->to));
	for (int i = 0; i < BARE_TABLES; i++)
		if (bare_tables[i].n_keys && compare_part(bare, &bare_tables[i]))
			status = -1;
	return status;
}

int bare_run(const char *data_dir, enum bare_rows rows, struct bare_result *result)
{
	struct bare bare = {0};
	*result = (struct bare_result){0};
	int status = open_both(&bare, data_dir);
	const int n_parts = rows == BARE_ALL ? BARE_TABLES : 1;
	while (!status && bare.n_parts < n_parts) {
		status = open_part(&bare, &bare.part[bare.n_parts], &bare_tables[bare.n_parts]);
		bare.n_parts++;
	}
	while (!status && sqlite3_step(bare.transactions) == SQLITE_ROW)
		status = copy_transaction(&bare, result);
	if (!status && sqlite3_reset(bare.transactions) != SQLITE_OK)
		status = bench_fail(0, "cannot read the agent's rows: %s",
				    sqlite3_errmsg(bare.from));
	if (!status && rows == BARE_ALL)
		status = compare(&bare, data_dir);
	close_both(&bare, data_dir);
	return status;
}
