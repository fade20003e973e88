/*
 * Events per second from payi_track() to durably committed SQLite: producers with rings of the default size
 * track without pause, waiting while their ring is full, and flush. The clock runs from the first event
 * to the last flush, which is when the agent has committed all of them. The baselines: see bare.h.
 */
#include "bench/bare.h"
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 4, FLUSH_MS = 120000 };

static const struct table_section section = {
	.name = "store",
	.title = "From ring to committed SQLite (synchronous=FULL, all indexes), 4 producers",
	.columns = {{"events/s", "events_per_s", 0},
		    {"x events", "x_events_only", 2},
		    {"x all rows", "x_all_rows", 2},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"x events", "cpu_x_events_only", 2},
		    {"x all rows", "cpu_x_all_rows", 2},
		    {"peak MB", "peak_rss_mb", 1},
		    {"per commit", "events_per_commit", 0}},
};

struct run {
	const char *name;
	enum sample_instances instances;
	uint64_t events; /* of each producer */
	double seconds;
	struct process_use use; /* of the agent */
};

/* ---- Producers ------------------------------------------------------------------------------------ */

/* Opens its ring, waits until the other end of go is closed, tracks its events and waits for the last. */
static int produce(const struct site *site, const struct run *run, int go, uint64_t first)
{
	payi_client *client;
	char byte;
	if (site_client(site, 0, &client))
		return -1;
	if (read(go, &byte, 1) != 0)
		return bench_fail(errno, "cannot read from a pipe");
	for (uint64_t i = 0; i < run->events; i++)
		if (sample_track(client, run->instances, first + i) != PAYI_OK)
			return bench_fail(0, "%s", payi_last_error());
	if (payi_flush(client, FLUSH_MS) != PAYI_OK)
		return bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	return 0;
}

static void start_producers(const struct site *site, const struct run *run, int go[2])
{
	fflush(NULL);
	for (uint64_t i = 0; i < PRODUCERS; i++)
		if (fork() == 0) {
			site_child();
			close(go[1]);
			_exit(produce(site, run, go[0], i * run->events) ? 1 : 0);
		}
}

static int wait_for_producers(const struct site *site)
{
	int status = 0;
	for (int i = 0; i < PRODUCERS; i++) {
		int one;
		const pid_t pid = wait(&one);
		if (pid == site->agent)
			return bench_fail(0, "the agent has ended with status 0x%x", (unsigned)one);
		if (pid < 0 || one != 0)
			status = -1;
	}
	return status;
}

/* ---- The agent ------------------------------------------------------------------------------------ */

static int run_agent(struct site *site, const struct bench *bench, struct run *run)
{
	int go[2];
	if (site_agent_start(site, bench) || site_agent_await(site))
		return -1;
	if (pipe(go))
		return bench_fail(errno, "cannot make a pipe");
	start_producers(site, run, go);
	close(go[0]);
	const struct process_use before = process_use(site->agent);
	const double start_s = seconds_now();
	close(go[1]);
	int status = wait_for_producers(site);
	run->seconds = seconds_now() - start_s;
	run->use = process_use(site->agent);
	run->use.cpu_s -= before.cpu_s;
	if (site->agent && site_agent_stop(site))
		status = -1;
	return status;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

struct speed {
	double rate;
	double cpu; /* seconds per million */
};

static void print_row(const struct bench *bench, const char *what, const struct run *run,
		      const struct speed *speed, const struct speed bare[], double peak_mb,
		      double per_commit)
{
	char name[64];
	snprintf(name, sizeof(name), "%s, %s", what, run->name);
	table_row(bench->table, name,
		  (double[]){speed->rate, speed->rate / bare[BARE_EVENTS].rate,
			     speed->rate / bare[BARE_ALL].rate, speed->cpu,
			     speed->cpu / bare[BARE_EVENTS].cpu, speed->cpu / bare[BARE_ALL].cpu,
			     peak_mb, per_commit});
}

static void print(const struct bench *bench, const struct run *run,
		  const struct bare_result *result)
{
	const double events = PRODUCERS * (double)run->events;
	const struct speed agent = {events / run->seconds, run->use.cpu_s / events * 1e6};
	struct speed bare[2];
	for (int i = 0; i < 2; i++) {
		const double n = (double)result[i].n_events;
		bare[i] = (struct speed){n / result[i].seconds, result[i].cpu_s / n * 1e6};
	}
	const double per_commit =
		(double)result[BARE_ALL].n_events / (double)result[BARE_ALL].n_transactions;
	print_row(bench, "payi-agent", run, &agent, bare, run->use.peak_rss_mb, per_commit);
	print_row(bench, "bare, all rows", run, &bare[BARE_ALL], bare, (double)NAN, per_commit);
	print_row(bench, "bare, events only", run, &bare[BARE_EVENTS], bare, (double)NAN,
		  per_commit);
}

static int run_workload(const struct bench *bench, struct run *run)
{
	struct site site;
	struct bare_result bare[2];
	if (site_make(&site, bench))
		return -1;
	int status = run_agent(&site, bench, run);
	if (!status)
		status = bare_run(site.data, BARE_ALL, &bare[BARE_ALL]);
	if (!status)
		status = bare_run(site.data, BARE_EVENTS, &bare[BARE_EVENTS]);
	/* One more than the producers': site_agent_await()'s. */
	if (!status && bare[BARE_ALL].n_events != (long)(PRODUCERS * run->events + 1))
		status = bench_fail(0, "the agent has stored %ld events", bare[BARE_ALL].n_events);
	if (!status)
		print(bench, run, bare);
	site_remove(&site);
	return status;
}

int bench_store(const struct bench *bench)
{
	const uint64_t all = bench->events ? (uint64_t)bench->events : 1000000;
	const uint64_t events = bench->quick ? 5000 : all / PRODUCERS;
	struct run runs[] = {
		{.name = "few instances", .instances = SAMPLE_FEW, .events = events},
		{.name = "new instances", .instances = SAMPLE_NEW, .events = events},
		{.name = "one event each", .instances = SAMPLE_ONCE, .events = events},
		{.name = "returning ones", .instances = SAMPLE_RETURNING, .events = events},
	};
	int status = 0;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if ((!bench->only || strcmp(bench->only, runs[i].name) == 0) &&
		    run_workload(bench, &runs[i]))
			status = -1;
	return status;
}
