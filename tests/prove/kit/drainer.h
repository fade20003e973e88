/*
 * The agent's own drain and store, within the program that proves: for thousands of small drains that would each cost a
 * process otherwise. Commits are not synced to the disk, which no kill can tell.
 */
#ifndef PAYI_PROVE_DRAINER_H
#define PAYI_PROVE_DRAINER_H

#include "drain/drain.h"
#include "prove/kit/place.h"
#include "store/store.h"

struct drainer {
	struct store *store;
	struct drain *drain;
};

void drainer_open(struct drainer *drainer, const struct place *place);
void drainer_close(struct drainer *drainer);

/* One look at every ring, and a transaction if there is something; false when there was nothing. */
bool drainer_tick(struct drainer *drainer);

/* Until a look finds nothing. */
void drainer_drain(struct drainer *drainer);

#endif
