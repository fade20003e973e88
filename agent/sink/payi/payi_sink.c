/*
 * One function does the work: pump(). It looks for a key, fills batches, sends what may be sent, asks, tells how
 * things stand, and sets the one timer for when something is due next. Whatever happens (events, answers,
 * time) only changes the state and has pump() called at the loop's next turn.
 */
#include "sink/payi/payi_sink.h"

#include "base/clock.h"
#include "base/log.h"
#include "sink/payi/answer.h"
#include "sink/payi/asks.h"
#include "sink/payi/endpoint.h"
#include "sink/payi/http.h"
#include "sink/payi/queue.h"
#include "sink/payi/service.h"
#include "sink/payi/status.h"
#include "sink/payi/url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char sink_name[] = "payi";

enum {
	KEY_LOOK_US = 2000000,
	/* A stopping sink does not wait longer than this for a connection, or for who has never answered. */
	STOP_CONNECT_US = 700000,
	/* A batch asks after its events no faster than this. */
	LOOKUP_EVERY_US = 25000,
	SLEEP_MS_MAX = 60000,
};

struct payi_sink {
	uv_timer_t timer;
	char *base_url;
	char *api_key;
	char *api_key_file;
	struct service service;
	int64_t key_look_us; /* not before */
	bool look_anew;      /* even at a key that works */
	struct endpoint endpoint;
	struct queue queue;
	int n_under_way;  /* batches */
	bool is_answered; /* somebody is there, or was */
	struct asks asks;
	uint64_t n_dead_logged;
	struct status status;

	bool stopping;
	bool closing;
	int64_t stop_us;
	int64_t stop_deadline_us;
	int n_open; /* of timer and http, while closing */
	void (*stopped)(void *ctx);
	void *stopped_ctx;
};

static void on_timer(uv_timer_t *timer);

/* Has pump() called at the loop's next turn. */
static void kick(struct payi_sink *sink)
{
	if (!sink->closing)
		uv_timer_start(&sink->timer, on_timer, 0, 0);
}

/* ---- The key ---------------------------------------------------------------------------------------- */

/* A key that works is left alone; one that is missing or refused is looked for again and again. */
static bool wants_key(const struct payi_sink *sink)
{
	return !service_has_key(&sink->service) || sink->look_anew ||
	       sink->endpoint.state == ENDPOINT_KEY_REFUSED;
}

static void look_for_key(struct payi_sink *sink, int64_t now_us, int64_t wall_us)
{
	if (!wants_key(sink) || now_us < sink->key_look_us)
		return;
	struct err err;
	uint32_t generation = sink->service.key.generation;
	sink->key_look_us = now_us + KEY_LOOK_US;
	sink->look_anew = false;
	if (key_look(&sink->service.key, &err) && strcmp(sink->status.error, err.text) != 0)
		status_error(&sink->status, err.text, wall_us);
	if (sink->service.key.generation != generation)
		endpoint_new_key(&sink->endpoint, now_us);
}

/* ---- Requests --------------------------------------------------------------------------------------- */

static void log_dead(struct payi_sink *sink)
{
	const uint64_t n_dead = counter_read(&sink->queue.counters.dead);
	const uint64_t n = n_dead - sink->n_dead_logged;
	if (n > 0)
		log_warn("sink: events were refused for good; see the dead letters",
			 LOG_STR("sink", sink_name), LOG_INT("events", n), LOG_END);
	sink->n_dead_logged = n_dead;
}

static_assert((int)OUTCOME_ACCEPTED == (int)SINK_END_ACCEPTED &&
		      (int)OUTCOME_HELD == (int)SINK_END_HELD,
	      "the ends of requests are counted by their outcome");

static void count_answer(struct sink_counters *counters, const struct http_answer *http,
			 int64_t took_us)
{
	const int code = http->status > 0 && http->status < SINK_CODES ? http->status : 0;
	counter_add(&counters->codes[code], 1);
	histogram_add(&counters->answer, took_us);
}

