/*
 * Who waits for events in the database: how long each takes from the call of payi_track() until a reader of the
 * database finds it. A reader asks every millisecond or so; of what it finds it looks up a share, by the times that the
 * events bear, which must be those of their calls.
 */
#ifndef PAYI_BENCH_WATCH_H
#define PAYI_BENCH_WATCH_H

#include "bench/site.h"

#include <stdint.h>

struct watch;

/* The database must be there. NULL after saying why not. */
struct watch *watch_open(const struct site *site);
void watch_close(struct watch *watch);

/* Looks for new events until seconds have passed. Returns 0, or -1 after saying why not. */
int watch_for(struct watch *watch, double seconds);

/* What was found since the last report. */
struct watch_report {
	double events;
	double seconds;
	double p50_ms;
	double p99_ms;
	double max_ms;
	double wal_mb; /* at the most */
	double database_mb;
	double rss_mb; /* of the agent, now */
};
struct watch_report watch_report(struct watch *watch);

#endif
