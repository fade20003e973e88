/*
 * The result: one aligned table on standard output, and the same as JSON lines in a file. A section names its
 * columns; a row has a value for each, NAN where there is none.
 */
#ifndef PAYI_BENCH_TABLE_H
#define PAYI_BENCH_TABLE_H

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table_column {
	const char *heading;
	const char *name; /* in JSON */
	int decimals;
};

struct table_section {
	const char *name; /* in JSON */
	const char *title;
	struct table_column columns[TABLE_COLUMNS_MAX]; /* ends with a heading of NULL, or full */
};

struct table {
	FILE *json; /* NULL for none */
	const struct table_section *section;
};

void table_section(struct table *table, const struct table_section *section);
void table_row(struct table *table, const char *name, const double *values);
void table_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
