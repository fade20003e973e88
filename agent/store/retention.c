#include "store/retention.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/retention_parts.h"
#include "store/sql.h"

#include <stdlib.h>

enum {
	FIRST_US = 2000000, /* what waits in the rings comes first */
	SLICE_US = 5000,    /* and one statement, at the least */
	SLICE_MAX_US = 50000,
	LOOK_US = 1000000,
	ROUND_US = 60000000,
	ROUND_PRESSED_US = 5000000,
	/* A round that is begun before its time comes so long behind another. */
	ROUND_EARLY_US = 1000000,
	SAY_AGAIN_US = 300000000,
	SELDOM_S = 3600,
	/* Of what shall be free, the WAL may take so much: deleting, too, is written there first. */
	WAL_SHARE = 4,
	NAMES_STEPS = 2000, /* in a round, so that it keeps nothing else waiting */
	/*
	 * The rest after a slice, as a multiple of its time: under pressure it takes half of the thread, else a fifth. What
	 * others write in a long transaction counts as rest. To delete an event takes less than half of the time that
	 * storing it did, so half of the thread keeps up with any load.
	 */
	REST = 4,
	REST_PRESSED = 1,
};

#define NAMES_FIRST_US INT64_C(3600000000)

typedef int phase_fn(struct retain *job, struct err *err);

static phase_fn *const phases[] = {
	retain_rings,      retain_user_days,           retain_dead,
	retain_events,     retain_undelivered,         retain_hours,
	retain_instances,  retain_bodies_settled,      retain_events_pressed,
	retain_bodies_all, retain_undelivered_pressed, retain_give_back,
	retain_names,
};

enum {
	N_PHASES = sizeof(phases) / sizeof(phases[0]),
	N_SELDOM = 3, /* the first ones look at all there is, and that once an hour */
	FIRST_PRESSED = 7,
};

/* ---- Statements ----------------------------------------------------------------------------------- */

int retain_prepare(struct store *store, struct err *err)
{
	static const char *const sql[RETAIN_N_STATEMENTS] = {
#define X(name, text) [RETAIN_##name] = (text),
		RETAIN_STATEMENTS(X)
#undef X
	};
	int status = 0;
	store->retain = calloc(RETAIN_N_STATEMENTS, sizeof(sqlite3_stmt *));
	if (!store->retain)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (int i = 0; !status && i < RETAIN_N_STATEMENTS; i++)
		status = sql_prepare(store->db, sql[i], &store->retain[i], err);
	return status;
}

void retain_finalize(struct store *store)
{
	for (int i = 0; store->retain && i < RETAIN_N_STATEMENTS; i++)
		sqlite3_finalize(store->retain[i]);
	free(store->retain);
	store->retain = NULL;
}

/* ---- What phases share ---------------------------------------------------------------------------- */

int retain_number(sqlite3_stmt *statement, int64_t *number, bool *found, struct err *err)
{
	*found = sqlite3_step(statement) == SQLITE_ROW &&
		 sqlite3_column_type(statement, 0) != SQLITE_NULL;
	*number = *found ? sqlite3_column_int64(statement, 0) : 0;
	return sql_reset(statement, err);
}

int retain_count(struct retain *job, const char *what, enum retain_reason reason, int64_t n,
		 struct err *err)
{
	static const char *const reasons[] = {
		[RETAIN_AGE] = "age", [RETAIN_BYTES] = "bytes", [RETAIN_DISK] = "disk"};
	if (n == 0)
		return 0;
	job->retention->worked = true;
	return sql_run(retain_statement(job, RETAIN_COUNT), err, SQL_TEXT(what),
		       SQL_TEXT(reasons[reason]), SQL_INT(n), SQL_INT(job->wall_us), SQL_END);
}

/* ---- Rounds and slices ---------------------------------------------------------------------------- */

void retention_init(struct retention *retention, const struct retention_policy *policy)
{
	*retention = (struct retention){.policy = *policy};
}

void retention_forget(struct retention *retention)
{
	retention->phase = 0;
	retention->after = retention->after_too = 0;
	retention->bodies_after[0] = retention->bodies_after[1] = 0;
}

int64_t retention_due_us(struct retention *retention, int64_t now_us)
{
	if (!retention->started) {
		retention->due_us = now_us + FIRST_US;
		retention->names.due_us = now_us + NAMES_FIRST_US;
		retention->names.left = NAMES_STEPS;
	}
	retention->started = true;
	return retention->due_us;
}

