/*
 * When is a ring visited? Soon after it had something (VISIT_BUSY_US: records gather meanwhile, and the
 * producer keeps its cache lines to itself), less often while it has nothing: at VISIT_IDLE_US soon, and at
 * VISIT_ASLEEP_US after some seconds, which bounds how old an event can get before it is seen. A ring that
 * fills faster than it is emptied is visited without pause. Visits are at multiples of their interval, and looks at
 * the directory at those of a sleeper, so that many rings that sleep cost one wake-up together: nine a second.
 */
#include "drain/drain.h"

#include "base/clock.h"
#include "base/log.h"
#include "drain/drain_ring.h"
#include "drain/home.h"
#include "drain/scan.h"
#include "payi/payi.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VISIT_BUSY_US = 10000,
	VISIT_IDLE_US = 40000,
	VISIT_ASLEEP_US = 110000,
	ASLEEP_AFTER_US = 3000000,
	SCAN_US = 2000000, /* beside being told: directories on some mounts tell nothing */
	RESCAN_US = 5000,  /* between being told twice */
	PORTION_US = 5000,
	RINGS_MAX = 16384, /* rings open at once */
	SPARE_DESCRIPTORS = 128,
	TRANSACTION_BYTES = 16 << 20, /* of records in one transaction */
	HOMES_LEFT_MAX = 8,
};

struct drain {
	struct store *store;
	char *path;
	struct home *home;
	struct home *left
		[HOMES_LEFT_MAX]; /* homes that were taken away, with rings that live on; NULL: free */
	bool homeless;            /* it is gone, and we could not move: said once */
	int64_t commit_events;
	struct scan *scan;
	bool rescan; /* asked for */
	bool swept;  /* the agent's file, of what an earlier agent has left there */
	int64_t pass_began_us;
	int64_t next_scan_us;
	int64_t rescan_after_us;
	int64_t next_us;
	bool left_over;

	struct drain_ring **rings;
	int n_rings;
	int rings_max;
	int rings_capacity;
	int first;         /* whose turn it is to be taken first */
	bool *wanted;      /* by the last look; one per ring */
	int64_t n_taken;   /* in the transaction under way */
	int64_t n_records; /* committed */
	struct buf copy;
};

/* ---- Opening -------------------------------------------------------------------------------------- */

/* A ring is a descriptor; the database and the network need some, too. */
static int rings_max(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > RINGS_MAX + SPARE_DESCRIPTORS)
		return RINGS_MAX;
	return limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? (int)limit.rlim_cur - SPARE_DESCRIPTORS
						      : SPARE_DESCRIPTORS;
}

int drain_open(const char *ring_dir, int64_t commit_events, struct store *store, struct drain **out,
	       struct err *err)
{
	struct drain *drain = calloc(1, sizeof(*drain));
	if (!drain)
		return err_set(err, ERR_MEMORY, "out of memory");
	*drain = (struct drain){.store = store,
				.path = strdup(ring_dir),
				.rings_max = rings_max(),
				.commit_events = commit_events,
				.rescan = true};
	int status = drain->path ? home_open(ring_dir, &drain->home, err)
				 : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = scan_new(drain->home->dir, &drain->scan, err);
	if (status) {
		drain_close(drain);
		return status;
	}
	*out = drain;
	return 0;
}

void drain_close(struct drain *drain)
{
	if (!drain)
		return;
	for (int i = 0; i < drain->n_rings; i++) {
		drain_ring_close(drain->rings[i]);
		free(drain->rings[i]);
	}
	home_close(drain->home);
	for (int i = 0; i < HOMES_LEFT_MAX; i++)
		home_close(drain->left[i]);
	buf_release(&drain->copy);
	free(drain->path);
	free(drain->rings);
	free(drain->wanted);
	scan_free(drain->scan);
	free(drain);
}

/* ---- Which rings there are ------------------------------------------------------------------------ */

static bool is_open(const struct drain *drain, const char *name)
{
	for (int i = 0; i < drain->n_rings; i++)
		if (strcmp(drain->rings[i]->name, name) == 0)
			return true;
	return false;
}

