/* A row of the history as a JSON object, for the commands and the local HTTP alike. */
#ifndef PAYI_HISTORY_ROW_JSON_H
#define PAYI_HISTORY_ROW_JSON_H

#include "base/buf.h"
#include "history/history.h"

/*
 * Appends {"name":value,…}: times as RFC 3339 in UTC, JSON columns as they are, not as strings.
 */
void row_json(struct buf *out, const struct query *row, const struct history_column *columns,
	      int n_columns);

/* Appends a value as SQLite has it: a number, a string, null; bytes as a string of hexadecimal digits. */
void row_json_any(struct buf *out, const struct query *row, int column);

/*
 * Appends a JSON string, quotes included. What could move a terminal is escaped; bytes that are not
 * UTF-8 become U+FFFD.
 */
void row_json_string(struct buf *out, const char *text);

#endif
