/*
 * Events in few bytes: of each what usage is made of, some 25 bytes of 450, so that a day's are read in one go where its rows
 * would be looked up one by one. Up to 64 events in a row that fall into the same hour make a pack, a row of event_packs; an
 * event that is deleted is struck out there by a trigger. For the store alone.
 */
#ifndef PAYI_STORE_PACK_H
#define PAYI_STORE_PACK_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { PACK_EVENTS = 64 };

#define PACK_HOUR_US INT64_C(3600000000)

/* All are numbers of names; 0: none. */
struct pack_event {
	int64_t id;
	int64_t time_us;
	int64_t user_id;
	int64_t step;
	int64_t use_case_name;
	int64_t category;
	int64_t resource;
	int64_t latency_ms;
	bool has_latency;
	bool failed;
	uint32_t n_units;
};

struct pack_units {
	int64_t type;
	int64_t input;
	int64_t output;
};

/* Appends an event without its units; then n_units of these. */
void pack_put(struct buf *pack, const struct pack_event *event);
void pack_put_units(struct buf *pack, const struct pack_units *units);

/* Reading: from where to where. */
struct pack {
	const uint8_t *at;
	const uint8_t *end;
	int64_t hour;
	int64_t block; /* the ids' */
};

/* 1: an event, whose units are to be taken next, all of them; 0: there is none left; -1: this is no pack. */
int pack_take(struct pack *pack, struct pack_event *event);
bool pack_take_units(struct pack *pack, struct pack_units *units);

#endif
