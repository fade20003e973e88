/*
 * When is a ring visited? Soon after it had something (VISIT_BUSY_US: records gather meanwhile, and the
 * producer keeps its cache lines to itself), less often while it has nothing: at VISIT_IDLE_US soon, and at
 * VISIT_ASLEEP_US after some seconds, which bounds how old an event can get before it is seen. A ring that
 * fills faster than it is emptied is visited without pause. Visits are at multiples of their interval, so that
 * many rings that sleep cost one wake-up together.
 */
#include "drain/drain.h"

#include "base/clock.h"
#include "base/lock_file.h"
#include "base/log.h"
#include "drain/drain_ring.h"
#include "payi/payi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	VISIT_BUSY_US = 10000,
	VISIT_IDLE_US = 40000,
	VISIT_ASLEEP_US = 100000,
	ASLEEP_AFTER_US = 3000000,
	SCAN_US = 2000000,        /* beside being told: directories on some mounts tell nothing */
	SCAN_ENTRIES_MAX = 65536, /* names looked at in one scan */
	RINGS_MAX = 16384,        /* rings open at once */
	REFUSED_MAX = 1024,       /* names of files that are no rings, remembered */
	TRANSACTION_BYTES = 16 << 20, /* of records in one transaction */
};

struct drain {
	struct store *store;
	struct agent_file *agent_file;
	int64_t commit_events;
	int dir;
	int lock;
	bool rescan;
	int64_t next_scan_us;
	int64_t next_us;
	bool left_over;

	struct drain_ring **rings;
	int n_rings;
	int rings_capacity;
	int first;         /* whose turn it is to be taken first */
	bool *wanted;      /* by the last look; one per ring */
	uint64_t *refused; /* hashes of names */
	int n_refused;
	int64_t n_taken;   /* in the transaction under way */
	int64_t n_records; /* committed */
	struct buf copy;
};

/* ---- Opening -------------------------------------------------------------------------------------- */

static int open_directory(struct drain *drain, const char *path, bool *group, struct err *err)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_errno(err, "cannot make the ring directory %s", path);
	drain->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (drain->dir < 0)
		return err_errno(err, "cannot open the ring directory %s", path);
	struct stat stat;
	if (fstat(drain->dir, &stat))
		return err_errno(err, "cannot look at the ring directory %s", path);
	if (stat.st_mode & S_IWOTH)
		return err_set(err, ERR_INVALID,
			       "the ring directory %s can be written by everybody; give it mode "
			       "0700, or 2770 for a group",
			       path);
	*group = (stat.st_mode & S_ISGID) != 0;
	return 0;
}

static int take_lock(struct drain *drain, const char *path, struct err *err)
{
	char lock[4096];
	char who[64];
	if (snprintf(lock, sizeof(lock), "%s/" PAYI_RING_LOCK_FILE, path) >= (int)sizeof(lock))
		return err_set(err, ERR_INVALID, "the ring directory's path is too long");
	snprintf(who, sizeof(who), "pid %ld\n", (long)getpid());
	return lock_file_take(lock, who, &drain->lock, err);
}

int drain_open(const char *ring_dir, int64_t commit_events, struct store *store, struct drain **out,
	       struct err *err)
{
	struct drain *drain = calloc(1, sizeof(*drain));
	if (!drain)
		return err_set(err, ERR_MEMORY, "out of memory");
	*drain = (struct drain){.store = store,
				.commit_events = commit_events,
				.dir = -1,
				.lock = -1,
				.rescan = true};
	bool group = false;
	int status = open_directory(drain, ring_dir, &group, err);
	if (!status)
		status = take_lock(drain, ring_dir, err);
	if (!status)
		status = agent_file_open(drain->dir, group, &drain->agent_file, err);
	drain->refused = calloc(REFUSED_MAX, sizeof(*drain->refused));
	if (!status && !drain->refused)
		status = err_set(err, ERR_MEMORY, "out of memory");
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
	agent_file_close(drain->agent_file);
	if (drain->dir >= 0)
		close(drain->dir);
	if (drain->lock >= 0)
		close(drain->lock);
	buf_release(&drain->copy);
	free(drain->rings);
	free(drain->wanted);
	free(drain->refused);
	free(drain);
}

/* ---- Which rings there are ------------------------------------------------------------------------ */

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 1099511628211u;
	return hash;
}

static bool is_known(const struct drain *drain, const char *name)
{
	for (int i = 0; i < drain->n_rings; i++)
		if (strcmp(drain->rings[i]->name, name) == 0)
			return true;
	const uint64_t hash = hash_name(name);
	for (int i = 0; i < drain->n_refused; i++)
		if (drain->refused[i] == hash)
			return true;
	return false;
}

/* A file that has a ring's name and is none is told of once, and let alone. */
static void refuse(struct drain *drain, const char *name, const struct err *err)
{
	log_warn("a file in the ring directory is no ring; it is let alone", LOG_STR("file", name),
		 LOG_STR("reason", err->text), LOG_END);
	if (drain->n_refused < REFUSED_MAX)
		drain->refused[drain->n_refused++] = hash_name(name);
}

