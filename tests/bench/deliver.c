/*
 * A backlog on its way to the service, against the baseline of a bare libcurl loop that posts the same events, in
 * batches that were prepared before, over one connection. To the stand-in, which checks every event and
 * remembers it; to a server that parses the JSON and no more; and to one that does nothing, where all that is
 * left is our own work.
 *
 * The clock runs from the agent's start until the database says that all is delivered.
 */
#include "bench/backlog.h"
#include "bench/bench.h"
#include "bench/quick_server.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"
#include "event/event_json.h"
#include "standin/standin_client.h"
#include "store/feed.h"
#include "store/query.h"

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_EVENTS = 100, LOOK_MS = 5, WAIT_S = 600 };

static const struct table_section section = {
	.name = "deliver",
	.title = "From a backlog in SQLite to the service, 100 events a request",
	.columns = {{"events/s", "events_per_s", 0},
		    {"x bare loop", "x_bare", 2},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"peak MB", "peak_rss_mb", 1}},
};

static const struct table_section growth = {
	.name = "backlog",
	.title = "As the backlog grows: from the agent's start until all is delivered, to a server "
		 "that does nothing",
	.columns = {{"events/s", "events_per_s", 0},
		    {"CPU s/1M", "cpu_s_per_million", 2},
		    {"x first", "x_first", 2},
		    {"peak MB", "peak_rss_mb", 1}},
};

/* ---- The bare loop -------------------------------------------------------------------------------- */

struct bodies {
	struct buf *body;
	int64_t n;
	int64_t n_events;
	int64_t last_id;
};

static bool add(void *taker, const struct sink_item *item)
{
	struct bodies *bodies = taker;
	struct event event;
	char reason[EVENT_REASON_BYTES];
	struct buf *body = &bodies->body[bodies->n_events / BATCH_EVENTS];
	if (event_decode(&event, item->record, item->record_bytes, reason))
		return false;
	buf_add_char(body, body->len ? ',' : '[');
	event_json(body, &event, EVENT_JSON_FOR_SERVICE);
	bodies->n_events++;
	bodies->last_id = item->id;
	return true;
}

static int prepare(const char *database, int64_t n, struct bodies *bodies)
{
	struct feed *feed;
	struct err err;
	bodies->n = (n + BATCH_EVENTS - 1) / BATCH_EVENTS;
	bodies->body = calloc((size_t)bodies->n, sizeof(bodies->body[0]));
	if (!bodies->body || feed_open(database, "payi", &feed, &err))
		return bench_fail(0, "cannot read the backlog");
	while (bodies->n_events < n &&
	       feed_each(feed, bodies->last_id, BATCH_EVENTS, add, bodies, &err) > 0)
		;
	feed_close(feed);
	for (int64_t i = 0; i < bodies->n; i++)
		buf_add_char(&bodies->body[i], ']');
	return bodies->n_events == n ? 0 : bench_fail(0, "the backlog is not whole");
}

static void release(struct bodies *bodies)
{
	for (int64_t i = 0; bodies->body && i < bodies->n; i++)
		buf_release(&bodies->body[i]);
	free(bodies->body);
}

static size_t forget(char *bytes, size_t size, size_t n, void *context)
{
	(void)bytes;
	(void)context;
	return size * n;
}

static int post_all(CURL *easy, const struct bodies *bodies)
{
	for (int64_t i = 0; i < bodies->n; i++) {
		long status = 0;
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bodies->body[i].data);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)bodies->body[i].len);
		if (curl_easy_perform(easy) != CURLE_OK ||
		    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) || status != 200)
			return bench_fail(0, "the server answered %ld", status);
	}
	return 0;
}

static int run_bare(const char *base_url, const struct bodies *bodies, double *seconds)
{
	char url[128];
	CURL *easy = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	headers = curl_slist_append(headers, "xProxy-api-key: " STANDIN_KEY);
	snprintf(url, sizeof(url), "%s/api/v1/ingest/bulk", base_url);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, forget);
	const double start_s = seconds_now();
	const int status = post_all(easy, bodies);
	*seconds = seconds_now() - start_s;
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	return status;
}

/* ---- The agent ------------------------------------------------------------------------------------ */

static int64_t delivered(struct query *query)
{
	struct err err;
	const int64_t n = query_step(query, &err) > 0 ? query_int(query, 0) : 0;
	query_reset(query);
	return n;
}

static int wait_for(struct query *query, int64_t n)
{
	const double start_s = seconds_now();
	while (delivered(query) < n) {
		if (seconds_now() > start_s + WAIT_S)
			return bench_fail(0, "only %ld events were delivered",
					  (long)delivered(query));
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
	}
	return 0;
}

