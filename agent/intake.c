#include "intake.h"

#include "base/clock.h"
#include "base/log.h"
#include "drain/drain.h"
#include "store/retention.h"
#include "store/store.h"
#include "store/wal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAUSE_FIRST_US = 100000,
	PAUSE_MAX_US = 5000000,
	SAY_AGAIN_US = 300000000, /* trouble that lasts is told every five minutes */
	DAMAGE_STRIKES = 2,       /* a page read wrongly once may be read well the next time */
	/*
	 * A settlement waits for company, as each transaction costs the disk a flush: this much more is sent again,
	 * under the same ids, when we are killed. Sinks have some 64 settlements uncommitted before they wait.
	 */
	SETTLEMENT_WAITS_US = 20000,
};

struct intake {
	struct store *store;
	struct drain *drain;
	char *ring_dir;
	struct retention retention;
	struct letter *letters; /* not committed yet */
	int64_t letters_due_us; /* when they are to be, be there events or not; 0: as yet unknown */
	bool dirty;             /* committed since the last checkpoint */
	int64_t news;
	_Atomic uint64_t settlements; /* pairs with the reader in intake_settlements() */
	struct intake_counters counters;

	bool paused;
	bool lost;
	bool reopen; /* before the next transaction */
	int64_t pause_us;
	int64_t resume_us;
	int64_t paused_since_us;
	int64_t said_us;
	bool wal_is_large;
	int strikes; /* findings of damage in a row */
	struct err error;
};

/* ---- Opening -------------------------------------------------------------------------------------- */

static void keep_by(struct intake *intake, const struct retention_policy *policy)
{
	retention_init(&intake->retention, policy);
	intake->retention.policy.ring_dir = intake->ring_dir;
}

int intake_open(const struct intake_options *options, struct intake **out, struct err *err)
{
	const struct store_options store = {.path = options->database,
					    .sync_full = options->sync_full};
	struct intake *intake = calloc(1, sizeof(*intake));
	if (!intake)
		return err_set(err, ERR_MEMORY, "out of memory");
	intake->pause_us = PAUSE_FIRST_US;
	intake->ring_dir = strdup(options->ring_dir);
	keep_by(intake, &options->retention);
	int status = store_open(&store, &intake->store, err);
	if (!status)
		status = store_prices_replace(intake->store, options->prices, err);
	if (!status)
		status = drain_open(options->ring_dir, options->commit_events, intake->store,
				    &intake->drain, err);
	if (status) {
		intake_close(intake);
		return status;
	}
	*out = intake;
	return 0;
}

void intake_close(struct intake *intake)
{
	if (!intake)
		return;
	drain_close(intake->drain);
	store_close(intake->store);
	letter_free(intake->letters);
	free(intake->ring_dir);
	free(intake);
}

/* ---- When the store fails ------------------------------------------------------------------------- */

/* Damage that is found again after the file was read anew is there; and from a rival there is no way back. */
static bool is_lost(struct intake *intake)
{
	intake->strikes = intake->error.code == ERR_CORRUPT ? intake->strikes + 1 : 0;
	return intake->strikes >= DAMAGE_STRIKES || intake->error.code == ERR_FENCED;
}

static void say_trouble(struct intake *intake, int64_t now_us)
{
	if (intake->paused && now_us - intake->said_us < SAY_AGAIN_US)
		return;
	log_error("cannot store; the rings keep their events until it works again",
		  LOG_STR("error", intake->error.text), LOG_END);
	intake->said_us = now_us;
}

static enum intake_result pause_for_a_while(struct intake *intake, int64_t now_us)
{
	if (is_lost(intake)) {
		intake->lost = true;
		return INTAKE_LOST;
	}
	say_trouble(intake, now_us);
	if (!intake->paused)
		intake->paused_since_us = now_us;
	intake->paused = true;
	intake->resume_us = now_us + intake->pause_us;
	if (intake->pause_us < PAUSE_MAX_US)
		intake->pause_us *= 2;
	return INTAKE_PAUSED;
}

