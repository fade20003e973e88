/*
 * The drain: ring -> checked records -> one store transaction.
 *
 * Three verbs, so that the caller can put other writes into the same transaction: drain_look() says whether
 * there is anything, drain_take() puts it, and after the commit drain_give_back() frees the space. Between
 * a take and its give-back nothing is promised to anybody; drain_forget() makes it as if nothing had been
 * taken. Knows no loop and no clock: it is told the time. One thread.
 */
#ifndef PAYI_DRAIN_DRAIN_H
#define PAYI_DRAIN_DRAIN_H

#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct drain;

/* Opens the ring directory, making it if need be, and takes the lock of its agent. */
int drain_open(const char *ring_dir, int64_t commit_events, struct store *store,
	       struct drain **drain, struct err *err);
void drain_close(struct drain *drain);

/* How many events a transaction may have; between transactions. */
void drain_limit(struct drain *drain, int64_t commit_events);

/* The directory may hold new rings: look through it with the next drain_look(). */
void drain_rescan(struct drain *drain);

/*
 * 1 when a transaction is worth while, else 0. now_us: CLOCK_BOOTTIME. Visits the rings whose time has come; all:
 * every ring, new ones included. Negative: the store has failed to enter a new ring.
 */
int drain_look(struct drain *drain, int64_t now_us, bool all, struct err *err);

/* Between store_begin() and store_commit(). Negative: roll back, and drain_forget(). */
int drain_take(struct drain *drain, int64_t now_wall_us, struct err *err);

void drain_give_back(struct drain *drain);
void drain_forget(struct drain *drain);

/* When to look again: CLOCK_BOOTTIME in microseconds; now or earlier: at once, records were left over. */
int64_t drain_next_us(const struct drain *drain);

struct drain_totals {
	int64_t rings;
	int64_t records; /* committed since the start: events, notices, rejected ones */
};
struct drain_totals drain_totals(const struct drain *drain);

#endif
