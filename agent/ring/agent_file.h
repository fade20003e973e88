/*
 * The agent's side of the file "agent": where clients read how far their rings are stored. Ours alone to
 * write, and never replaced while it is one, so that a client's mapping stays good over any number of agents.
 *
 * Used by the drain's thread. After a restart, slots still name the rings they named before.
 */
#ifndef PAYI_RING_AGENT_FILE_H
#define PAYI_RING_AGENT_FILE_H

#include "base/err.h"
#include "payi/ring.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_file;

/*
 * Opens or creates it in the directory and begins a new epoch. A file of that name that is no agent's is renamed to
 * "agent.aside", and that is said; one of another version, or of another user, is an error. group: readable by the group.
 */
int agent_file_open(int dir, bool group, struct agent_file **file, struct err *err);
void agent_file_close(struct agent_file *file); /* NULL is fine */

/* The ring's slot, its own since before or taken now; NULL when all are taken. */
struct payi_ring_slot *agent_file_slot(struct agent_file *file,
				       const uint8_t ring_id[PAYI_RING_ID_BYTES]);

/* The ring is gone, and so is everybody who could read its slot. */
void agent_file_slot_free(struct payi_ring_slot *slot);

/*
 * Frees the slots whose ring has gone from the directory: those of rings that were put aside; all: every one,
 * which an agent that was killed may have left. A ring that is there keeps its slot, whatever we know of
 * it, since its client may be reading it.
 */
void agent_file_sweep(struct agent_file *file, int dir, bool all);

/* Tells that we live: now, CLOCK_BOOTTIME in microseconds. */
void agent_file_beat(struct agent_file *file, int64_t now_us);

#endif
