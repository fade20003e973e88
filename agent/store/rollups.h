/*
 * What an event adds to the rollups: to its use case instance (totals, units, steps, users, versions,
 * latencies), to its use case, and to its hour (totals, units, latencies). One table in rollups.c says which columns there are. For the store alone.
 */
#ifndef PAYI_STORE_ROLLUPS_H
#define PAYI_STORE_ROLLUPS_H

#include "base/err.h"
#include "event/event.h"
#include "store/pack.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct rollups;

/* An event, and the rows of its names; 0 for none. */
struct rollups_event {
	const struct event *event;
	int64_t instance;
	bool handle; /* the instance's id is one: the service shall give another */
	int64_t use_case_name;
	int64_t category;
	int64_t resource;
	int64_t step;
	int64_t user_id;
	uint32_t n_units;
	const struct pack_units *units;
};

int rollups_open(sqlite3 *db, struct rollups **rollups, struct err *err);
void rollups_close(struct rollups *rollups); /* NULL is fine */

/* Within a transaction: gather, and write what was gathered before it is committed. */
int rollups_add(struct rollups *rollups, const struct rollups_event *event, struct err *err);
/* An instance that exists from time_us on, be there events or not. Of event, instance, handle and use_case_name. */
int rollups_add_instance(struct rollups *rollups, const struct rollups_event *event,
			 int64_t time_us, struct err *err);

int rollups_write(struct rollups *rollups, struct err *err);
void rollups_forget(struct rollups *rollups);

#endif