static bool make_room(struct drain *drain)
{
	if (drain->n_rings < drain->rings_capacity)
		return true;
	const int capacity = drain->rings_capacity ? 2 * drain->rings_capacity : 64;
	if (capacity > RINGS_MAX)
		return false;
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

/* Negative: the store has failed. A file that cannot be opened is its own trouble, and is told here. */
static int adopt(struct drain *drain, const char *name, struct err *err)
{
	struct drain_ring *ring = make_room(drain) ? malloc(sizeof(*ring)) : NULL;
	if (!ring) {
		log_warn("no room for one more ring; it waits", LOG_STR("ring", name),
			 LOG_INT("rings", drain->n_rings), LOG_END);
		return 0;
	}
	const int status = drain_ring_open(drain->dir, name, drain->store, drain->agent_file,
					   clock_wall_us(), ring, err);
	if (status) {
		free(ring);
		if (status == ERR_INVALID)
			refuse(drain, name, err);
		else if (status == ERR_SYSTEM)
			log_warn("cannot open a ring; it is tried again", LOG_STR("ring", name),
				 LOG_STR("error", err->text), LOG_END);
		else
			return status;
		return 0;
	}
	log_debug("ring found", LOG_STR("ring", name), LOG_STR("app", ring->reader.app_name),
		  LOG_INT("pid", ring->reader.pid), LOG_END);
	drain->wanted[drain->n_rings] = false;
	drain->rings[drain->n_rings++] = ring;
	return 0;
}

static int scan(struct drain *drain, struct err *err)
{
	int status = 0;
	const int fd = openat(drain->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		log_error("cannot read the ring directory", LOG_STR("error", strerror(errno)),
			  LOG_END);
		if (fd >= 0)
			close(fd);
		return 0;
	}
	const struct dirent *entry;
	for (int n = 0; !status && n < SCAN_ENTRIES_MAX && (entry = readdir(dir)); n++)
		if (ring_name_digits(entry->d_name) && !is_known(drain, entry->d_name))
			status = adopt(drain, entry->d_name, err);
	closedir(dir);
	return status;
}

/* Lets go of the rings that are closed. Those put aside stay known, so that they are not opened anew. */
static void sweep(struct drain *drain)
{
	int kept = 0;
	for (int i = 0; i < drain->n_rings; i++) {
		struct drain_ring *ring = drain->rings[i];
		if (ring->ended && !ring->aside) {
			drain_ring_close(ring);
			free(ring);
		} else {
			drain->rings[kept++] = ring;
		}
	}
	drain->n_rings = kept;
}

/* ---- The three verbs ------------------------------------------------------------------------------ */

void drain_rescan(struct drain *drain)
{
	drain->rescan = true;
}

static int scan_when_due(struct drain *drain, int64_t now_us, struct err *err)
{
	if (!drain->rescan && now_us < drain->next_scan_us)
		return 0;
	const int status = scan(drain, err);
	if (status)
		return status;
	if (drain->next_scan_us == 0)
		agent_file_sweep(drain->agent_file, drain->dir);
	drain->rescan = false;
	drain->next_scan_us = now_us + SCAN_US;
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
	ring->next_visit_us = now_us - now_us % ring->interval_us + ring->interval_us;
}

int drain_look(struct drain *drain, int64_t now_us, bool all, struct err *err)
{
	bool any = false;
	agent_file_beat(drain->agent_file, now_us);
	drain->rescan |= all;
	for (int i = 0; i < drain->n_rings; i++)
		drain->wanted[i] = false;
	const int status = scan_when_due(drain, now_us, err);
	if (status)
		return status;
	drain->next_us = drain->next_scan_us;
	for (int i = 0; i < drain->n_rings; i++) {
		struct drain_ring *ring = drain->rings[i];
		if (ring->ended)
			continue;
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

int drain_take(struct drain *drain, int64_t now_wall_us, struct err *err)
{
	struct drain_budget budget = {.events = drain->commit_events, .bytes = TRANSACTION_BYTES};
	for (int i = 0; i < drain->n_rings; i++) {
		const int at = (drain->first + i) % drain->n_rings;
		if (!drain->wanted[at])
			continue;
		const int status = drain_ring_take(drain->rings[at], drain->store, &drain->copy,
						   &budget, now_wall_us, err);
		if (status < 0)
			return status;
		drain->left_over |= status > 0;
	}
	drain->n_taken = drain->commit_events - budget.events;
	return 0;
}

void drain_give_back(struct drain *drain)
{
	for (int i = 0; i < drain->n_rings; i++)
		if (drain->wanted[i])
			drain_ring_give_back(drain->rings[i], drain->dir);
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
	return drain->left_over ? 0 : drain->next_us;
}

struct drain_totals drain_totals(const struct drain *drain)
{
	return (struct drain_totals){.rings = drain->n_rings, .records = drain->n_records};
}
