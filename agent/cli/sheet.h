/*
 * A few rows of text that come from no query (versions, findings, settings) in any format: the small sister of
 * format.h.
 */
#ifndef PAYI_CLI_SHEET_H
#define PAYI_CLI_SHEET_H

#include "cli/format.h"

struct sheet {
	const struct history_column *columns;
	int n_columns;
	bool is_one;      /* it has one row, which is an object of JSON, not an array */
	struct buf cells; /* each with its NUL */
};

/* Appends the next cell; "" is null. A column of HISTORY_INT, _BOOL or _JSON takes what JSON has for it. */
void sheet_add(struct sheet *sheet, const char *text);
void sheet_add_int(struct sheet *sheet, int64_t number);
void sheet_add_bool(struct sheet *sheet, bool truth);

/* Appends all rows to out as the options say. */
void sheet_text(const struct sheet *sheet, const struct format_options *options, struct buf *out);

/* Writes all rows to options->out, and frees them. Errors: as format_flush(). */
int sheet_print(struct sheet *sheet, const struct format_options *options, struct err *err);

#endif
