#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "cli/format.h"

#include "base/clock.h"
#include "base/money.h"
#include "cli/brief.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/table.h"
#include "history/row_json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct format {
	struct format_options options;
	const struct history_column *columns;
	int n_columns;
	struct buf rows;  /* lines; of a table the cells, each with its NUL */
	struct buf lines; /* of a table, laid out */
	struct buf safe;  /* a text of CSV, as a terminal may have it */
	struct table table;
	int64_t sum[TABLE_COLUMNS_MAX]; /* of the columns that add up */
	int64_t n_rows;
};

void format_options_of_stdout(struct format_options *options)
{
	struct winsize size = {0};
	const char *columns = getenv("COLUMNS");
	options->out = stdout;
	options->colour = colour_of(stdout, COLOUR_AUTO);
	options->terminal = isatty(STDOUT_FILENO);
	if (options->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		options->width = size.ws_col;
	if (options->terminal && columns && strtol(columns, NULL, 10) > 0)
		options->width = (int)(strtol(columns, NULL, 10) % 10000);
}

/* ---- Values for people ---------------------------------------------------------------------------- */

static void add_time(struct buf *out, int64_t time_us, enum history_type type, bool utc)
{
	const int64_t ms = (time_us % 1000000 + 1000000) % 1000000 / 1000;
	const time_t seconds = (time_t)((time_us - ms * 1000) / 1000000);
	struct tm tm;
	if (utc || type == HISTORY_DAY)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	buf_addf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	if (type == HISTORY_DAY)
		return;
	buf_addf(out, " %02d:%02d", tm.tm_hour, tm.tm_min);
	if (type == HISTORY_TIME)
		buf_addf(out, ":%02d.%03d", tm.tm_sec, (int)ms);
	if (utc)
		buf_add_char(out, 'Z');
}

/* One digit behind the point is enough for a mean. */
static void add_real(struct buf *out, double number, bool grouped)
{
	if (!isfinite(number) || fabs(number) > 1e15) {
		buf_addf(out, "%g", number);
		return;
	}
	const int64_t tenths = (int64_t)(fabs(number) * 10 + 0.5);
	if (number < 0 && tenths)
		buf_add_char(out, '-');
	display_add_int(out, tenths / 10, grouped);
	buf_addf(out, ".%d", (int)(tenths % 10));
}

/* "+12.5%"; a change that is none has no sign. */
static void add_percent(struct buf *out, double percent, bool grouped)
{
	if (percent > 0)
		buf_add_char(out, '+');
	add_real(out, percent, grouped);
	buf_add_char(out, '%');
}

/* A value of SQL as it is: numbers are not grouped, for nobody knows what they count. */
static void add_any(struct format *format, const struct query *row, int i)
{
	struct buf *out = &format->rows;
	size_t bytes = 0;
	switch (query_type(row, i)) {
	case QUERY_NULL:
		return;
	case QUERY_INT:
		buf_add_int(out, query_int(row, i));
		return;
	case QUERY_REAL:
		buf_addf(out, "%.15g", query_real(row, i));
		return;
	case QUERY_TEXT:
		format->table.is_text[i] = true;
		display_add(out, query_text(row, i));
		return;
	case QUERY_BLOB:
		format->table.is_text[i] = true;
		query_blob(row, i, &bytes);
		buf_addf(out, "(%zu bytes)", bytes);
		return;
	}
}

static void add_cell(struct format *format, const struct query *row, int i)
{
	struct buf *out = &format->rows;
	const enum history_type type = format->columns[i].type;
	if (query_type(row, i) == QUERY_NULL || !format->columns[i].heading) {
		buf_add_char(out, '\0');
		return;
	}
	switch (type) {
	case HISTORY_INT:
	case HISTORY_SUM:
		display_add_int(out, query_int(row, i), format->options.terminal);
		break;
	case HISTORY_MONEY:
		display_add_money(out, query_int(row, i));
		break;
	case HISTORY_PERCENT:
		add_percent(out, query_real(row, i), format->options.terminal);
		break;
	case HISTORY_SECONDS:
		display_add_seconds(out, query_int(row, i));
		break;
	case HISTORY_REAL:
		add_real(out, query_real(row, i), format->options.terminal);
		break;
	case HISTORY_BOOL:
		buf_add_str(out, query_int(row, i) ? "yes" : "no");
		break;
	case HISTORY_TIME:
	case HISTORY_HOUR:
	case HISTORY_DAY:
		add_time(out, query_int(row, i), type, format->options.utc);
		break;
	case HISTORY_TEXT:
		display_add(out, query_text(row, i));
		break;
	case HISTORY_JSON:
		brief_add_json(out, query_text(row, i), format->options.terminal);
		break;
	case HISTORY_ANY:
		add_any(format, row, i);
		break;
	}
	buf_add_char(out, '\0');
}

static bool adds_up(enum history_type type)
{
	return type == HISTORY_SUM || type == HISTORY_MONEY;
}

/* A sum that leaves int64 stops there; each number in it is below 2^53. */
static void add_to_sums(struct format *format, const struct query *row)
{
	for (int i = 0; i < format->n_columns; i++)
		if (adds_up(format->columns[i].type) &&
		    __builtin_add_overflow(format->sum[i], query_int(row, i), &format->sum[i]))
			format->sum[i] = INT64_MAX;
}

static void add_total(struct format *format)
{
	struct buf *out = &format->rows;
	for (int i = 0; i < format->n_columns; i++) {
		if (i == 0)
			buf_addf(out, "total of %" PRId64, format->n_rows);
		else if (format->columns[i].type == HISTORY_SUM)
			display_add_int(out, format->sum[i], format->options.terminal);
		else if (format->columns[i].type == HISTORY_MONEY && format->sum[i])
			display_add_money(out, format->sum[i]);
		buf_add_char(out, '\0');
	}
}

void format_add_time(struct buf *out, int64_t time_us, bool utc)
{
	add_time(out, time_us, HISTORY_TIME, utc);
}

/* ---- CSV ------------------------------------------------------------------------------------------ */

/* RFC 4180; and a text that a spreadsheet would take for a formula gets a ' in front. */
void format_add_csv(struct buf *out, const char *text)
{
	const bool is_formula = *text && strchr("=+-@\t\r", *text) != NULL;
	const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
	if (quoted)
		buf_add_char(out, '"');
	if (is_formula)
		buf_add_char(out, '\'');
	for (; *text; text++) {
		if (*text == '"')
			buf_add_char(out, '"');
		buf_add_char(out, *text);
	}
	if (quoted)
		buf_add_char(out, '"');
}

static void add_csv_text(struct format *format, const char *text)
{
	if (format->options.terminal) {
		buf_clear(&format->safe);
		display_add(&format->safe, text);
		text = buf_text(&format->safe);
	}
	format_add_csv(&format->rows, text);
}

static void add_csv_any(struct format *format, const struct query *row, int i)
{
	if (query_type(row, i) == QUERY_TEXT)
		add_csv_text(format, query_text(row, i));
	else
		row_json_any(&format->rows, row, i);
}

static void add_csv_value(struct format *format, const struct query *row, int i)
{
	struct buf *out = &format->rows;
	char time[CLOCK_TEXT_BYTES];
	char money[MONEY_TEXT_BYTES];
	const enum history_type type = format->columns[i].type;
	if (query_type(row, i) == QUERY_NULL)
		return;
	switch (type) {
	case HISTORY_INT:
	case HISTORY_SUM:
	case HISTORY_SECONDS:
		buf_add_int(out, query_int(row, i));
		break;
	case HISTORY_MONEY:
		buf_add_str(out, money_text(query_int(row, i), money));
		break;
	case HISTORY_REAL:
	case HISTORY_PERCENT:
		buf_addf(out, "%.15g", query_real(row, i));
		break;
	case HISTORY_BOOL:
		buf_add_str(out, query_int(row, i) ? "true" : "false");
		break;
	case HISTORY_TIME:
		buf_add_str(out, clock_text(query_int(row, i), 6, time));
		break;
	case HISTORY_HOUR:
		buf_add_str(out, clock_text(query_int(row, i), 0, time));
		break;
	case HISTORY_DAY:
		buf_addf(out, "%.10s", clock_text(query_int(row, i), 0, time));
		break;
	case HISTORY_TEXT:
	case HISTORY_JSON:
		add_csv_text(format, query_text(row, i));
		break;
	case HISTORY_ANY:
		add_csv_any(format, row, i);
		break;
	}
}

static void add_csv_row(struct format *format, const struct query *row)
{
	for (int i = 0; i < format->n_columns; i++) {
		if (i)
			buf_add_char(&format->rows, ',');
		add_csv_value(format, row, i);
	}
	buf_add_str(&format->rows, "\r\n");
}

static void add_csv_heading(struct format *format)
{
	for (int i = 0; i < format->n_columns; i++) {
		if (i)
			buf_add_char(&format->rows, ',');
		format_add_csv(&format->rows, format->columns[i].name);
	}
	buf_add_str(&format->rows, "\r\n");
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

int format_open(const struct format_options *options, const struct history_column *columns,
		int n_columns, struct format **out, struct err *err)
{
	struct format *format = calloc(1, sizeof(*format));
	if (!format || n_columns > TABLE_COLUMNS_MAX) {
		free(format);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	format->options = *options;
	format->columns = columns;
	format->n_columns = n_columns;
	format->table = (struct table){.columns = columns,
				       .n_columns = n_columns,
				       .colour = options->colour,
				       .grows = options->grows};
	if (options->kind == FORMAT_CSV)
		add_csv_heading(format);
	*out = format;
	return 0;
}

int format_row(void *context, const struct query *row)
{
	struct format *format = context;
	struct buf *rows = &format->rows;
	switch (format->options.kind) {
	case FORMAT_TABLE:
		for (int i = 0; i < format->n_columns; i++)
			add_cell(format, row, i);
		add_to_sums(format, row);
		break;
	case FORMAT_JSON:
		buf_add_str(rows, format->n_rows ? ",\n" : "[\n");
		row_json(rows, row, format->columns, format->n_columns);
		break;
	case FORMAT_JSONL:
		row_json(rows, row, format->columns, format->n_columns);
		buf_add_char(rows, '\n');
		break;
	case FORMAT_CSV:
		add_csv_row(format, row);
		break;
	}
	format->n_rows++;
	return 0;
}

/* Columns are as wide as their widest text, that of the sums so far among them. */
static void lay_out(struct format *format)
{
	const size_t len = format->rows.len;
	if (format->options.total)
		add_total(format);
	table_lay_out(&format->table, &format->rows, format->options.width);
	format->rows.len = len;
}

int format_write(const struct format_options *options, const struct buf *text, struct err *err)
{
	if (!text->len || (fwrite(text->data, 1, text->len, options->out) == text->len &&
			   fflush(options->out) == 0))
		return 0;
	if (errno == EPIPE)
		return err_set(err, ERR_CLOSED, "nobody reads the output");
	return err_errno(err, "cannot write all of the output");
}

int format_flush(struct format *format, struct err *err)
{
	struct buf *lines = &format->rows;
	if (format->options.kind == FORMAT_TABLE && lines->len) {
		lines = &format->lines;
		buf_clear(lines);
		if (!format->table.laid_out)
			lay_out(format);
		table_add_rows(&format->table, lines, &format->rows, format->options.width);
	}
	if (format->rows.failed || lines->failed)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int status = format_write(&format->options, lines, err);
	buf_clear(&format->rows);
	return status;
}

int format_end(struct format *format, struct err *err)
{
	if (format->options.kind == FORMAT_TABLE && format->options.total && format->n_rows)
		add_total(format);
	return format_flush(format, err);
}

int64_t format_rows(const struct format *format)
{
	return format->n_rows;
}

int format_left_out(const struct format *format)
{
	int n = 0;
	for (int i = 0; i < format->n_columns && format->table.laid_out; i++)
		n += format->columns[i].heading && !format->table.width[i];
	return n;
}

void format_close(struct format *format)
{
	if (!format)
		return;
	if (format->options.kind == FORMAT_JSON)
		fputs(format->n_rows ? "\n]\n" : "[]\n", format->options.out);
	buf_release(&format->rows);
	buf_release(&format->lines);
	buf_release(&format->safe);
	free(format);
}
