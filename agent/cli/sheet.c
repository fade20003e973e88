#include "cli/sheet.h"

#include "cli/display.h"
#include "cli/table.h"
#include "history/row_json.h"

#include <string.h>

void sheet_add(struct sheet *sheet, const char *text)
{
	buf_add(&sheet->cells, text, strlen(text) + 1);
}

void sheet_add_int(struct sheet *sheet, int64_t number)
{
	buf_add_int(&sheet->cells, number);
	buf_add_char(&sheet->cells, '\0');
}

void sheet_add_bool(struct sheet *sheet, bool truth)
{
	sheet_add(sheet, truth ? "true" : "false");
}

static void add_json_value(struct buf *out, const char *cell, enum history_type type)
{
	if (!*cell)
		buf_add_str(out, "null");
	else if (type == HISTORY_INT || type == HISTORY_BOOL || type == HISTORY_JSON)
		buf_add_str(out, cell);
	else
		row_json_string(out, cell);
}

/* On a terminal what could move it is written out; in a file it stays. */
static void add_csv_value(struct buf *out, const struct format_options *options, const char *cell)
{
	struct buf safe = BUF_INIT;
	if (options->terminal) {
		display_add(&safe, cell);
		cell = buf_text(&safe);
	}
	format_add_csv(out, cell);
	buf_release(&safe);
}

/* Where a row begins, before each value, and where it ends. */
static void add_value(struct buf *out, const struct sheet *sheet,
		      const struct format_options *options, const char *cell, int row, int i)
{
	const struct history_column *column = &sheet->columns[i];
	const enum format_kind kind = options->kind;
	if (kind == FORMAT_CSV) {
		if (i)
			buf_add_char(out, ',');
		add_csv_value(out, options, cell);
		return;
	}
	if (kind == FORMAT_JSON && i == 0 && !sheet->is_one)
		buf_add_str(out, row ? ",\n" : "[\n");
	buf_addf(out, "%c\"%s\":", i ? ',' : '{', column->name);
	add_json_value(out, cell, column->type);
}

static void add_row_end(struct buf *out, enum format_kind kind)
{
	buf_add_str(out, kind == FORMAT_CSV ? "\r\n" : kind == FORMAT_JSON ? "}" : "}\n");
}

static void add_csv_heading(struct buf *out, const struct sheet *sheet)
{
	for (int i = 0; i < sheet->n_columns; i++)
		buf_addf(out, "%s%s", i ? "," : "", sheet->columns[i].name);
	buf_add_str(out, "\r\n");
}

static void add_table(const struct sheet *sheet, const struct format_options *options,
		      struct buf *out)
{
	struct table table = {.columns = sheet->columns,
			      .n_columns = sheet->n_columns,
			      .colour = options->colour};
	struct buf cells = BUF_INIT;
	const char *cell = (const char *)sheet->cells.data;
	const char *end = cell + sheet->cells.len;
	for (; cell < end; cell += strlen(cell) + 1) {
		display_add(&cells, cell);
		buf_add_char(&cells, '\0');
	}
	table_add_rows(&table, out, &cells, options->width);
	out->failed |= cells.failed;
	buf_release(&cells);
}

void sheet_text(const struct sheet *sheet, const struct format_options *options, struct buf *out)
{
	const enum format_kind kind = options->kind;
	const char *cell = sheet->cells.len ? (const char *)sheet->cells.data : "";
	const char *end = cell + sheet->cells.len;
	if (kind == FORMAT_TABLE) {
		if (sheet->cells.len)
			add_table(sheet, options, out);
		return;
	}
	if (kind == FORMAT_CSV)
		add_csv_heading(out, sheet);
	for (int row = 0; cell < end; row++) {
		for (int i = 0; i < sheet->n_columns; i++, cell += strlen(cell) + 1)
			add_value(out, sheet, options, cell, row, i);
		add_row_end(out, kind);
	}
	if (kind == FORMAT_JSON)
		buf_add_str(out, sheet->is_one ? "\n" : sheet->cells.len ? "\n]\n" : "[]\n");
}

int sheet_print(struct sheet *sheet, const struct format_options *options, struct err *err)
{
	struct buf out = BUF_INIT;
	sheet_text(sheet, options, &out);
	const int status = out.failed || sheet->cells.failed
				   ? err_set(err, ERR_MEMORY, "out of memory")
				   : format_write(options, &out, err);
	buf_release(&out);
	buf_release(&sheet->cells);
	return status;
}