static void on_answer(void *ctx, const struct http_answer *http)
{
	struct queue_slot *slot = ctx;
	struct payi_sink *sink = slot->owner;
	const struct answer_clocks clocks = {clock_boot_us(), clock_wall_us()};
	sink->n_under_way--;
	sink->is_answered |= http->status > 0;
	count_answer(&sink->queue.counters, http, clocks.now_us - slot->sent_us);
	slot->again = true;
	slot->state = QUEUE_READY;
	kick(sink);
	bool key_was_old = slot->generation != sink->service.key.generation;
	if (key_was_old && (http->status == 401 || http->status == 403))
		return; /* it goes again with the new one */

	struct answer answer;
	size_t sent_bytes = slot->batch.body.len;
	enum ingest_form form_sent = slot->batch.form;
	enum endpoint_form form = sink->endpoint.form;
	answer_take(&slot->batch, &sink->endpoint, http, slot->probe, clocks, &answer);
	counter_add(&sink->queue.counters.requests[answer.outcome], 1);
	slot->again = slot->batch.n_in_body > 0 && answer.outcome != OUTCOME_NO_BULK;
	if (sink->endpoint.form != form && sink->endpoint.form == ENDPOINT_SINGLE)
		log_warn("sink: the service has no bulk ingest for this key; sending one by one",
			 LOG_STR("sink", sink_name), LOG_END);
	if (answer.outcome == OUTCOME_TOO_LARGE)
		queue_shrink(&sink->queue, sent_bytes);
	slot->not_before_us = clocks.now_us + answer.pause_us;
	if (answer.outcome == OUTCOME_FAILED || answer.outcome == OUTCOME_RETRY)
		queue_move_back(&sink->queue, slot);
	if (form_sent == INGEST_LOOKUP)
		slot->not_before_us = clocks.now_us + LOOKUP_EVERY_US;
	else if (answer.outcome == OUTCOME_ACCEPTED)
		status_success(&sink->status, clocks.wall_us);
	if (answer.text[0])
		status_error(&sink->status, answer.text, clocks.wall_us);
	if (slot->batch.n_items == 0)
		queue_settle(&sink->queue, slot);
}

static int post(struct payi_sink *sink, struct queue_slot *slot, struct err *err)
{
	static const char *const paths[] = {[INGEST_BULK] = "/api/v1/ingest/bulk",
					    [INGEST_SINGLE] = "/api/v1/ingest",
					    [INGEST_LOOKUP] = ""};
	const struct batch *batch = &slot->batch;
	struct service *service = &sink->service;
	bool asks = batch->form == INGEST_LOOKUP;
	service_begin(service, paths[batch->form]);
	buf_add(&service->url, batch->query.data, batch->query.len);
	buf_add(&service->headers, batch->headers.data, batch->headers.len);
	return service_send(service, asks ? HTTP_GET : HTTP_POST, &batch->body, on_answer, slot,
			    err);
}

static void send_batch(struct payi_sink *sink, struct queue_slot *slot, int64_t now_us,
		       int64_t wall_us)
{
	struct err err = {0};
	slot->probe = endpoint_is_probing(&sink->endpoint);
	slot->generation = sink->service.key.generation;
	bool prepared = batch_prepare(&slot->batch, endpoint_form_now(&sink->endpoint, now_us));
	if (prepared && slot->batch.n_items == 0) {
		queue_settle(&sink->queue, slot);
		return;
	}
	if (prepared && !post(sink, slot, &err)) {
		counter_add(&sink->queue.counters.retries, slot->again);
		slot->sent_us = now_us;
		slot->state = QUEUE_SENDING;
		sink->n_under_way++;
		return;
	}
	status_error(&sink->status, prepared ? err.text : "out of memory", wall_us);
	endpoint_failed(&sink->endpoint, slot->probe, -1, now_us);
}

static int all_under_way(const struct payi_sink *sink)
{
	return sink->n_under_way + sink->asks.n_under_way;
}

