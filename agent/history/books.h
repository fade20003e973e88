/*
 * The agent's accounts: how many events there are of each kind, and whether that adds up. For status, and
 * for metrics. Counts are of all time; what retention removes stays counted.
 */
#ifndef PAYI_HISTORY_BOOKS_H
#define PAYI_HISTORY_BOOKS_H

#include "base/err.h"
#include "store/query.h"

#include <stdint.h>

enum { BOOKS_ID_BYTES = 16, BOOKS_LANES_MAX = 16, BOOKS_TEXT_BYTES = 256 };

/* Over all rings that ever were, as committed last. */
struct books {
	int64_t stored;   /* events in the database, ever */
	int64_t records;  /* read from rings: stored + notices + rejected */
	int64_t notices;  /* what was said of use cases beside events */
	int64_t rejected; /* read, but not valid */
	int64_t refused;  /* by libpayi, at the call: bad input */
	int64_t dropped_full;
	int64_t dropped_too_big;
	int64_t dropped_busy;
	int64_t interrupted; /* their process was killed in the middle of the call */
	int64_t rings_open;
	int64_t rings_closed;
	int64_t rings_aside;
	int64_t wrong_lanes; /* of closed rings: whose counters do not add up */
};

struct books_sink {
	char name[BOOKS_TEXT_BYTES];
	int64_t stored;
	int64_t delivered;
	int64_t waiting;
	int64_t deferred;
	int64_t dead;
	int64_t held;      /* until their use cases have been given ids */
	int64_t discarded; /* given up by the operator, or by his settings */
	char state[BOOKS_TEXT_BYTES];
	char last_error[BOOKS_TEXT_BYTES];
	int64_t last_error_us; /* 0: none; so are the next */
	int64_t last_success_us;
	int64_t next_try_us;
	int64_t oldest_us; /* when the oldest event that is neither delivered nor dead was stored */
};

/* A ring that is open or put aside, as committed last. */
struct books_ring {
	uint8_t ring_id[BOOKS_ID_BYTES];
	char app_name[BOOKS_TEXT_BYTES];
	char state[BOOKS_TEXT_BYTES];
	char reason[BOOKS_TEXT_BYTES]; /* why aside */
	int64_t pid;
	int64_t position[BOOKS_LANES_MAX];
	int64_t records; /* over all lanes; so are the next */
	int64_t rejected;
	int64_t refused;
	int64_t dropped_full;
	int64_t dropped_too_big;
	int64_t dropped_busy;
};

/* What retention has taken, ever. */
struct books_gone {
	const char *
		what; /* "events" (that were settled), "undelivered", "dead", "bodies", "hours", … */
	const char *reason; /* "age", "bytes" (of the database), "disk" (that was too full) */
	int64_t n;
	int64_t last_us;
};

int books_read(struct query_db *db, struct books *books, struct err *err);

/* 1: *sink was read; 0: there is none of this name. */
int books_read_sink(struct query_db *db, const char *name, struct books_sink *sink,
		    struct err *err);

/* Tells what was taken, by kind and reason; texts are valid until tell() returns. */
int books_each_gone(struct query_db *db, void (*tell)(void *context, const struct books_gone *gone),
		    void *context, struct err *err);

/* Tells each ring that is open or aside; a negative result of tell() ends it and is returned. */
int books_each_ring(struct query_db *db, int (*tell)(void *context, const struct books_ring *ring),
		    void *context, struct err *err);

/* NULL when everything adds up, else what does not. */
const char *books_check(const struct books *books);
const char *books_check_sink(const struct books_sink *sink);

#endif