static void say_relief(struct intake *intake, int64_t now_us)
{
	if (intake->paused)
		log_info("storing works again",
			 LOG_INT("after_ms", (now_us - intake->paused_since_us) / 1000), LOG_END);
	intake->paused = false;
	intake->strikes = 0;
	intake->pause_us = PAUSE_FIRST_US;
}

uint64_t intake_settlements(const struct intake *intake)
{
	return atomic_load_explicit(&intake->settlements, memory_order_acquire);
}

/* ---- A step --------------------------------------------------------------------------------------- */

static void say_wal_is_held(const struct intake *intake, int64_t bytes)
{
	char who[WAL_HOLDER_BYTES];
	wal_holder(store_path(intake->store), who);
	log_warn("a transaction that reads the database does not end, and keeps the WAL from being "
		 "emptied; it grows with all that is stored",
		 LOG_STR("who", *who ? who : "unknown"), LOG_INT("wal_mb", bytes >> 20),
		 LOG_STR("advice", "end that transaction, or its process"), LOG_END);
}

/* Once, when it has become so large, and once when that is over. Storing goes on meanwhile. */
static void tell_of_wal(struct intake *intake)
{
	const int64_t bytes = store_wal_bytes(intake->store);
	const bool is_large = bytes > WAL_LARGE_BYTES;
	if (is_large == intake->wal_is_large)
		return;
	intake->wal_is_large = is_large;
	counter_set(&intake->counters.wal_is_held, is_large);
	if (is_large)
		say_wal_is_held(intake, bytes);
	else
		log_info("the WAL is emptied again", LOG_END);
}

static void committed(struct intake *intake)
{
	const int64_t before = drain_totals(intake->drain).records;
	const bool freed = letter_may_free(intake->letters);
	drain_give_back(intake->drain);
	const int64_t records = drain_totals(intake->drain).records;
	intake->news += records - before + freed;
	counter_set(&intake->counters.events, (uint64_t)records);
	counter_add(&intake->counters.commits, 1);
	atomic_fetch_add_explicit(&intake->settlements, letter_n_settlements(intake->letters),
				  memory_order_release);
	intake->letters = letter_committed(intake->letters);
	intake->letters_due_us = 0;
	intake->dirty = true;
	tell_of_wal(intake);
}

/* What was taken before the store failed is there, or is to be taken again. */
static int open_store_again(struct intake *intake)
{
	const int status = store_reopen(intake->store, &intake->error);
	if (status < 0)
		return status;
	intake->reopen = false;
	if (status == STORE_COMMITTED)
		committed(intake);
	else
		drain_forget(intake->drain);
	return 0;
}

static void roll_back(struct intake *intake)
{
	store_rollback(intake->store);
	retention_forget(&intake->retention);
}

/* Retention takes its slice first: what is put after it, it need not know of. */
static int transact(struct intake *intake, int64_t now_us, int64_t wall_us, bool retain)
{
	struct err *err = &intake->error;
	const int64_t begin_us = clock_boot_us();
	int status = store_begin(intake->store, err);
	if (!status && retain)
		status = retention_step(&intake->retention, intake->store, now_us, wall_us, err);
	const int64_t take_us = clock_boot_us();
	if (!status)
		status = drain_take(intake->drain, wall_us, err);
	if (!status)
		histogram_add(&intake->counters.take, clock_boot_us() - begin_us);
	if (!status)
		status = letter_write(intake->letters, intake->store, wall_us, err);
	if (!status)
		status = store_commit(intake->store, err);
	const int64_t end_us = clock_boot_us();
	retention_busy(&intake->retention, end_us - take_us);
	if (status)
		roll_back(intake);
	else
		histogram_add(&intake->counters.commit, end_us - begin_us);
	return status;
}

/* The idle moment is the one for a checkpoint. */
static int tidy_up(struct intake *intake)
{
	if (!intake->dirty)
		return 0;
	intake->dirty = false;
	const int status = store_checkpoint(intake->store, &intake->error);
	tell_of_wal(intake);
	return status;
}

