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
 * Whose transaction reads it and does not end, as "pid 4711 (sqlite3)"; "": nobody's that can be seen, which are those of processes
 * in this PID namespace, but not our own. Who writes, which is the agent, is not meant. Takes up to a tenth of a second. Any thread.
 */
void wal_holder(const char *database, char who[WAL_HOLDER_BYTES]);

#endif
