/*
 * Dead letters: events that the service refused for good. Which of them are meant, in the same words for those who
 * read and for the one who writes. Any thread.
 */
#ifndef PAYI_STORE_DEAD_H
#define PAYI_STORE_DEAD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dead_action {
	DEAD_RETRY, /* send it again, now, under the same id */
	DEAD_DROP,  /* never send it; it stays in the history, and in the books as discarded */
};

enum { DEAD_EVENTS_MAX = 1000 };

struct dead_filter {
	const char *use_case_name; /* NULL: any; so are the next three */
	const char *use_case_id;
	const char *user_id;
	const char *code;    /* the service's error code */
	int64_t http_status; /* 0: any */
	int64_t since_us;    /* refused from here on */
	int64_t until_us;    /* up to here, and not included */
	const int64_t *events;
	size_t n_events; /* 0: any */
};

#define DEAD_FILTER_INIT                                                                           \
	{                                                                                          \
		.since_us = INT64_MIN, .until_us = INT64_MAX                                       \
	}

/* Whether it leaves out anything at all. */
bool dead_filter_is_set(const struct dead_filter *filter);

/* A copy that owns its texts and events. ERR_MEMORY. */
int dead_filter_copy(const struct dead_filter *from, struct dead_filter **to, struct err *err);
void dead_filter_free(struct dead_filter *filter); /* NULL is fine */

/*
 * Appends " FROM … WHERE …" with the filter's conditions: x is sink_exceptions, e the event, i its use case
 * instance, u the use case's name. :sink is the sink's; the others are those of dead_filter_params().
 */
void dead_filter_add(struct buf *sql, const struct dead_filter *filter);

/* The parameters that the conditions name, whether they are there or not. */
struct dead_param {
	const char *name; /* ":code" */
	const char *text; /* NULL: it is the number */
	int64_t number;
};

enum { DEAD_PARAMS = 7 };

void dead_filter_params(const struct dead_filter *filter, struct dead_param params[DEAD_PARAMS]);

#endif
