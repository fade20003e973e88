/* What a transaction of the agent puts into each table, worked out from its events by SQL, apart from the agent's own sums. */
#ifndef PAYI_BENCH_BARE_TABLES_H
#define PAYI_BENCH_BARE_TABLES_H

#include <sqlite3.h>

struct bare_table {
	const char *name;
	int n_keys; /* columns that say what a row sums up; they come first. 0: each row is a new one */
	const char *rows; /* a SELECT of the rows, of the events ?1 to ?2 */
};

enum { BARE_TABLES = 13 };
extern const struct bare_table bare_tables[BARE_TABLES]; /* events come first */

/* What the SELECTs call. */
int bare_functions(sqlite3 *db);

#endif
