/*
 * One ring, from the agent's side: another program's file. It is opened read-only and copied from with
 * pread(), never mapped; whatever it says is checked on the copy. Drain's thread.
 */
#ifndef PAYI_RING_RING_READER_H
#define PAYI_RING_RING_READER_H

#include "base/err.h"
#include "payi/ring.h"

#include <stdbool.h>
#include <stdint.h>

/* What a ring's header says, checked, and what the kernel says of its file. */
struct ring_reader {
	int fd;
	uint8_t ring_id[PAYI_RING_ID_BYTES];
	uint32_t n_lanes;
	uint64_t lane_bytes;
	uint64_t data_offset;
	int64_t created_us;
	uint64_t pid; /* a label */
	uint32_t uid; /* owner of the file */
	char app_name[PAYI_RING_NAME_BYTES];
};

/* A lane's counters at one moment. */
struct ring_lane {
	uint64_t tail;
	uint64_t attempted;
	uint64_t refused;
	uint64_t dropped_full;
	uint64_t dropped_too_big;
};

struct ring_counters {
	struct ring_lane lane[PAYI_RING_LANES_MAX];
	uint64_t dropped_busy;
};

/* The 32 digits of a ring's name, or NULL when the file's name is not one of a ring. */
const char *ring_name_digits(const char *file_name);

/* Something is in the way that its owner may mend: rights, a second name. */
enum { RING_READER_BARRED = 1, RING_READER_GONE = 2 };

/*
 * Opens the file of this name in the directory. ERR_INVALID with the reason when it is not a ring that
 * we can read, and never will be; RING_READER_BARRED, with the reason; RING_READER_GONE; ERR_SYSTEM when we are short
 * of something, or the machine fails.
 */
int ring_reader_open(int dir, const char *file_name, struct ring_reader *ring, struct err *err);

/*
 * Likewise a ring's file at any path, under any name, on any file system: a copy that somebody has put aside. For tools
 * that look; what is drained must be what it says it is.
 */
int ring_reader_open_copy(const char *path, struct ring_reader *ring, struct err *err);
void ring_reader_close(struct ring_reader *ring);

/*
 * C1. Whether the owner lives; asked before the counters are read. Negative: it cannot be told. Here and below
 * ERR_INVALID is the ring's fault, ERR_SYSTEM ours or the kernel's, and may pass.
 */
int ring_reader_alive(const struct ring_reader *ring, struct err *err);

/* C2. */
int ring_reader_counters(const struct ring_reader *ring, struct ring_counters *counters,
			 struct err *err);

/* C3. Copies bytes from a position of a lane on; across the lane's end, from its start. */
int ring_reader_copy(const struct ring_reader *ring, uint32_t lane, uint64_t position, uint8_t *to,
		     size_t bytes, struct err *err);

/*
 * Looks at the record at the start of a copy of bytes. 1: *record is its header, and all of it is there;
 * 0: it goes on beyond the copy, *record is its header if bytes hold one; negative: it makes no sense,
 * given that available bytes lie between it and the tail.
 */
int ring_reader_parse(const uint8_t *copy, size_t bytes, uint64_t available, uint64_t sequence,
		      struct payi_ring_record *record, struct err *err);

#endif
