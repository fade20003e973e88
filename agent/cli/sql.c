/* payi-agent sql: a query of one's own, for reading alone. */
#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/output.h"
#include "cli/sheet.h"
#include "cli/sql_run.h"
#include "history/views.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND "payi-agent sql"

enum { KEY_VIEWS = 0x200, KEY_TIMEOUT, SQL_BYTES_MAX = 1 << 20 };

static const struct argp_option options[] = {
	{"views", KEY_VIEWS, NULL, 0, "list the views and their columns", 1},
	{"timeout", KEY_TIMEOUT, "DURATION", 0,
	 "stop a query that takes longer: 30s, 5m; 0: never. While one runs, the database's "
	 "write-ahead log cannot be "
	 "emptied, and grows [default: 60s]",
	 1},
	{0},
};

static const char doc[] =
	"Runs one query on the history, which it can only read: tables, views, and whatever "
	"SQLite's SQL makes of them. "
	"Without a query, or with -, it comes from standard input. The views are stable, tables "
	"are not."
	"\vNames are looked up for you where one is wrong. Ctrl-C stops a query.\n\n"
	"Examples:\n"
	"  payi-agent sql --views\n"
	"  payi-agent sql \"SELECT resource, sum(input_units) FROM usage_by_hour GROUP BY 1 ORDER "
	"BY 2 DESC\"\n"
	"  payi-agent sql --format csv --timeout 10m <report.sql >report.csv";

struct request {
	struct output output;
	const char *sql;
	int64_t timeout_us;
	bool views;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	switch (key) {
	case KEY_VIEWS:
		request->views = true;
		return 0;
	case KEY_TIMEOUT:
		if (cli_duration(arg, &request->timeout_us))
			argp_error(state, "--timeout is '%s'; it takes 30s, 5m, 1h, or 0 for none",
				   arg);
		return 0;
	case ARGP_KEY_ARG:
		if (request->sql)
			argp_error(state, "'%s' is one word too many: put quotes around the query",
				   arg);
		request->sql = arg;
		return 0;
	case ARGP_KEY_END:
		if (!request->sql && !request->views && isatty(STDIN_FILENO))
			argp_error(state, "say what: a query in quotes, or --views");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- Views ---------------------------------------------------------------------------------------- */

static const struct history_column columns[] = {{"view", "VIEW", HISTORY_TEXT, 1},
						{"column", "COLUMN", HISTORY_TEXT, 1},
						{"about", "ABOUT", HISTORY_TEXT, 1}};

struct listing_of_views {
	const struct format_options *format;
	struct sheet sheet;
	struct buf text;
};

/* Words, in as many lines as the terminal's width makes. */
static void add_words(struct buf *out, const char *words, int width)
{
	enum { INDENT = 4, WIDTH = 100 };
	int column = 0;
	for (const char *word = words; *word; word += strlen(word) + 1) {
		const int len = display_width(word);
		if (column && column + 1 + len > (width ? width : WIDTH)) {
			buf_add_char(out, '\n');
			column = 0;
		}
		buf_addf(out, "%*s%s", column ? 1 : INDENT, "", word);
		column += (column ? 1 : INDENT) + len;
	}
	buf_add_char(out, '\n');
}

static int take_view(void *context, const struct view *view)
{
	struct listing_of_views *views = context;
	const struct colour *colour = views->format->colour;
	if (views->format->kind == FORMAT_TABLE) {
		buf_addf(&views->text, "%s%s%s", colour->heading, view->name, colour->end);
		buf_addf(&views->text, "%s%s\n", *view->about ? ": " : "", view->about);
		add_words(&views->text, view->columns, views->format->width);
		return 0;
	}
	for (const char *name = view->columns; *name; name += strlen(name) + 1) {
		sheet_add(&views->sheet, view->name);
		sheet_add(&views->sheet, name);
		sheet_add(&views->sheet, view->about);
	}
	return 0;
}

static int list_views(const char *database, const struct format_options *format, struct err *err)
{
	struct query_db *db = NULL;
	struct listing_of_views views = {.format = format,
					 .sheet = {.columns = columns, .n_columns = 3}};
	int status = query_db_open(database, &db, err);
	if (status) /* then as this agent would make them */
		status = query_db_open_schema(&db, err);
	if (!status)
		status = views_each(db, take_view, &views, err);
	query_db_close(db);
	if (!status && format->kind == FORMAT_TABLE)
		status = format_write(format, &views.text, err);
	else if (!status)
		status = sheet_print(&views.sheet, format, err);
	buf_release(&views.text);
	return status;
}

/* ---- Queries -------------------------------------------------------------------------------------- */

static int read_input(struct buf *sql, struct err *err)
{
	uint8_t *to;
	ssize_t n = 1;
	while (n > 0 && sql->len < SQL_BYTES_MAX && (to = buf_reserve(sql, 4096))) {
		n = read(STDIN_FILENO, to, 4096);
		sql->len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		return err_errno(err, "cannot read standard input");
	if (sql->len >= SQL_BYTES_MAX || sql->failed)
		return err_set(err, ERR_CONFIG, "the query is longer than %d bytes", SQL_BYTES_MAX);
	return 0;
}

static int run(const struct request *request, const char *database)
{
	struct err err;
	struct buf input = BUF_INIT;
	struct sql_run run = {COMMAND, database, request->sql, request->timeout_us,
			      &request->output.format};
	int code = CLI_FINE;
	if (!run.sql || strcmp(run.sql, "-") == 0) {
		if (read_input(&input, &err))
			code = cli_fail(COMMAND, &err);
		run.sql = buf_text(&input);
	}
	if (!code)
		code = sql_run(&run);
	buf_release(&input);
	return code;
}

int cli_sql(int argc, char **argv)
{
	struct settings settings;
	struct err err;
	struct request request = {.timeout_us = SQL_TIMEOUT_S * INT64_C(1000000)};
	const struct argp argp = {
		.options = options, .parser = parse, .args_doc = "[QUERY]", .doc = doc};
	const struct cli_line line = {COMMAND, &argp, &request, CLI_SETTINGS_PATHS,
				      &request.output};
	int code = cli_parse(&line, argc, argv, &settings);
	if (code)
		return code;
	if (!request.views)
		code = run(&request, settings.database);
	else if (list_views(settings.database, &request.output.format, &err))
		code = cli_fail(COMMAND, &err);
	settings_release(&settings);
	return code ? code : cli_finish(COMMAND);
}
