/*
 * Rows as text: a table for people, JSON, JSON lines, or CSV for programs. One formatter for every command.
 *
 * Rows are gathered in memory and written by format_flush(), to be called between pages, when no snapshot
 * of the database is held; an output of any length takes the memory of a page. Tables show local time (or
 * UTC) and what fits the terminal; all else shows everything, and times in UTC.
 */
#ifndef PAYI_CLI_FORMAT_H
#define PAYI_CLI_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "history/history.h"

#include <stdbool.h>
#include <stdio.h>

enum format_kind { FORMAT_TABLE, FORMAT_JSON, FORMAT_JSONL, FORMAT_CSV };

struct format_options {
	enum format_kind kind;
	bool utc;
	bool terminal; /* group digits, write out what could move it */
	int width;     /* columns that a table may take; 0: any */
	bool grows;    /* a table's columns widen when later rows ask for it */
	bool total;    /* a table ends with a line of sums */
	FILE *out;
	const struct colour *colour; /* for headings; NULL: none */
};

struct colour;
struct format;

/* What standard output is: a terminal, how wide (COLUMNS, if set, has the last word), in colour. */
void format_options_of_stdout(struct format_options *options);

/* columns must outlive the format. ERR_MEMORY. */
int format_open(const struct format_options *options, const struct history_column *columns,
		int n_columns, struct format **format, struct err *err);

/* A history_take_fn: adds a row. */
int format_row(void *format, const struct query *row);

/* Writes what was added. ERR_MEMORY; ERR_SYSTEM, ERR_CLOSED: it cannot be written. */
int format_flush(struct format *format, struct err *err);

/*
 * Writes text to where the options say, at once: what stays in stdio's buffer might fail when nobody can say of what.
 * ERR_CLOSED: nobody reads it; ERR_SYSTEM.
 */
int format_write(const struct format_options *options, const struct buf *text, struct err *err);

/* Likewise behind the last row, the sums with it. */
int format_end(struct format *format, struct err *err);

/* How many rows were added. */
int64_t format_rows(const struct format *format);

/* How many columns a table left out for want of room, of those that have a heading. */
int format_left_out(const struct format *format);

/* Appends a text as a field of CSV: quoted where that is needed, and nothing that a spreadsheet would run. */
void format_add_csv(struct buf *out, const char *text);

/* Appends a moment as tables show it, for what is said beside one. */
void format_add_time(struct buf *out, int64_t time_us, bool utc);

/* Writes the end, and frees; NULL is fine. */
void format_close(struct format *format);

#endif
