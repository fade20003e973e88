/*
 * The store: everything that is ever written to the database goes through here.
 *
 * One connection, used by one thread, does every write and every checkpoint. (SQLite before 3.51.3 can
 * corrupt a database when one connection checkpoints while another commits.) All others are readers:
 * see store/query.h. What belongs together is written between store_begin() and store_commit(): events,
 * the ring positions behind them, instances, rollups, and what sinks have settled. Instances and rollups
 * are folded in memory until the commit, so that each costs one upsert per batch, not per event.
 *
 * After a call has failed: store_rollback(). The rings still hold what was not committed.
 */
#ifndef PAYI_STORE_STORE_H
#define PAYI_STORE_STORE_H

#include "base/err.h"
#include "event/event.h"
#include "event/use_case.h"
#include "payi/ring.h"
#include "sink/sink.h"
#include "store/dead.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

struct store_options {
	const char *path;
	bool sync_full; /* fsync at each commit (the default); else at checkpoints only */
};

/* Opens, creates or migrates the database. The caller holds the agent's lock. */
int store_open(const struct store_options *options, struct store **store, struct err *err);
void store_close(struct store *store);

/*
 * Each transaction carries a number, one more than the last. A commit that finds another number than its own
 * last is not made: ERR_FENCED, somebody else writes to this database.
 */
int store_begin(struct store *store, struct err *err);
int store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);

enum { STORE_COMMITTED = 1 };

/*
 * For after an error that was more than somebody's lock, and after store_rollback(): closes the connection,
 * opens the database anew and checks it. What a failed write or fsync has left in the caches of the kernel and of
 * SQLite is not to be built upon. On failure call it again later; nothing else, but store_close(), may be called until
 * then. STORE_COMMITTED: the transaction whose commit failed is in the database, whole.
 */
int store_reopen(struct store *store, struct err *err);

/* What the write-ahead log has grown to, by the last commit. See store/wal.h for what is too much. */
int64_t store_wal_bytes(const struct store *store);

const char *store_path(const struct store *store); /* of the database; the store's own */

/* ---- Rings ---- */

struct store_ring {
	uint8_t ring_id[PAYI_RING_ID_BYTES];
	const char *app_name;
	uint64_t pid;
	uint32_t uid;
	int64_t created_us;
	uint32_t n_lanes;
};

struct store_lane {
	uint64_t position;
	uint64_t sequence;
	uint64_t rejected;
	uint64_t notices; /* records of use cases: read, and no events */
	uint64_t attempted;
	uint64_t refused;
	uint64_t dropped_full;
	uint64_t dropped_too_big;
};

enum { STORE_RING_ASIDE = 1 };

/*
 * Finds or adds a ring, and what was committed of its lanes (zeroes for a new one). *key is the number to
 * call it by. STORE_RING_ASIDE: known, and put aside before. Not between begin and commit.
 */
int store_ring_open(struct store *store, const struct store_ring *ring, int64_t now_us,
		    int64_t *key, struct store_lane lanes[PAYI_RING_LANES_MAX], struct err *err);

/* Between begin and commit: */
int store_lane_put(struct store *store, int64_t ring, uint32_t lane,
		   const struct store_lane *values, struct err *err);
int store_ring_busy(struct store *store, int64_t ring, uint64_t dropped_busy, struct err *err);
/* reason NULL: closed, its owner is gone and all is stored; else put aside. */
int store_ring_end(struct store *store, int64_t ring, const char *reason, int64_t now_us,
		   struct err *err);

/* ---- Events (between begin and commit) ---- */

int store_event_put(struct store *store, int64_t ring, const struct event *event, int64_t now_us,
		    struct err *err);
int store_rejected_put(struct store *store, int64_t ring, uint32_t lane,
		       const struct payi_ring_record *record, const uint8_t *payload,
		       const char *reason, int64_t now_us, struct err *err);

/* What an application says of a use case. */
int store_use_case_put(struct store *store, const struct use_case_notice *notice, struct err *err);

/* ---- Prices ---- */

struct price_list;

/* The operator's prices, in the place of those before; NULL: none. Not between begin and commit. */
int store_prices_replace(struct store *store, const struct price_list *list, struct err *err);
/* Likewise, between begin and commit. */
int store_prices_put(struct store *store, const struct price_list *list, struct err *err);

/* ---- Sinks (between begin and commit) ---- */

int store_settle(struct store *store, const struct sink_settlement *settlement, int64_t now_us,
		 struct err *err);
int store_settle_ask(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
		     struct err *err);
int store_sink_report(struct store *store, const char *sink, const struct sink_report *report,
		      struct err *err);

/* Dead letters to be sent again, or dropped: where an order stands. */
struct store_dead {
	const char *sink;
	enum dead_action action;
	const struct dead_filter *filter;
	int64_t after_id; /* those up to here were looked at */
	int64_t n;        /* done so far */
};

enum { STORE_DEAD_MORE = 1 };

/* Takes the next few that are meant; moves *dead on. STORE_DEAD_MORE: there may be more. */
int store_dead_step(struct store *store, struct store_dead *dead, int64_t now_us, struct err *err);

/* ---- House-keeping ---- */

/*
 * Moves what can be moved from the WAL into the database; when the loop is idle or the WAL is long. What it
 * could not move it tries to with the next call.
 */
int store_checkpoint(struct store *store, struct err *err);

/* How long the WAL of a busy store may become before that is done, within 4 and 48 MiB. */
void store_bound_wal(struct store *store, int64_t bytes);

#endif
