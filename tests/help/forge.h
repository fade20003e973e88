/*
 * Ring files as another program could make them: a sound one with some events, to be changed at will before it is
 * put into a directory.
 */
#ifndef PAYI_TESTS_FORGE_H
#define PAYI_TESTS_FORGE_H

#include "payi/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FORGE_LANES = 2, FORGE_LANE_BYTES = 4096, FORGE_RECORDS = 4 };

struct forge {
	size_t bytes; /* of the file */
	union {
		uint8_t at[PAYI_RING_DATA_AT_MIN + FORGE_LANES * FORGE_LANE_BYTES];
		struct payi_ring_header header;
	};
	size_t record_at[FORGE_RECORDS]; /* where the records of lane 0 begin */
	char name[64];
	int fd; /* once it is put; -1 before */
};

/* A sound ring with FORGE_RECORDS events in lane 0. Its id, and so its name, come from number. */
void forge_init(struct forge *forge, uint64_t number);

struct payi_ring_counters *forge_counters(struct forge *forge);
struct payi_ring_record *forge_record(struct forge *forge, int i);

/* Writes the file, of forge->bytes, or as much as there is in at, the rest a hole. alive: locks it, as its owner would. */
void forge_put(struct forge *forge, const char *directory, bool alive);

/* Closes the file, which drops the lock, and removes it. */
void forge_remove(struct forge *forge, const char *directory);

#endif