static bool make_room(struct drain *drain)
{
	if (drain->n_rings < drain->rings_capacity)
		return true;
	const int capacity = drain->rings_capacity ? 2 * drain->rings_capacity : 64;
	struct drain_ring **rings =
		realloc(drain->rings, (size_t)capacity * sizeof(struct drain_ring *));
	if (rings)
		drain->rings = rings;
	bool *wanted = realloc(drain->wanted, (size_t)capacity * sizeof(*wanted));
	if (wanted)
		drain->wanted = wanted;
	if (!rings || !wanted)
		return false;
	drain->rings_capacity = capacity;
	return true;
}

/* A user other than ours may have a quarter of the rings: it shall not keep the others' out. */
static bool has_too_many(const struct drain *drain, const char *name)
{
	struct stat stat;
	if (fstatat(drain->home->dir, name, &stat, AT_SYMLINK_NOFOLLOW) || stat.st_uid == geteuid())
		return false;
	int n = 0;
	for (int i = 0; i < drain->n_rings; i++)
		n += drain->rings[i]->reader.uid == stat.st_uid;
	return n >= drain->rings_max / 4;
}

/*
 * Why a file is not read: it is no ring, for good; or something is in the way that may be mended; or we are short of
 * something ourselves. Returns 0; 1: no use in trying others now; negative: the store has failed.
 */
static int refuse(struct drain *drain, const char *name, int status, const struct err *err)
{
	if (status == ERR_INVALID) {
		log_warn("a file in the ring directory is no ring; it is let alone",
			 LOG_STR("file", name), LOG_STR("reason", err->text), LOG_END);
		return 0;
	}
	scan_again(drain->scan, name, status == RING_READER_BARRED);
	if (status == RING_READER_BARRED || status == ERR_SYSTEM)
		log_warn("cannot open a ring; it is tried again", LOG_STR("ring", name),
			 LOG_STR("error", err->text), LOG_END);
	return status > 0 ? 0 : status == ERR_SYSTEM ? 1 : status;
}

/* Until others have gone, a minute or so; memory that is short is short for a moment. */
static int wait_for_room(struct drain *drain, const char *name, bool later)
{
	log_warn("no room for one more ring; it waits", LOG_STR("ring", name),
		 LOG_INT("rings", drain->n_rings),
		 LOG_STR("reason", later ? "as many are open as may be, or as one user may have"
					 : "out of memory"),
		 LOG_END);
	scan_again(drain->scan, name, later);
	return 0;
}

/* Returns as refuse(). */
static int adopt(struct drain *drain, const char *name, struct err *err)
{
	if (is_open(drain, name))
		return 0;
	struct drain_ring *ring = NULL;
	const bool many = drain->n_rings >= drain->rings_max || has_too_many(drain, name);
	if (!many && make_room(drain))
		ring = malloc(sizeof(*ring));
	if (!ring)
		return wait_for_room(drain, name, many);
	const int status =
		drain_ring_open(drain->home, name, drain->store, clock_wall_us(), ring, err);
	if (status) {
		free(ring);
		return refuse(drain, name, status, err);
	}
	if (ring->ended) { /* put aside before */
		drain_ring_close(ring);
		free(ring);
		return 0;
	}
	log_debug("ring found", LOG_STR("ring", name), LOG_STR("app", ring->reader.app_name),
		  LOG_INT("pid", ring->reader.pid), LOG_END);
	drain->wanted[drain->n_rings] = false;
	drain->rings[drain->n_rings++] = ring;
	drain->home->n_rings++;
	return 0;
}

/* Lets go of the rings that have ended; the scan knows their names while their files are there. */
static void sweep(struct drain *drain)
{
	int kept = 0;
	for (int i = 0; i < drain->n_rings; i++) {
		struct drain_ring *ring = drain->rings[i];
		if (ring->ended) {
			ring->home->n_rings--;
			drain_ring_close(ring);
			free(ring);
		} else {
			drain->rings[kept++] = ring;
		}
	}
	drain->n_rings = kept;
}

/* ---- When the directory is taken away --------------------------------------------------------------- */

/* Homes that were left have served their time when the last of their rings has ended. Returns where there is room. */
static struct home **sweep_homes(struct drain *drain)
{
	struct home **room = NULL;
	for (int i = 0; i < HOMES_LEFT_MAX; i++) {
		if (drain->left[i] && drain->left[i]->n_rings == 0) {
			home_close(drain->left[i]);
			drain->left[i] = NULL;
		}
		if (!drain->left[i])
			room = &drain->left[i];
	}
	return room;
}

