/*
 * What it costs a service to get an event off its hands, beside the ways that it has instead: see peers/peer.h. First at a
 * pace of 10,000 events/s, call by call; then as fast as the peer takes them, until all are stored. One thread, one
 * event after the other; no peer is given more than one connection.
 */
#include "bench/bench.h"
#include "bench/peers/peer.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PACE_PER_MS = 10, PACED_MS = 2000, PACED_QUICK_MS = 100, QUICK_PART = 50 };

static const struct table_section section = {
	.name = "peers",
	.title = "Ways to get an event off a thread's hands: a call at 10,000 events/s, in "
		 "nanoseconds; then without pause, until all are stored",
	.columns = {{"median", "median_ns", 0},
		    {"p99", "p99_ns", 0},
		    {"p99.9", "p999_ns", 0},
		    {"max", "max_ns", 0},
		    {"events/s", "events_per_s", 0},
		    {"x payi", "x_payi", 3},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"caller's", "caller_cpu_s_per_million", 2}},
};

static const struct peer *const peers[] = {
	&peer_agent,     &peer_datagram, &peer_queue, &peer_rsyslog,
	&peer_syslog_ng, &peer_redis,    &peer_https,
};

enum { N_PEERS = sizeof(peers) / sizeof(peers[0]) };

struct result {
	double median_ns, p99_ns, p999_ns, max_ns;
	double events_per_s;
	double cpu_s;        /* of the peer's process, per million events; NAN: it has none */
	double caller_cpu_s; /* of the calling thread */
};

/* A few events each millisecond: between them the caller sleeps, and its caches cool down, as a service's do. */
static int run_paced(const struct bench *bench, const struct peer *peer, void *self,
		     const struct ticks *ticks, struct result *result)
{
	const int ms = bench->quick ? PACED_QUICK_MS : PACED_MS;
	const size_t n = (size_t)ms * PACE_PER_MS;
	double *took_ns = malloc(n * sizeof(*took_ns));
	struct timespec due;
	int failed = 0;
	size_t to = 0;
	if (!took_ns)
		return bench_fail(0, "out of memory");
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (int i = 0; i < ms; i++) {
		due.tv_nsec += 1000000;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		for (int j = 0; j < PACE_PER_MS; j++) {
			const uint64_t start = ticks_now();
			failed += peer->hand_over(self) != 0;
			took_ns[to++] = ticks_ns(ticks, ticks_now() - start);
		}
	}
	sort_numbers(took_ns, (size_t)n);
	result->median_ns = took_ns[n / 2];
	result->p99_ns = took_ns[n * 99 / 100];
	result->p999_ns = took_ns[n * 999 / 1000];
	result->max_ns = took_ns[n - 1];
	free(took_ns);
	return failed ? bench_fail(0, "%s: %d of %zu were not taken", peer->name, failed, n) : 0;
}

static int run_flat_out(const struct peer *peer, void *self, long before, long n,
			struct result *result)
{
	const pid_t process = peer->process(self);
	const double cpu_s = process ? process_use(process).cpu_s : (double)NAN;
	const double caller_s = thread_cpu_s();
	const double start_s = seconds_now();
	for (long i = 0; i < n; i++)
		if (peer->hand_over(self))
			return bench_fail(errno, "%s: event %ld was not taken", peer->name, i);
	result->caller_cpu_s = (thread_cpu_s() - caller_s) / (double)n * 1e6;
	if (peer->wait(self, before + n))
		return -1;
	result->events_per_s = (double)n / (seconds_now() - start_s);
	result->cpu_s =
		process ? (process_use(process).cpu_s - cpu_s) / (double)n * 1e6 : (double)NAN;
	return 0;
}

/* PEER_ABSENT: it is not installed, and said so. */
static int run_peer(const struct bench *bench, const struct peer *peer, const struct ticks *ticks,
		    struct result *result)
{
	const long paced = (bench->quick ? PACED_QUICK_MS : PACED_MS) * PACE_PER_MS;
	struct site site;
	void *self;
	if (site_make(&site, bench))
		return -1;
	const struct peer_place place = {bench, &site};
	int status = peer->open(&place, &self);
	if (status == PEER_ABSENT)
		table_note("  %s: skipped, it is not installed", peer->name);
	if (!status) {
		status = run_paced(bench, peer, self, ticks, result);
		if (!status)
			status = peer->wait(self, paced);
		if (!status)
			status = run_flat_out(peer, self, paced,
					      peer->events / (bench->quick ? QUICK_PART : 1),
					      result);
		peer->close(self);
	}
	site_remove(&site);
	return status;
}

int bench_peers(const struct bench *bench)
{
	const struct ticks ticks = ticks_calibrate();
	double ours = (double)NAN;
	int failed = 0;
	table_section(bench->table, &section);
	for (int i = 0; i < N_PEERS; i++) {
		struct result result = {0};
		const int status = run_peer(bench, peers[i], &ticks, &result);
		failed |= status < 0;
		if (status)
			continue;
		if (peers[i] == &peer_agent)
			ours = result.events_per_s;
		table_row(bench->table, peers[i]->name,
			  (double[]){result.median_ns, result.p99_ns, result.p999_ns, result.max_ns,
				     result.events_per_s, result.events_per_s / ours, result.cpu_s,
				     result.caller_cpu_s});
	}
	table_note(
		"  Done is: for us, synced in SQLite with all its indexes; by datagram and queue, "
		"read and forgotten; rsyslog, written\n  to a file; syslog-ng, through its "
		"buffer; Redis, in memory; HTTPS, answered by a service on this host.");
	return failed ? -1 : 0;
}
