/*
 * The baseline of storing: the rows that the agent stored, put by a bare loop of prepared INSERTs into an
 * empty database of the same tables and indexes, with the same settings, the same transactions and the
 * same check-points. It keeps no instances, no rollups and no positions.
 */
#ifndef PAYI_BENCH_BARE_H
#define PAYI_BENCH_BARE_H

struct bare_result {
	long n_rows;
	long n_transactions;
	double seconds; /* of BEGIN, INSERTs, COMMIT, check-points; reading the rows is not in it */
	double cpu_s;
};

/* data_dir holds the agent's payi.db; bare.db is made beside it. Returns 0, or -1 after saying why not. */
int bare_run(const char *data_dir, struct bare_result *result);

#endif
