/*
 * Moves a damaged database out of the way. Used before the store is opened, by the thread that opens it, with
 * the agent's lock held and no connection open.
 */
#ifndef PAYI_STORE_SET_ASIDE_H
#define PAYI_STORE_SET_ASIDE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum { SET_ASIDE_MAX = 20 };

/*
 * Renames the database, its WAL and its index to <path>.corrupt-<time>…, so that `sqlite3 <name> .recover` finds all of
 * it; writes the new name into name. An error when it cannot be renamed, or when SET_ASIDE_MAX lie there
 * already: then it is the disk that wants help, and more copies would only fill it.
 */
int set_aside(const char *path, int64_t now_wall_us, char *name, size_t size, struct err *err);

#endif
