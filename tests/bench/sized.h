/*
 * An event of the ten fields and a property that fills it up, and a ring whose lane holds a round of it. One thread.
 */
#ifndef PAYI_BENCH_SIZED_H
#define PAYI_BENCH_SIZED_H

#include "bench/load.h"
#include "bench/site.h"

#include <stdbool.h>

enum { SIZED_BYTES_MAX = 102400 };

struct sized {
	payi_client *client;
	struct drainer *drainer;
	payi_event event;
	payi_property fill;
	char value[SIZED_BYTES_MAX + 1];
	size_t bytes;      /* of the property; 0: there is none */
	size_t lane_bytes; /* of the ring */
};

/* The site must have no ring yet. To be closed also where this has failed. */
int sized_open(struct sized *sized, const struct site *site, size_t bytes);
void sized_close(struct sized *sized);

/* That it is tracked, again and again. */
struct load sized_load(struct sized *sized, bool quick);

#endif
