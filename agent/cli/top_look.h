/*
 * What `payi-agent top` knows after a look: how the agent stands, and the rows of its four views. A look opens the database
 * anew, so that it does not matter what becomes of it in between.
 */
#ifndef PAYI_CLI_TOP_LOOK_H
#define PAYI_CLI_TOP_LOOK_H

#include "history/pulse.h"
#include "history/status.h"

enum top_tab {
	TOP_USE_CASES = PULSE_USE_CASES,
	TOP_RESOURCES = PULSE_RESOURCES,
	TOP_INSTANCES = PULSE_INSTANCES,
	TOP_RINGS = PULSE_PARTS,
	TOP_TABS,
};

/* By what rows are sorted, the most first; and their words, in that order. */
#define TOP_SORTS "rate|events|units|cost|failures|latency|last|name"

enum top_sort {
	TOP_BY_RATE,
	TOP_BY_EVENTS,
	TOP_BY_UNITS,
	TOP_BY_COST,
	TOP_BY_FAILURES,
	TOP_BY_LATENCY,
	TOP_BY_LAST,
	TOP_BY_NAME,
	TOP_N_SORTS,
};

struct top_row {
	struct pulse_row is;
	double rate;   /* events per second since the look before; below 0: there was none */
	double weight; /* by which it was sorted */
	bool by_name;  /* or not by that */
};

struct top_look {
	struct status status;
	char trouble[ERR_TEXT_BYTES]; /* why not all could be read; "": it could */
	int64_t at_us;                /* by clock_boot_us() */
	double rate;                  /* events stored per second, lately */
	struct top_row *row;          /* PULSE_ROWS_MAX, of the tab that was asked for, sorted */
	int n_rows;
	enum top_tab tab;
	int64_t since_hour;
};

enum { TOP_RATE_S = 10 };

/* What to look at. */
struct top_question {
	const char *database;
	const char *ring_dir;
	enum top_tab tab;
	enum top_sort sort;
	int64_t since_us; /* how long ago rows begin */
};

/* Zeroed, a look may be taken. before is the look before, for rates; NULL: there is none. ERR_MEMORY alone. */
int top_look_take(struct top_look *look, const struct top_look *before,
		  const struct top_question *question, struct err *err);
void top_look_release(struct top_look *look);

/* Sorts the rows, or rings, anew. */
void top_look_sort(struct top_look *look, enum top_sort sort);

#endif
