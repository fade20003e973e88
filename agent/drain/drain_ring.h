/*
 * One ring on its way into the store: what was read of it, what of that is committed, and what its
 * owner may have back. The three verbs of the drain, for one ring; payi/ring.h has the protocol (C1 to C6).
 * Drain's thread.
 */
#ifndef PAYI_DRAIN_DRAIN_RING_H
#define PAYI_DRAIN_DRAIN_RING_H

#include "base/buf.h"
#include "drain/home.h"
#include "ring/ring_reader.h"
#include "store/store.h"

enum { DRAIN_NAME_BYTES = sizeof(PAYI_RING_FILE_PREFIX) + 2 * PAYI_RING_ID_BYTES };

struct drain_ring {
	char name[DRAIN_NAME_BYTES]; /* of its file */
	struct home *home;           /* borrowed, and there as long as we are */
	struct ring_reader reader;
	struct payi_ring_slot
		*slot; /* NULL when all slots are taken: drained, but no space given back */
	int64_t key;   /* the store's number for it */

	struct store_lane committed[PAYI_RING_LANES_MAX]; /* as in SQLite */
	struct store_lane pending[PAYI_RING_LANES_MAX];   /* as in the transaction under way */
	uint64_t unseen_max
		[PAYI_RING_LANES_MAX]; /* records given back that the database lacks, at the most */
	uint64_t committed_busy;
	uint64_t pending_busy;

	struct ring_counters seen; /* C2 of this visit */
	bool alive;                /* C1 of this visit */
	bool ending;               /* this transaction ends it */
	bool ended;                /* closed or put aside for good: not to be visited any more */
	bool aside;
	bool left_over;      /* of its share in the transaction under way */
	uint32_t first_lane; /* whose turn it is to be taken first */
	int strikes;         /* visits in a row that made no sense */
	char reason[ERR_TEXT_BYTES];

	int64_t next_visit_us;
	int64_t interval_us;
	int64_t busy_us;            /* when it last had something */
	int64_t counters_stored_us; /* when counters alone were last worth a transaction */
};

/* How much one transaction may still take. */
struct drain_budget {
	int64_t events;
	int64_t bytes;
};

/*
 * Opens the ring's file and takes up where the store says; a ring that was put aside before comes
 * back ended. now_wall_us is for the store.
 */
int drain_ring_open(struct home *home, const char *name, struct store *store, int64_t now_wall_us,
		    struct drain_ring *ring, struct err *err);
void drain_ring_close(struct drain_ring *ring);

/* Looks (C1, C2). True when there is something to write: records, counters, or its end. */
bool drain_ring_look(struct drain_ring *ring, int64_t now_us);

/*
 * Reads (C3) and puts into the store's transaction, within the budget. Negative: the store failed, roll back.
 * Returns 1 when records were left over.
 */
int drain_ring_take(struct drain_ring *ring, struct store *store, struct buf *copy,
		    struct drain_budget *budget, int64_t now_wall_us, struct err *err);

/* The file of a ring that has ended could not be removed: for now; until somebody mends it. */
enum { DRAIN_RING_STAYS = 1, DRAIN_RING_BARRED = 2 };

/* After the commit: gives the space back (C5); with its owner gone and all stored, removes the file (C6). 0, or as above. */
int drain_ring_give_back(struct drain_ring *ring);

/* After a rollback: nothing was taken. */
void drain_ring_forget(struct drain_ring *ring);

#endif
