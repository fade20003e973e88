#include "prove/kit/drainer.h"

#include "base/clock.h"
#include "prove/kit/prove.h"

enum { COMMIT_EVENTS = 2000 };

void drainer_open(struct drainer *drainer, const struct place *place, bool sync_full)
{
	struct err err;
	const struct intake_options options = {.database = place->database,
					       .ring_dir = place->rings,
					       .commit_events = COMMIT_EVENTS,
					       .sync_full = sync_full};
	if (intake_open(&options, &drainer->intake, &err))
		prove_broken("cannot drain: %s", err.text);
}

void drainer_close(struct drainer *drainer)
{
	intake_close(drainer->intake);
}

enum intake_result drainer_try(struct drainer *drainer)
{
	return intake_step(drainer->intake, clock_boot_us(), clock_wall_us(), true);
}

bool drainer_tick(struct drainer *drainer)
{
	switch (drainer_try(drainer)) {
	case INTAKE_IDLE:
		return false;
	case INTAKE_STORED:
		return true;
	case INTAKE_PAUSED:
	case INTAKE_LOST:
		break;
	}
	prove_broken("cannot store: %s", intake_error(drainer->intake)->text);
}

void drainer_drain(struct drainer *drainer)
{
	while (drainer_tick(drainer))
		continue;
}
