/*
 * The intake: what is in the rings, and what the sinks have settled, into the store, a transaction a step; and
 * what is done when the store fails.
 *
 *     working ──error──> paused ──after a while──> store opened anew and checked ──> working
 *                           ^                           │      │
 *                           └───────── error ───────────┘      └──damaged, or not ours alone──> lost
 *
 * While it is paused or lost, the rings keep what they have. Said once for each trouble, and once when it is
 * over. Knows no loop and no thread, and is told the time; used by one thread.
 */
#ifndef PAYI_INTAKE_H
#define PAYI_INTAKE_H

#include "base/counter.h"
#include "base/err.h"
#include "letter.h"
#include "store/retention.h"

#include <stdbool.h>
#include <stdint.h>

struct intake;

struct intake_options {
	const char *database;
	const char *ring_dir;
	int64_t commit_events;
	bool sync_full;
	const struct price_list *prices;   /* the operator's; NULL: none; read while it is opened */
	struct retention_policy retention; /* all 0: nothing ever goes */
};

/* Opens database and ring directory. ERR_CORRUPT: the database is damaged, and was left as it is. */
int intake_open(const struct intake_options *options, struct intake **intake, struct err *err);
void intake_close(struct intake *intake);

/* Takes the letters; they are written with the next transaction, and again if that one fails. */
void intake_post(struct intake *intake, struct letter *letters);

/* What may change while it runs. */
struct intake_limits {
	int64_t commit_events; /* in one transaction, at the most */
	struct retention_policy retention;
};

/* From the next transaction on; retention begins a round anew. */
void intake_configure(struct intake *intake, const struct intake_limits *limits);

/* The directory may hold new rings. */
void intake_rescan(struct intake *intake);

enum intake_result {
	INTAKE_IDLE,   /* there was nothing to do; what could be tidied up was */
	INTAKE_STORED, /* something was committed */
	INTAKE_PAUSED, /* the store fails; tried again at intake_next_us() */
	INTAKE_LOST,   /* this database cannot be written any more: intake_error() says why */
};

/* now_us: CLOCK_BOOTTIME; wall_us: for what is stored. all: visit every ring, also before its time. */
enum intake_result intake_step(struct intake *intake, int64_t now_us, int64_t wall_us, bool all);

/* When the next step is due, CLOCK_BOOTTIME in microseconds; in the past: at once. INT64_MAX: lost. */
int64_t intake_next_us(const struct intake *intake);

/* Events committed since the start, rejected ones included. */
int64_t intake_events(const struct intake *intake);

/* Goes up with each commit that may have brought a sink something to do: records, or what is held no longer. */
int64_t intake_news(const struct intake *intake);

/* Settlements of sinks committed since the start, in the order of their coming. Any thread. */
uint64_t intake_settlements(const struct intake *intake);

/* Since the start. Any thread may read. */
struct intake_counters {
	struct counter commits;
	struct counter failures;    /* steps that failed */
	struct counter failing;     /* 1 while the last one has failed */
	struct counter wal_is_held; /* 1: by a reader, so that it cannot be emptied */
	struct counter tick_us;     /* now_us of the last step */
	struct counter at_store;    /* 1 during a step: whatever takes long then is the disk */
	struct counter events;      /* committed, as intake_events() */
	struct histogram take;      /* reading the rings into a transaction */
	struct histogram commit;    /* a whole transaction, until it is on disk */
};

const struct intake_counters *intake_counters(const struct intake *intake);

/* True when no letter is kept that is not written. */
bool intake_is_empty(const struct intake *intake);

/* What the last failure was. */
const struct err *intake_error(const struct intake *intake);

#endif
