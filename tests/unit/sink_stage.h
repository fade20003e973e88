/*
 * The stage for tests of the whole sink: a fake host with events in memory on its left, a scripted service on
 * its right. Everything runs on one loop; nothing sleeps; a test that waits for something waits for
 * exactly that. For one program at a time: the state is the program's.
 */
#ifndef PAYI_TESTS_SINK_STAGE_H
#define PAYI_TESTS_SINK_STAGE_H

#include "base/clock.h"
#include "base/log.h"
#include "scripted_server.h"
#include "sink/payi/payi_sink.h"
#include "sink_events.h"

#include <criterion/criterion.h>
#include <unistd.h>

enum { EVENTS_MAX = 1000, GUARD_MS = 20000, SECOND = 1000000 };

/* ---- The host --------------------------------------------------------------------------------------- */

struct stored {
	struct sink_event event;
	int64_t instance;
	enum { WAITING, DELIVERED, DEFERRED, DEAD, HELD } state;
	int64_t retry_us;
	int32_t attempts;
	int http_status;
	char code[64];
	int n_accepted; /* by the service */
};

static struct stored events[EVENTS_MAX + 1]; /* by id; 0 is not used */
static int64_t n_events;
static int64_t
	settled_up_to[EVENTS_MAX + 1]; /* last_id of the range that begins behind the index */
static int n_deferrals, n_behind;
static char state[32], error[400];

/* Whether an earlier event of its instance waits; now_us: and is not due. */
static inline bool is_behind(int64_t id, int64_t now_us)
{
	for (int64_t other = 1; other < id && events[id].instance; other++)
		if (events[other].instance == events[id].instance &&
		    (events[other].state == HELD ||
		     (events[other].state == DEFERRED && events[other].retry_us > now_us)))
			return true;
	return false;
}

static inline int host_fetch(void *ctx, int64_t after_id, int limit, sink_take_fn *take,
			     void *taker)
{
	(void)ctx;
	int n = 0;
	for (int64_t id = after_id + 1; id <= n_events && n < limit; id++) {
		if (events[id].state != WAITING)
			continue; /* it was put off in an earlier life */
		const struct sink_item item = {.id = id,
					       .record = events[id].event.record,
					       .record_bytes = events[id].event.bytes,
					       .instance = events[id].instance,
					       .behind = is_behind(id, 0)};
		if (!take(taker, &item))
			break;
		n++;
	}
	return n;
}

static inline int host_fetch_deferred(void *ctx, int64_t now_us, int64_t after_id, int limit,
				      sink_take_fn *take, void *taker)
{
	(void)ctx;
	int n = 0;
	for (int64_t id = after_id + 1; id <= n_events && n < limit; id++) {
		struct stored *stored = &events[id];
		if (stored->state != DEFERRED || stored->retry_us > now_us)
			continue;
		const struct sink_item item = {.id = id,
					       .record = stored->event.record,
					       .record_bytes = stored->event.bytes,
					       .attempts = stored->attempts,
					       .instance = stored->instance,
					       .behind = is_behind(id, now_us)};
		if (!take(taker, &item))
			break;
		n++;
	}
	return n;
}

/* Those that were behind come, when no other of their instance is put off. */
static inline void release_behind(int64_t instance)
{
	for (int64_t id = 1; id <= n_events && instance; id++)
		if (events[id].instance == instance && events[id].state == DEFERRED)
			return;
	for (int64_t id = 1; id <= n_events && instance; id++)
		if (events[id].instance == instance && events[id].state == HELD)
			events[id].state = DEFERRED;
}

