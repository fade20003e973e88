/*
 * Retention: what leaves the database, and when. A round looks at everything once, in slices that share the
 * transactions of the intake: of a few milliseconds where there is little to do, and in proportion to what the intake
 * took where it is busy, so that what goes keeps up with what comes, and neither keeps the other waiting for long:
 *
 *     by age:          closed rings ──> dead letters given up ──> events ──> undelivered ones ──> hours ──> instances
 *     under pressure:  bodies of settled events ──> settled events ──> bodies of waiting ones ──> undelivered ones
 *     at last:         free pages back to the file system, and, from week to week, names that nothing refers to
 *
 * Pressure is a database larger, or a file system fuller, than the operator wants. Ages of events count from their storing,
 * since an event that came late was not there to be looked at before; those of rollups from the time they
 * are about. An undelivered event goes only where policy.undelivered says so, and all that goes is counted
 * (retention_counts), in the transaction that takes it: the books balance after a kill at any instruction.
 *
 * A round keeps its place in memory alone. What it has not come to is found by the next.
 */
#ifndef PAYI_STORE_RETENTION_H
#define PAYI_STORE_RETENTION_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

/* Whose bodies may go under pressure, before any event does. */
enum retention_bodies { RETENTION_BODIES_KEEP, RETENTION_BODIES_SETTLED, RETENTION_BODIES_ALL };

struct retention_policy {
	int64_t events_us; /* how long each is kept; 0: for ever, as far as there is room */
	int64_t dead_us;
	int64_t rollups_us;
	int64_t max_bytes; /* of the database file; 0: no bound */
	int64_t min_free_bytes;
	enum retention_bodies bodies;
	bool undelivered;     /* they may go, too: by age, and when nothing else is left to go */
	const char *ring_dir; /* NULL: rings stay; a ring with a file in here stays as well */
	/* How much of path's file system is free, and how large it is: 0, or -1. NULL: it is asked. */
	int (*room)(void *context, const char *path, int64_t *free_bytes, int64_t *all_bytes);
	void *room_context;
};

struct retention {
	struct retention_policy policy;
	int phase;
	int64_t due_us;   /* CLOCK_BOOTTIME */
	int64_t early_us; /* from then on a round may begin before its time */
	bool started;
	int64_t busy_us;   /* that others wrote since the last slice */
	int64_t looked_us; /* for pressure, between rounds */
	bool worked;       /* the round at hand has taken something */
	int64_t said_us;
	/* Where phases are, in events' ids, or whatever they go by; 0 at their begin. */
	int64_t after;
	int64_t after_too;
	int64_t bodies_after[2]; /* of settled, and of all events: kept from round to round */
	struct retention_names {
		int64_t due_us; /* of the next search */
		int source;     /* 0: none is under way; beyond the last: what is not marked goes */
		int64_t last;   /* the names up to this are meant */
		int64_t at[2];
		int left; /* steps of this round */
	} names;
	int64_t seldom_us; /* what is looked at once an hour is due then */
	bool whole;        /* it is, in the round at hand */
};

void retention_init(struct retention *retention, const struct retention_policy *policy);

/* When the next slice is due; before the first call of it, a moment after now_us. */
int64_t retention_due_us(struct retention *retention, int64_t now_us);

/* Transactions took so long for anything but retention. */
void retention_busy(struct retention *retention, int64_t took_us);

/*
 * Between two rounds, when something is written anyway: whether there is pressure, so that the next round is due. A busy
 * intake can put more than max_bytes there in the minute that rounds are apart.
 */
int retention_look(struct retention *retention, struct store *store, int64_t now_us, bool *due,
		   struct err *err);

/*
 * Asks the file system how much room there is, which takes a microsecond: what others fill of it is seen at once, also while
 * nothing is stored; a round is begun for it. Keeps the WAL within what shall be free. To be called before each step.
 */
void retention_watch(struct retention *retention, struct store *store, int64_t now_us);

/*
 * A slice, into the store's transaction, before anything else is put there. Negative: roll back. now_us: CLOCK_BOOTTIME;
 * wall_us: what ages are counted from.
 */
int retention_step(struct retention *retention, struct store *store, int64_t now_us,
		   int64_t wall_us, struct err *err);

/* After a rollback: what the transaction took is there again, and goes first again. The round begins anew. */
void retention_forget(struct retention *retention);

#endif
