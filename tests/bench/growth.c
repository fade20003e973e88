/*
 * How the cost of an event grows with what is there already: with the use case instances, when each event brings a
 * new one, and with the events of a few. One producer; parts of ten times as many, up to --events.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <stdio.h>

enum { EVENTS = 1000000, EVENTS_QUICK = 10000, FIRST = 1000, FLUSH_MS = 600000 };

static const struct table_section section = {
	.name = "growth",
	.title =
		"Storing, as instances and history grow: one producer, until the last is committed",
	.columns = {{"events/s", "events_per_s", 0},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"peak MB", "peak_rss_mb", 1}},
};

struct growth {
	const char *what;
	enum sample_instances instances;
};

static int store(payi_client *client, enum sample_instances instances, long first, long last)
{
	for (long i = first; i < last; i++)
		if (sample_track(client, instances, (uint64_t)i) != PAYI_OK)
			return bench_fail(0, "%s", payi_last_error());
	if (payi_flush(client, FLUSH_MS) != PAYI_OK)
		return bench_fail(0, "%s", payi_last_error());
	return 0;
}

static int store_part(const struct bench *bench, const struct site *site, payi_client *client,
		      const struct growth *growth, long first, long last)
{
	char name[64];
	const double start_s = seconds_now();
	const double cpu_s = process_use(site->agent).cpu_s;
	if (store(client, growth->instances, first, last))
		return -1;
	const double n = (double)(last - first);
	const struct process_use use = process_use(site->agent);
	snprintf(name, sizeof(name), "%s: %ld to %ld", growth->what, first, last);
	table_row(bench->table, name,
		  (double[]){n / (seconds_now() - start_s), (use.cpu_s - cpu_s) / n * 1e6,
			     use.peak_rss_mb});
	return 0;
}

static int run(const struct bench *bench, const struct growth *growth, long events)
{
	struct site site;
	payi_client *client = NULL;
	if (site_make(&site, bench))
		return -1;
	int status = site_agent_start(&site, bench);
	if (!status)
		status = site_client(&site, 0, &client);
	if (!status) /* then the agent runs, and its database is made */
		status = store(client, growth->instances, 0, FIRST);
	for (long first = FIRST; !status && first < events; first *= 10)
		status = store_part(bench, &site, client, growth, first,
				    10 * first < events ? 10 * first : events);
	payi_client_close(client);
	site_remove(&site);
	return status;
}

int bench_growth(const struct bench *bench)
{
	static const struct growth instances = {"instances", SAMPLE_ONCE};
	static const struct growth history = {"events", SAMPLE_FEW};
	const long events = bench->quick ? EVENTS_QUICK : bench->events ? bench->events : EVENTS;
	table_section(bench->table, &section);
	const int status = run(bench, &instances, events);
	return run(bench, &history, events) ? -1 : status;
}
