/*
 * Events per second from payi_track() to durably committed SQLite: producers with rings of the default size
 * track without pause, waiting while their ring is full, and flush. The clock runs from the first event
 * to the last flush, which is when the agent has committed all of them. The baseline: see bare.h.
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
#include <sys/wait.h>
#include <unistd.h>

enum { PRODUCERS = 4, FLUSH_MS = 120000 };

static const struct table_section section = {
	.name = "store",
	.title = "From ring to committed SQLite (synchronous=FULL, all indexes), 4 producers",
	.columns = {{"events/s", "events_per_s", 0},
		    {"x bare loop", "x_bare", 2},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"x bare loop", "cpu_x_bare", 2},
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

/* Returns when the agent has stored an event: then it runs, and its database is made. */
static int wait_for_agent(const struct site *site)
{
	payi_client *client;
	if (site_client(site, 0, &client))
		return -1;
	int status = 0;
	if (sample_track(client, SAMPLE_NEW, 0) != PAYI_OK ||
	    payi_flush(client, FLUSH_MS) != PAYI_OK)
		status = bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	return status;
}

static int run_agent(struct site *site, const struct bench *bench, struct run *run)
{
	int go[2];
	if (site_agent_start(site, bench) || wait_for_agent(site))
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

static void print(const struct bench *bench, const struct run *run, const struct bare_result *bare)
{
	const double events = PRODUCERS * (double)run->events;
	const double rate = events / run->seconds;
	const double cpu = run->use.cpu_s / events * 1e6;
	const double rows = (double)bare->n_rows;
	const double bare_rate = rows / bare->seconds;
	const double bare_cpu = bare->cpu_s / rows * 1e6;
	const double per_commit = rows / (double)bare->n_transactions;
	char name[64];
	snprintf(name, sizeof(name), "payi-agent run, %s", run->name);
	table_row(bench->table, name,
		  (double[]){rate, rate / bare_rate, cpu, cpu / bare_cpu, run->use.peak_rss_mb,
			     per_commit});
	snprintf(name, sizeof(name), "bare INSERT loop, %s", run->name);
	table_row(bench->table, name,
		  (double[]){bare_rate, 1, bare_cpu, 1, (double)NAN, per_commit});
}

static int run_workload(const struct bench *bench, struct run *run)
{
	struct site site;
	struct bare_result bare;
	if (site_make(&site, bench))
		return -1;
	int status = run_agent(&site, bench, run);
	if (!status)
		status = bare_run(site.data, &bare);
	/* One more than the producers': wait_for_agent()'s. */
	if (!status && bare.n_rows != (long)(PRODUCERS * run->events + 1))
		status = bench_fail(0, "the agent has stored %ld events", bare.n_rows);
	if (!status)
		print(bench, run, &bare);
	site_remove(&site);
	return status;
}

int bench_store(const struct bench *bench)
{
	const uint64_t events = bench->quick ? 5000 : 250000;
	struct run runs[] = {
		{.name = "few instances", .instances = SAMPLE_FEW, .events = events},
		{.name = "new instances", .instances = SAMPLE_NEW, .events = events},
		{.name = "returning ones", .instances = SAMPLE_RETURNING, .events = events},
	};
	int status = 0;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (run_workload(bench, &runs[i]))
			status = -1;
	return status;
}
