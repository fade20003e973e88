/*
 * Sums by two numbers, in SQL and without sorting rows: an aggregate function of the reading connections,
 *
 *   sums_by(a, b, events, failures, input, output, first_us, last_us)
 *
 * whose result is a JSON array that json_each() makes rows of, one per a and b: [a, b, rows, events, failures, input, output,
 * least first_us, greatest last_us]. For the store alone.
 */
#ifndef PAYI_STORE_SUMS_H
#define PAYI_STORE_SUMS_H

#include "base/err.h"

#include <sqlite3.h>

int sums_add_function(sqlite3 *db, struct err *err);

#endif
