/*
 * What the service took: one row for each (category, provider_response_id), about 150 bytes without the
 * body, and how often it came again, with the same body or with another. The sums of units are those of
 * the first body of each. Not for several threads: the service has a lock.
 */
#ifndef PAYI_STANDIN_LEDGER_H
#define PAYI_STANDIN_LEDGER_H

#include "standin/strings.h"

#include <jansson.h>
#include <stdint.h>

struct ledger_event;

struct ledger_sum {
	int64_t input, output;
};

struct ledger {
	bool keep_bodies;
	struct ledger_event *events; /* in order of arrival */
	uint32_t n_events, capacity;
	struct index by_id;
	struct arena arena;
	struct strings names;    /* categories, use cases, users, unit types */
	struct ledger_sum *sums; /* by a unit type's number in names */
	uint32_t n_sums;
	uint64_t duplicates_same, duplicates_different;
};

enum ledger_outcome { LEDGER_NEW, LEDGER_SAME, LEDGER_DIFFERENT };

/* Takes an event that was found valid. digest: of the whole item. */
enum ledger_outcome ledger_add(struct ledger *ledger, const json_t *item, uint64_t digest,
			       int64_t event_us);

uint32_t ledger_find(const struct ledger *ledger, const char *category, const char *id);
#define LEDGER_UNKNOWN INDEX_NONE

/* The first that has this id, in whatever category; slow. */
uint32_t ledger_find_id(const struct ledger *ledger, const char *id);

/* New references, for people and tests. */
json_t *ledger_event_json(const struct ledger *ledger, uint32_t row);
json_t *ledger_body_json(const struct ledger *ledger, uint32_t row); /* NULL: bodies are not kept */
json_t *ledger_units_json(const struct ledger *ledger);

void ledger_release(struct ledger *ledger); /* keeps keep_bodies */

#endif
