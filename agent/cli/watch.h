/*
 * Waits until something happens to a database, or to whoever reads us: a commit (by inotify on its directory), Ctrl-C, the
 * other end of standard output closed. Where there is no inotify, or the file system tells nothing, a look now and
 * then does. One thread; interrupt_block() comes first.
 */
#ifndef PAYI_CLI_WATCH_H
#define PAYI_CLI_WATCH_H

#include "base/err.h"

struct watch;

enum watch_seen {
	WATCH_CHANGED, /* or time to look again */
	WATCH_INTERRUPTED,
	WATCH_CLOSED, /* nobody reads standard output any more */
};

/* path is the database's, and is borrowed. */
int watch_open(const char *path, struct watch **watch, struct err *err);
void watch_close(struct watch *watch); /* NULL is fine */

/* Returns what was seen; of many commits in a row one in 50 ms, so that who looks is not busy with looking. */
enum watch_seen watch_wait(struct watch *watch);

#endif
