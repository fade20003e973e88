/*
 * What part of the history a request asks for: its parameters, which are the commands' flags, as filters. On a thread
 * of the pool.
 */
#ifndef PAYI_HTTP_ASKED_H
#define PAYI_HTTP_ASKED_H

#include "base/err.h"
#include "history/filters.h"
#include "http/params.h"
#include "store/dead.h"

enum { ASKED_ROWS = 100, ASKED_ROWS_MAX = 1000 };

/* ASKED_FILTERS, for a list of the parameters that there are. */
#define ASKED_FILTERS "use-case", "id", "user", "since", "until"
#define ASKED_DEAD    "reason", "status", "event"
#define ASKED_PAGE    "limit", "reverse", "cursor"
#define ASKED_SERIES  "points", "top"

struct asked {
	struct history_filters filters; /* points into the rest of it, and to the parameters */
	struct history_place place;
	int64_t events[DEAD_EVENTS_MAX];
};

/* Reads all of them that are there, but for the cursor. ERR_INVALID says what is wrong. */
int asked_read(const struct params *params, struct asked *asked, struct err *err);

/* The cursor: written as "time.row". by_hour: its time counts hours. */
int asked_read_cursor(const struct params *params, bool by_hour, struct asked *asked,
		      struct err *err);

#endif
