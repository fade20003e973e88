/*
 * What the page plots: buckets of time, instances by what they used, and what waits. All by the local HTTP of a real
 * agent, against sums that the test makes of its own events.
 */
#include "help/local_http.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct help_site site;
static payi_client *client;

enum {
	EVENTS = 900,
	MINUTES = 7,
	START_S = 1764000000
}; /* an event every seven minutes: over four days */

static void track_all(void)
{
	for (int i = 0; i < EVENTS; i++) {
		char id[32], resource[32];
		const payi_units units[] = {{"text", i % 50 * 10, i % 7}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "ticket-%d", i % 40);
		snprintf(resource, sizeof(resource), "model-%d", i % 12);
		event.category = i % 3 ? "system.openai" : "system.anthropic";
		event.resource = resource;
		event.event_timestamp_us = (START_S + i * MINUTES * INT64_C(60)) * 1000000;
		event.units = units;
		event.n_units = 1;
		event.end_to_end_latency_ms = 1 + i * 37 % 1000;
		event.http_status_code = i % 9 ? 200 : 503;
		event.user_id = i % 4 ? "ann" : "bob";
		event.use_case_name = i % 5 == 1 ? "support" : i % 5 ? "triage" : NULL;
		event.use_case_id = i % 5 ? id : NULL;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
}

/* Of two models; the others have none. */
static void write_prices(const char *path)
{
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs("[{\"category\":\"system.openai\",\"resource\":\"model-4\",\"units\":{\"text\":"
	      "{\"input_price\":0.0000025,\"output_price\":0.00001}}},"
	      "{\"category\":\"system.anthropic\",\"resource\":\"model-3\",\"end_timestamp\":"
	      "\"2025-11-26T00:00:00Z\",\"units\":{\"text\":{\"input_price\":0.5}}}]",
	      file);
	fclose(file);
}

static void set_up(void)
{
	help_site_make(&site);
	char path[HELP_PATH_BYTES + 16], flag[HELP_PATH_BYTES + 64];
	snprintf(path, sizeof(path), "%s/prices", site.data);
	snprintf(flag, sizeof(flag), "--prices-file=%s", path);
	write_prices(path);
	const char *const arguments[] = {flag, NULL};
	help_agent_start(&site, arguments, NULL);
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	track_all();
}

static void tear_down(void)
{
	payi_client_close(client);
	help_site_remove(&site);
}

TestSuite(plots, .init = set_up, .fini = tear_down, .timeout = 60);

static json_t *rows_of(const char *path)
{
	char *body = local_body(&site, path);
	json_t *json = json_loads(body, 0, NULL);
	cr_assert(json, "%s: %s", path, body);
	json_t *rows = json_incref(json_object_get(json, "rows"));
	json_decref(json);
	free(body);
	return rows;
}

static int64_t int_of(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);
	cr_assert(json_is_integer(value), "%s is no whole number", name);
	return json_integer_value(value);
}

static const char *text_of(const json_t *row, const char *name)
{
	return json_string_value(json_object_get(row, name));
}

static int64_t sum(const json_t *rows, const char *name)
{
	int64_t total = 0;
	for (size_t i = 0; i < json_array_size(rows); i++)
		total += int_of(json_array_get(rows, i), name);
	return total;
}

static double cost(const json_t *rows)
{
	double total = 0;
	for (size_t i = 0; i < json_array_size(rows); i++)
		total += json_number_value(
			json_object_get(json_array_get(rows, i), "estimated_cost_usd"));
	return total;
}

/* ---- Series --------------------------------------------------------------------------------------- */

