/*
 * Where rings live: the ring directory, with its agent's lock and the file in which clients read how far we are.
 *
 * Somebody may empty the directory or put another one in its place while agent and applications run. Then we move: new
 * rings are found in the new home, while those of the old one, whose files and slots have no name any more but are open and
 * mapped on both sides, are drained until their owners are gone. Drain's thread.
 */
#ifndef PAYI_DRAIN_HOME_H
#define PAYI_DRAIN_HOME_H

#include "base/err.h"
#include "ring/agent_file.h"

#include <stdbool.h>
#include <sys/types.h>

struct home {
	int dir;
	int lock;
	struct agent_file *agent_file;
	int n_rings; /* open, of this home: counted by the drain */
	dev_t device;
	ino_t inode;       /* of the directory */
	ino_t agent_inode; /* of the agent's file */
};

/* Makes the directory if need be, takes its lock, opens or makes the agent's file. */
int home_open(const char *path, struct home **home, struct err *err);
void home_close(struct home *home); /* NULL is fine */

/* Whether the path still leads there, and clients find the agent's file. */
bool home_is_there(const struct home *home, const char *path);

#endif