/* What a batch that must go alone has to wait for: one request alone probes, one batch alone tries a form. */
static int rivals_under_way(const struct payi_sink *sink)
{
	return endpoint_is_probing(&sink->endpoint) ? all_under_way(sink) : sink->n_under_way;
}

static void send_ready(struct payi_sink *sink, int64_t now_us, int64_t wall_us)
{
	while (sink->n_under_way < sink->queue.in_flight &&
	       endpoint_may_send(&sink->endpoint, rivals_under_way(sink), now_us)) {
		struct queue_slot *slot = queue_next(&sink->queue, now_us);
		if (!slot)
			return;
		send_batch(sink, slot, now_us, wall_us);
	}
}

/* ---- How things stand ------------------------------------------------------------------------------- */

static enum status_state state_now(const struct payi_sink *sink)
{
	if (!service_has_key(&sink->service))
		return STATUS_OFFLINE;
	switch (sink->endpoint.state) {
	case ENDPOINT_UP:
		return all_under_way(sink) > 0 ? STATUS_SENDING : STATUS_IDLE;
	case ENDPOINT_WAITING:
	case ENDPOINT_HELD:
		return STATUS_WAITING;
	case ENDPOINT_KEY_REFUSED:
		return STATUS_KEY_REFUSED;
	}
	return STATUS_STARTING;
}

static void tell(struct payi_sink *sink, int64_t now_us, int64_t wall_us)
{
	enum status_state state = state_now(sink);
	bool waits = state == STATUS_WAITING || state == STATUS_KEY_REFUSED;
	status_tell(&sink->status, &sink->queue.host, state, waits ? sink->endpoint.next_try_us : 0,
		    now_us, wall_us);
	log_dead(sink);
}

/* ---- Stopping --------------------------------------------------------------------------------------- */

static void one_less_open(void *ctx)
{
	struct payi_sink *sink = ctx;
	if (--sink->n_open == 0)
		sink->stopped(sink->stopped_ctx);
}

static void on_timer_closed(uv_handle_t *handle)
{
	one_less_open(handle->data);
}

static void close_all(struct payi_sink *sink)
{
	sink->closing = true;
	sink->n_open = 2;
	uv_close((uv_handle_t *)&sink->timer, on_timer_closed);
	http_close(sink->service.http, one_less_open, sink);
	sink->service.http = NULL;
}

/* Either all is sent, or there is no hope of sending more in the time that is left. */
static bool is_flushed(const struct payi_sink *sink, int64_t now_us)
{
	if (!service_has_key(&sink->service) || sink->endpoint.state != ENDPOINT_UP ||
	    now_us >= sink->stop_deadline_us)
		return true;
	if (all_under_way(sink) == 0)
		return queue_is_empty(&sink->queue);
	const bool hopes = sink->is_answered && http_is_connected(sink->service.http);
	return now_us >= sink->stop_us + STOP_CONNECT_US && !hopes;
}

/* ---- The pump --------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When a batch may go that cannot go now; what is under way sets that off by itself, if it must come first. */
static int64_t send_due_us(const struct payi_sink *sink, int64_t now_us)
{
	if (sink->n_under_way == sink->queue.in_flight)
		return INT64_MAX;
	int64_t ready_us = queue_next_us(&sink->queue);
	if (ready_us > now_us)
		return ready_us;
	return rivals_under_way(sink) == 0 ? sink->endpoint.next_try_us : INT64_MAX;
}

static int64_t due_us(const struct payi_sink *sink, int64_t now_us)
{
	int64_t due = INT64_MAX;
	if (wants_key(sink))
		due = sink->key_look_us;
	if (service_has_key(&sink->service)) {
		due = earlier(due, queue_due_us(&sink->queue));
		due = earlier(due, asks_due_us(&sink->asks, sink->n_under_way));
		due = earlier(due, send_due_us(sink, now_us));
	}
	if (sink->stopping) {
		int64_t connect_us = sink->stop_us + STOP_CONNECT_US;
		due = earlier(due, sink->stop_deadline_us);
		due = now_us < connect_us ? earlier(due, connect_us) : due;
	}
	return due;
}

