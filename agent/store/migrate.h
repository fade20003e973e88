/*
 * Opening the database for writing: the settings of the connection, and the schema brought up to date.
 * Used by store.c alone.
 */
#ifndef PAYI_STORE_MIGRATE_H
#define PAYI_STORE_MIGRATE_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>

/* In the file's header, so that file(1) and we know whose it is: "PAYI". */
#define MIGRATE_APPLICATION_ID 0x50415949

/*
 * Opens the database at path, made with mode 0600 when there is none, and applies the migrations that it
 * has not: all in one transaction, or none. One that a newer payi-agent made, or that is none of
 * ours, is refused and left as it is; ERR_CORRUPT: it is ours, and damaged.
 */
int migrate_open(const char *path, bool sync_full, sqlite3 **db, struct err *err);

#endif
