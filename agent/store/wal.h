/*
 * The write-ahead log of a database that grows: who keeps it from being begun anew.
 */
#ifndef PAYI_STORE_WAL_H
#define PAYI_STORE_WAL_H

#include <stddef.h>

enum {
	WAL_LARGE_BYTES = 96 << 20, /* twice of what is moved into the database as it comes */
	WAL_HOLDER_BYTES = 64,
};

/*
 * Whose transaction reads it, as "pid 4711 (sqlite3)"; "": nobody that can be seen, which are processes of this PID namespace,
 * but not our own. Any thread.
 */
void wal_holder(const char *database, char who[WAL_HOLDER_BYTES]);

#endif
