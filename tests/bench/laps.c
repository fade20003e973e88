/*
 * Calls in a ring's first lap, where each page is written for the first time, and in a later one; by the size of the record and by
 * threads. Each round has a client of its own, whose lanes are filled once, emptied, and filled once more.
 */
#define _POSIX_C_SOURCE 200809L
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/load.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "payi/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LANE_BYTES = PAYI_RING_BYTES / PAYI_RING_LANES,
	REST_BYTES = 1024, /* of a lane, in which a record is not tried */
	SIZE_MAX_BYTES = 102400,
	SAMPLES = 65536,
	SAMPLES_QUICK = 2048,
	ROUNDS_MAX = 200,
};

enum lap { COLD, WARM, LAPS };

static const struct table_section section = {
	.name = "laps",
	.title = "One call in a ring's first lap (cold) and in its second (warm), nanoseconds",
	.columns = {{"cold median", "cold_median_ns", 0},
		    {"p99", "cold_p99_ns", 0},
		    {"p99.9", "cold_p999_ns", 0},
		    {"max", "cold_max_ns", 0},
		    {"warm median", "warm_median_ns", 0},
		    {"p99", "warm_p99_ns", 0},
		    {"p99.9", "warm_p999_ns", 0},
		    {"max", "warm_max_ns", 0}},
};

struct laps {
	const struct ticks *ticks;
	payi_client *client;
	payi_event event;
	payi_property fill;
	char value[SIZE_MAX_BYTES + 1];
	size_t record_bytes;
	int n; /* records in a lap */
	pthread_barrier_t barrier;
};

struct lap_thread {
	pthread_t pthread;
	struct laps *laps;
	double *took_ns[LAPS]; /* this round's */
	long n_failed;
	payi_status failed; /* the first of them */
};

/* ---- An event of that size ------------------------------------------------------------------------ */

static int measure_record(const struct bench *bench, struct laps *laps)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	struct site site;
	payi_client *client = NULL;
	if (site_make(&site, bench))
		return -1;
	int status = site_client(&site, 0, &client);
	if (!status && payi_track(client, &laps->event))
		status = bench_fail(0, "%s", payi_last_error());
	if (!status)
		payi_client_stats_get(client, &stats);
	laps->record_bytes = (size_t)stats.ring_bytes_used;
	payi_client_close(client);
	site_remove(&site);
	return status;
}

/* The least event there is, or ten fields and a property that fills it up. */
static int set_size(const struct bench *bench, struct laps *laps, size_t bytes)
{
	laps->event = sample_bare();
	if (measure_record(bench, laps))
		return -1;
	if (laps->record_bytes >= bytes)
		return 0;
	laps->event = sample_full();
	if (measure_record(bench, laps))
		return -1;
	const size_t fill = bytes > laps->record_bytes ? bytes - laps->record_bytes : 1;
	memset(laps->value, 'p', fill);
	laps->value[fill] = '\0';
	laps->fill = (payi_property){"fill", laps->value};
	laps->event.properties = &laps->fill;
	laps->event.n_properties = 1;
	return measure_record(bench, laps);
}

/* ---- A round -------------------------------------------------------------------------------------- */

static void *run_thread(void *context)
{
	struct lap_thread *thread = context;
	struct laps *laps = thread->laps;
	for (int lap = COLD; lap < LAPS; lap++) {
		pthread_barrier_wait(&laps->barrier);
		for (int i = 0; i < laps->n; i++) {
			const uint64_t start = ticks_now();
			const payi_status status = payi_track(laps->client, &laps->event);
			thread->took_ns[lap][i] = ticks_ns(laps->ticks, ticks_now() - start);
			if (status != PAYI_OK && thread->n_failed++ == 0)
				thread->failed = status;
		}
		pthread_barrier_wait(&laps->barrier);
	}
	return NULL;
}