static inline void settle_one(const struct sink_outcome *outcome, bool in_range)
{
	struct stored *stored = &events[outcome->id];
	cr_assert(stored->state == WAITING || stored->state == DEFERRED || stored->state == HELD,
		  "settled twice");
	stored->http_status = outcome->http_status;
	snprintf(stored->code, sizeof(stored->code), "%s", outcome->code ? outcome->code : "");
	if (outcome->verdict == SINK_DELIVERED) {
		stored->state = in_range ? WAITING : DELIVERED;
	} else if (outcome->verdict == SINK_DEAD) {
		stored->state = DEAD;
	} else if (outcome->verdict == SINK_HELD) {
		stored->state = HELD;
	} else if (outcome->verdict == SINK_BEHIND) {
		n_behind++;
		stored->state = is_behind(outcome->id, 0) ? HELD : DEFERRED;
	} else {
		stored->state = DEFERRED;
		stored->retry_us = outcome->retry_us;
		stored->attempts++;
		n_deferrals++;
	}
	if (!sink_waits(outcome->verdict))
		release_behind(stored->instance);
}

static inline void host_settle(void *ctx, const struct sink_settlement *settlement)
{
	(void)ctx;
	cr_assert_str_eq(settlement->sink, "payi");
	for (size_t i = 0; i < settlement->n_outcomes; i++)
		settle_one(&settlement->outcomes[i], settlement->last_id > settlement->after_id);
	if (settlement->after_id == settlement->last_id)
		return;
	cr_assert_lt(settled_up_to[settlement->after_id], settlement->last_id,
		     "a range settled twice"); /* one that lies around it is another */
	settled_up_to[settlement->after_id] = settlement->last_id;
	int64_t n_delivered = 0;
	for (int64_t id = settlement->after_id + 1; id <= settlement->last_id; id++) {
		if (events[id].state != WAITING)
			continue;
		events[id].state = DELIVERED;
		n_delivered++;
	}
	cr_assert_eq(settlement->n_delivered, n_delivered);
}

static inline void host_report(void *ctx, const struct sink_report *report)
{
	(void)ctx;
	snprintf(state, sizeof(state), "%s", report->state);
	snprintf(error, sizeof(error), "%s", report->last_error ? report->last_error : "");
	cr_assert_null(strstr(error, "secret"));
}

static const struct sink_host host = {.fetch = host_fetch,
				      .fetch_deferred = host_fetch_deferred,
				      .settle = host_settle,
				      .report = host_report};

static inline void add_events(int n)
{
	for (int i = 0; i < n; i++) {
		n_events++;
		events[n_events].event =
			sink_event(n_events, (struct sink_event_more){.use_case_name = "support"});
	}
}

/* In instances 1 to n_instances, by turns. */
static inline void add_events_of(int n, int n_instances)
{
	for (int i = 0; i < n; i++) {
		char use_case_id[32];
		n_events++;
		const int64_t instance = 1 + n_events % n_instances;
		snprintf(use_case_id, sizeof(use_case_id), "ticket-%d", (int)instance);
		events[n_events].event =
			sink_event(n_events, (struct sink_event_more){.use_case_name = "support",
								      .use_case_id = use_case_id});
		events[n_events].instance = instance;
	}
}

static inline int count(int wanted)
{
	int n = 0;
	for (int64_t id = 1; id <= n_events; id++)
		n += (int)events[id].state == wanted;
	return n;
}

static inline bool all_delivered(void)
{
	return count(DELIVERED) == n_events;
}

static inline bool is_waiting(void)
{
	return strcmp(state, "waiting") == 0;
}

/* The ranges follow one another without a gap. */
static inline void check_tiling(void)
{
	int64_t at = 0;
	while (at < n_events && settled_up_to[at] > at)
		at = settled_up_to[at];
	cr_assert_eq(at, n_events, "the ranges end at %ld of %ld", (long)at, (long)n_events);
}

/* ---- The service ------------------------------------------------------------------------------------- */

/* The numbers of the events in a body, in their order. */
static inline int numbers_in(const char *body, int numbers[EVENTS_MAX])
{
	int n = 0;
	const char *at = body;
	while ((at = strstr(at, "\"event-")) && n < EVENTS_MAX) {
		at += strlen("\"event-");
		numbers[n++] = (int)strtol(at, NULL, 10);
	}
	return n;
}

