/*
 * How the agent fares as rings join: the same number of events, out of one ring or out of many, some in each, until all
 * are committed. The rings are clients of one process; tracking is not timed, it is done before the agent starts.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <stdio.h>
#include <stdlib.h>

enum { RINGS_MAX = 500, EVENTS = 100000, EVENTS_QUICK = 5000, FLUSH_MS = 60000, LANES = 8 };

static const struct table_section section = {
	.name = "rings",
	.title = "As many events out of few rings and of many, from the agent's start to the last "
		 "commit",
	.columns = {{"events/s", "events_per_s", 0},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"x one ring", "x_one", 2},
		    {"peak MB", "peak_rss_mb", 1}},
};

static int fill(const struct site *site, payi_client **clients, int n, long events)
{
	const size_t room = (size_t)(events / n + 1) * 512 * LANES;
	const size_t bytes = room < 4194304 ? 4194304 : room;
	for (int i = 0; i < n; i++) {
		if (site_client(site, bytes, &clients[i]))
			return -1;
		for (long j = 0; j < events / n; j++)
			if (sample_track(clients[i], SAMPLE_FEW, (uint64_t)(i * (events / n) + j)))
				return bench_fail(0, "%s", payi_last_error());
	}
	return 0;
}

static int flush(payi_client **clients, int n)
{
	for (int i = 0; i < n; i++)
		if (payi_flush(clients[i], FLUSH_MS))
			return bench_fail(0, "%s", payi_last_error());
	return 0;
}

static int run(const struct bench *bench, int n, double *one_cpu)
{
	static payi_client *clients[RINGS_MAX];
	const long events = (bench->quick ? EVENTS_QUICK : EVENTS) / n * n;
	struct site site;
	char name[64];
	if (site_make(&site, bench))
		return -1;
	int status = fill(&site, clients, n, events);
	const double start_s = seconds_now();
	if (!status)
		status = site_agent_start(&site, bench);
	if (!status)
		status = flush(clients, n);
	const double seconds = seconds_now() - start_s;
	if (!status) {
		const struct process_use use = process_use(site.agent);
		const double cpu = use.cpu_s / (double)events * 1e6;
		*one_cpu = n == 1 ? cpu : *one_cpu;
		snprintf(name, sizeof(name), "%d ring%s", n, n > 1 ? "s" : "");
		table_row(
			bench->table, name,
			(double[]){(double)events / seconds, cpu, cpu / *one_cpu, use.peak_rss_mb});
	}
	for (int i = 0; i < n; i++) {
		payi_client_close(clients[i]);
		clients[i] = NULL;
	}
	site_remove(&site);
	return status;
}

int bench_rings(const struct bench *bench)
{
	static const int numbers[] = {1, 10, 100, RINGS_MAX};
	double one_cpu = 0;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (run(bench, numbers[i], &one_cpu))
			return -1;
	return 0;
}
