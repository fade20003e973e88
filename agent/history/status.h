/*
 * How the agent stands: from the database and the ring directory alone, so that it is told the same whether
 * an agent runs or not, and by `payi-agent status` as by the local HTTP and its metrics. Any thread.
 */
#ifndef PAYI_HISTORY_STATUS_H
#define PAYI_HISTORY_STATUS_H

#include "base/buf.h"
#include "base/err.h"
#include "history/books.h"
#include "store/query.h"
#include "store/wal.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	STATUS_RINGS_MAX = 4096,
	STATUS_SINKS_MAX = 1,
	STATUS_GONE_MAX = 24,
	STATUS_TEXT_BYTES = 512
};

struct status_agent {
	bool runs;                   /* somebody holds the ring directory's lock */
	char who[BOOKS_TEXT_BYTES];  /* "pid 1234" */
	int64_t heartbeat_us;        /* since its last visit to the rings; -1: it cannot be told */
	char note[BOOKS_TEXT_BYTES]; /* why it could not be told whether it runs */
};

/* A ring that has a file, or is not closed in the database. */
struct status_ring {
	struct books_ring stored;
	bool in_database;
	bool has_file;
	bool owner_lives;
	bool is_readable;            /* its file was read: */
	uint32_t uid;                /* the file's owner */
	int64_t lag_bytes;           /* written, and not yet committed */
	int64_t lag_events;          /* likewise; with the calls under way, at most one per lane */
	char note[BOOKS_TEXT_BYTES]; /* why its file could not be read */
};

/* What retention has taken: see books_gone. */
struct status_gone {
	char what[16];
	char reason[8];
	int64_t n;
	int64_t last_us;
};

struct status {
	const char *database; /* its path */
	const char *ring_dir;
	int64_t now_us;
	struct status_agent agent;
	char configuration
		[STATUS_TEXT_BYTES]; /* why a running agent has not taken it; "": it has */
	bool has_database;
	int64_t database_bytes;
	int64_t wal_bytes;
	char wal_holder[WAL_HOLDER_BYTES]; /* of one that is too large; see store/wal.h */
	struct books books;                /* with what rings say beyond what is committed */
	int64_t in_rings;                  /* events */
	int n_sinks;
	struct books_sink sink[STATUS_SINKS_MAX];
	int n_gone;
	struct status_gone gone[STATUS_GONE_MAX];
	int n_rings;
	struct status_ring
		*ring; /* STATUS_RINGS_MAX; rings beyond that are counted in the books alone */
	const char *unbalanced; /* what does not add up; NULL: all does */
};

/*
 * Gathers all there is; database and ring_dir are borrowed. db NULL: there is no database yet. Give *status to
 * status_release(), whatever came of it.
 */
int status_gather(const char *database, const char *ring_dir, struct query_db *db,
		  struct status *status, struct err *err);
/* Likewise, by a reader's connection that it opens and closes; where there is no database, without one. */
int status_look(const char *database, const char *ring_dir, struct status *status, struct err *err);
void status_release(struct status *status);

/* What a ring is doing, in a word: "live", "ending", "aside", "new", "unreadable", "gone". */
const char *status_ring_word(const struct status_ring *ring);

/* Appends all of it as one JSON object, and a newline. */
void status_json(const struct status *status, struct buf *out);

/* Asks for the lock, and reads the heartbeat. */
void status_read_agent(const char *ring_dir, struct status_agent *agent);

/* A step of status_gather(): adds what the files of the ring directory say to rings that the database named. */
int status_read_rings(struct status *status, struct err *err);

#endif
