/* The status for people. */
#ifndef PAYI_CLI_STATUS_TEXT_H
#define PAYI_CLI_STATUS_TEXT_H

#include "cli/format.h"

struct status;

/* Appends it in lines; of the options what the terminal is like counts, and its colour. */
void status_text(const struct status *status, const struct format_options *options,
		 struct buf *out);

#endif
