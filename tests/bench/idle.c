/*
 * What an agent costs that has nothing to do, while one application keeps its ring open. The baseline is a
 * process that only sleeps, 40 ms at a time, as long as an agent looks away from an idle ring.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLEEP_MS = 40, FLUSH_MS = 20000 };

static const struct table_section section = {
	.name = "idle",
	.title = "Idle, one ring open",
	.columns = {{"CPU %", "cpu_percent", 3},
		    {"x sleeper", "x_sleeper", 2},
		    {"wake-ups/s", "wake_ups_per_s", 1},
		    {"x sleeper", "wake_ups_x_sleeper", 2},
		    {"peak MB", "peak_rss_mb", 1}},
};

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Per second; the peak as it is. */
static struct process_use observe(const struct bench *bench, pid_t pid)
{
	const struct process_use before = process_use(pid);
	const double start_s = seconds_now();
	sleep_ms(bench->quick ? 500 : 5000);
	struct process_use use = process_use(pid);
	const double seconds = seconds_now() - start_s;
	use.cpu_s = (use.cpu_s - before.cpu_s) / seconds;
	use.wake_ups = (use.wake_ups - before.wake_ups) / seconds;
	return use;
}

static int observe_agent(struct site *site, const struct bench *bench, struct process_use *use)
{
	payi_client *client;
	if (site_agent_start(site, bench) || site_client(site, 0, &client))
		return -1;
	int status = 0;
	if (sample_track(client, SAMPLE_NEW, 0) != PAYI_OK ||
	    payi_flush(client, FLUSH_MS) != PAYI_OK)
		status = bench_fail(0, "%s", payi_last_error());
	if (!status) {
		sleep_ms(bench->quick ? 500 : 3000); /* the agent comes to rest */
		*use = observe(bench, site->agent);
	}
	payi_client_close(client);
	return site_agent_stop(site) ? -1 : status;
}

static int observe_sleeper(const struct bench *bench, struct process_use *use)
{
	fflush(NULL);
	const pid_t pid = fork();
	if (pid < 0)
		return bench_fail(errno, "cannot fork");
	if (pid == 0) {
		site_child();
		for (;;)
			sleep_ms(SLEEP_MS);
	}
	*use = observe(bench, pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static void print(const struct bench *bench, const char *name, const struct process_use *use,
		  const struct process_use *sleeper)
{
	table_row(bench->table, name,
		  (double[]){100 * use->cpu_s, use->cpu_s / sleeper->cpu_s, use->wake_ups,
			     use->wake_ups / sleeper->wake_ups, use->peak_rss_mb});
}

int bench_idle(const struct bench *bench)
{
	struct site site;
	struct process_use agent;
	struct process_use sleeper;
	if (site_make(&site, bench))
		return -1;
	int status = observe_agent(&site, bench, &agent);
	if (!status)
		status = observe_sleeper(bench, &sleeper);
	if (!status) {
		table_section(bench->table, &section);
		print(bench, "payi-agent run", &agent, &sleeper);
		print(bench, "a process that sleeps 40 ms at a time", &sleeper, &sleeper);
	}
	site_remove(&site);
	return status;
}
