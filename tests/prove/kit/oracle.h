/*
 * What was promised, written down outside of the system under test, and whether it was kept.
 *
 * A producer appends a line to a file before each call of payi_track() and one after it. It may be killed anywhere: what
 * was written stays. The check loads the file, and compares sets with SQLite and with the stand-in:
 *
 *     lost      accepted, and not stored            doubled   stored twice
 *     invented  stored, and never attempted         changed   stored otherwise than it was tracked
 *     undead    stored, though it was refused
 *
 * Events are numbered per producer; all that is in one follows from these two numbers.
 */
#ifndef PAYI_PROVE_ORACLE_H
#define PAYI_PROVE_ORACLE_H

#include "payi/payi.h"
#include "prove/kit/place.h"
#include "standin/standin_client.h"

#include <stdint.h>

struct oracle {
	int log;
	char path[PLACE_PATH_BYTES + 16];
	uint32_t
		dead_from; /* events of producers from this one on must not be taken by the service; 0: none */
};

struct oracle_sums {
	int64_t attempted, accepted, refused, unknown; /* what the producers say */
	int64_t stored, delivered;
	int64_t lost, doubled, invented, changed, undead;
	int64_t undelivered,
		delivered_invented; /* at the service: stored and not there, there and never attempted */
	int64_t dead; /* stored, and of producers whose events the service must not take */
};

/* Begins a new log in the place. */
void oracle_open(struct oracle *oracle, const struct place *place);
void oracle_close(struct oracle *oracle);

/* ---- In a producer -------------------------------------------------------------------------------- */

enum { ORACLE_FILL_MAX = 2000 };

/* An event and what it points to. */
struct oracle_event {
	payi_event event;
	payi_units units[1];
	payi_property properties[1];
	char id[40], use_case_id[32], user[32], fill[ORACLE_FILL_MAX + 1];
};

void oracle_event(struct oracle_event *event, uint32_t producer, uint32_t number);

/* Tracks it, and writes down so. */
payi_status oracle_track(const struct oracle *oracle, payi_client *client, uint32_t producer,
			 uint32_t number);

/* Writes down that it was accepted: for events that come into the database in another way. */
void oracle_note_accepted(const struct oracle *oracle, uint32_t producer, uint32_t number);

/* ---- In the end ----------------------------------------------------------------------------------- */

/* Compares; each thing that is wrong is a finding (the first few of each kind in words). service may be NULL. */
void oracle_check(const struct oracle *oracle, const struct place *place,
		  const struct standin *service, struct oracle_sums *sums);

/* How many were accepted, as the producers say. */
int64_t oracle_accepted(const struct oracle *oracle);

/* What is wrong in all. */
int64_t oracle_wrongs(const struct oracle_sums *sums);

/*
 * The books of every lane in the database, whose rings' owners are all gone: attempted = stored + rejected + refused +
 * dropped + in flight, which is 0 or 1 for each lane. Returns how many do not balance; *in_flight, if not NULL, is the sum.
 */
int place_check_books(const struct place *place, int64_t *in_flight);

#endif
