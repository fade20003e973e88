#include "bench/load.h"

#include "bench/bench.h"

#include <pthread.h>
#include <stdlib.h>

enum { WARM_ROUNDS = 16 };

enum timing { WARM, SINGLE, BATCH };

struct run {
	const struct load *load;
	enum timing timing;
	int rounds;
	pthread_barrier_t barrier;
};

struct thread {
	pthread_t pthread;
	struct run *run;
	uint32_t *sample; /* ticks */
	size_t n_samples;
	long n_failed;
};

/* ---- The timed loops ------------------------------------------------------------------------------ */

static void keep(struct thread *thread, uint64_t interval)
{
	thread->sample[thread->n_samples++] =
		interval < UINT32_MAX ? (uint32_t)interval : UINT32_MAX;
}

static void time_calls(struct thread *thread, const struct load *load)
{
	for (int i = 0; i < load->round; i++) {
		const uint64_t start = ticks_now();
		const int status = load->call(load->context);
		keep(thread, ticks_now() - start);
		thread->n_failed += status != 0;
	}
}

static void time_batches(struct thread *thread, const struct load *load, enum timing timing)
{
	for (int i = 0; i < load->round; i += LOAD_BATCH) {
		long n_failed = 0;
		const uint64_t start = ticks_now();
		for (int j = 0; j < LOAD_BATCH; j++)
			n_failed += load->call(load->context) != 0;
		const uint64_t interval = ticks_now() - start;
		if (timing == BATCH)
			keep(thread, interval);
		thread->n_failed += n_failed;
	}
}

static void *run_thread(void *context)
{
	struct thread *thread = context;
	struct run *run = thread->run;
	if (run->load->begin)
		run->load->begin(run->load->context);
	for (int i = 0; i < run->rounds; i++) {
		pthread_barrier_wait(&run->barrier);
		if (run->timing == SINGLE)
			time_calls(thread, run->load);
		else
			time_batches(thread, run->load, run->timing);
		pthread_barrier_wait(&run->barrier);
	}
	return NULL;
}

/* ---- A run: all threads, all rounds --------------------------------------------------------------- */

static void start(struct run *run, struct thread *threads)
{
	const struct load *load = run->load;
	pthread_barrier_init(&run->barrier, NULL, (unsigned)load->threads + 1);
	for (int i = 0; i < load->threads; i++) {
		threads[i].run = run;
		threads[i].n_samples = 0;
		/* The barrier waits for every thread: with one too few there is no way on. */
		if (pthread_create(&threads[i].pthread, NULL, run_thread, &threads[i]))
			abort();
	}
}

static void run_rounds(const struct load *load, struct thread *threads, enum timing timing)
{
	struct run run = {.load = load,
			  .timing = timing,
			  .rounds = timing == WARM ? WARM_ROUNDS : load->rounds};
	start(&run, threads);
	for (int i = 0; i < run.rounds; i++) {
		pthread_barrier_wait(&run.barrier);
		pthread_barrier_wait(&run.barrier);
		if (load->empty)
			load->empty(load->context);
	}
	for (int i = 0; i < load->threads; i++)
		pthread_join(threads[i].pthread, NULL);
	pthread_barrier_destroy(&run.barrier);
}

/* ---- The result ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* All threads' samples, in order; NULL without memory. */
static uint32_t *merge(const struct thread *threads, int n_threads, size_t *n)
{
	*n = 0;
	for (int i = 0; i < n_threads; i++)
		*n += threads[i].n_samples;
	uint32_t *all = malloc(*n * sizeof(*all));
	size_t to = 0;
	for (int i = 0; all && i < n_threads; i++)
		for (size_t j = 0; j < threads[i].n_samples; j++)
			all[to++] = threads[i].sample[j];
	if (all)
		qsort(all, *n, sizeof(*all), compare);
	return all;
}

static double at(const uint32_t *sorted, size_t n, double share, const struct ticks *ticks)
{
	const size_t i = (size_t)(share * (double)(n - 1));
	return ticks_ns(ticks, sorted[i]);
}

static int measure(const struct load *load, struct thread *threads, const struct ticks *ticks,
		   struct load_result *result)
{
	size_t n;
	run_rounds(load, threads, WARM);
	run_rounds(load, threads, SINGLE);
	uint32_t *all = merge(threads, load->threads, &n);
	if (!all)
		return bench_fail(0, "out of memory");
	result->median_ns = at(all, n, 0.5, ticks);
	result->p99_ns = at(all, n, 0.99, ticks);
	result->p999_ns = at(all, n, 0.999, ticks);
	result->max_ns = at(all, n, 1, ticks);
	free(all);
	run_rounds(load, threads, BATCH);
	all = merge(threads, load->threads, &n);
	if (!all)
		return bench_fail(0, "out of memory");
	result->batch_ns = at(all, n, 0.5, ticks) / LOAD_BATCH;
	free(all);
	return 0;
}

int load_run(const struct load *load, const struct ticks *ticks, struct load_result *result)
{
	struct thread threads[LOAD_THREADS_MAX] = {{0}};
	const size_t n = (size_t)load->round * (size_t)load->rounds;
	int status = 0;
	*result = (struct load_result){0};
	for (int i = 0; i < load->threads; i++)
		if (!(threads[i].sample = malloc(n * sizeof(uint32_t))))
			status = bench_fail(0, "out of memory");
	if (!status)
		status = measure(load, threads, ticks, result);
	for (int i = 0; i < load->threads; i++) {
		result->n_failed += threads[i].n_failed;
		free(threads[i].sample);
	}
	return status;
}
