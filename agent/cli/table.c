#include "cli/table.h"

#include "cli/colour.h"
#include "cli/display.h"

#include <string.h>

enum { GAP = 2, CUT_MIN = 14 }; /* a text is not cut below so many columns */

static bool is_text(const struct table *table, int i)
{
	const enum history_type type = table->columns[i].type;
	return type == HISTORY_TEXT || type == HISTORY_JSON ||
	       (type == HISTORY_ANY && table->is_text[i]);
}

static bool is_number(const struct table *table, int i)
{
	switch (table->columns[i].type) {
	case HISTORY_INT:
	case HISTORY_SUM:
	case HISTORY_MONEY:
	case HISTORY_REAL:
	case HISTORY_PERCENT:
	case HISTORY_SECONDS:
		return true;
	case HISTORY_ANY:
		return !table->is_text[i];
	case HISTORY_TEXT:
	case HISTORY_BOOL:
	case HISTORY_TIME:
	case HISTORY_HOUR:
	case HISTORY_DAY:
	case HISTORY_JSON:
		break;
	}
	return false;
}

/* ---- Layout --------------------------------------------------------------------------------------- */

/* The width of every column: of its widest text. One that need not be there is not, where all its cells are empty. */
static void measure(struct table *table, const struct buf *cells)
{
	const char *cell = cells->len ? (const char *)cells->data : "";
	const char *end = cell + cells->len;
	memset(table->width, 0, sizeof(table->width));
	for (int i = 0; cell < end; cell += strlen(cell) + 1, i = (i + 1) % table->n_columns) {
		const int width = display_width(cell);
		if (table->width[i] < width)
			table->width[i] = width;
	}
	for (int i = 0; i < table->n_columns; i++) {
		const struct history_column *column = &table->columns[i];
		const int heading = column->heading ? display_width(column->heading) : 0;
		const bool if_any =
			column->rank >= HISTORY_RANK_IF_ANY || column->type == HISTORY_MONEY;
		if (!heading || (!table->width[i] && if_any))
			table->width[i] = 0;
		else if (table->width[i] < heading)
			table->width[i] = heading;
	}
}

/* How narrow a column can be made. */
static int least_width(const struct table *table, int i)
{
	return is_text(table, i) && table->width[i] > CUT_MIN ? CUT_MIN : table->width[i];
}

static int total_width(const struct table *table, bool least)
{
	int total = 0;
	for (int i = 0; i < table->n_columns; i++)
		if (table->width[i])
			total += GAP + (least ? least_width(table, i) : table->width[i]);
	return total - GAP;
}

/* Leaves out the column of the highest rank; false when only the most important ones are left. */
static bool drop_column(struct table *table)
{
	int worst = -1;
	for (int i = 0; i < table->n_columns; i++)
		if (table->width[i] && table->columns[i].rank > 1 &&
		    (worst < 0 || table->columns[i].rank >= table->columns[worst].rank))
			worst = i;
	if (worst >= 0)
		table->width[worst] = 0;
	return worst >= 0;
}

/* Takes a column off the widest text; false when all are as narrow as can be. */
static bool cut_column(struct table *table)
{
	int widest = -1;
	for (int i = 0; i < table->n_columns; i++)
		if (table->width[i] > least_width(table, i) &&
		    (widest < 0 || table->width[i] > table->width[widest]))
			widest = i;
	if (widest >= 0)
		table->width[widest]--;
	return widest >= 0;
}

static void fit(struct table *table, int width)
{
	while (width && total_width(table, true) > width && drop_column(table))
		;
	while (width && total_width(table, false) > width && cut_column(table))
		;
}

void table_lay_out(struct table *table, const struct buf *cells, int width)
{
	measure(table, cells);
	table->laid_out = true;
	fit(table, width);
}

/* Never narrower than it was, as far as the terminal lets it. */
static void grow(struct table *table, const struct buf *cells, int width)
{
	int before[TABLE_COLUMNS_MAX];
	memcpy(before, table->width, sizeof(before));
	measure(table, cells);
	for (int i = 0; i < table->n_columns; i++)
		if (table->width[i] < before[i])
			table->width[i] = before[i];
	fit(table, width);
}

/* ---- Lines ---------------------------------------------------------------------------------------- */

static void add_spaces(struct buf *out, int n)
{
	while (n-- > 0)
		buf_add_char(out, ' ');
}

/* Spaces are owed until there is something behind them: no line ends in one. */
static void add_cell(struct buf *out, const char *cell, int width, bool right, bool cut, int *owed)
{
	const int taken = display_width(cell);
	const int missing = taken < width ? width - taken : 0;
	*owed += right ? missing : 0;
	if (*cell) {
		add_spaces(out, *owed);
		*owed = 0;
		if (cut)
			display_add_cut(out, cell, width);
		else
			buf_add_str(out, cell);
	}
	*owed += GAP + (right ? 0 : missing);
}

static void add_heading(const struct table *table, struct buf *out)
{
	int owed = 0;
	if (table->colour)
		buf_add_str(out, table->colour->heading);
	for (int i = 0; i < table->n_columns; i++)
		if (table->width[i])
			add_cell(out, table->columns[i].heading, table->width[i],
				 is_number(table, i), false, &owed);
	if (table->colour)
		buf_add_str(out, table->colour->end);
	buf_add_char(out, '\n');
}

void table_add_rows(struct table *table, struct buf *out, const struct buf *cells, int width)
{
	const char *cell = cells->len ? (const char *)cells->data : "";
	const char *end = cell + cells->len;
	if (!table->laid_out)
		table_lay_out(table, cells, width);
	else if (table->grows)
		grow(table, cells, width);
	if (!table->has_heading)
		add_heading(table, out);
	table->has_heading = true;
	while (cell < end) {
		int owed = 0;
		for (int i = 0; i < table->n_columns; i++, cell += strlen(cell) + 1)
			if (table->width[i])
				add_cell(out, cell, table->width[i], is_number(table, i),
					 width > 0 && is_text(table, i), &owed);
		buf_add_char(out, '\n');
	}
}
