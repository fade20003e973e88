/*
 * Usage by user or step, in SQL: a table of the reading connections, made of packs.
 *
 *   usage_parts(by, low_us, high_us, user_id, use_case_name, category, resource)
 *
 * of events that happened from low_us to high_us, both included, and are what the others say, where these are not 0: numbers of
 * names. by is 'user' or 'step'. A row per part, use case, category and resource, with sums and exact percentiles, has unit_type
 * 0; those with another one have the units of that type, by day since 1970.
 *
 * Only of events from agent_state.packed_from on: those before were stored by an earlier agent. For the store alone.
 */
#ifndef PAYI_STORE_USAGE_PARTS_H
#define PAYI_STORE_USAGE_PARTS_H

#include "base/err.h"

#include <sqlite3.h>

int usage_parts_add_table(sqlite3 *db, struct err *err);

#endif
