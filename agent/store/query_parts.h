/* The reading connection from inside: what query.c shares with guest.c. */
#ifndef PAYI_STORE_QUERY_PARTS_H
#define PAYI_STORE_QUERY_PARTS_H

#include "store/query.h"

#include <sqlite3.h>

struct query_db {
	sqlite3 *db;
	bool (*stop)(void *context);
	void *stop_context;
	char refused[96]; /* what a guest asked for and may not have */
};

struct query {
	sqlite3 *db;
	sqlite3_stmt *statement;
	/* A bit for each parameter that should have a value, but for want of memory has none. */
	uint64_t unbound;
};

#endif
