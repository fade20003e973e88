/*
 * What the agent tells systemd: that it is ready, reloads, stops, how it stands in a line, and that it lives.
 *
 * What the watchdog means: our own code does not get on, and a new process would. It is fed from the loop, so a loop
 * that hangs starves it; and only while the storage thread gets on, too (storage_gets_on()). A disk that hangs
 * starves nobody: killing the agent would not mend the disk, the next one would hang at the same disk, and rings keep
 * their events meanwhile. /readyz, STATUS and the log tell of that instead.
 *
 * A stopping agent asks for more time while it stores what is in the rings, a few seconds at a time and
 * only while it does get on; then for as long as the sink may flush.
 *
 * All on the loop's thread. Without systemd (NOTIFY_SOCKET) there is no timer, and nothing is told.
 */
#ifndef PAYI_WATCH_H
#define PAYI_WATCH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct watch;

struct watch_host {
	void *context;
	bool (*gets_on)(void *context);      /* the storage thread does, or waits for the disk */
	uint64_t (*progress)(void *context); /* goes up with what a stopping agent has stored */
	void (*describe)(void *context, struct buf *line); /* how things stand, in a line */
};

/* Never fails: what cannot be told is logged. NULL when there is no memory, and that does for the functions below. */
struct watch *watch_new(void);

/* For a life of the agent, until its loop closes its handles. */
void watch_begin(struct watch *watch, uv_loop_t *loop, const struct watch_host *host);
void watch_ready(struct watch *watch);     /* events are drained and stored now */
void watch_reloading(struct watch *watch); /* followed by watch_ready() */
void watch_stopping(struct watch *watch);
void watch_flushing(struct watch *watch, int64_t flush_ms); /* after it: for so long at the most */

/* After the last life. */
void watch_free(struct watch *watch);

#endif
