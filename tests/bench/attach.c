/*
 * What first events cost: that of a process, which opens the ring; of a thread that comes later, which takes a lane's memory; of a
 * forked child, which opens a ring of its own. Beside the least that a ring takes of the kernel, a file of as many bytes on tmpfs
 * with all its pages.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMES = 200, TIMES_QUICK = 10 };

static const struct table_section section = {
	.name = "attach",
	.title = "First events, microseconds",
	.columns = {{"median", "median_us", 0}, {"p99", "p99_us", 0}, {"x file", "x_file", 2}},
};

/* One of them, in a place of its own. */
struct attach {
	struct site site;
	size_t ring_bytes;
	payi_client *client;
	double *took_us; /* shared with children */
};

static int track(const struct attach *attach)
{
	const payi_event event = sample_full();
	return payi_track(attach->client, &event) ? bench_fail(0, "%s", payi_last_error()) : 0;
}

/* ---- What is timed -------------------------------------------------------------------------------- */

static int make_file(struct attach *attach)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/file", attach->site.rings);
	const double start_s = seconds_now();
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)attach->ring_bytes);
	if (fd >= 0)
		close(fd);
	*attach->took_us = (seconds_now() - start_s) * 1e6;
	return error ? bench_fail(error, "cannot make %s", path) : 0;
}

static int of_a_process(struct attach *attach)
{
	const double start_s = seconds_now();
	int status = site_client(&attach->site, attach->ring_bytes, &attach->client);
	if (!status)
		status = track(attach);
	*attach->took_us = (seconds_now() - start_s) * 1e6;
	return status;
}

static void *time_track(void *context)
{
	struct attach *attach = context;
	const double start_s = seconds_now();
	const int status = track(attach);
	*attach->took_us = (seconds_now() - start_s) * 1e6;
	return status ? attach : NULL;
}

static int track_in_a_thread(struct attach *attach)
{
	pthread_t thread;
	void *failed = attach;
	if (pthread_create(&thread, NULL, time_track, attach) == 0)
		pthread_join(thread, &failed);
	return failed ? bench_fail(0, "a thread has failed") : 0;
}

/* The first one finds the lane that has its pages already. */
static int of_a_second_thread(struct attach *attach)
{
	int status = site_client(&attach->site, attach->ring_bytes, &attach->client);
	for (int i = 0; i < 2 && !status; i++)
		status = track_in_a_thread(attach);
	return status;
}

static int of_a_child(struct attach *attach)
{
	int status;
	if (of_a_process(attach))
		return -1;
	fflush(NULL);
	const pid_t child = fork();
	if (child == 0)
		_exit(time_track(attach) ? 1 : 0);
	if (child < 0 || waitpid(child, &status, 0) < 0 || status)
		return bench_fail(0, "a forked child has failed");
	return 0;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

static const struct row {
	const char *name;
	int (*time)(struct attach *attach);
	size_t ring_bytes;
} rows[] = {
	{"a file of 256 KiB", make_file, 262144},
	{"payi_client_open, 256 KiB, first event", of_a_process, 262144},
	{"a file of 1 MiB", make_file, 1048576},
	{"payi_client_open, 1 MiB, first event", of_a_process, 1048576},
	{"a file of 4 MiB", make_file, 4194304},
	{"payi_client_open, 4 MiB, first event", of_a_process, 4194304},
	{"  first event of a second thread", of_a_second_thread, 4194304},
	{"  first event of a forked child", of_a_child, 4194304},
};

/* What is cleared away between the calls is not timed. */
static int run(const struct bench *bench, const struct row *row, double *shared, double *file_us)
{
	const int n = bench->quick ? TIMES_QUICK : TIMES;
	double took_us[TIMES];
	int status = 0;
	for (int i = 0; i < n && !status; i++) {
		struct attach attach = {.ring_bytes = row->ring_bytes, .took_us = shared};
		if (site_make(&attach.site, bench))
			return -1;
		status = row->time(&attach);
		took_us[i] = *shared;
		payi_client_close(attach.client);
		site_remove(&attach.site);
	}
	if (status)
		return -1;
	sort_numbers(took_us, (size_t)n);
	if (row->time == make_file)
		*file_us = took_us[n / 2];
	table_row(bench->table, row->name,
		  (double[]){took_us[n / 2], took_us[n * 99 / 100], took_us[n / 2] / *file_us});
	return 0;
}

int bench_attach(const struct bench *bench)
{
	double file_us = (double)NAN;
	double *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	if (shared == MAP_FAILED)
		return bench_fail(errno, "cannot map memory");
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !status; i++)
		status = run(bench, &rows[i], shared, &file_us);
	munmap(shared, sizeof(*shared));
	return status;
}