/* The same sums as usage has, however the time is cut into buckets and by what they are stacked. */
Test(plots, a_series_adds_up_to_the_usage)
{
	static const char *const filters[] = {
		"since=2025-11-24T00:00Z&until=2025-11-30T00:00Z",
		"since=2025-11-25T10:20Z&until=2025-11-26T03:40Z",
		"since=2025-11-25T10:20Z&until=2025-11-25T11:00Z",
		"since=2025-11-25T10:20Z&until=2025-11-27T03:40Z&use-case=support",
		"since=2025-11-25T10:20Z&until=2025-11-27T03:40Z&resource=model-3",
		"since=2025-11-25T10:20Z&until=2025-11-27T03:40Z&category=system.openai",
		"since=2025-11-25T10:20Z&until=2025-11-27T03:40Z&user=bob",
		"since=2025-11-25T10:20Z&until=2025-11-27T03:40Z&id=ticket-7",
		"since=2030-01-01T00:00Z&until=2030-01-02T00:00Z",
		"use-case=nobody",
	};
	static const char *const ways[] = {"",
					   "&points=1",
					   "&points=300",
					   "&points=3&by=use-case",
					   "&by=resource&top=3",
					   "&by=resource&top=20&sort=events",
					   "&by=category&sort=failures&points=17",
					   "&by=resource&sort=cost&top=1"};
	static const char *const sums[] = {"events", "failures", "input_units", "output_units"};
	int n_priced = 0;
	for (size_t f = 0; f < sizeof(filters) / sizeof(filters[0]); f++) {
		char path[256];
		snprintf(path, sizeof(path), "/api/v1/history/usage?limit=1000&%s", filters[f]);
		json_t *usage = rows_of(path);
		for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
			snprintf(path, sizeof(path), "/api/v1/history/series?%s%s", filters[f],
				 ways[w]);
			json_t *series = rows_of(path);
			for (size_t s = 0; s < sizeof(sums) / sizeof(sums[0]); s++)
				cr_expect_eq(sum(series, sums[s]), sum(usage, sums[s]), "%s: %s",
					     path, sums[s]);
			cr_expect_float_eq(cost(series), cost(usage), 1e-9, "%s: %.12f", path,
					   cost(usage));
			json_decref(series);
		}
		n_priced += cost(usage) > 0;
		cr_expect_eq(sum(usage, "events") > 0, f < 8, "%s", filters[f]);
		json_decref(usage);
	}
	cr_expect_gt(n_priced, 4);
}

Test(plots, a_series_has_no_more_buckets_than_asked_for_and_of_one_width)
{
	static const int points[] = {2, 10, 100, 300};
	for (size_t p = 0; p < sizeof(points) / sizeof(points[0]); p++) {
		char path[256];
		snprintf(path, sizeof(path),
			 "/api/v1/history/series?since=2025-11-24T16:00Z&until=2025-11-28T20:00Z&"
			 "points=%d",
			 points[p]);
		json_t *rows = rows_of(path);
		const size_t n = json_array_size(rows);
		/* one more where its first begins before the time asked for */
		cr_expect(n >= 2 && n <= (size_t)points[p] + 1, "%zu of %d", n, points[p]);
		for (size_t i = 1; i < n; i++)
			cr_expect_eq(int_of(json_array_get(rows, i), "seconds"),
				     int_of(json_array_get(rows, 0), "seconds"));
		json_decref(rows);
	}
	json_t *rows = rows_of("/api/v1/history/series?points=1&since=2025-11-25T10:20Z&until=2025-"
			       "11-25T12:00Z");
	cr_assert_eq(json_array_size(rows), 1);
	cr_expect_str_eq(text_of(json_array_get(rows, 0), "time"), "2025-11-25T10:00:00Z");
	cr_expect_eq(int_of(json_array_get(rows, 0), "seconds"), 7200);
	json_decref(rows);
}

/* Of hours that have few events: minutes, and percentiles to the millisecond. */
Test(plots, a_short_series_is_of_minutes)
{
	json_t *rows = rows_of("/api/v1/history/series?since=2025-11-25T10:00Z&until=2025-11-25T12:"
			       "00Z");
	int n = 0;
	for (int i = 0; i < EVENTS; i++) {
		const int64_t at = START_S + i * MINUTES * INT64_C(60);
		if (at < 1764064800 || at >= 1764064800 + 7200)
			continue;
		const json_t *row = json_array_get(rows, (size_t)n++);
		char time[32];
		const time_t bucket = (time_t)(at - at % 120);
		struct tm tm;
		strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:00Z", gmtime_r(&bucket, &tm));
		cr_expect_str_eq(text_of(row, "time"), time);
		cr_expect_eq(int_of(row, "seconds"), 120);
		cr_expect_eq(int_of(row, "events"), 1);
		cr_expect_eq(int_of(row, "latency_p95_ms"), 1 + i * 37 % 1000);
	}
	cr_expect_eq((size_t)n, json_array_size(rows));
	cr_expect_gt(n, 10);
	json_decref(rows);
}