static int run_agent(struct site *site, const struct bench *bench, struct query *query, int64_t n,
		     double *seconds, struct process_use *use)
{
	const double start_s = seconds_now();
	if (site_agent_start(site, bench))
		return -1;
	const int status = wait_for(query, n);
	*seconds = seconds_now() - start_s;
	*use = process_use(site->agent);
	return site_agent_stop(site) ? -1 : status;
}

static int measure_agent(struct site *site, const struct bench *bench, int64_t n, double *seconds,
			 struct process_use *use)
{
	char path[300];
	struct query_db *db;
	struct query *query;
	struct err err;
	snprintf(path, sizeof(path), "%s/payi.db", site->data);
	if (query_db_open(path, &db, &err))
		return bench_fail(0, "%s", err.text);
	int status = -1;
	if (query_prepare(db, "SELECT delivered FROM sinks", &query, &err) == 0) {
		status = run_agent(site, bench, query, n, seconds, use);
		query_free(query);
	}
	query_db_close(db);
	return status;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

static int run(const struct bench *bench, int64_t n, const char *name, const char *url,
	       const struct standin *standin)
{
	struct site site;
	struct bodies bodies = {0};
	struct process_use use = {0};
	double bare_s = 0, agent_s = 0;
	char database[300];
	if (site_make(&site, bench))
		return -1;
	snprintf(database, sizeof(database), "%s/payi.db", site.data);
	int status = backlog_make(&site, bench, n);
	if (!status)
		status = prepare(database, n, &bodies);
	if (!status)
		status = run_bare(url, &bodies, &bare_s);
	release(&bodies);
	if (!status && standin)
		status = standin_reset(standin);
	site.base_url = url;
	if (!status)
		status = measure_agent(&site, bench, n, &agent_s, &use);
	if (!status && standin && standin_stat(standin, "accepted") != n)
		status = bench_fail(0, "the service does not have all events");
	site_remove(&site);
	if (status)
		return -1;
	char row[64];
	const double events = (double)n;
	snprintf(row, sizeof(row), "payi-agent run, %s", name);
	table_row(bench->table, row,
		  (double[]){events / agent_s, bare_s / agent_s, use.cpu_s / events * 1e6,
			     use.peak_rss_mb});
	snprintf(row, sizeof(row), "bare libcurl loop, %s", name);
	table_row(bench->table, row, (double[]){events / bare_s, 1, (double)NAN, (double)NAN});
	return 0;
}

static int run_quick(const struct bench *bench, int64_t n, const char *name, bool parses)
{
	struct quick_server server;
	if (quick_server_start(&server, parses))
		return -1;
	const int status = run(bench, n, name, server.url, NULL);
	quick_server_stop(&server);
	return status;
}

int bench_deliver(const struct bench *bench)
{
	const int64_t n = bench->quick ? 50000 : 1000000;
	struct standin standin;
	table_section(bench->table, &section);
	if (standin_start(&standin, NULL))
		return bench_fail(0, "cannot start the stand-in");
	int status = run(bench, n, "stand-in", standin.url, &standin);
	standin_stop(&standin);
	if (run_quick(bench, n, "parses the JSON", true))
		status = -1;
	if (run_quick(bench, n, "no work", false))
		status = -1;
	return status;
}

/* ---- As it grows ---------------------------------------------------------------------------------- */

static int run_backlog(const struct bench *bench, const char *url, int64_t n, double *first)
{
	struct process_use use = {0};
	struct site site;
	double seconds = 0;
	char name[64];
	if (site_make(&site, bench))
		return -1;
	int status = backlog_make(&site, bench, n);
	site.base_url = url;
	if (!status)
		status = measure_agent(&site, bench, n, &seconds, &use);
	site_remove(&site);
	if (status)
		return -1;
	const double cpu = use.cpu_s / (double)n * 1e6;
	*first = *first > 0 ? *first : cpu;
	snprintf(name, sizeof(name), "%ld events", (long)n);
	table_row(bench->table, name,
		  (double[]){(double)n / seconds, cpu, cpu / *first, use.peak_rss_mb});
	return 0;
}

int bench_backlog(const struct bench *bench)
{
	const int64_t most = bench->quick ? 20000 : bench->events ? bench->events : 1000000;
	struct quick_server server;
	double first = 0;
	int status = 0;
	table_section(bench->table, &growth);
	if (quick_server_start(&server, false))
		return -1;
	for (int64_t n = most < 100000 ? most / 10 : 100000; n <= most && !status; n *= 10)
		status = run_backlog(bench, server.url, n, &first);
	quick_server_stop(&server);
	return status;
}