/* Never at once: libuv would call again and again before it looks at the sockets, were there nothing to do. */
static void set_timer(struct payi_sink *sink, int64_t now_us)
{
	int64_t due = due_us(sink, now_us);
	int64_t wait_us = due > now_us ? due - now_us : 1;
	int64_t wait_ms =
		wait_us >= SLEEP_MS_MAX * INT64_C(1000) ? SLEEP_MS_MAX : (wait_us + 999) / 1000;
	uv_timer_start(&sink->timer, on_timer, (uint64_t)wait_ms, 0);
}

static void pump(struct payi_sink *sink)
{
	int64_t now_us = clock_boot_us();
	int64_t wall_us = clock_wall_us();
	look_for_key(sink, now_us, wall_us);
	if (service_has_key(&sink->service)) {
		queue_fill(&sink->queue, now_us, wall_us, sink->stopping);
		queue_pass_by(&sink->queue, now_us);
		send_ready(sink, now_us, wall_us);
		asks_work(&sink->asks, sink->n_under_way, now_us, wall_us);
	}
	tell(sink, now_us, wall_us);
	if (sink->stopping && is_flushed(sink, now_us))
		close_all(sink);
	else
		set_timer(sink, now_us);
}

static void on_timer(uv_timer_t *timer)
{
	pump(timer->data);
}

static void on_asked(void *ctx)
{
	kick(ctx);
}

/* ---- Public ----------------------------------------------------------------------------------------- */

static int check(const char *name, int64_t value, int64_t min, int64_t max, struct err *err)
{
	if (value >= min && value <= max)
		return 0;
	return err_set(err, ERR_CONFIG, "%s is %lld: it must be %lld to %lld", name,
		       (long long)value, (long long)min, (long long)max);
}

static int check_options(const struct payi_sink_options *options, struct err *err)
{
	int status = check("batch_events", options->batch_events, 1, 10000, err);
	if (!status)
		status = check("batch_bytes", options->batch_bytes, 1024, 64 << 20, err);
	if (!status)
		status = check("batch_age_ms", options->batch_age_ms, 0, 3600000, err);
	if (!status)
		status = check("in_flight", options->in_flight, 1, 64, err);
	if (!status)
		status = check("drain_rate", options->drain_rate, 0, 1000000, err);
	if (!status)
		status = check("timeout_s", options->timeout_s, 1, 3600, err);
	return status;
}

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

static int set_up(struct payi_sink *sink, const struct payi_sink_options *options,
		  const struct sink_host *host, int64_t position, struct err *err)
{
	sink->base_url = copy(options->base_url);
	sink->api_key = copy(options->api_key);
	sink->api_key_file = copy(options->api_key_file);
	sink->queue.host = *host;
	sink->queue.sink = sink_name;
	sink->queue.batch_events = (int32_t)options->batch_events;
	sink->queue.batch_bytes = (size_t)options->batch_bytes;
	sink->queue.batch_age_us = options->batch_age_ms * 1000;
	sink->queue.in_flight = (int)options->in_flight;
	sink->queue.fresh.rate = options->drain_rate;
	sink->queue.fetched_id = position;
	const struct asks_links asks = {.host = &sink->queue.host,
					.service = &sink->service,
					.endpoint = &sink->endpoint,
					.status = &sink->status,
					.moved = on_asked,
					.ctx = sink};
	if (!sink->base_url || !sink->api_key || !sink->api_key_file ||
	    queue_init(&sink->queue, sink) || asks_init(&sink->asks, &asks))
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t n = strlen(sink->base_url); n > 0 && sink->base_url[n - 1] == '/'; n--)
		sink->base_url[n - 1] = '\0';
	sink->service.base_url = sink->base_url;
	sink->service.key.given = sink->api_key;
	sink->service.key.path = sink->api_key_file;
	return 0;
}

