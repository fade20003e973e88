/* A ring as the agent would see it, for tests: its accounts, and every record that it holds. */
#ifndef PAYI_TESTS_RING_VIEW_H
#define PAYI_TESTS_RING_VIEW_H

#include "ring/ring_reader.h"

#include <stdint.h>

struct ring_view {
	struct ring_reader reader;
	struct ring_counters counters;
	bool alive;
	char name[64];
};

/* Opens the number-th ring file of the directory, in the order of their names; fails the test if there is none. */
void ring_view_open(struct ring_view *view, const char *directory, int number);
void ring_view_close(struct ring_view *view);

/* Calls each() with every record from the lanes' starts on; fails the test on one that makes no sense. Returns how many. */
int ring_view_each(const struct ring_view *view,
		   void (*each)(void *context, uint32_t lane, const uint8_t *payload,
				uint32_t bytes),
		   void *context);

#endif
