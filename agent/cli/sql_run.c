#include "cli/sql_run.h"

#include "base/clock.h"
#include "base/human.h"
#include "cli/cli.h"
#include "cli/display.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/sql_error.h"
#include "cli/table.h"
#include "store/guest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_ROWS = 1000, NAME_BYTES = 128 };

/* The names of the columns, made to differ: JSON has each once in an object. */
struct columns {
	struct history_column column[TABLE_COLUMNS_MAX];
	char name[TABLE_COLUMNS_MAX][NAME_BYTES];
	char heading[TABLE_COLUMNS_MAX][NAME_BYTES];
	int n;
};

struct watch {
	int64_t end_us; /* by clock_boot_us() */
	bool late;
};

/* ---- Columns -------------------------------------------------------------------------------------- */

static bool is_taken(const struct columns *columns, const char *name)
{
	for (int i = 0; i < columns->n; i++)
		if (strcmp(columns->name[i], name) == 0)
			return true;
	return false;
}

static void add_column(struct columns *columns, const char *name)
{
	const int i = columns->n;
	struct buf shown = BUF_INIT;
	snprintf(columns->name[i], NAME_BYTES, "%.100s", name);
	for (int again = 2; is_taken(columns, columns->name[i]); again++)
		snprintf(columns->name[i], NAME_BYTES, "%.100s_%d", name, again);
	display_add(&shown, columns->name[i]);
	snprintf(columns->heading[i], NAME_BYTES, "%s", *columns->name[i] ? buf_text(&shown) : "?");
	buf_release(&shown);
	columns->column[i] = (struct history_column){
		columns->name[i], columns->heading[i], HISTORY_ANY,
		i + 1 < HISTORY_RANK_IF_ANY ? i + 1 : HISTORY_RANK_IF_ANY - 1};
	columns->n++;
}

static int name_columns(const struct query *query, struct columns *columns, struct err *err)
{
	const int n = query_columns(query);
	columns->n = 0;
	if (n > TABLE_COLUMNS_MAX)
		return err_set(err, ERR_INVALID, "it has %d columns; there may be %d", n,
			       TABLE_COLUMNS_MAX);
	for (int i = 0; i < n; i++)
		add_column(columns, query_name(query, i));
	return 0;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

static bool is_over(void *context)
{
	struct watch *watch = context;
	watch->late = watch->end_us && clock_boot_us() > watch->end_us;
	return watch->late || interrupt_came(NULL);
}

static int print_rows(struct query *query, struct format *format, struct err *err)
{
	struct progress progress;
	int status;
	progress_begin(&progress, 0);
	while ((status = query_step(query, err)) == 1) {
		format_row(format, query);
		if (format_rows(format) % PAGE_ROWS != 0)
			continue;
		status = format_flush(format, err);
		if (status < 0)
			break;
		progress_at(&progress, format_rows(format));
	}
	progress_end(&progress);
	return status;
}

/* SQLite says no more than "interrupted". */
static void say_why(const struct sql_run *run, const struct watch *watch, int64_t n_rows,
		    struct err *err)
{
	char text[HUMAN_BYTES];
	if (err->code == ERR_CLOSED)
		return;
	if (watch->late)
		err_set(err, ERR_STORE,
			"stopped after %s: ask for less, or give it longer (--timeout of "
			"payi-agent sql)",
			human_duration(run->timeout_us, text));
	else if (interrupt_came(NULL))
		err_set(err, ERR_STORE, "interrupted");
	if (n_rows)
		fprintf(stderr, "%s: the output is not all: it ends after %" PRId64 " rows\n",
			run->command, n_rows);
}

static void say_what_is_hidden(const struct sql_run *run, const struct format *format)
{
	const int hidden = run->format->kind == FORMAT_TABLE ? format_left_out(format) : 0;
	fflush(stdout);
	if (hidden)
		fprintf(stderr,
			"%s: %d more column%s than the terminal has room for (--format csv)\n",
			run->command, hidden, hidden == 1 ? "" : "s");
	if (format_rows(format) == 0 && run->format->kind == FORMAT_TABLE)
		fprintf(stderr, "%s: no rows\n", run->command);
}

static int print(const struct sql_run *run, struct query *query, struct watch *watch,
		 struct err *err)
{
	struct columns *columns = malloc(sizeof(*columns));
	struct format *format = NULL;
	int status = columns ? name_columns(query, columns, err)
			     : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = format_open(run->format, columns->column, columns->n, &format, err);
	if (!status) {
		status = print_rows(query, format, err);
		const int shown = format_end(format, err);
		if (status)
			say_why(run, watch, format_rows(format), err);
		else if (!(status = shown))
			say_what_is_hidden(run, format);
	}
	format_close(format);
	free(columns);
	return status;
}

int sql_run(const struct sql_run *run)
{
	struct err err;
	struct query_db *db = NULL;
	struct query *query = NULL;
	struct watch watch = {.end_us = run->timeout_us ? clock_boot_us() + run->timeout_us : 0};
	int at = -1;
	int status = guest_db_open(run->database, &db, &err);
	if (status)
		return cli_fail(run->command, &err);
	interrupt_block();
	query_db_stop_when(db, is_over, &watch);
	status = guest_prepare(db, run->sql, &query, &at, &err);
	if (status == ERR_INVALID)
		sql_error_explain(run->command, db, run->sql, at, err.text);
	else if (!status)
		status = print(run, query, &watch, &err);
	query_free(query);
	query_db_close(db);
	if (status == ERR_INVALID)
		return CLI_USAGE;
	return status ? cli_fail(run->command, &err) : cli_finish(run->command);
}