static int check_all(const struct payi_sink_options *options, bool *loopback, struct err *err)
{
	const int status = check_options(options, err);
	return status ? status
		      : url_check(options->base_url ? options->base_url : "",
				  options->allow_insecure, loopback, err);
}

int payi_sink_check(const struct payi_sink_options *options, struct err *err)
{
	bool loopback = false;
	return check_all(options, &loopback, err);
}

int payi_sink_new(uv_loop_t *loop, const struct payi_sink_options *options,
		  const struct sink_host *host, int64_t position, struct payi_sink **out,
		  struct err *err)
{
	bool loopback = false;
	int status = check_all(options, &loopback, err);
	if (status)
		return status;
	struct payi_sink *sink = calloc(1, sizeof(*sink));
	if (!sink)
		return err_set(err, ERR_MEMORY, "out of memory");
	const struct http_options http = {
		.ca_file = options->ca_file,
		.client_cert = options->client_cert,
		.client_key = options->client_key,
		.gzip = options->gzip,
		.direct = loopback, /* no proxy could reach it, and none shall have the key */
		.connections = (int)options->in_flight,
		.timeout_s = (int)options->timeout_s,
	};
	status = set_up(sink, options, host, position, err);
	if (!status)
		status = http_open(loop, &http, &sink->service.http, err);
	if (status) {
		payi_sink_free(sink);
		return status;
	}
	endpoint_init(&sink->endpoint);
	uv_timer_init(loop, &sink->timer);
	sink->timer.data = sink;
	kick(sink);
	*out = sink;
	return 0;
}

static int take_key_options(struct payi_sink *sink, const struct payi_sink_options *options,
			    struct err *err)
{
	char *api_key = copy(options->api_key);
	char *api_key_file = copy(options->api_key_file);
	if (!api_key || !api_key_file) {
		free(api_key);
		free(api_key_file);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	free(sink->api_key);
	free(sink->api_key_file);
	sink->service.key.given = sink->api_key = api_key;
	sink->service.key.path = sink->api_key_file = api_key_file;
	sink->look_anew = true;
	sink->key_look_us = 0;
	if (!*api_key && !*api_key_file)
		key_forget(&sink->service.key);
	return 0;
}

int payi_sink_configure(struct payi_sink *sink, const struct payi_sink_options *options,
			struct err *err)
{
	struct queue *queue = &sink->queue;
	const int32_t batch_events = queue->batch_events;
	const size_t batch_bytes = queue->batch_bytes;
	int status = sink->closing ? 0 : check_options(options, err);
	if (status || sink->closing)
		return status;
	if (queue_resize(queue, (int32_t)options->batch_events, (size_t)options->batch_bytes))
		return err_set(err, ERR_MEMORY, "out of memory");
	status = take_key_options(sink, options, err);
	if (status) {
		(void)queue_resize(queue, batch_events, batch_bytes); /* there is room for it */
		return status;
	}
	queue->batch_age_us = options->batch_age_ms * 1000;
	http_set_timeout(sink->service.http, (int)options->timeout_s);
	kick(sink);
	return 0;
}

const struct sink_counters *payi_sink_counters(const struct payi_sink *sink)
{
	return &sink->queue.counters;
}

void payi_sink_wake(struct payi_sink *sink)
{
	sink->queue.more = true;
	asks_wake(&sink->asks);
	kick(sink);
}

void payi_sink_stop(struct payi_sink *sink, int64_t flush_ms, void (*stopped)(void *ctx), void *ctx)
{
	sink->stopping = true;
	sink->asks.stopping = true;
	sink->stopped = stopped;
	sink->stopped_ctx = ctx;
	sink->stop_us = clock_boot_us();
	sink->stop_deadline_us = sink->stop_us + flush_ms * 1000;
	kick(sink); /* nothing, when it is closing already */
}

void payi_sink_free(struct payi_sink *sink)
{
	if (!sink)
		return;
	asks_release(&sink->asks);
	queue_release(&sink->queue);
	service_release(&sink->service);
	free(sink->base_url);
	free(sink->api_key);
	free(sink->api_key_file);
	free(sink);
}
