/*
 * Is this database sound? Asked each time that it is opened for writing; used by store.c alone.
 */
#ifndef PAYI_STORE_CHECK_H
#define PAYI_STORE_CHECK_H

#include "base/err.h"

#include <sqlite3.h>

/* ERR_CORRUPT, with what was found; another code when it could not be read. */
int check_database(sqlite3 *db, const char *path, struct err *err);

#endif
