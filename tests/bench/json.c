/*
 * From records to the JSON that the service takes, as the sink makes it: decoded, checked, written into one buffer.
 * The baseline copies the same JSON, made before.
 */
#include "bench/backlog.h"
#include "bench/bench.h"
#include "bench/table.h"
#include "bench/ticks.h"
#include "event/event_json.h"
#include "store/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_RECORDS = 10000, RECORD_BYTES_MAX = 1024 };

static const struct table_section section = {
	.name = "json",
	.title = "From records to JSON, one core (best of several passes)",
	.columns = {{"MB/s", "mb_per_s", 0},
		    {"ns/event", "ns_per_event", 0},
		    {"bytes/event", "bytes_per_event", 0},
		    {"x memcpy", "x_memcpy", 1}},
};

struct records {
	size_t n;
	size_t bytes[N_RECORDS];
	uint8_t record[N_RECORDS][RECORD_BYTES_MAX];
};

static bool keep(void *taker, const struct sink_item *item)
{
	struct records *records = taker;
	if (records->n == N_RECORDS || item->record_bytes > RECORD_BYTES_MAX)
		return false;
	memcpy(records->record[records->n], item->record, item->record_bytes);
	records->bytes[records->n++] = item->record_bytes;
	return true;
}

static int read_records(const struct site *site, struct records *records)
{
	char database[300];
	struct feed *feed;
	struct err err;
	snprintf(database, sizeof(database), "%s/payi.db", site->data);
	if (feed_open(database, "payi", &feed, &err))
		return bench_fail(0, "%s", err.text);
	feed_each(feed, 0, N_RECORDS, keep, records, &err);
	feed_close(feed);
	return records->n == N_RECORDS ? 0 : bench_fail(0, "the records are not whole");
}

static void write_all(const struct records *records, struct buf *out)
{
	struct event event;
	char reason[EVENT_REASON_BYTES];
	buf_clear(out);
	for (size_t i = 0; i < records->n; i++)
		if (!event_decode(&event, records->record[i], records->bytes[i], reason))
			event_json(out, &event, EVENT_JSON_FOR_SERVICE);
}

static void add_row(const struct bench *bench, const char *name, double seconds, double memcpy_s,
		    size_t bytes)
{
	table_row(bench->table, name,
		  (double[]){(double)bytes / seconds / 1e6, seconds * 1e9 / N_RECORDS,
			     (double)bytes / N_RECORDS, seconds / memcpy_s});
}

static int measure(const struct bench *bench, const struct records *records)
{
	struct buf out = BUF_INIT, copy = BUF_INIT;
	double json_s = 1e9, memcpy_s = 1e9;
	write_all(records, &out);
	for (int pass = 0; pass < (bench->quick ? 5 : 100); pass++) {
		double start_s = seconds_now();
		write_all(records, &out);
		json_s = seconds_now() - start_s < json_s ? seconds_now() - start_s : json_s;
		start_s = seconds_now();
		buf_clear(&copy);
		buf_add(&copy, out.data, out.len);
		memcpy_s = seconds_now() - start_s < memcpy_s ? seconds_now() - start_s : memcpy_s;
	}
	const bool failed = out.failed || copy.failed;
	if (!failed) {
		add_row(bench, "decoded, and written as JSON", json_s, memcpy_s, out.len);
		add_row(bench, "memcpy of that JSON", memcpy_s, memcpy_s, out.len);
	}
	buf_release(&out);
	buf_release(&copy);
	return failed ? bench_fail(0, "out of memory") : 0;
}

int bench_json(const struct bench *bench)
{
	struct site site;
	struct records *records = calloc(1, sizeof(*records));
	if (!records || site_make(&site, bench)) {
		free(records);
		return -1;
	}
	table_section(bench->table, &section);
	int status = backlog_make(&site, bench, N_RECORDS);
	if (!status)
		status = read_records(&site, records);
	if (!status)
		status = measure(bench, records);
	site_remove(&site);
	free(records);
	return status;
}
