/*
 * What a call of payi_track() costs, beside an empty call, a memcpy() of as many bytes as the event takes
 * in the ring, sending as many as a Unix datagram, the usual way to hand an event to an agent, and recording the
 * ten fields with an LTTng tracepoint.
 */
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/load.h"
#include "bench/lttng.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROUND = 1024,        /* events of a thread: well below what a lane holds */
	BURST = LOAD_BATCH,  /* datagrams: well below what a socket holds */
	COPY_BYTES = 524288, /* copies go through as much memory as a lane has */
	EVENT_BYTES_MAX = 4096,
};

static const struct table_section section = {
	.name = "track",
	.title = "One call, nanoseconds: single calls (the clock's own cost subtracted), and per "
		 "call in batches of 64 (median)",
	.columns = {{"median", "median_ns", 0},
		    {"p99", "p99_ns", 0},
		    {"p99.9", "p999_ns", 0},
		    {"max", "max_ns", 0},
		    {"of 64", "batch_ns", 1},
		    {"x memcpy", "x_memcpy", 2},
		    {"x datagram", "x_datagram", 3},
		    {"x LTTng", "x_lttng", 2}},
};

/* ---- The baselines -------------------------------------------------------------------------------- */

__attribute__((noinline)) static int empty_call(void *context)
{
	(void)context;
	return 0;
}

struct copy {
	size_t bytes;
	size_t to;
	char from[EVENT_BYTES_MAX];
	char memory[COPY_BYTES];
};

static int copy_call(void *context)
{
	struct copy *copy = context;
	memcpy(copy->memory + copy->to, copy->from, copy->bytes);
	copy->to += copy->bytes;
	if (copy->to > COPY_BYTES - EVENT_BYTES_MAX)
		copy->to = 0;
	return 0;
}

struct datagrams {
	size_t bytes;
	int sender;
	int receiver;
	long n_sent;
	atomic_long n_received;
	char payload[EVENT_BYTES_MAX];
};

static int datagram_call(void *context)
{
	struct datagrams *datagrams = context;
	const ssize_t sent = send(datagrams->sender, datagrams->payload, datagrams->bytes, 0);
	datagrams->n_sent += sent >= 0;
	return sent < 0;
}

static void *receive_datagrams(void *context)
{
	struct datagrams *datagrams = context;
	char payload[EVENT_BYTES_MAX];
	while (recv(datagrams->receiver, payload, sizeof(payload), 0) > 0)
		atomic_fetch_add_explicit(&datagrams->n_received, 1, memory_order_release);
	return NULL;
}

static void wait_for_datagrams(void *context)
{
	struct datagrams *datagrams = context;
	while (atomic_load_explicit(&datagrams->n_received, memory_order_acquire) !=
	       datagrams->n_sent)
		sched_yield();
}

/* ---- payi_track() --------------------------------------------------------------------------------- */

struct tracking {
	payi_client *client;
	struct drainer *drainer;
	const char *name; /* of the event */
	payi_event event;
	bool within;     /* in sample_context() */
	const char *dir; /* for what others record */
};

static int track_call(void *context)
{
	struct tracking *tracking = context;
	return payi_track(tracking->client, &tracking->event);
}

static void enter(void *context)
{
	struct tracking *tracking = context;
	const payi_track_context outer = sample_context();
	if (tracking->within)
		payi_track_context_begin(tracking->client, &outer);
}

/* A context for one event: the dearest way to use one. */
static int scope_call(void *context)
{
	struct tracking *tracking = context;
	const payi_track_context outer = sample_context();
	payi_status status = payi_track_context_begin(tracking->client, &outer);
	if (!status)
		status = payi_track(tracking->client, &tracking->event);
	payi_track_context_end(tracking->client);
	return status;
}

static void empty_ring(void *context)
{
	struct tracking *tracking = context;
	drainer_empty(tracking->drainer);
}

