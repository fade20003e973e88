/* The rows of a listing: for listing.c, which reads what is asked for from the command line. */
#ifndef PAYI_CLI_LISTING_ROWS_H
#define PAYI_CLI_LISTING_ROWS_H

#include "base/err.h"
#include "cli/format.h"

struct listing_question {
	const char *command; /* for what is said on standard error */
	enum history_kind kind;
	const struct history_filters *filters;
	const struct format_options *format;
};

/* Prints them all, or says how many there are where it has to end early. Errors are the database's and the output's. */
int listing_rows(const struct listing_question *question, const char *database, struct err *err);

#endif
