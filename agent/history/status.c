#include "history/status.h"

#include "base/clock.h"
#include "base/lock_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *status_ring_word(const struct status_ring *ring)
{
	if (strcmp(ring->stored.state, "aside") == 0)
		return "aside";
	if (!ring->has_file)
		return "gone";
	if (*ring->note)
		return "unreadable";
	if (!ring->owner_lives)
		return "ending";
	return ring->in_database ? "live" : "new";
}

static int64_t file_bytes(const char *path, const char *suffix)
{
	char whole[PATH_MAX];
	struct stat stat_of;
	if (snprintf(whole, sizeof(whole), "%s%s", path, suffix) >= (int)sizeof(whole) ||
	    stat(whole, &stat_of))
		return 0;
	return (int64_t)stat_of.st_size;
}

/* The lock of the data directory tells it. */
static void read_configuration(struct status *status)
{
	char path[PATH_MAX];
	struct lock_file_holder holder = {0};
	const char *slash = strrchr(status->database, '/');
	const int len = slash ? (int)(slash - status->database) : 0;
	if (snprintf(path, sizeof(path), "%.*s/agent.lock", len, status->database) <
		    (int)sizeof(path) &&
	    lock_file_look(path, &holder, NULL) == 0 && holder.holds)
		snprintf(status->configuration, sizeof(status->configuration), "%s", holder.note);
}

static int take_ring(void *context, const struct books_ring *ring)
{
	struct status *status = context;
	if (status->n_rings < STATUS_RINGS_MAX)
		status->ring[status->n_rings++] =
			(struct status_ring){.stored = *ring, .in_database = true};
	return 0;
}

static void take_gone(void *context, const struct books_gone *gone)
{
	struct status *status = context;
	if (status->n_gone == STATUS_GONE_MAX)
		return;
	struct status_gone *to = &status->gone[status->n_gone++];
	*to = (struct status_gone){.n = gone->n, .last_us = gone->last_us};
	snprintf(to->what, sizeof(to->what), "%s", gone->what);
	snprintf(to->reason, sizeof(to->reason), "%s", gone->reason);
}

static int read_books(struct status *status, struct query_db *db, struct err *err)
{
	int done = books_read(db, &status->books, err);
	if (!done)
		done = books_each_ring(db, take_ring, status, err);
	if (!done)
		done = books_each_gone(db, take_gone, status, err);
	if (done)
		return done;
	done = books_read_sink(db, "payi", &status->sink[0], err);
	status->n_sinks = done == 1;
	status->unbalanced = books_check(&status->books);
	if (!status->unbalanced && status->n_sinks)
		status->unbalanced = books_check_sink(&status->sink[0]);
	return done < 0 ? done : 0;
}

/*
 * The database before the rings: so what the rings say is never older than what is committed of them.
 */
int status_gather(const char *database, const char *ring_dir, struct query_db *db,
		  struct status *status, struct err *err)
{
	*status = (struct status){
		.database = database, .ring_dir = ring_dir, .now_us = clock_wall_us()};
	status->ring = calloc(STATUS_RINGS_MAX, sizeof(*status->ring));
	if (!status->ring)
		return err_set(err, ERR_MEMORY, "out of memory");
	status_read_agent(ring_dir, &status->agent);
	read_configuration(status);
	const int done = db ? read_books(status, db, err) : 0;
	status->has_database = db && !done;
	status->database_bytes = file_bytes(database, "");
	status->wal_bytes = file_bytes(database, "-wal");
	if (status->wal_bytes > WAL_LARGE_BYTES)
		wal_holder(database, status->wal_holder);
	return done ? done : status_read_rings(status, err);
}

int status_look(const char *database, const char *ring_dir, struct status *status, struct err *err)
{
	struct query_db *db = NULL;
	int done = 0;
	*status = (struct status){0};
	if (access(database, F_OK) == 0 || errno != ENOENT)
		done = query_db_open(database, &db, err);
	if (done == ERR_BUSY) /* an agent is about to make it: as if there were none */
		done = 0;
	if (!done)
		done = status_gather(database, ring_dir, db, status, err);
	query_db_close(db);
	return done;
}

void status_release(struct status *status)
{
	free(status->ring);
	status->ring = NULL;
}
