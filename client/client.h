/*
 * The client's inside: one ring, its lanes, and what is needed to make another one in a forked child. For
 * the files of this folder only.
 */
#ifndef PAYI_CLIENT_CLIENT_H
#define PAYI_CLIENT_CLIENT_H

#include "clock.h"
#include "context.h"
#include "encode.h"
#include "ring_dir.h"
#include "ring_file.h"

#include <stdatomic.h>
#include <stdbool.h>

/*
 * A lane as this process sees it, on cache lines of its own. Whoever holds taken may touch the rest. The
 * word is private to the process: a kill needs no repair, and a forked child starts with fresh ones.
 */
struct payi__lane {
	_Alignas(128) atomic_uint taken;
	struct payi_ring_producer producer;
	uint8_t *data;
	uint64_t mask;
	struct payi__stamper stamper;
};

/* In a page that the kernel wipes in a forked child: there, everything reads 0. */
struct payi__generation {
	atomic_uint ready;     /* the ring is ours */
	atomic_uint reopening; /* a thread of the child is making one */
};

struct payi_client {
	struct payi__generation *generation;
	payi_when_full when_full;
	int block_ms;
	struct payi__lane lane[PAYI_RING_LANES];
	struct payi__ring_file file;
	/* The agent's answers: NULL until an agent has given this ring a slot. */
	_Atomic(const struct payi_ring_slot *) slot;
	const struct payi_ring_agent
		*agent; /* mapping behind slot; touched while attaching is held */
	atomic_uint attaching;
	_Atomic(int64_t) attach_after_us; /* CLOCK_MONOTONIC; do not look for a slot before */
	/* 0; once a lane could not have its pages: CLOCK_MONOTONIC, do not try again before. */
	_Atomic(int64_t) populate_after_us;
	atomic_uint next_lane; /* where the next new thread begins */
	uint64_t serial;       /* of this client, among all that this process ever opened */
	payi__id_counter ids;  /* for use case ids; seeded anew with each ring */
	_Atomic(uint64_t) unbalanced_ends;
	uint64_t lane_bytes;
	char directory[PAYI__PATH_BYTES];
	char app_name[PAYI_RING_NAME_BYTES];
};

/* For payi__client_ready(): no client, or, in a forked child, no ring yet. */
payi_status payi__client_not_ready(payi_client *client);

/*
 * To be called first by every function that needs the ring: PAYI_OK when it is ours; in a forked child it
 * opens one, once.
 */
static inline payi_status payi__client_ready(payi_client *client)
{
	/* Acquire, pairs with the release in open_ring(). */
	if (__builtin_expect(client != NULL, 1) &&
	    __builtin_expect(
		    atomic_load_explicit(&client->generation->ready, memory_order_acquire) != 0, 1))
		return PAYI_OK;
	return payi__client_not_ready(client);
}

/* Looks for the agent's slot, at most every 10 ms unless now is set. True if there is one. */
bool payi__client_attach(payi_client *client, bool now);

/* Where this thread will try first; one that has no lane yet may still find another one. */
uint32_t payi__lane_of_thread(const payi_client *client);

/* Tracks a notice, as payi_track() does an event. The client is ready. */
payi_status payi__track_notice(payi_client *client, const struct payi__notice *notice);

#endif
