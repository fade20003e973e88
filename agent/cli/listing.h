/*
 * What events, use-cases and usage have in common: filters, a format, and rows on standard output.
 */
#ifndef PAYI_CLI_LISTING_H
#define PAYI_CLI_LISTING_H

#include "history/history.h"

#include <stdbool.h>

struct argp_option;
struct format_options;
struct settings;

struct listing {
	const char *command;               /* "payi-agent events" */
	const char *doc;                   /* for --help */
	const struct argp_option *filters; /* beside those that all have */
	enum history_kind kind;            /* where no option chooses another */
	const enum history_kind *by;       /* what the words of LISTING_BY choose, in their order */
	bool total;                        /* tables end with sums */
	bool is_bounded;                   /* by options of its own: there is no limit */
	const char *
		arguments; /* "[EVENT...]", for --help: words are numbers of events; NULL: there are none */
	/* Instead of listing: what to do with what the filters mean. NULL: list. */
	int (*act)(const struct settings *settings, const struct history_filters *filters,
		   const struct format_options *format, struct err *err);
	/* Or how to list otherwise, with options of its own for how much. NULL: by pages, to their end. */
	int (*show)(const struct settings *settings, const struct history_filters *filters,
		    const struct format_options *format, struct err *err);
};

/* What LISTING_SORT takes: in the order of enum history_sort, from HISTORY_SORT_UNITS on. */
#define LISTING_SORTS "units|events|latency|failures|last|cost"

/* The options that not every listing has; for its filters. LISTING_KIND + a kind chooses that kind. */
enum listing_key {
	LISTING_CATEGORY = 0x300,
	LISTING_RESOURCE,
	LISTING_BY,
	LISTING_SORT,
	LISTING_ACTIVE,
	LISTING_REASON,
	LISTING_STATUS,
	LISTING_LINES, /* the limit; LISTING_LINES_DEFAULT when it is not there */
	LISTING_POINTS,
	LISTING_TOP,
	LISTING_ALL, /* an act needs a filter, or this */
	LISTING_KIND = 0x400,
};

enum { LISTING_LINES_DEFAULT = -1 };

/* The columns of a kind, but those that a table of what these filters ask for would show the same in every line. */
const struct history_column *listing_columns(enum history_kind kind,
					     const struct history_filters *filters,
					     struct history_column *copy, int *n);

/* Runs the command; returns its exit code. */
int listing_run(const struct listing *listing, int argc, char **argv);

#endif
