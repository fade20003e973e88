/*
 * Times one short operation, on one or more threads: each call by itself, for the median and the tail, and
 * in batches of 64, where the clock's own weight does not show.
 *
 * Threads work in rounds: each makes its calls, all wait for each other, and what the calls have filled is
 * emptied by another thread, untimed. So a queue never stands in the way, and on few processors
 * its reader does not take the writers' time; it does take their cache lines away, as a real one does.
 */
#ifndef PAYI_BENCH_LOAD_H
#define PAYI_BENCH_LOAD_H

#include "bench/ticks.h"

enum { LOAD_BATCH = 64, LOAD_THREADS_MAX = 8 };

struct load {
	void (*begin)(void *context); /* on each thread, untimed; NULL: nothing */
	int (*call)(void *context);   /* 0: fine */
	void (*empty)(void *context); /* NULL: nothing to empty */
	void *context;                /* shared by the threads */
	int threads;
	int round;  /* calls of a thread in a round; a multiple of LOAD_BATCH */
	int rounds; /* that are timed; there are WARM_ROUNDS before */
};

struct load_result {
	double median_ns; /* of single calls, the clock's overhead subtracted */
	double p99_ns;
	double p999_ns;
	double max_ns;
	double batch_ns; /* per call: the median over batches of 64 */
	long n_failed;   /* calls that did not return 0 */
};

/* Returns 0, or -1 after saying why not. */
int load_run(const struct load *load, const struct ticks *ticks, struct load_result *result);

#endif
