/*
 * How soon an event is there: from payi_track() to a reader that finds it in the database, at a steady rate and at
 * full load; and whether that lasts: minutes of full load while retention takes what is too much.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"
#include "bench/watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PRODUCERS = 4, RATE = 10000, WINDOWS = 6, WARM_UP_S = 2 };

static const struct table_section latency = {
	.name = "latency",
	.title = "From payi_track() to a reader of the database that finds the event",
	.columns = {{"events/s", "events_per_s", 0},
		    {"p50 ms", "p50_ms", 1},
		    {"p99 ms", "p99_ms", 1},
		    {"max ms", "max_ms", 1}},
};

static const struct table_section sustained = {
	.name = "sustained",
	.title = "Full load that lasts, 4 producers, few instances, the database limited to 512 MB "
		 "by retention",
	.columns = {{"events/s", "events_per_s", 0},
		    {"p50 ms", "p50_ms", 1},
		    {"p99 ms", "p99_ms", 1},
		    {"max ms", "max_ms", 1},
		    {"WAL MB", "wal_mb", 0},
		    {"database MB", "database_mb", 0},
		    {"RSS MB", "rss_mb", 1}},
};

/* ---- Producers: until they are killed ------------------------------------------------------------- */

static int64_t wall_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wait_until(int64_t due_ns)
{
	const struct timespec due = {.tv_sec = (time_t)(due_ns / 1000000000),
				     .tv_nsec = (long)(due_ns % 1000000000)};
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &due, NULL);
}

/* rate 0: without pause. */
static int produce(const struct site *site, int rate, uint64_t first)
{
	payi_client *client;
	if (site_client(site, 0, &client))
		return -1;
	const int64_t start_ns = wall_ns();
	for (uint64_t i = 0;; i++) {
		if (rate)
			wait_until(start_ns + (int64_t)i * 1000000000 / rate);
		if (sample_track_at(client, SAMPLE_FEW, first + i, wall_ns() / 1000) != PAYI_OK)
			return bench_fail(0, "%s", payi_last_error());
	}
}

/* How many: fewer than n, said, where there can be no more. */
static int start_producers(const struct site *site, pid_t *producers, int n, int rate)
{
	fflush(NULL);
	for (int i = 0; i < n; i++) {
		producers[i] = fork();
		if (producers[i] < 0) {
			bench_fail(errno, "cannot fork");
			return i;
		}
		if (producers[i] == 0) {
			site_child();
			_exit(produce(site, rate, (uint64_t)i << 40) ? 1 : 0);
		}
	}
	return n;
}

static int stop_producers(const pid_t *producers, int n)
{
	int status = 0;
	for (int i = 0; i < n; i++) {
		int one = 0;
		kill(producers[i], SIGKILL);
		waitpid(producers[i], &one, 0);
		if (!WIFSIGNALED(one))
			status = bench_fail(0, "a producer has ended");
	}
	return status;
}

/* ---- Runs ----------------------------------------------------------------------------------------- */

struct run {
	int producers;
	int rate; /* of each */
	int windows;
	double window_s;
	int (*row)(const struct bench *bench, int window, const struct watch_report *report);
};

static int watch_windows(const struct bench *bench, const struct run *run, struct watch *watch)
{
	int status = watch_for(watch, bench->quick ? 0 : WARM_UP_S);
	(void)watch_report(watch);
	for (int i = 0; !status && i < run->windows; i++) {
		status = watch_for(watch, run->window_s);
		const struct watch_report report = watch_report(watch);
		if (!status)
			status = run->row(bench, i, &report);
	}
	return status;
}

static int run_load(const struct bench *bench, const struct run *run, const char *settings)
{
	pid_t producers[PRODUCERS];
	struct site site;
	if (site_make(&site, bench))
		return -1;
	site.settings = settings;
	int status = site_agent_start(&site, bench);
	if (!status)
		status = site_agent_await(&site);
	struct watch *watch = status ? NULL : watch_open(&site);
	if (watch) {
		const int n = start_producers(&site, producers, run->producers, run->rate);
		status = n == run->producers ? watch_windows(bench, run, watch) : -1;
		if (stop_producers(producers, n))
			status = -1;
		watch_close(watch);
	} else {
		status = -1;
	}
	site_remove(&site);
	return status;
}

static int print_latency(const struct bench *bench, const char *name,
			 const struct watch_report *report)
{
	table_row(bench->table, name,
		  (double[]){report->events / report->seconds, report->p50_ms, report->p99_ms,
			     report->max_ms});
	return 0;
}

static int print_steady(const struct bench *bench, int window, const struct watch_report *report)
{
	(void)window;
	return print_latency(bench, "10,000 events/s, one producer", report);
}

static int print_full(const struct bench *bench, int window, const struct watch_report *report)
{
	(void)window;
	return print_latency(bench, "full load, 4 producers", report);
}

static int print_window(const struct bench *bench, int window, const struct watch_report *report)
{
	char name[64];
	snprintf(name, sizeof(name), "part %d of %d, %.0f s", window + 1, WINDOWS, report->seconds);
	table_row(bench->table, name,
		  (double[]){report->events / report->seconds, report->p50_ms, report->p99_ms,
			     report->max_ms, report->wal_mb, report->database_mb, report->rss_mb});
	return 0;
}

int bench_latency(const struct bench *bench)
{
	const double seconds = bench->quick ? 0.5 : 10;
	const struct run steady = {1, RATE, 1, seconds, print_steady};
	const struct run full = {PRODUCERS, 0, 1, seconds, print_full};
	table_section(bench->table, &latency);
	const int status = run_load(bench, &steady, NULL);
	return run_load(bench, &full, NULL) ? -1 : status;
}

int bench_sustained(const struct bench *bench)
{
	static const char settings[] = "[retention]\nmax_mb = 512\ndrop_undelivered = yes\n";
	const struct run run = {PRODUCERS, 0, WINDOWS, bench->quick ? 0.2 : 30, print_window};
	table_section(bench->table, &sustained);
	return run_load(bench, &run, settings);
}
