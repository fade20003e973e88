/*
 * What a call costs as the event grows, beside a memcpy() of as many bytes into as much memory. 100 KiB is an event with
 * its prompt and answer.
 */
#include "bench/bench.h"
#include "bench/sized.h"
#include "bench/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct table_section section = {
	.name = "size",
	.title = "One call by the size of the event, nanoseconds",
	.columns = {{"median", "median_ns", 0},
		    {"p99", "p99_ns", 0},
		    {"p99.9", "p999_ns", 0},
		    {"of 64", "batch_ns", 1},
		    {"memcpy", "memcpy_ns", 1},
		    {"x memcpy", "x_memcpy", 2}},
};

/* Into as much memory as a lane has, from its begin to its end. */
struct copying {
	const struct sized *sized;
	char *memory;
	size_t to;
};

static int copy_call(void *context)
{
	struct copying *copying = context;
	const struct sized *sized = copying->sized;
	memcpy(copying->memory + copying->to, sized->value, sized->bytes);
	copying->to += sized->bytes;
	if (copying->to + sized->bytes > sized->lane_bytes)
		copying->to = 0;
	return 0;
}

static int measure_copy(const struct sized *sized, const struct load *track,
			const struct ticks *ticks, struct load_result *result)
{
	struct copying copying = {.sized = sized, .memory = malloc(sized->lane_bytes)};
	struct load load = *track;
	load.call = copy_call;
	load.empty = NULL;
	load.context = &copying;
	if (!copying.memory)
		return bench_fail(0, "out of memory");
	const int status = load_run(&load, ticks, result);
	free(copying.memory);
	return status;
}

static int compare_with_copy(const struct bench *bench, const struct ticks *ticks,
			     struct sized *sized)
{
	const struct load load = sized_load(sized, bench->quick);
	struct load_result copy, track;
	char name[64];
	if (measure_copy(sized, &load, ticks, &copy) || load_run(&load, ticks, &track))
		return -1;
	snprintf(name, sizeof(name), "payi_track, 10 fields + %zu bytes", sized->bytes);
	table_row(bench->table, name,
		  (double[]){track.median_ns, track.p99_ns, track.p999_ns, track.batch_ns,
			     copy.batch_ns, track.batch_ns / copy.batch_ns});
	return track.n_failed
		       ? bench_fail(0, "%ld calls failed: %s", track.n_failed, payi_last_error())
		       : 0;
}

static int run_size(const struct bench *bench, const struct ticks *ticks, size_t bytes)
{
	static struct sized sized;
	struct site site;
	if (site_make(&site, bench))
		return -1;
	int status = sized_open(&sized, &site, bytes);
	if (!status)
		status = compare_with_copy(bench, ticks, &sized);
	sized_close(&sized);
	site_remove(&site);
	return status;
}

int bench_size(const struct bench *bench)
{
	static const size_t sizes[] = {64, 250, 1024, 4096, 16384, SIZED_BYTES_MAX};
	const struct ticks ticks = ticks_calibrate();
	int status = 0;
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !status; i++)
		status = run_size(bench, &ticks, sizes[i]);
	return status;
}
