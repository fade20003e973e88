/*
 * What the first event of a process costs: opening the ring, and a first payi_track(); beside the least that a
 * ring takes of the kernel, a file of as many bytes on tmpfs with all its pages.
 */
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TIMES = 200, TIMES_QUICK = 10 };

static const struct table_section section = {
	.name = "attach",
	.title = "A process's first event, microseconds",
	.columns = {{"median", "median_us", 0}, {"p99", "p99_us", 0}, {"x file", "x_file", 2}},
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static int make_file(const struct site *site, size_t bytes)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/file", site->rings);
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const int error = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)bytes);
	if (fd >= 0)
		close(fd);
	if (error)
		return bench_fail(error, "cannot make %s", path);
	return 0;
}

static void remove_file(const struct site *site)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/file", site->rings);
	unlink(path);
}

static int first_event(const struct site *site, size_t bytes, payi_client **client)
{
	const payi_event event = sample_full();
	if (site_client(site, bytes, client))
		return -1;
	return payi_track(*client, &event) ? bench_fail(0, "%s", payi_last_error()) : 0;
}

/* What is cleared away between the calls is not timed. */
static int run(const struct bench *bench, const char *name, size_t bytes, bool client,
	       double *file_us)
{
	const int n = bench->quick ? TIMES_QUICK : TIMES;
	double took_us[TIMES];
	int status = 0;
	for (int i = 0; i < n && !status; i++) {
		struct site site;
		payi_client *it = NULL;
		if (site_make(&site, bench))
			return -1;
		const double start_s = seconds_now();
		status = client ? first_event(&site, bytes, &it) : make_file(&site, bytes);
		took_us[i] = (seconds_now() - start_s) * 1e6;
		payi_client_close(it);
		remove_file(&site);
		site_remove(&site);
	}
	if (status)
		return -1;
	qsort(took_us, (size_t)n, sizeof(took_us[0]), compare);
	if (!client)
		*file_us = took_us[n / 2];
	table_row(bench->table, name,
		  (double[]){took_us[n / 2], took_us[n * 99 / 100], took_us[n / 2] / *file_us});
	return 0;
}

int bench_attach(const struct bench *bench)
{
	static const struct {
		const char *file, *open;
		size_t bytes;
	} rings[] = {
		{"a file of 256 KiB", "payi_client_open, 256 KiB, first event", 262144},
		{"a file of 1 MiB", "payi_client_open, 1 MiB, first event", 1048576},
		{"a file of 4 MiB", "payi_client_open, 4 MiB, first event", 4194304},
	};
	double file_us = (double)NAN;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++)
		if (run(bench, rings[i].file, rings[i].bytes, false, &file_us) ||
		    run(bench, rings[i].open, rings[i].bytes, true, &file_us))
			return -1;
	return 0;
}
