/*
 * How calls fare as processes join: each has a ring of its own and shares nothing with the others but the processors
 * and their caches, for which large events do contend. With more processes than processors the wall clock says little, and the batches' median much.
 */
#include "bench/bench.h"
#include "bench/sized.h"
#include "bench/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 8 };

static const struct table_section section = {
	.name = "processes",
	.title = "payi_track, by the size of the event, one thread in each of several processes, "
		 "nanoseconds "
		 "(the processes' median)",
	.columns = {{"median", "median_ns", 0},
		    {"p99", "p99_ns", 0},
		    {"p99.9", "p999_ns", 0},
		    {"of 64", "batch_ns", 1},
		    {"x one", "x_one", 2}},
};

/* Waits until the other end of go is closed. */
static int measure(const struct bench *bench, size_t bytes, int go, struct load_result *result)
{
	static struct sized sized;
	const struct ticks ticks = ticks_calibrate();
	struct site site;
	char byte;
	if (site_make(&site, bench))
		return -1;
	int status = sized_open(&sized, &site, bytes);
	if (!status && read(go, &byte, 1) != 0)
		status = -1;
	const struct load load = sized_load(&sized, bench->quick);
	if (!status)
		status = load_run(&load, &ticks, result);
	sized_close(&sized);
	site_remove(&site);
	return status || result->n_failed ? -1 : 0;
}

static void run_child(const struct bench *bench, size_t bytes, int go, int results)
{
	struct load_result result = {0};
	site_child();
	const int status = measure(bench, bytes, go, &result);
	const ssize_t n = write(results, &result, sizeof(result)); /* less than PIPE_BUF: whole */
	_exit(status || n != (ssize_t)sizeof(result));
}

static int compare(const void *a, const void *b)
{
	const double x = ((const struct load_result *)a)->batch_ns;
	const double y = ((const struct load_result *)b)->batch_ns;
	return x < y ? -1 : x > y;
}

static int run(const struct bench *bench, int n, size_t bytes, struct load_result *middle)
{
	struct load_result results[PROCESSES_MAX] = {{0}};
	int go[2], from[2], status = 0;
	if (pipe(go) || pipe(from))
		return bench_fail(errno, "cannot make a pipe");
	fflush(NULL);
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			close(go[1]);
			run_child(bench, bytes, go[0], from[1]);
		}
	close(go[1]);
	for (int i = 0; i < n; i++) {
		int one;
		if (wait(&one) < 0 || one != 0 ||
		    read(from[0], &results[i], sizeof(results[i])) != (ssize_t)sizeof(results[i]))
			status = bench_fail(0, "a process has failed");
	}
	close(go[0]);
	close(from[0]);
	close(from[1]);
	qsort(results, (size_t)n, sizeof(results[0]), compare);
	*middle = results[n / 2];
	return status;
}

static int run_size(const struct bench *bench, size_t bytes)
{
	double one = 0;
	for (int n = 1; n <= PROCESSES_MAX; n *= 2) {
		struct load_result result = {0};
		char name[64];
		if (run(bench, n, bytes, &result))
			return -1;
		one = n == 1 ? result.batch_ns : one;
		const int at = snprintf(name, sizeof(name), "%d process%s, 10 fields", n,
					n > 1 ? "es" : "");
		if (bytes > 0)
			snprintf(name + at, sizeof(name) - (size_t)at, " + %zu bytes", bytes);
		table_row(bench->table, name,
			  (double[]){result.median_ns, result.p99_ns, result.p999_ns,
				     result.batch_ns, result.batch_ns / one});
	}
	return 0;
}

int bench_processes(const struct bench *bench)
{
	static const size_t sizes[] = {0, 64, 250, 4096, SIZED_BYTES_MAX};
	int status = 0;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !status; i++)
		status = run_size(bench, sizes[i]);
	return status;
}