Test(plots, the_greatest_have_their_names_and_the_others_are_counted)
{
	int64_t of[12] = {0};
	json_t *rows = rows_of("/api/v1/history/series?by=resource&points=1&top=4&sort=units");
	for (int i = 0; i < EVENTS; i++)
		of[i % 12] += i % 50 * 10 + i % 7;
	cr_assert_eq(json_array_size(rows), 5);
	int n_named = 0;
	for (size_t i = 0; i < 5; i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = text_of(row, "resource");
		const int64_t units = int_of(row, "input_units") + int_of(row, "output_units");
		if (!name) {
			cr_expect_eq(int_of(row, "others"), 8);
			continue;
		}
		const long number = strtol(name + strlen("model-"), NULL, 10);
		int n_greater = 0;
		for (int j = 0; j < 12; j++)
			n_greater += of[j] > of[number];
		cr_expect_lt(n_greater, 4, "%s", name);
		cr_expect_eq(units, of[number], "%s", name);
		cr_expect_eq(int_of(row, "others"), 0);
		n_named++;
	}
	cr_expect_eq(n_named, 4);
	json_decref(rows);
	/* Events of no use case have a row without a name, which is no sum of others. */
	rows = rows_of("/api/v1/history/series?by=use-case&points=1");
	cr_assert_eq(json_array_size(rows), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *row = json_array_get(rows, i);
		cr_expect_eq(int_of(row, "others"), 0);
		if (!text_of(row, "use_case_name"))
			cr_expect_eq(int_of(row, "events"), EVENTS / 5);
	}
	json_decref(rows);
}

/* As usage's, they lie within 3.2 % of the exact ones. */
Test(plots, percentiles_of_rollups_are_near_the_exact_ones)
{
	json_t *rows = rows_of("/api/v1/history/series?points=1");
	const json_t *row = json_array_get(rows, 0);
	static const struct {
		const char *name;
		const char *percent;
	} percentiles[] = {
		{"latency_p50_ms", "50"}, {"latency_p95_ms", "95"}, {"latency_p99_ms", "99"}};
	for (size_t i = 0; i < 3; i++) {
		char sql[256];
		snprintf(sql, sizeof(sql),
			 "SELECT end_to_end_latency_ms FROM events ORDER BY 1 LIMIT 1 OFFSET "
			 "(SELECT "
			 "(count(*) * %s + 99) / 100 - 1 FROM events)",
			 percentiles[i].percent);
		const double exact = (double)help_query_int(&site, sql);
		cr_expect_float_eq((double)int_of(row, percentiles[i].name), exact, exact * 0.032,
				   "%s", percentiles[i].name);
	}
	json_decref(rows);
}

/* ---- Instances and what waits --------------------------------------------------------------------- */

Test(plots, a_histogram_has_every_instance_once)
{
	const payi_units units[] = {{"text", 100, 0}}; /* just at a bound */
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.use_case_name = "exact";
	event.use_case_id = "exact";
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	json_t *rows = rows_of("/api/v1/history/use-cases?show=histogram&limit=1000");
	int64_t before = -1;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const int64_t from = int_of(row, "units_from"), below = int_of(row, "units_below");
		char sql[256];
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM use_case_history WHERE input_units + output_units "
			 ">= %lld AND input_units + output_units < %lld",
			 (long long)from, (long long)below);
		cr_expect_gt(from, before);
		cr_expect_gt(below, from);
		cr_expect_eq(int_of(row, "instances"), help_query_int(&site, sql), "%lld",
			     (long long)from);
		before = from;
	}
	cr_expect_eq(sum(rows, "instances"),
		     help_query_int(&site, "SELECT count(*) FROM use_case_history"));
	cr_expect_eq(sum(rows, "units"),
		     help_query_int(&site, "SELECT sum(input_units + output_units) FROM "
					   "use_case_history"));
	json_decref(rows);
}