/* What the event takes in the ring. */
static int measure_bytes(struct tracking *tracking, size_t *bytes)
{
	payi_client_stats before = PAYI_CLIENT_STATS_INIT;
	payi_client_stats after = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(tracking->client, &before);
	enter(tracking);
	const int status = track_call(tracking);
	if (tracking->within)
		payi_track_context_end(tracking->client);
	payi_client_stats_get(tracking->client, &after);
	*bytes = (size_t)(after.ring_bytes_used - before.ring_bytes_used);
	return status ? bench_fail(0, "an event is refused: %s", payi_last_error()) : 0;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

struct baselines {
	double memcpy_ns;
	double datagram_ns;
	double lttng_ns; /* NAN: it has none */
};

static void print_result(const struct bench *bench, const char *name,
			 const struct load_result *result, const struct baselines *baselines)
{
	table_row(bench->table, name,
		  (double[]){result->median_ns, result->p99_ns, result->p999_ns, result->max_ns,
			     result->batch_ns,
			     baselines ? result->batch_ns / baselines->memcpy_ns : (double)NAN,
			     baselines ? result->batch_ns / baselines->datagram_ns : (double)NAN,
			     baselines ? result->batch_ns / baselines->lttng_ns : (double)NAN});
	if (result->n_failed)
		table_note("    %ld calls of these FAILED: %s", result->n_failed,
			   payi_last_error());
}

static int rounds(const struct bench *bench, int round, int threads)
{
	const int calls = bench->quick ? 32768 : 1048576;
	return calls / round / threads;
}

static int run_copy(const struct bench *bench, const struct ticks *ticks, size_t bytes,
		    struct load_result *result)
{
	static struct copy copy;
	copy.bytes = bytes;
	const struct load load = {.call = copy_call,
				  .context = &copy,
				  .threads = 1,
				  .round = ROUND,
				  .rounds = rounds(bench, ROUND, 1)};
	return load_run(&load, ticks, result);
}

static int run_datagrams(const struct bench *bench, const struct ticks *ticks, size_t bytes,
			 struct load_result *result)
{
	int ends[2];
	pthread_t receiver;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		return bench_fail(errno, "cannot make a pair of sockets");
	struct datagrams datagrams = {.bytes = bytes, .sender = ends[0], .receiver = ends[1]};
	const struct load load = {.call = datagram_call,
				  .empty = wait_for_datagrams,
				  .context = &datagrams,
				  .threads = 1,
				  .round = BURST,
				  .rounds = rounds(bench, BURST, 8)};
	int status = pthread_create(&receiver, NULL, receive_datagrams, &datagrams);
	if (status) {
		status = bench_fail(status, "cannot start a thread");
	} else {
		status = load_run(&load, ticks, result);
		shutdown(ends[1], SHUT_RD); /* ends the receiver */
		pthread_join(receiver, NULL);
	}
	close(ends[0]);
	close(ends[1]);
	return status;
}

/* No more events than the session's buffers hold; a median of NAN where there is no LTTng. */
static int run_lttng(const struct bench *bench, const struct ticks *ticks,
		     struct tracking *tracking, struct load_result *result)
{
	enum { EVENTS_MAX = 65536 };
	struct lttng lttng;
	*result = (struct load_result){.batch_ns = (double)NAN};
	if (tracking->within || !tracking->event.use_case_name ||
	    !lttng_open(&lttng, tracking->dir))
		return 0;
	const int wanted = rounds(bench, ROUND, 1);
	const struct load load = {.call = lttng.call,
				  .context = &tracking->event,
				  .threads = 1,
				  .round = ROUND,
				  .rounds = wanted < EVENTS_MAX / ROUND ? wanted
									: EVENTS_MAX / ROUND};
	const int status = load_run(&load, ticks, result);
	lttng_close(&lttng);
	return status;
}

static int run_tracking(const struct bench *bench, const struct ticks *ticks,
			struct tracking *tracking, int (*call)(void *context),
			const struct baselines *baselines)
{
	for (int threads = 1; threads <= LOAD_THREADS_MAX; threads *= 2) {
		const struct load load = {.begin = enter,
					  .call = call,
					  .empty = empty_ring,
					  .context = tracking,
					  .threads = threads,
					  .round = ROUND,
					  .rounds = rounds(bench, ROUND, threads)};
		struct load_result result;
		char name[64];
		if (load_run(&load, ticks, &result))
			return -1;
		snprintf(name, sizeof(name), "%s, %d thread%s", tracking->name, threads,
			 threads > 1 ? "s" : "");
		print_result(bench, name, &result, baselines);
	}
	return 0;
}

/* An event, and its baselines. */
static int run_event(const struct bench *bench, const struct ticks *ticks,
		     struct tracking *tracking)
{
	size_t bytes;
	struct load_result copy, datagrams, lttng;
	char name[64];
	if (measure_bytes(tracking, &bytes) || run_copy(bench, ticks, bytes, &copy) ||
	    run_datagrams(bench, ticks, bytes, &datagrams) ||
	    run_lttng(bench, ticks, tracking, &lttng))
		return -1;
	const struct baselines baselines = {copy.batch_ns, datagrams.batch_ns, lttng.batch_ns};
	snprintf(name, sizeof(name), "memcpy, %zu bytes", bytes);
	print_result(bench, name, &copy, &baselines);
	if (run_tracking(bench, ticks, tracking, track_call, &baselines))
		return -1;
	if (tracking->within) {
		tracking->within = false;
		tracking->name = "a context for each event";
		if (run_tracking(bench, ticks, tracking, scope_call, &baselines))
			return -1;
	}
	snprintf(name, sizeof(name), "Unix datagram, %zu bytes", bytes);
	print_result(bench, name, &datagrams, &baselines);
	if (!isnan(lttng.batch_ns))
		print_result(bench, "LTTng tracepoint, 10 fields", &lttng, &baselines);
	return 0;
}

static int run_all(const struct bench *bench, const struct ticks *ticks, struct tracking *tracking)
{
	struct load_result result;
	const struct load empty = {.call = empty_call,
				   .threads = 1,
				   .round = ROUND,
				   .rounds = rounds(bench, ROUND, 1)};
	if (load_run(&empty, ticks, &result))
		return -1;
	print_result(bench, "empty call", &result, NULL);
	tracking->name = "payi_track, bare event";
	tracking->event = sample_bare();
	if (run_event(bench, ticks, tracking))
		return -1;
	tracking->name = "payi_track, 10 fields";
	tracking->event = sample_full();
	if (run_event(bench, ticks, tracking))
		return -1;
	tracking->name = "payi_track, 10 fields, in a context";
	tracking->event = sample_within();
	tracking->within = true;
	return run_event(bench, ticks, tracking);
}

int bench_track(const struct bench *bench)
{
	const struct ticks ticks = ticks_calibrate();
	struct site site;
	struct tracking tracking = {0};
	if (site_make(&site, bench))
		return -1;
	tracking.dir = site.data;
	int status = site_client(&site, 0, &tracking.client);
	if (!status)
		status = drainer_open(site.rings, &tracking.drainer);
	if (!status) {
		table_section(bench->table, &section);
		status = run_all(bench, &ticks, &tracking);
		table_note("  (a reading of the clock costs %.1f ns)",
			   (double)ticks.overhead / ticks.per_ns);
	}
	drainer_close(tracking.drainer);
	payi_client_close(tracking.client);
	site_remove(&site);
	return status;
}
