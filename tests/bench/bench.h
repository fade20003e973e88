/*
 * The benchmarks' parts. Each measures one thing beside its baselines, in the same run and on the same
 * data, and puts rows into the table. Returns 0, or -1 after saying what went wrong.
 */
#ifndef PAYI_BENCH_BENCH_H
#define PAYI_BENCH_BENCH_H

#include <stdbool.h>

struct table;

struct bench {
	struct table *table;
	bool quick;  /* a smoke run: too short for good numbers */
	long events; /* in the parts "store", "growth", "backlog" and "history"; 0: their default */
	const char *only; /* the workload of the part "store"; NULL: all */
	/* Where that is kept, and asked if it is there already; NULL: neither. */
	const char *database;
	const char *question; /* only those of that part with this in their names; NULL: all */
	const char *agent;    /* the program */
	const char *parent;   /* the database's directory is made in here */
};

int bench_track(const struct bench *bench);
int bench_peers(const struct bench *bench);
int bench_threads(const struct bench *bench);
int bench_laps(const struct bench *bench);
int bench_size(const struct bench *bench);
int bench_processes(const struct bench *bench);
int bench_attach(const struct bench *bench);
int bench_rings(const struct bench *bench);
int bench_system_calls(const struct bench *bench);
int bench_store(const struct bench *bench);
int bench_latency(const struct bench *bench);
int bench_sustained(const struct bench *bench);
int bench_growth(const struct bench *bench);
int bench_idle(const struct bench *bench);
int bench_json(const struct bench *bench);
int bench_history(const struct bench *bench);
int bench_deliver(const struct bench *bench);
int bench_backlog(const struct bench *bench);

/* Says it on standard error, with errno's text when error is not 0. Returns -1. */
int bench_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
