#include "bench/table.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

enum { NAME_WIDTH = 42, WIDTH = 12, NUMBER_BYTES = 64 };

static int n_columns(const struct table_section *section)
{
	int n = 0;
	while (n < TABLE_COLUMNS_MAX && section->columns[n].heading)
		n++;
	return n;
}

void table_section(struct table *table, const struct table_section *section)
{
	table->section = section;
	printf("\n%s\n%-*s", section->title, NAME_WIDTH, "");
	for (int i = 0; i < n_columns(section); i++)
		printf("%*s", WIDTH, section->columns[i].heading);
	putchar('\n');
	fflush(stdout);
}

/* 1234567.8 as 1,234,567.8; NAN as a dash. */
static void print_number(char text[NUMBER_BYTES], double value, int decimals)
{
	char digits[NUMBER_BYTES];
	if (isnan(value))
		snprintf(digits, sizeof(digits), "-");
	else
		snprintf(digits, sizeof(digits), "%.*f", decimals, value);
	const size_t whole = strcspn(digits, ".");
	size_t to = 0;
	for (size_t i = 0; digits[i] && to < NUMBER_BYTES - 2; i++) {
		if (i > 0 && i < whole && (whole - i) % 3 == 0 && digits[i - 1] != '-')
			text[to++] = ',';
		text[to++] = digits[i];
	}
	text[to] = '\0';
}

static void print_json(FILE *out, const struct table_section *section, const char *name,
		       const double *values)
{
	fprintf(out, "{\"section\":\"%s\",\"name\":\"%s\"", section->name, name);
	for (int i = 0; i < n_columns(section); i++)
		if (isnan(values[i]))
			fprintf(out, ",\"%s\":null", section->columns[i].name);
		else
			fprintf(out, ",\"%s\":%.6g", section->columns[i].name, values[i]);
	fputs("}\n", out);
}

void table_row(struct table *table, const char *name, const double *values)
{
	const struct table_section *section = table->section;
	printf("  %-*s", NAME_WIDTH - 2, name);
	for (int i = 0; i < n_columns(section); i++) {
		char text[NUMBER_BYTES];
		print_number(text, values[i], section->columns[i].decimals);
		printf("%*s", WIDTH, text);
	}
	putchar('\n');
	fflush(stdout);
	if (table->json)
		print_json(table->json, section, name, values);
}

void table_note(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}
