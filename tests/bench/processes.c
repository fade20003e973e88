/*
 * How calls fare as processes join: each has a ring of its own and shares nothing with the others but the processors
 * and their caches. With more processes than processors the wall clock says little, and the batches' median much.
 */
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/load.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES_MAX = 8, ROUND = 1024 };

static const struct table_section section = {
	.name = "processes",
	.title = "payi_track, 10 fields, one thread in each of several processes, nanoseconds "
		 "(the processes' median)",
	.columns = {{"median", "median_ns", 0},
		    {"p99", "p99_ns", 0},
		    {"p99.9", "p999_ns", 0},
		    {"of 64", "batch_ns", 1},
		    {"x one", "x_one", 2}},
};

struct process {
	payi_client *client;
	struct drainer *drainer;
	payi_event event;
};

static int track_call(void *context)
{
	struct process *process = context;
	return payi_track(process->client, &process->event);
}

static void empty_ring(void *context)
{
	drainer_empty(((struct process *)context)->drainer);
}

/* Waits until the other end of go is closed. */
static int measure(const struct bench *bench, int go, struct load_result *result)
{
	const struct ticks ticks = ticks_calibrate();
	struct process process = {.event = sample_full()};
	const struct load load = {.call = track_call,
				  .empty = empty_ring,
				  .context = &process,
				  .threads = 1,
				  .round = ROUND,
				  .rounds = bench->quick ? 16 : 256};
	struct site site;
	char byte;
	if (site_make(&site, bench))
		return -1;
	int status = site_client(&site, 0, &process.client);
	if (!status)
		status = drainer_open(site.rings, &process.drainer);
	if (!status && read(go, &byte, 1) != 0)
		status = -1;
	if (!status)
		status = load_run(&load, &ticks, result);
	drainer_close(process.drainer);
	payi_client_close(process.client);
	site_remove(&site);
	return status || result->n_failed ? -1 : 0;
}

static void run_child(const struct bench *bench, int go, int results)
{
	struct load_result result = {0};
	site_child();
	const int status = measure(bench, go, &result);
	const ssize_t n = write(results, &result, sizeof(result)); /* less than PIPE_BUF: whole */
	_exit(status || n != (ssize_t)sizeof(result));
}

static int compare(const void *a, const void *b)
{
	const double x = ((const struct load_result *)a)->batch_ns;
	const double y = ((const struct load_result *)b)->batch_ns;
	return x < y ? -1 : x > y;
}

static int run(const struct bench *bench, int n, struct load_result *middle)
{
	struct load_result results[PROCESSES_MAX] = {{0}};
	int go[2], from[2], status = 0;
	if (pipe(go) || pipe(from))
		return bench_fail(errno, "cannot make a pipe");
	fflush(NULL);
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			close(go[1]);
			run_child(bench, go[0], from[1]);
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

int bench_processes(const struct bench *bench)
{
	double one = 0;
	table_section(bench->table, &section);
	for (int n = 1; n <= PROCESSES_MAX; n *= 2) {
		struct load_result result = {0};
		char name[64];
		if (run(bench, n, &result))
			return -1;
		one = n == 1 ? result.batch_ns : one;
		snprintf(name, sizeof(name), "%d process%s", n, n > 1 ? "es" : "");
		table_row(bench->table, name,
			  (double[]){result.median_ns, result.p99_ns, result.p999_ns,
				     result.batch_ns, result.batch_ns / one});
	}
	return 0;
}
