/* `payi-agent top` once: for a file, or for programs. */
#ifndef PAYI_CLI_TOP_ONCE_H
#define PAYI_CLI_TOP_ONCE_H

#include "cli/format.h"
#include "cli/top_look.h"

/* Prints the question's tab where it has one (has_tab), else all. Errors: the database's, and format_write()'s. */
int top_once(const struct top_question *question, bool has_tab, const struct format_options *format,
	     struct err *err);

#endif
