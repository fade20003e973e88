/*
 * What threads get done together, against one of them: each tracks without pause for as long, and gives the space back as it goes,
 * unread, so that nothing but payi_track() takes time. What they share shows, and nothing else.
 */
#define _POSIX_C_SOURCE 200809L
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/load.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUND = 1024 /* events of a thread: well below what a lane holds */ };

static const double seconds = 1, seconds_quick = 0.05;

static const struct table_section section = {
	.name = "threads",
	.title = "payi_track, 10 fields: what threads get done together",
	/* The CPU of an event says more where others use the processors, too. */
	.columns = {{"events/s", "events_per_s", 0},
		    {"x one", "x_one", 2},
		    {"CPU ns", "cpu_ns", 1},
		    {"failed", "failed", 0}},
};

struct threads {
	payi_client *client;
	struct drainer *drainer;
	payi_event event;
	double seconds;
	pthread_barrier_t barrier;
};

struct tracker {
	pthread_t pthread;
	struct threads *threads;
	double events_per_s;
	double cpu_ns; /* of an event */
	long n_failed;
};

static void *run_thread(void *context)
{
	struct tracker *self = context;
	struct threads *threads = self->threads;
	long n = 0;
	double took_s = 0;
	pthread_barrier_wait(&threads->barrier);
	const double start_s = seconds_now();
	const double cpu_s = thread_cpu_s();
	while (took_s < threads->seconds) {
		for (int i = 0; i < ROUND; i++)
			self->n_failed += payi_track(threads->client, &threads->event) != PAYI_OK;
		drainer_forget(threads->drainer);
		n += ROUND;
		took_s = seconds_now() - start_s;
	}
	self->events_per_s = (double)n / took_s;
	self->cpu_ns = (thread_cpu_s() - cpu_s) * 1e9 / (double)n;
	return NULL;
}

static int run(const struct bench *bench, struct threads *threads, int n, double *one)
{
	struct tracker trackers[LOAD_THREADS_MAX] = {{0}};
	double events_per_s = 0;
	double cpu_ns = 0;
	long n_failed = 0;
	char name[64];
	pthread_barrier_init(&threads->barrier, NULL, (unsigned)n);
	for (int i = 0; i < n; i++) {
		trackers[i].threads = threads;
		if (pthread_create(&trackers[i].pthread, NULL, run_thread, &trackers[i]))
			abort(); /* the barrier waits for every thread */
	}
	for (int i = 0; i < n; i++) {
		pthread_join(trackers[i].pthread, NULL);
		events_per_s += trackers[i].events_per_s;
		cpu_ns += trackers[i].cpu_ns / n;
		n_failed += trackers[i].n_failed;
	}
	pthread_barrier_destroy(&threads->barrier);
	*one = n == 1 ? events_per_s : *one;
	snprintf(name, sizeof(name), "%d thread%s", n, n > 1 ? "s" : "");
	table_row(bench->table, name,
		  (double[]){events_per_s, events_per_s / *one, cpu_ns, (double)n_failed});
	return 0;
}

int bench_threads(const struct bench *bench)
{
	struct threads threads = {.event = sample_full(),
				  .seconds = bench->quick ? seconds_quick : seconds};
	struct site site;
	double one = 0;
	if (site_make(&site, bench))
		return -1;
	int status = site_client(&site, 0, &threads.client);
	if (!status)
		status = drainer_open(site.rings, &threads.drainer);
	if (!status)
		table_section(bench->table, &section);
	for (int n = 1; n <= LOAD_THREADS_MAX && !status; n *= 2)
		status = run(bench, &threads, n, &one);
	drainer_close(threads.drainer);
	payi_client_close(threads.client);
	site_remove(&site);
	return status;
}