/* A slice of retention alone. */
static int retain(struct intake *intake, int64_t now_us, int64_t wall_us)
{
	struct err *err = &intake->error;
	int status = store_begin(intake->store, err);
	if (!status)
		status = retention_step(&intake->retention, intake->store, now_us, wall_us, err);
	if (!status)
		status = store_commit(intake->store, err);
	if (status) {
		roll_back(intake);
		return status;
	}
	intake->dirty = true;
	return 0;
}

/* For all letters but settlements and reports somebody waits. */
static bool letters_are_due(struct intake *intake, int64_t now_us, bool all)
{
	if (!intake->letters)
		return false;
	if (intake->letters_due_us == 0)
		intake->letters_due_us = now_us + SETTLEMENT_WAITS_US;
	return all || now_us >= intake->letters_due_us || !letter_may_wait(intake->letters);
}

/* Negative: the store has failed. */
static int work(struct intake *intake, int64_t now_us, int64_t wall_us, bool all)
{
	if (intake->reopen) {
		const int status = open_store_again(intake);
		if (status)
			return status;
	}
	retention_watch(&intake->retention, intake->store, now_us);
	bool due = !all && retention_due_us(&intake->retention, now_us) <= now_us;
	/* A disk that was full may have room again when something goes that need not stay. */
	int status = due && intake->paused ? retain(intake, now_us, wall_us) : 0;
	if (status < 0)
		return status;
	const int any = drain_look(intake->drain, now_us, all, &intake->error);
	if (any < 0)
		return any;
	const bool idle = !any && !letters_are_due(intake, now_us, all);
	if (idle && due && !intake->paused)
		status = retain(intake, now_us, wall_us);
	if (idle)
		return status || intake->letters ? status : tidy_up(intake);
	if (!all && !due)
		status = retention_look(&intake->retention, intake->store, now_us, &due,
					&intake->error);
	if (!status)
		status = transact(intake, now_us, wall_us, due && !intake->paused);
	if (!status)
		committed(intake);
	return status ? status : INTAKE_STORED;
}

enum intake_result intake_step(struct intake *intake, int64_t now_us, int64_t wall_us, bool all)
{
	counter_set(&intake->counters.tick_us, (uint64_t)now_us);
	if (intake->lost)
		return INTAKE_LOST;
	if (intake->paused && now_us < intake->resume_us && !all)
		return INTAKE_PAUSED;
	counter_set(&intake->counters.at_store, 1);
	const int result = work(intake, now_us, wall_us, all);
	counter_set(&intake->counters.at_store, 0);
	counter_set(&intake->counters.failing, result < 0);
	if (result < 0) {
		counter_add(&intake->counters.failures, 1);
		/* Somebody's lock says nothing against our connection. */
		if (intake->error.code == ERR_BUSY && !intake->reopen)
			drain_forget(intake->drain);
		else
			intake->reopen = true;
		return pause_for_a_while(intake, now_us);
	}
	say_relief(intake, now_us);
	return (enum intake_result)result;
}

void intake_post(struct intake *intake, struct letter *letters)
{
	intake->letters = letter_join(intake->letters, letters);
}

void intake_configure(struct intake *intake, const struct intake_limits *limits)
{
	drain_limit(intake->drain, limits->commit_events);
	keep_by(intake, &limits->retention);
}

void intake_rescan(struct intake *intake)
{
	drain_rescan(intake->drain);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t intake_next_us(const struct intake *intake)
{
	if (intake->lost)
		return INT64_MAX;
	if (intake->paused)
		return intake->resume_us;
	const int64_t others_us = earlier(drain_next_us(intake->drain), intake->retention.due_us);
	return intake->letters ? earlier(intake->letters_due_us, others_us) : others_us;
}

int64_t intake_events(const struct intake *intake)
{
	return drain_totals(intake->drain).records;
}

int64_t intake_news(const struct intake *intake)
{
	return intake->news;
}

const struct intake_counters *intake_counters(const struct intake *intake)
{
	return &intake->counters;
}

bool intake_is_empty(const struct intake *intake)
{
	return !intake->letters;
}

const struct err *intake_error(const struct intake *intake)
{
	return &intake->error;
}
