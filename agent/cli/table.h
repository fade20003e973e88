/*
 * A table's layout: columns aligned by what they look like, and made to fit. For format.c.
 *
 * Widths are settled once, by the rows of the first page; later rows keep to them where there is a terminal to
 * fit, and push their line out of line where there is none.
 */
#ifndef PAYI_CLI_TABLE_H
#define PAYI_CLI_TABLE_H

#include "base/buf.h"
#include "history/history.h"

#include <stdbool.h>

enum { TABLE_COLUMNS_MAX = 64 };

struct colour;

struct table {
	const struct history_column *columns;
	int n_columns;
	int width[TABLE_COLUMNS_MAX];    /* 0: not shown */
	bool is_text[TABLE_COLUMNS_MAX]; /* of HISTORY_ANY: there was a value that is no number */
	const struct colour *colour;     /* of the heading; NULL: none */
	bool grows; /* later rows may widen it: of a listing that goes on for hours, whose first rows were few */
	bool laid_out;
	bool has_heading;
};

/*
 * Settles the widths by rows: each n_columns texts with a NUL behind, one after another in cells. width is that of
 * the terminal, or 0.
 */
void table_lay_out(struct table *table, const struct buf *cells, int width);

/* Writes rows; the first time also the heading, and by their own widths if there are none yet. */
void table_add_rows(struct table *table, struct buf *out, const struct buf *cells, int width);

#endif