/* Before its time comes, because something is short. */
static bool may_begin(const struct retention *retention, int64_t now_us)
{
	return retention->started && retention->phase == 0 && now_us >= retention->early_us;
}

void retention_watch(struct retention *retention, struct store *store, int64_t now_us)
{
	int64_t wanted_bytes;
	const int64_t missing = retain_missing(&retention->policy, store->path, &wanted_bytes);
	store_bound_wal(store, wanted_bytes / WAL_SHARE);
	if (missing > 0 && may_begin(retention, now_us))
		retention->due_us = now_us;
}

/* A round that ends under pressure has found nothing more that it may take. */
static void say_pressure(struct retention *retention, enum retain_reason reason, int64_t now_us)
{
	if (retention->said_us && now_us - retention->said_us < SAY_AGAIN_US)
		return;
	retention->said_us = now_us;
	log_warn(reason == RETAIN_DISK
			 ? "the disk has less room than min_free_mb, and what is left of the "
			   "database may not go (undelivered events, summaries)"
			 : "the database is larger than max_mb, and what is left of it may not go "
			   "(undelivered events, summaries)",
		 LOG_END);
}

static int end_round(struct retain *job, int64_t now_us, struct err *err)
{
	struct retention *retention = job->retention;
	enum retain_reason reason = RETAIN_NO_REASON;
	const int status = retain_pressure(job, &reason, err);
	if (status)
		return status;
	const bool pressed = reason != RETAIN_NO_REASON;
	const bool stuck = pressed && !retention->worked;
	if (stuck)
		say_pressure(retention, reason, now_us);
	if (retention->whole)
		retention->seldom_us = now_us + SELDOM_S * INT64_C(1000000);
	retention->phase = 0;
	retention->worked = false;
	retention->names.left = NAMES_STEPS;
	retention->due_us = now_us + (pressed ? ROUND_PRESSED_US : ROUND_US);
	retention->early_us = stuck ? retention->due_us : now_us + ROUND_EARLY_US;
	return 0;
}

void retention_busy(struct retention *retention, int64_t took_us)
{
	retention->busy_us += took_us;
}

int retention_look(struct retention *retention, struct store *store, int64_t now_us, bool *due,
		   struct err *err)
{
	struct retain job = {.retention = retention, .store = store, .now_us = now_us};
	enum retain_reason reason = RETAIN_NO_REASON;
	*due = false;
	if (!may_begin(retention, now_us) || now_us < retention->looked_us + LOOK_US)
		return 0;
	retention->looked_us = now_us;
	const int status = retain_pressure(&job, &reason, err);
	*due = reason != RETAIN_NO_REASON;
	return status;
}

static int rest(const struct retention *retention)
{
	return retention->phase >= FIRST_PRESSED && phases[retention->phase] != retain_names
		       ? REST_PRESSED
		       : REST;
}

static int64_t slice_us(const struct retention *retention)
{
	const int64_t share_us = retention->busy_us / rest(retention);
	if (share_us < SLICE_US)
		return SLICE_US;
	return share_us < SLICE_MAX_US ? share_us : SLICE_MAX_US;
}

int retention_step(struct retention *retention, struct store *store, int64_t now_us,
		   int64_t wall_us, struct err *err)
{
	struct retain job = {retention, store, now_us, wall_us};
	const int64_t begin_us = clock_boot_us();
	int64_t took_us = 0;
	if (retention->phase == 0) {
		retention->whole = now_us >= retention->seldom_us;
		retention->phase = retention->whole ? 0 : N_SELDOM;
	}
	do {
		const int status = phases[retention->phase](&job, err);
		if (status < 0)
			return err_wrap(err, "retention");
		if (status == RETAIN_OVER) {
			retention->after = retention->after_too = 0;
			if (retention->phase + 1 == N_PHASES) /* and stays so, if that fails */
				return end_round(&job, now_us, err);
			retention->phase++;
		}
		took_us = clock_boot_us() - begin_us;
	} while (took_us < slice_us(retention));
	const int64_t rest_us = took_us * rest(retention) - retention->busy_us;
	retention->due_us = now_us + took_us + (rest_us > 0 ? rest_us : 0);
	retention->busy_us = 0;
	return 0;
}