static inline bool has_event(const struct server_request *request, int number)
{
	char text[32];
	snprintf(text, sizeof(text), "\"event-%d\"", number);
	return strstr(request->body, text) != NULL;
}

static inline void answer_lookup(const struct server_request *request, struct server_answer *answer)
{
	int number;
	cr_assert_eq(sscanf(request->path,
			    "/api/v1/requests/provider/system.openai/event-%d/result", &number),
		     1);
	answer->status = events[number].n_accepted ? 200 : 404;
	snprintf(answer->body, sizeof(answer->body), "{\"xproxy_result\":{}}");
}

static int last_of[EVENTS_MAX + 1]; /* by instance: the event that was accepted last */

static inline void accept_one(int number)
{
	const int64_t instance = events[number].instance;
	if (instance && events[number].n_accepted == 0) {
		cr_assert_gt(number, last_of[instance], "event %d came after %d", number,
			     last_of[instance]);
		last_of[instance] = number;
	}
	events[number].n_accepted++;
}

static inline void accept_all(struct server *server, const struct server_request *request,
			      struct server_answer *answer)
{
	(void)server;
	int numbers[EVENTS_MAX];
	if (strstr(request->path, "/requests/")) {
		answer_lookup(request, answer);
		return;
	}
	int n = numbers_in(request->body, numbers);
	for (int i = 0; i < n; i++)
		accept_one(numbers[i]);
	snprintf(answer->body, sizeof(answer->body),
		 "{\"request_id\":\"r\",\"ingest_timestamp\":\"2026-01-01T00:00:00Z\","
		 "\"ingest_count\":%d,\"errors\":null}",
		 n);
}

/* ---- The stage ---------------------------------------------------------------------------------------- */

static uv_loop_t loop;
static struct server server;
static struct payi_sink *sink;
static struct payi_sink_options options;
static char base_url[64], key_file[] = "/tmp/payi-sink-key-XXXXXX";
static bool stopped, guard_rang;

static inline void on_guard(uv_timer_t *timer)
{
	(void)timer;
	guard_rang = true;
}

/* Runs the loop until it holds. */
static inline void run_until(bool (*holds)(void))
{
	uv_timer_t guard;
	uv_timer_init(&loop, &guard);
	guard_rang = false;
	uv_timer_start(&guard, on_guard, GUARD_MS, 0);
	while (!holds() && !guard_rang)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&guard, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	cr_assert_not(guard_rang, "state %s, error %s, requests %d, delivered %d of %ld", state,
		      error, server.n_requests, count(DELIVERED), (long)n_events);
}

static inline void set_up(void)
{
	log_setup(LOG_ERROR, LOG_LOGFMT);
	uv_loop_init(&loop);
	server.script = accept_all;
	cr_assert_eq(server_open(&server, &loop, 0), 0);
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%d/", server.port);
	options = (struct payi_sink_options){
		.base_url = base_url,
		.api_key = "secret-1",
		.batch_events = 10,
		.batch_bytes = 1 << 19,
		.batch_age_ms = 0,
		.in_flight = 4,
		.timeout_s = 10,
	};
}

static inline void open_sink(void)
{
	struct err err;
	cr_assert_eq(payi_sink_new(&loop, &options, &host, 0, &sink, &err), 0, "%s", err.text);
}

static inline void on_stopped(void *ctx)
{
	(void)ctx;
	stopped = true;
}

static inline bool has_stopped(void)
{
	return stopped;
}

static inline void stop_sink(int64_t flush_ms)
{
	payi_sink_stop(sink, flush_ms, on_stopped, NULL);
	run_until(has_stopped);
	payi_sink_free(sink);
	sink = NULL;
}

static inline void tear_down(void)
{
	if (sink)
		stop_sink(0);
	server_close(&server);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_assert_eq(uv_loop_close(&loop), 0, "a handle was left open");
	unlink(key_file);
}

#endif
