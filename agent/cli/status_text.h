/* The status for people. */
#ifndef PAYI_CLI_STATUS_TEXT_H
#define PAYI_CLI_STATUS_TEXT_H

#include "cli/format.h"

struct status;

/* Appends it in lines; of the options what the terminal is like counts, and its colour. */
void status_text(const struct status *status, const struct format_options *options,
		 struct buf *out);

/* Appends the table of its rings: n of them at the most, from the first on, which is counted from 0. */
void status_text_rings(const struct status *status, const struct format_options *options, int first,
		       int n, struct buf *out);

#endif