static int move(struct drain *drain, struct err *err)
{
	struct home *home = NULL;
	struct scan *scan = NULL;
	struct home **room = sweep_homes(drain);
	if (!room)
		return err_set(err, ERR_SYSTEM,
			       "it was taken away %d times, and the rings of then live on",
			       HOMES_LEFT_MAX);
	int status = home_open(drain->path, &home, err);
	if (!status)
		status = scan_new(home->dir, &scan, err);
	if (status) {
		home_close(home);
		return status;
	}
	scan_free(drain->scan);
	drain->scan = scan;
	drain->swept = false;
	*room = drain->home;
	drain->home = home;
	return 0;
}

/* Somebody has emptied the directory, or put another one in its place. */
static void stay_at_home(struct drain *drain)
{
	struct err err;
	if (home_is_there(drain->home, drain->path))
		return;
	if (!move(drain, &err)) {
		log_warn("the ring directory was emptied or replaced; rings that live on are "
			 "drained, new ones "
			 "are found in the new one",
			 LOG_STR("directory", drain->path), LOG_END);
		drain->homeless = false;
	} else if (!drain->homeless) {
		log_error("the ring directory was emptied or replaced; new rings are not found",
			  LOG_STR("directory", drain->path), LOG_STR("error", err.text), LOG_END);
		drain->homeless = true;
	}
}

/* ---- The three verbs ------------------------------------------------------------------------------ */

void drain_rescan(struct drain *drain)
{
	drain->rescan = true;
}

/* A portion of a pass, as long as one is under way; a pass, when it is time for the next one. */
static bool scan_is_due(const struct drain *drain, int64_t now_us)
{
	return scan_is_under_way(drain->scan) || now_us >= drain->next_scan_us ||
	       (drain->rescan && now_us >= drain->rescan_after_us);
}

/* The next time, later than this one, that is a multiple of the interval. */
static int64_t next_multiple(int64_t time_us, int64_t interval_us)
{
	return time_us - time_us % interval_us + interval_us;
}

/* A directory that takes long to look through, or that changes all the time, shall not take all of our time. */
static void plan_next_scan(struct drain *drain, int64_t now_us)
{
	const int64_t pause_us = 4 * (now_us - drain->pass_began_us);
	drain->next_scan_us = next_multiple(now_us + SCAN_US, VISIT_ASLEEP_US);
	drain->rescan_after_us = now_us + (pause_us > RESCAN_US ? pause_us : RESCAN_US);
}

static int scan_a_portion(struct drain *drain, int64_t now_us, bool whole, struct err *err)
{
	int status = 0;
	const char *name;
	if (!scan_is_under_way(drain->scan) || whole) {
		stay_at_home(drain);
		drain->rescan = false;
		drain->pass_began_us = now_us;
	}
	if (scan_begin(drain->scan, whole, err)) {
		log_error("new rings are not found", LOG_STR("error", err->text), LOG_END);
		plan_next_scan(drain, now_us);
		return 0;
	}
	while (!status && (name = scan_next(drain->scan)))
		status = adopt(drain, name, err);
	if (status < 0)
		return status;
	if (!scan_is_under_way(drain->scan)) {
		agent_file_sweep(drain->home->agent_file, drain->home->dir, !drain->swept);
		drain->swept = true;
		plan_next_scan(drain, now_us);
	}
	return 0;
}

static void plan_next_visit(struct drain_ring *ring, bool had_something, int64_t now_us)
{
	if (had_something || !ring->busy_us) {
		ring->busy_us = now_us;
		ring->interval_us = VISIT_BUSY_US;
	} else if (now_us - ring->busy_us > ASLEEP_AFTER_US) {
		ring->interval_us = VISIT_ASLEEP_US;
	} else if (ring->interval_us < VISIT_IDLE_US) {
		ring->interval_us *= 2;
	}
	ring->next_visit_us = next_multiple(now_us, ring->interval_us);
}

