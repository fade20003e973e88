/*
 * How soon an event is there: from payi_track() to a reader that finds it in the database, at steady rates, and with
 * producers that never pause; and whether that lasts: minutes of it while retention takes what is too much.
 *
 * Who never pauses tracks more than can be stored, so his ring is full, and each event waits until what was there before it is
 * stored: as long as storing full rings takes, whatever the agent does. That is told beside what was measured. How soon an
 * event is there when as much is tracked as can be stored, the shares of the greatest rate tell.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"
#include "bench/watch.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PRODUCERS = 4,
	RATE = 10000,
	WINDOWS = 6,
	WARM_UP_S = 2,
	TICK_NS = 1000000, /* producers with a rate track what is due, and sleep as long */
	RING_BYTES = 4 << 20,
	RING_BYTES_SMALL = 1 << 20,
	SAMPLES = 1000,
};

static const struct table_section latency = {
	.name = "latency",
	.title = "From payi_track() to a reader of the database that finds the event",
	.columns = {{"events/s", "events_per_s", 0},
		    {"p50 ms", "p50_ms", 1},
		    {"p99 ms", "p99_ms", 1},
		    {"max ms", "max_ms", 1},
		    {"of rings", "full_rings_ms", 0}},
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

struct run {
	char name[64];
	int producers;
	double rate; /* of all together; 0: without pause */
	size_t ring_bytes;
	int windows;
	double window_s;
	void (*row)(const struct bench *bench, const struct run *run, int window,
		    const struct watch_report *report);
	double reached; /* events a second, of the last window */
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

static int produce(const struct site *site, const struct run *run, uint64_t first)
{
	const double per_tick = run->rate / run->producers * TICK_NS / 1e9;
	payi_client *client;
	if (site_client(site, run->ring_bytes, &client))
		return -1;
	const int64_t start_ns = wall_ns();
	int64_t ticks = 0;
	for (uint64_t i = 0;; i++) {
		for (; run->rate > 0 && (double)i >= (double)ticks * per_tick; ticks++)
			wait_until(start_ns + ticks * TICK_NS);
		if (sample_track_at(client, SAMPLE_FEW, first + i, wall_ns() / 1000) != PAYI_OK)
			return bench_fail(0, "%s", payi_last_error());
	}
}

/* How many: fewer than there are to be, said, where there can be no more. */
static int start_producers(const struct site *site, pid_t *producers, const struct run *run)
{
	fflush(NULL);
	for (int i = 0; i < run->producers; i++) {
		producers[i] = fork();
		if (producers[i] < 0) {
			bench_fail(errno, "cannot fork");
			return i;
		}
		if (producers[i] == 0) {
			site_child();
			_exit(produce(site, run, (uint64_t)i << 40) ? 1 : 0);
		}
	}
	return run->producers;
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

static int watch_windows(const struct bench *bench, struct run *run, struct watch *watch)
{
	int status = watch_for(watch, bench->quick ? 0 : WARM_UP_S);
	(void)watch_report(watch);
	for (int i = 0; !status && i < run->windows; i++) {
		status = watch_for(watch, run->window_s);
		const struct watch_report report = watch_report(watch);
		run->reached = report.events / report.seconds;
		if (!status)
			run->row(bench, run, i, &report);
	}
	return status;
}

static int run_load(const struct bench *bench, struct run *run, const char *settings)
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
		const int n = start_producers(&site, producers, run);
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

/* ---- Latency -------------------------------------------------------------------------------------- */

/* What a sample event takes of a ring; 0 after saying why it is unknown. */
static double event_bytes(const struct bench *bench)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client *client = NULL;
	struct site site;
	if (site_make(&site, bench))
		return 0;
	int status = site_client(&site, RING_BYTES, &client);
	for (uint64_t i = 0; !status && i < SAMPLES; i++)
		status = sample_track_at(client, SAMPLE_FEW, i, wall_ns() / 1000);
	if (!status)
		status = payi_client_stats_get(client, &stats);
	if (status)
		bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	site_remove(&site);
	return (double)stats.ring_bytes_used / SAMPLES;
}

static void print_latency(const struct bench *bench, const struct run *run, int window,
			  const struct watch_report *report)
{
	(void)window;
	double full_rings_ms = (double)NAN;
	if (run->rate == 0)
		full_rings_ms = 1e3 * run->producers * (double)run->ring_bytes /
				event_bytes(bench) / run->reached;
	table_row(bench->table, run->name,
		  (double[]){run->reached, report->p50_ms, report->p99_ms, report->max_ms,
			     full_rings_ms});
}

static struct run latency_run(const struct bench *bench, int producers, double rate)
{
	return (struct run){.producers = producers,
			    .rate = rate,
			    .ring_bytes = RING_BYTES,
			    .windows = 1,
			    .window_s = bench->quick ? 0.5 : 10,
			    .row = print_latency};
}

/* rate: the greatest that was stored. */
static int run_full(const struct bench *bench, size_t ring_bytes, double *rate)
{
	struct run run = latency_run(bench, PRODUCERS, 0);
	run.ring_bytes = ring_bytes;
	snprintf(run.name, sizeof(run.name), "4 producers without pause, rings of %zu MiB",
		 ring_bytes >> 20);
	const int status = run_load(bench, &run, NULL);
	*rate = run.reached > *rate ? run.reached : *rate;
	return status;
}

static int run_share(const struct bench *bench, int percent, double greatest)
{
	struct run run = latency_run(bench, PRODUCERS, greatest * percent / 100);
	snprintf(run.name, sizeof(run.name), "%d %% of the most that was stored, %.0f/s", percent,
		 run.rate);
	return run_load(bench, &run, NULL);
}

int bench_latency(const struct bench *bench)
{
	static const int percents[] = {50, 80, 90, 95};
	struct run steady = latency_run(bench, 1, RATE);
	double greatest = 0;
	snprintf(steady.name, sizeof(steady.name), "10,000 events/s, one producer");
	table_section(bench->table, &latency);
	int status = run_load(bench, &steady, NULL);
	if (run_full(bench, RING_BYTES, &greatest) || run_full(bench, RING_BYTES_SMALL, &greatest))
		return -1;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		if (run_share(bench, percents[i], greatest))
			status = -1;
	return status;
}

/* ---- Lasting -------------------------------------------------------------------------------------- */

static void print_window(const struct bench *bench, const struct run *run, int window,
			 const struct watch_report *report)
{
	char name[64];
	snprintf(name, sizeof(name), "part %d of %d, %.0f s", window + 1, WINDOWS, report->seconds);
	table_row(bench->table, name,
		  (double[]){run->reached, report->p50_ms, report->p99_ms, report->max_ms,
			     report->wal_mb, report->database_mb, report->rss_mb});
}

int bench_sustained(const struct bench *bench)
{
	static const char settings[] = "[retention]\nmax_mb = 512\ndrop_undelivered = yes\n";
	struct run run = {.producers = PRODUCERS,
			  .ring_bytes = RING_BYTES,
			  .windows = WINDOWS,
			  .window_s = bench->quick ? 0.2 : 30,
			  .row = print_window};
	table_section(bench->table, &sustained);
	return run_load(bench, &run, settings);
}
