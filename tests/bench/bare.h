/*
 * The baselines of storing: rows that the agent stored, put by a bare loop of prepared statements, one row at a time, into an
 * empty database of the same tables and indexes, with the same settings, the same transactions and the same check-points.
 *
 *   BARE_EVENTS  the events alone, as who keeps no instances and no summaries would
 *   BARE_ALL     all rows that the agent wrote of them: each transaction's events, the instances that are new with it, and its
 *                share of every summary, added up before. Afterwards the summaries must be the agent's, to the row.
 */
#ifndef PAYI_BENCH_BARE_H
#define PAYI_BENCH_BARE_H

enum bare_rows { BARE_EVENTS, BARE_ALL };

struct bare_result {
	long n_events;
	long n_transactions;
	double seconds; /* of BEGIN, INSERTs, COMMIT, check-points; reading the rows is not in it */
	double cpu_s;
};

/* data_dir holds the agent's payi.db; bare.db is made beside it. Returns 0, or -1 after saying why not. */
int bare_run(const char *data_dir, enum bare_rows rows, struct bare_result *result);

#endif