static void run_laps(struct laps *laps, struct drainer *drainer, struct lap_thread *threads, int n)
{
	pthread_barrier_init(&laps->barrier, NULL, (unsigned)n + 1);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i].pthread, NULL, run_thread, &threads[i]))
			abort(); /* the barrier waits for every thread */
	for (int lap = COLD; lap < LAPS; lap++) {
		pthread_barrier_wait(&laps->barrier);
		pthread_barrier_wait(&laps->barrier);
		drainer_empty(drainer);
	}
	for (int i = 0; i < n; i++)
		pthread_join(threads[i].pthread, NULL);
	pthread_barrier_destroy(&laps->barrier);
}

static int run_round(const struct bench *bench, struct laps *laps, struct lap_thread *threads,
		     int n)
{
	struct site site;
	struct drainer *drainer = NULL;
	laps->client = NULL;
	if (site_make(&site, bench))
		return -1;
	int status = site_client(&site, 0, &laps->client);
	if (!status)
		status = drainer_open(site.rings, &drainer);
	if (!status)
		run_laps(laps, drainer, threads, n);
	drainer_close(drainer);
	payi_client_close(laps->client);
	site_remove(&site);
	return status;
}

/* ---- A row ---------------------------------------------------------------------------------------- */

static int run_rounds(const struct bench *bench, struct laps *laps, int n_threads, int rounds,
		      double *took_ns[LAPS])
{
	struct lap_thread threads[LOAD_THREADS_MAX] = {{0}};
	int status = 0;
	size_t at = 0;
	long n_failed = 0;
	for (int round = 0; round < rounds && !status; round++) {
		for (int i = 0; i < n_threads; i++, at += (size_t)laps->n) {
			threads[i].laps = laps;
			threads[i].took_ns[COLD] = took_ns[COLD] + at;
			threads[i].took_ns[WARM] = took_ns[WARM] + at;
		}
		status = run_round(bench, laps, threads, n_threads);
	}
	payi_status failed = PAYI_OK;
	for (int i = 0; i < n_threads; i++) {
		n_failed += threads[i].n_failed;
		failed = threads[i].n_failed ? threads[i].failed : failed;
	}
	return n_failed ? bench_fail(0, "%ld calls failed: %s", n_failed, payi_status_text(failed))
			: status;
}

static int run(const struct bench *bench, struct laps *laps, int n_threads)
{
	enum { COLUMNS = 4 };
	static const double shares[COLUMNS] = {0.5, 0.99, 0.999, 1};
	const int in_a_round = laps->n * n_threads;
	const int wanted = 1 + (bench->quick ? SAMPLES_QUICK : SAMPLES) / in_a_round;
	const int rounds = wanted < ROUNDS_MAX ? wanted : ROUNDS_MAX;
	const size_t n = (size_t)in_a_round * (size_t)rounds;
	double *took_ns[LAPS] = {calloc(n, sizeof(double)), calloc(n, sizeof(double))};
	double values[LAPS * COLUMNS];
	char name[64];
	int status = took_ns[COLD] && took_ns[WARM] ? 0 : bench_fail(0, "out of memory");
	if (!status)
		status = run_rounds(bench, laps, n_threads, rounds, took_ns);
	for (int lap = COLD; lap < LAPS && !status; lap++) {
		sort_numbers(took_ns[lap], (size_t)n);
		for (int i = 0; i < COLUMNS; i++)
			values[lap * COLUMNS + i] =
				took_ns[lap][(size_t)(shares[i] * (double)(n - 1))];
	}
	free(took_ns[COLD]);
	free(took_ns[WARM]);
	if (status)
		return -1;
	snprintf(name, sizeof(name), "%zu bytes, %d thread%s", laps->record_bytes, n_threads,
		 n_threads > 1 ? "s" : "");
	table_row(bench->table, name, values);
	return 0;
}

int bench_laps(const struct bench *bench)
{
	static const size_t sizes[] = {64, 250, 4096, SIZE_MAX_BYTES};
	static struct laps laps;
	const struct ticks ticks = ticks_calibrate();
	laps.ticks = &ticks;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (set_size(bench, &laps, sizes[i]))
			return -1;
		laps.n = (int)((LANE_BYTES - REST_BYTES) / laps.record_bytes);
		for (int threads = 1; threads <= LOAD_THREADS_MAX; threads *= 2)
			if (run(bench, &laps, threads))
				return -1;
	}
	return 0;
}
