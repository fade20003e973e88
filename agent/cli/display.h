/*
 * Text for a terminal: safe to show, and as wide as it will look. Widths are those of the C library, which
 * knows them once LC_CTYPE is UTF-8 (main() sees to that).
 */
#ifndef PAYI_CLI_DISPLAY_H
#define PAYI_CLI_DISPLAY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends text with what could move a terminal written out: "\n", "\x1b", "\u202e". */
void display_add(struct buf *out, const char *text);

/* The columns that text takes, that display_add() made. */
int display_width(const char *text);

/* Appends text, cut to width columns with "…" behind when it is wider. Returns the columns it took. */
int display_add_cut(struct buf *out, const char *text, int width);

/* Appends a number, with a comma behind each three digits from the right when grouped. */
void display_add_int(struct buf *out, int64_t number, bool grouped);

/* Appends picodollars as dollars, to a millionth: "12.34", "0.000005"; what is less than half of that, but not nothing: "<0.000001". */
void display_add_money(struct buf *out, int64_t picodollars);

/* Appends how long, in the two largest units: "45s", "12m 30s", "3h 5m", "2d 4h". */
void display_add_seconds(struct buf *out, int64_t seconds);

/*
 * Appends lines of text, those that are wider than width broken at spaces, and what follows in them indented; width 0: as they
 * are. Sequences that colour take no room.
 */
void display_add_wrapped(struct buf *out, const char *text, int width, int indent);

#endif
