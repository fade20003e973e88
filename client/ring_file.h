/* The ring file that this process owns: created whole, mapped, locked as long as it is mapped. */
#ifndef PAYI_CLIENT_RING_FILE_H
#define PAYI_CLIENT_RING_FILE_H

#include "payi/payi.h"
#include "payi/ring.h"

struct payi__ring_file {
	struct payi_ring_header *header;
	struct payi_ring_counters *counters;
	uint8_t *lanes; /* lane i at lanes + i * 2 * lane_bytes, mapped twice in a row */
	uint64_t lane_bytes;
	void *mapping; /* all of the above: one range, left out of forked children */
	size_t mapping_bytes;
};

/* What a ring is to be; directory is an absolute path. */
struct payi__ring_plan {
	const char *directory;
	const char *app_name;
	uint64_t lane_bytes;
};

payi_status payi__ring_file_create(const struct payi__ring_plan *plan,
				   struct payi__ring_file *file);

/*
 * Unmaps it, and so drops the lock that says that we live; the agent stores the rest and removes the file.
 */
void payi__ring_file_close(struct payi__ring_file *file);

#endif
