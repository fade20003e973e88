#include "store/percentiles.h"

#include "base/buf.h"
#include "store/functions.h"
#include "store/latency.h"
#include "store/varint.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Buckets are counted in an array, since nearly all that comes is one; other latencies are gathered, and sorted in the end. What
 * a guest may hand over is counted modulo 2^64, and its percentiles are as good as that.
 */
enum { WIDTH_1 = 32, PER_WIDTH = 16, WIDTHS = 27, N_BUCKETS = WIDTH_1 + (WIDTHS - 1) * PER_WIDTH };

struct count {
	int64_t ms;
	uint64_t events;
};

struct counts {
	uint64_t bucket[N_BUCKETS];
	struct buf others; /* of struct count */
	bool any;
};

/* ---- Counting ------------------------------------------------------------------------------------- */

/* The place of a bucket that is called ms; N_BUCKETS: there is no such bucket. */
static int place_of(int64_t ms)
{
	int width = 0;
	if (ms < 0 || ms > INT32_MAX || latency_bucket(ms) != ms)
		return N_BUCKETS;
	while (ms >> width >= WIDTH_1)
		width++;
	return width ? WIDTH_1 + (width - 1) * PER_WIDTH + (int)(ms >> width) - PER_WIDTH : (int)ms;
}

static int64_t bucket_at(int place)
{
	if (place < WIDTH_1)
		return place;
	const int width = (place - WIDTH_1) / PER_WIDTH + 1;
	const int64_t low = (int64_t)((place - WIDTH_1) % PER_WIDTH + PER_WIDTH) << width;
	return latency_bucket(low);
}

static void add(struct counts *counts, int64_t ms, uint64_t events)
{
	const int place = place_of(ms);
	const struct count other = {ms, events};
	counts->any = true;
	if (place < N_BUCKETS)
		counts->bucket[place] += events;
	else
		buf_add(&counts->others, &other, sizeof(other));
}

/* ---- In order ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct count *x = a;
	const struct count *y = b;
	return (x->ms > y->ms) - (x->ms < y->ms);
}

/* Goes through all that was counted, from the least latency to the most. */
struct walk {
	const struct counts *counts;
	int place;
	size_t other;
	size_t n_others;
};

static struct walk walk_of(struct counts *counts)
{
	const size_t n = counts->others.len / sizeof(struct count);
	if (n)
		qsort(counts->others.data, n, sizeof(struct count), compare);
	return (struct walk){.counts = counts, .n_others = n};
}

static bool next(struct walk *walk, struct count *count)
{
	const struct count *others = (const void *)walk->counts->others.data;
	while (walk->place < N_BUCKETS && walk->counts->bucket[walk->place] == 0)
		walk->place++;
	const bool bucket = walk->place < N_BUCKETS;
	if (bucket)
		*count = (struct count){bucket_at(walk->place), walk->counts->bucket[walk->place]};
	if (walk->other < walk->n_others && (!bucket || others[walk->other].ms < count->ms))
		*count = others[walk->other++];
	else if (bucket)
		walk->place++;
	else
		return false;
	return true;
}

/* ---- The functions -------------------------------------------------------------------------------- */

static struct counts *counts_of(sqlite3_context *context)
{
	return sqlite3_aggregate_context(context, sizeof(struct counts));
}

static void step_row(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct counts *counts = counts_of(context);
	(void)n;
	if (counts && sqlite3_value_type(values[0]) != SQLITE_NULL)
		add(counts, sqlite3_value_int64(values[0]),
		    (uint64_t)sqlite3_value_int64(values[1]));
}

static void step_histogram(sqlite3_context *context, int n, sqlite3_value **values)
{
	struct counts *counts = counts_of(context);
	const uint8_t *at = sqlite3_value_blob(values[0]);
	const uint8_t *end = at ? at + sqlite3_value_bytes(values[0]) : NULL;
	uint64_t ms, events;
	(void)n;
	while (counts && at && varint_take(&at, end, &ms) && varint_take(&at, end, &events))
		add(counts, (int64_t)ms, events);
}

static void finish_histogram(sqlite3_context *context)
{
	struct counts *counts = counts_of(context);
	struct buf out = BUF_INIT;
	struct count count;
	if (!counts || !counts->any)
		return;
	struct walk walk = walk_of(counts);
	while (next(&walk, &count)) {
		varint_put(&out, (uint64_t)count.ms);
		varint_put(&out, count.events);
	}
	out.failed = out.failed || counts->others.failed;
	if (out.failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_blob64(context, out.data, out.len, SQLITE_TRANSIENT);
	buf_release(&out);
	buf_release(&counts->others);
}

static void finish_percentiles(sqlite3_context *context)
{
	static const uint64_t ranks[] = {50, 95, 99};
	struct counts *counts = counts_of(context);
	struct buf out = BUF_INIT;
	struct count count = {0, 0};
	uint64_t n = 0, upto = 0;
	if (!counts || !counts->any)
		return;
	struct walk walk = walk_of(counts); /* sorts */
	struct walk sums = walk;
	while (next(&sums, &count))
		n += count.events;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		while (upto * 100 < n * ranks[i] && next(&walk, &count))
			upto += count.events;
		buf_addf(&out, "%c%" PRId64, i ? ',' : '[', count.ms);
	}
	buf_add_char(&out, ']');
	out.failed = out.failed || counts->others.failed;
	functions_result(context, &out);
	buf_release(&counts->others);
}

int percentiles_add_functions(sqlite3 *db, struct err *err)
{
	static const struct sql_function functions[] = {
		{"latency_histogram", 2, SQLITE_DETERMINISTIC, NULL, step_row, finish_histogram},
		{"latency_percentiles", 1, SQLITE_DETERMINISTIC, NULL, step_histogram,
		 finish_percentiles},
		{"latency_percentiles", 2, SQLITE_DETERMINISTIC, NULL, step_row,
		 finish_percentiles},
	};
	return functions_add(db, functions, sizeof(functions) / sizeof(functions[0]), err);
}
