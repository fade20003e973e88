/*
 * What is one object of JSON, whole, as lines of name and value: those within it are named by their paths,
 * "books.tracked", "rings.0.app_name".
 */
#ifndef PAYI_CLI_MEMBERS_H
#define PAYI_CLI_MEMBERS_H

#include "cli/format.h"

struct sheet;

/*
 * Appends the object that json is: for people a line for each member that has a value, aligned and no wider than the
 * terminal; else rows of CSV, with their heading. ERR_MEMORY.
 */
int members_add(const char *json, const struct format_options *options, struct buf *out,
		struct err *err);

/* Adds the values of the object's own members, one for each column; what is within them is JSON. ERR_MEMORY. */
int members_add_cells(const char *json, struct sheet *sheet, struct err *err);

#endif
