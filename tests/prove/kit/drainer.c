#include "prove/kit/drainer.h"

#include "base/clock.h"
#include "prove/kit/prove.h"

enum { COMMIT_EVENTS = 2000 };

void drainer_open(struct drainer *drainer, const struct place *place)
{
	struct err err;
	const struct store_options options = {.path = place->database, .sync_full = false};
	if (store_open(&options, &drainer->store, &err) ||
	    drain_open(place->rings, COMMIT_EVENTS, drainer->store, &drainer->drain, &err))
		prove_broken("cannot drain: %s", err.text);
}

void drainer_close(struct drainer *drainer)
{
	drain_close(drainer->drain);
	store_close(drainer->store);
}

bool drainer_tick(struct drainer *drainer)
{
	struct err err;
	const int any = drain_look(drainer->drain, clock_boot_us(), true, &err);
	if (any < 0)
		prove_broken("cannot look: %s", err.text);
	if (!any)
		return false;
	if (store_begin(drainer->store, &err) ||
	    drain_take(drainer->drain, clock_wall_us(), &err) || store_commit(drainer->store, &err))
		prove_broken("cannot store: %s", err.text);
	drain_give_back(drainer->drain);
	return true;
}

void drainer_drain(struct drainer *drainer)
{
	while (drainer_tick(drainer))
		continue;
}
