/*
 * What a call costs as the event grows, beside a memcpy() of as many bytes into as much memory. The event is the
 * ten fields and a property that fills it up; 100 KiB is one with its prompt and answer.
 */
#include "bench/bench.h"
#include "bench/drainer.h"
#include "bench/load.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RING_BYTES_LARGE = 128 * 1024 * 1024, /* a lane holds a round of the largest */
	RING_BYTES = 4 * 1024 * 1024,         /* the default */
	LANES = 8,
	SIZE_MAX_BYTES = 102400,
	LARGE_BYTES = 4096, /* larger ones take the larger ring */
	SMALL_BYTES = 250,
	ROUND = LOAD_BATCH,
	ROUND_SMALL = 1024,
};

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

struct sized {
	payi_client *client;
	struct drainer *drainer;
	payi_event event;
	payi_property fill;
	char value[SIZE_MAX_BYTES + 1];
	char *memory; /* of the copies: as much as a lane */
	size_t memory_bytes;
	size_t bytes;
	size_t to;
};

static int track_call(void *context)
{
	struct sized *sized = context;
	return payi_track(sized->client, &sized->event);
}

static int copy_call(void *context)
{
	struct sized *sized = context;
	memcpy(sized->memory + sized->to, sized->value, sized->bytes);
	sized->to += sized->bytes;
	if (sized->to + sized->bytes > sized->memory_bytes)
		sized->to = 0;
	return 0;
}

static void empty_ring(void *context)
{
	drainer_empty(((struct sized *)context)->drainer);
}

static void set_size(struct sized *sized, size_t bytes)
{
	memset(sized->value, 'p', bytes);
	sized->value[bytes] = '\0';
	sized->bytes = bytes;
	sized->to = 0;
	sized->fill = (payi_property){"fill", sized->value};
	sized->event.properties = &sized->fill;
	sized->event.n_properties = 1;
}

static int compare_with_copy(const struct bench *bench, const struct ticks *ticks,
			     struct sized *sized)
{
	const int round = sized->bytes <= SMALL_BYTES ? ROUND_SMALL : ROUND;
	const int calls =
		(bench->quick ? 16384 : 262144) / (sized->bytes > LARGE_BYTES ? LANES : 1);
	struct load load = {.call = copy_call,
			    .context = sized,
			    .threads = 1,
			    .round = round,
			    .rounds = calls / round};
	struct load_result copy, track;
	char name[64];
	if (load_run(&load, ticks, &copy))
		return -1;
	load.call = track_call;
	load.empty = empty_ring;
	if (load_run(&load, ticks, &track))
		return -1;
	snprintf(name, sizeof(name), "payi_track, 10 fields + %zu bytes", sized->bytes);
	table_row(bench->table, name,
		  (double[]){track.median_ns, track.p99_ns, track.p999_ns, track.batch_ns,
			     copy.batch_ns, track.batch_ns / copy.batch_ns});
	return track.n_failed
		       ? bench_fail(0, "%ld calls failed: %s", track.n_failed, payi_last_error())
		       : 0;
}

static int run_size(const struct bench *bench, const struct ticks *ticks, struct sized *sized,
		    size_t bytes)
{
	const size_t ring_bytes = bytes > LARGE_BYTES ? RING_BYTES_LARGE : RING_BYTES;
	struct site site;
	if (site_make(&site, bench))
		return -1;
	set_size(sized, bytes);
	sized->memory_bytes = ring_bytes / LANES;
	int status = site_client(&site, ring_bytes, &sized->client);
	if (!status)
		status = drainer_open(site.rings, &sized->drainer);
	if (!status)
		status = compare_with_copy(bench, ticks, sized);
	drainer_close(sized->drainer);
	payi_client_close(sized->client);
	sized->drainer = NULL;
	sized->client = NULL;
	site_remove(&site);
	return status;
}

int bench_size(const struct bench *bench)
{
	static const size_t sizes[] = {64, 250, 1024, 4096, 16384, SIZE_MAX_BYTES};
	static struct sized sized;
	const struct ticks ticks = ticks_calibrate();
	int status = 0;
	sized = (struct sized){.event = sample_full(), .memory = malloc(RING_BYTES_LARGE / LANES)};
	if (!sized.memory)
		return bench_fail(0, "out of memory");
	table_section(bench->table, &section);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !status; i++)
		status = run_size(bench, &ticks, &sized, sizes[i]);
	free(sized.memory);
	return status;
}
