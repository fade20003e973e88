/*
 * The price in force, in SQL: functions of the reading connections,
 *
 *   price_in_force(category, resource, unit_type, day, 0)                   the id of its row in prices, or null
 *   cost_in_force(category, resource, unit_type, day, 0, input, output)     what so many units cost by it, or null
 *
 * by the numbers of names, and a day since 1970. They look into a copy of all prices, which a statement makes once, from what
 * it reads anyway: the price of each of many rows is found in a tenth of the time that the same takes as a subquery. The 0 is
 * what SQLite ties the copy to. For the store alone.
 */
#ifndef PAYI_STORE_PRICE_BOOK_H
#define PAYI_STORE_PRICE_BOOK_H

#include "base/err.h"

#include <sqlite3.h>

int price_book_add_functions(sqlite3 *db, struct err *err);

#endif
