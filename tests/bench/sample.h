/* The events that are tracked. */
#ifndef PAYI_BENCH_SAMPLE_H
#define PAYI_BENCH_SAMPLE_H

#include "payi/payi.h"

#include <stdint.h>

/* The least there is: a category and one unit. Its strings are static. */
payi_event sample_bare(void);

/* Ten fields; its time and its id are left to libpayi, as with the bare one. */
payi_event sample_full(void);

/* The same ten, of which the event has seven, and the context the use case's name, its id and the user. */
payi_event sample_within(void);
payi_track_context sample_context(void);

/*
 * How the instances of the use cases come up, which is what the database's speed depends on.
 *
 *   FEW        100 instances, all of them busy
 *   NEW        most are new, have one user, and get 8 events within a short time, as sessions and documents do;
 *              a fifth of the events goes to 2,000 tickets that return at random
 *   ONCE       each event has an instance of its own
 *   RETURNING  6,000 instances return at random, all the time
 */
enum sample_instances { SAMPLE_FEW, SAMPLE_NEW, SAMPLE_ONCE, SAMPLE_RETURNING };

/* Event number i: ten fields and a time, 50 users, four models, three use cases, in steps. */
payi_status sample_track(payi_client *client, enum sample_instances instances, uint64_t i);

/* Likewise, at another time than i milliseconds behind the first. */
payi_status sample_track_at(payi_client *client, enum sample_instances instances, uint64_t i,
			    int64_t time_us);

#endif