Test(plots, a_histogram_takes_the_filters_of_instances)
{
	json_t *rows = rows_of("/api/v1/history/use-cases?show=histogram&use-case=support");
	cr_expect_eq(sum(rows, "instances"),
		     help_query_int(&site, "SELECT count(*) FROM use_case_history WHERE "
					   "use_case_name = 'support'"));
	json_decref(rows);
	rows = rows_of("/api/v1/history/use-cases?show=histogram&until=2025-11-24T00:00Z");
	cr_expect_eq(json_array_size(rows), 0);
	json_decref(rows);
}

/* There is no service: all wait, and are told page by page, the oldest first. */
Test(plots, what_waits_is_told_page_by_page)
{
	char path[128] = "/api/v1/waiting?limit=400";
	int64_t expected = 1;
	for (int page = 0; page < 4 && *path; page++) {
		char *body = local_body(&site, path);
		json_t *json = json_loads(body, 0, NULL);
		const json_t *rows = json_object_get(json, "rows");
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *row = json_array_get(rows, i);
			cr_expect_eq(int_of(row, "event"), expected++);
			cr_expect_str_eq(text_of(row, "delivery"), "waiting");
		}
		const char *cursor = text_of(json, "cursor");
		if (cursor)
			snprintf(path, sizeof(path), "/api/v1/waiting?limit=400&cursor=%s", cursor);
		else
			*path = '\0';
		json_decref(json);
		free(body);
	}
	cr_expect_eq(expected, EVENTS + 1);
}

static int64_t left(const char *column)
{
	char sql[64];
	snprintf(sql, sizeof(sql), "SELECT %s FROM sink_books", column);
	return help_query_int(&site, sql);
}

/* What waits, when nothing of it has moved meanwhile. */
static json_t *rows_at_rest(const char *path)
{
	for (int i = 0; i < 100; i++) {
		const int64_t waiting = left("waiting"), deferred = left("deferred");
		json_t *rows = rows_of(path);
		if (left("waiting") == waiting && left("deferred") == deferred)
			return rows;
		json_decref(rows);
	}
	cr_assert(0, "it does not come to rest");
	return NULL;
}

/* Pay-i takes none of bob's, and then is gone: what was tried is told with why and when, beside what was not. */
Test(plots, what_is_sent_again_is_told_with_its_reason)
{
	struct standin service;
	char flag[64];
	cr_assert_eq(standin_start(&service, NULL), 0);
	cr_assert_eq(standin_faults(&service, "[{\"match\":{\"user_id\":\"bob\"},\"item_error\":{"
					      "\"code\":\"unexpected_error\",\"status\":500,"
					      "\"message\":\"later\"}}]"),
		     0);
	cr_assert_eq(help_agent_stop(&site), 0);
	snprintf(flag, sizeof(flag), "--base-url=%s", service.url);
	const char *const arguments[] = {flag, "--batch-age-ms=20", NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	help_agent_start(&site, arguments, environment);
	help_wait_query(&site, "SELECT deferred > 5 FROM sink_books", 1, 30);
	standin_stop(&service);
	help_wait_query(&site, "SELECT state = 'waiting' FROM sinks", 1, 30);

	json_t *rows = rows_at_rest("/api/v1/waiting?limit=1000");
	int64_t before = 0, n_deferred = 0;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		cr_expect_gt(int_of(row, "event"), before);
		before = int_of(row, "event");
		if (strcmp(text_of(row, "delivery"), "deferred") != 0)
			continue;
		n_deferred++;
		cr_expect_gt(int_of(row, "attempts"), 0);
		cr_expect_not_null(text_of(row, "retry_time"));
		cr_expect_not_null(text_of(row, "message"));
	}
	cr_expect_eq((int64_t)json_array_size(rows), left("waiting + deferred + held"));
	cr_expect_eq(n_deferred, left("deferred"));
	json_decref(rows);
}