int drain_look(struct drain *drain, int64_t now_us, bool all, struct err *err)
{
	bool any = false;
	agent_file_beat(drain->home->agent_file, now_us);
	for (int i = 0; i < drain->n_rings; i++)
		drain->wanted[i] = false;
	const int status =
		all || scan_is_due(drain, now_us) ? scan_a_portion(drain, now_us, all, err) : 0;
	if (status)
		return status;
	drain->next_us = scan_is_under_way(drain->scan) ? now_us + PORTION_US : drain->next_scan_us;
	for (int i = 0; i < drain->n_rings; i++) {
		struct drain_ring *ring = drain->rings[i];
		if (all || drain->left_over || ring->next_visit_us <= now_us) {
			drain->wanted[i] = drain_ring_look(ring, now_us);
			plan_next_visit(ring, drain->wanted[i], now_us);
			any |= drain->wanted[i];
		}
		if (ring->next_visit_us < drain->next_us)
			drain->next_us = ring->next_visit_us;
	}
	drain->left_over = false;
	return any;
}

/* Fair first: each ring that has something may have its share of the transaction. */
static int take_shares(struct drain *drain, struct drain_budget *budget, int64_t now_wall_us,
		       struct err *err)
{
	int n_wanted = 0;
	for (int i = 0; i < drain->n_rings; i++)
		n_wanted += drain->wanted[i];
	for (int i = 0; i < drain->n_rings; i++) {
		const int at = (drain->first + i) % drain->n_rings;
		struct drain_ring *ring = drain->rings[at];
		if (!drain->wanted[at])
			continue;
		const struct drain_budget all = *budget;
		struct drain_budget share = {.events = all.events / n_wanted,
					     .bytes = all.bytes / n_wanted};
		const struct drain_budget before = share;
		n_wanted--;
		const int status =
			drain_ring_take(ring, drain->store, &drain->copy, &share, now_wall_us, err);
		if (status < 0)
			return status;
		ring->left_over = status > 0;
		budget->events = all.events - (before.events - share.events);
		budget->bytes = all.bytes - (before.bytes - share.bytes);
	}
	return 0;
}

/* Then full: those that have more may have what the others left. */
static int take_rest(struct drain *drain, struct drain_budget *budget, int64_t now_wall_us,
		     struct err *err)
{
	for (int i = 0; i < drain->n_rings; i++) {
		const int at = (drain->first + i) % drain->n_rings;
		struct drain_ring *ring = drain->rings[at];
		if (!drain->wanted[at] || !ring->left_over)
			continue;
		const int status =
			drain_ring_take(ring, drain->store, &drain->copy, budget, now_wall_us, err);
		if (status < 0)
			return status;
		drain->left_over |= status > 0;
	}
	return 0;
}

int drain_take(struct drain *drain, int64_t now_wall_us, struct err *err)
{
	struct drain_budget budget = {.events = drain->commit_events, .bytes = TRANSACTION_BYTES};
	int status = take_shares(drain, &budget, now_wall_us, err);
	if (!status)
		status = take_rest(drain, &budget, now_wall_us, err);
	if (status)
		return status;
	drain->n_taken = drain->commit_events - budget.events;
	return 0;
}

void drain_limit(struct drain *drain, int64_t commit_events)
{
	drain->commit_events = commit_events;
}

void drain_give_back(struct drain *drain)
{
	for (int i = 0; i < drain->n_rings; i++) {
		if (!drain->wanted[i])
			continue;
		struct drain_ring *ring = drain->rings[i];
		const int stays = drain_ring_give_back(ring);
		if (stays)
			scan_again(drain->scan, ring->name, stays == DRAIN_RING_BARRED);
	}
	drain->n_records += drain->n_taken;
	drain->n_taken = 0;
	sweep(drain);
	drain->first = drain->n_rings ? (drain->first + 1) % drain->n_rings : 0;
}

void drain_forget(struct drain *drain)
{
	for (int i = 0; i < drain->n_rings; i++)
		if (drain->wanted[i])
			drain_ring_forget(drain->rings[i]);
	drain->n_taken = 0;
	drain->left_over = true;
}

int64_t drain_next_us(const struct drain *drain)
{
	if (drain->left_over)
		return 0;
	return drain->rescan && drain->rescan_after_us < drain->next_us ? drain->rescan_after_us
									: drain->next_us;
}

struct drain_totals drain_totals(const struct drain *drain)
{
	return (struct drain_totals){.rings = drain->n_rings, .records = drain->n_records};
}
