/*
 * How many numbers differ, in SQL and without sorting rows: aggregate functions of the reading connections, whose result is a
 * JSON array that json_each() makes rows of.
 *
 *   spreads(key, a, b, c)         per key [key, n, and of a, b and c each: least, median, 95th percentile, most], by
 *                                 nearest rank, exact
 *   classes(number, events)       numbers in classes of equal width on a scale of powers, six to a power of ten:
 *                                 [from, below, n, sum of events, sum of numbers], the classes that have any, in order
 *
 * For the store alone.
 */
#ifndef PAYI_STORE_SPREADS_H
#define PAYI_STORE_SPREADS_H

#include "base/err.h"

#include <sqlite3.h>

int spreads_add_functions(sqlite3 *db, struct err *err);

#endif
