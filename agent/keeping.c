#include "keeping.h"

#include <string.h>

#define DAY_US INT64_C(86400000000)
#define MIB    INT64_C(1048576)

static enum retention_bodies bodies(const char *word)
{
	if (strcmp(word, "all") == 0)
		return RETENTION_BODIES_ALL;
	return strcmp(word, "none") == 0 ? RETENTION_BODIES_KEEP : RETENTION_BODIES_SETTLED;
}

struct retention_policy keeping_policy(const struct settings *settings)
{
	return (struct retention_policy){
		.events_us = settings->events_days * DAY_US,
		.dead_us = settings->dead_days * DAY_US,
		.rollups_us = settings->rollups_days * DAY_US,
		.max_bytes = settings->max_mb * MIB,
		.min_free_bytes = settings->min_free_mb * MIB,
		.bodies = bodies(settings->drop_bodies),
		.undelivered = settings->drop_undelivered,
	};
}
