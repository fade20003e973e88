/*
 * The agent's own intake, from the rings into the store, within the program that proves: for thousands of small drains that
 * would each cost a process otherwise. Commits are not synced to the disk, which no kill can tell, unless asked for.
 */
#ifndef PAYI_PROVE_DRAINER_H
#define PAYI_PROVE_DRAINER_H

#include "intake.h"
#include "prove/kit/place.h"

struct drainer {
	struct intake *intake;
};

void drainer_open(struct drainer *drainer, const struct place *place, bool sync_full);
void drainer_close(struct drainer *drainer);

/* One look at every ring, and a transaction if there is something; false when there was nothing. */
bool drainer_tick(struct drainer *drainer);

/* The same, whatever becomes of it. */
enum intake_result drainer_try(struct drainer *drainer);

/* Until a look finds nothing. */
void drainer_drain(struct drainer *drainer);

#endif
