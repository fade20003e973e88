/* The ring file that this process owns: created complete, mapped, locked as long as it is mapped. */
#ifndef PAYI_CLIENT_RING_FILE_H
#define PAYI_CLIENT_RING_FILE_H

#include "payi/payi.h"
#include "payi/ring.h"

#include <stdbool.h>

struct payi__ring_file {
	struct payi_ring_header *header;
	struct payi_ring_counters *counters;
	uint8_t *lanes; /* lane i at lanes + i * 2 * lane_bytes, mapped twice in a row */
	uint64_t lane_bytes;
	uint32_t populated; /* a bit for each lane that has had its pages since the file was made */
	void *mapping;      /* all of the above: one range, left out of forked children */
	size_t mapping_bytes;
};

/* What a ring is to be; directory is an absolute path. Of first_lane the pages are taken in any case. */
struct payi__ring_plan {
	const char *directory;
	const char *app_name;
	uint64_t lane_bytes;
	uint32_t first_lane;
};

static inline uint8_t *payi__ring_file_lane(const struct payi__ring_file *file, uint32_t lane)
{
	return file->lanes + 2 * lane * file->lane_bytes;
}

payi_status payi__ring_file_create(const struct payi__ring_plan *plan,
				   struct payi__ring_file *file);

/*
 * Takes the pages of a lane, which must not be written before. False: there is no room for them. One system call; one that was cut
 * short, by a kill or for want of room, leaves pages that the next one finds there.
 */
bool payi__ring_file_populate(const struct payi__ring_file *file, uint32_t lane);

/*
 * Unmaps it, and so drops the lock that says that we live; the agent stores the rest and removes the file.
 */
void payi__ring_file_close(struct payi__ring_file *file);

#endif
