#define _GNU_SOURCE /* memmem() */
#include "sim/net.h"

#include "base/buf.h"
#include "prove/kit/prove.h"
#include "sim/cloud.h"
#include "sim/world.h"
#include "sink/payi/asks.h"
#include "sink/payi/http.h"
#include "sink/payi/retry_after.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_BYTES = 64, BEGIN_REQUESTS = 12 /* of an outage, before back-offs have grown */ };

/* One request, until all that comes of it has come. */
struct exchange {
	struct http *http; /* NULL: nobody waits for the answer any more */
	http_done_fn *done;
	void *ctx;
	const char *method;
	char *target, *headers, *body;
	size_t headers_bytes, body_bytes;
	enum swarm_fate fate;
	int64_t number;
	int n_moments; /* to come */
	struct answer answer;
	struct exchange *next;
};

struct http {
	uv_timer_t handle; /* so that it is closed by the loop, as libcurl's is */
	int timeout_s;
	int connections;
	int n_active;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static struct {
	const struct swarm *swarm;
	bool healed;
	bool gone; /* the agent is: what it still does is nothing */
	struct exchange *exchanges;
	int64_t n_exchanges;
	int64_t not_before_us;  /* as the agent of now has been told */
	int64_t asked_until_us; /* any has been told: what is put off stays so */
	bool is_out;
	enum swarm_fate outage;
	int64_t outage_began_us, outage_requests;
	int outage_lives;
	struct net_sums sums;
} net;

/* ---- Outages -------------------------------------------------------------------------------------- */

static void end_outage(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!net.is_out)
		return;
	const double s = (double)(sim_monotonic_us() - net.outage_began_us) / 1e6;
	const int64_t most = (int64_t)s + (net.swarm->in_flight + ASKS_AT_ONCE + BEGIN_REQUESTS) *
						  (1 + net.outage_lives);
	const double per_s = (double)net.outage_requests / s;
	net.is_out = false;
	world_note("outage ends: %" PRId64 " requests in %.0f s", net.outage_requests, s);
	if (net.outage_requests > most)
		world_wrong("%" PRId64 " requests in an outage of %.0f s", net.outage_requests, s);
	net.sums.outages++;
	net.sums.outage_us += (int64_t)(s * 1e6);
	net.sums.outage_requests += net.outage_requests;
	if (s > 600 && per_s > net.sums.most_per_s)
		net.sums.most_per_s = per_s;
}

void net_outage(enum swarm_fate fate, int64_t us)
{
	if (net.is_out || net.healed)
		return;
	net.is_out = true;
	net.outage = fate;
	net.outage_began_us = sim_monotonic_us();
	net.outage_requests = 0;
	net.outage_lives = 0;
	world_note("outage begins: fate %d for %.0f s", (int)fate, (double)us / 1e6);
	world_in(us, end_outage, NULL, 0);
}

void net_agent_dies(void)
{
	net.gone = true;
}

void net_new_agent(void)
{
	net.gone = false;
	net.not_before_us = 0;
	net.outage_lives++;
}

int64_t net_asked_until_us(void)
{
	return net.asked_until_us;
}

void net_heal(void)
{
	end_outage(NULL, 0);
	net.healed = true;
}

const struct net_sums *net_sums(void)
{
	return &net.sums;
}

/* ---- What becomes of a request -------------------------------------------------------------------- */

static enum swarm_fate draw_fate(void)
{
	if (net.healed)
		return FATE_GOOD;
	if (net.is_out)
		return net.outage;
	for (int fate = FATE_GOOD + 1; fate < FATES; fate++)
		if (net.swarm->fate_permille[fate] && world_chance(net.swarm->fate_permille[fate]))
			return (enum swarm_fate)fate;
	return FATE_GOOD;
}

/* When it is carried out, -1: never; and when the agent hears of it. */
static void draw_times(const struct exchange *exchange, int64_t timeout_us, int64_t *carried_us,
		       int64_t *answered_us)
{
	const int64_t trip_us = world_between(2 * SIM_MS, 150 * SIM_MS);
	*carried_us = -1;
	*answered_us = trip_us;
	switch (exchange->fate) {
	case FATE_REFUSED:
		*answered_us = SIM_MS;
		break;
	case FATE_UNREACHABLE:
		*answered_us = 5 * SIM_SECOND;
		break;
	case FATE_SILENT:
		*answered_us = timeout_us;
		break;
	case FATE_LOST:
		*carried_us = trip_us / 2;
		*answered_us = timeout_us;
		break;
	case FATE_LATE:
		*carried_us = timeout_us + world_between(SIM_SECOND, 10 * SIM_MINUTE);
		*answered_us = timeout_us;
		break;
	case FATE_SLOW:
		*answered_us = world_between(3 * SIM_SECOND, 50 * SIM_SECOND);
		*carried_us = *answered_us / 2;
		break;
	case FATE_GOOD:
	case FATE_RESET_AFTER:
	case FATE_500_DONE:
	case FATE_CUT:
	case FATE_PAGE_DONE:
		*carried_us = trip_us / 2;
		break;
	case FATE_RESET_BEFORE:
	case FATE_500:
	case FATE_502:
	case FATE_503:
	case FATE_429:
	case FATE_408:
	case FATE_PAGE:
	case FATES:
		break;
	}
	if (*answered_us > timeout_us)
		*answered_us = timeout_us;
}

static void release(struct exchange *exchange)
{
	struct exchange **at = &net.exchanges;
	if (--exchange->n_moments > 0)
		return;
	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	answer_release(&exchange->answer);
	free(exchange->target);
	free(exchange->headers);
	free(exchange->body);
	free(exchange);
}

static void carry_out(void *context, int64_t number)
{
	struct exchange *exchange = context;
	(void)number;
	cloud_answer(exchange->method, exchange->target, exchange->headers, exchange->headers_bytes,
		     exchange->body, exchange->body_bytes, &exchange->answer);
	release(exchange);
}

/* ---- Answers -------------------------------------------------------------------------------------- */

static void write_date(int64_t us, char text[RETRY_BYTES])
{
	const time_t seconds = us / SIM_SECOND;
	struct tm tm;
	strftime(text, RETRY_BYTES, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &tm));
}

/* In one of its forms, or not at all. Through the agent's own reading of it. */
static int64_t draw_retry_after(void)
{
	char ms[RETRY_BYTES] = "", after[RETRY_BYTES] = "", date[RETRY_BYTES] = "";
	const int64_t s = world_chance(100) ? world_between(60, 3600) : world_between(1, 60);
	switch (world_between(0, 3)) {
	case 0:
		return -1;
	case 1:
		snprintf(ms, sizeof(ms), "%" PRId64, s * 1000);
		break;
	case 2:
		snprintf(after, sizeof(after), "%" PRId64, s);
		break;
	default:
		write_date(sim_true_us() + s * SIM_SECOND, after);
		write_date(sim_true_us(), date);
	}
	return retry_after_us(ms, after, date, sim_true_us() + sim_error_us());
}

static struct http_answer error_answer(const char *error, int code)
{
	return (struct http_answer){.error = error, .error_code = code, .retry_after_us = -1};
}

static struct http_answer text_answer(int status, const char *body, int64_t wait_us)
{
	return (struct http_answer){.status = status,
				    .body = body,
				    .body_bytes = strlen(body),
				    .retry_after_us = wait_us,
				    .date_us = sim_true_us() / SIM_SECOND * SIM_SECOND};
}

static const char page[] = "<html><h1>It is not you, it is us</h1></html>";
static const char words[] = "{\"message\":\"busy\",\"statusCode\":503}";

static struct http_answer true_answer(const struct exchange *exchange)
{
	const struct answer *answer = &exchange->answer;
	struct http_answer http = text_answer(answer->status, "", -1);
	http.body = answer->body;
	http.body_bytes = answer->body_bytes;
	return http;
}

static struct http_answer cut_answer(const struct exchange *exchange)
{
	struct http_answer http = true_answer(exchange);
	http.body_bytes = (size_t)world_between(0, (int64_t)http.body_bytes - 1);
	http.body_cut = true;
	return http;
}

static struct http_answer answer_of(const struct exchange *exchange)
{
	switch (exchange->fate) {
	case FATE_REFUSED:
		return error_answer("connection refused", 7);
	case FATE_UNREACHABLE:
	case FATE_SILENT:
	case FATE_LOST:
	case FATE_LATE:
		return error_answer("timeout", 28);
	case FATE_RESET_BEFORE:
	case FATE_RESET_AFTER:
		return error_answer("connection reset", 56);
	case FATE_500:
	case FATE_500_DONE:
		return text_answer(500, words, -1);
	case FATE_502:
		return text_answer(502, page, -1);
	case FATE_503:
		return text_answer(503, words, draw_retry_after());
	case FATE_429:
		return text_answer(429, words, draw_retry_after());
	case FATE_408:
		return text_answer(408, words, -1);
	case FATE_PAGE:
	case FATE_PAGE_DONE:
		return text_answer(200, page, -1);
	case FATE_CUT:
		return cut_answer(exchange);
	case FATE_GOOD:
	case FATE_SLOW:
	case FATES:
		break;
	}
	return exchange->answer.status ? true_answer(exchange) : error_answer("timeout", 28);
}

/*
 * Whether it says, to somebody who hears it, what became of each event. "It is there already" is to be looked up; and from
 * where item_index counts has to be found out, by sending one again at the most.
 */
static bool is_clean(const struct exchange *exchange)
{
	const char *body = exchange->answer.body;
	return body && !strstr(body, "\"duplicate_request\"") && !strstr(body, "\"item_index\"") &&
	       (exchange->fate == FATE_GOOD || exchange->fate == FATE_SLOW);
}

static void hear(void *context, int64_t number)
{
	struct exchange *exchange = context;
	struct http *http = exchange->http;
	(void)number;
	if (http) {
		if (!is_clean(exchange))
			cloud_allow(exchange->body);
		const struct http_answer answer = answer_of(exchange);
		const int64_t boot_us = sim_monotonic_us() + sim_slept_us();
		if (answer.retry_after_us >= 0 &&
		    boot_us + answer.retry_after_us > net.not_before_us)
			net.not_before_us = boot_us + answer.retry_after_us;
		if (answer.retry_after_us >= 0 && net.not_before_us > net.asked_until_us)
			net.asked_until_us = net.not_before_us;
		world_note("answer %" PRId64 ": %d %s%s wait %" PRId64, exchange->number,
			   answer.status, answer.error ? answer.error : "",
			   answer.body_cut ? " cut" : "", answer.retry_after_us / 1000);
		http->n_active--;
		exchange->http = NULL;
		exchange->done(exchange->ctx, &answer);
	}
	release(exchange);
}

/* ---- sink/payi/http.h ----------------------------------------------------------------------------- */

int http_open(uv_loop_t *uv, const struct http_options *options, struct http **out, struct err *err)
{
	struct http *http = calloc(1, sizeof(*http));
	(void)err;
	uv_timer_init(uv, &http->handle);
	http->handle.data = http;
	http->timeout_s = options->timeout_s;
	http->connections = options->connections;
	*out = http;
	return 0;
}

/* The URL without what is in front of its path. */
static const char *target_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;
	return path ? path : "/";
}

/* What a batch may hold bounds the memory that it takes. */
static void check_size(const struct http_request *request)
{
	static const char id[] = "\"provider_response_id\":";
	const struct swarm *swarm = net.swarm;
	const char *at = request->body;
	int n = 0;
	for (; at && (at = memmem(at, (size_t)(request->body + request->body_bytes - at), id,
				  sizeof(id) - 1));
	     at++)
		n++;
	if (n > swarm->batch_events)
		world_wrong("a request has %d events", n);
	if (n > 1 && request->body_bytes > (size_t)swarm->batch_bytes)
		world_wrong("a request has %zu bytes", request->body_bytes);
}

static void check_manners(const struct http *http)
{
	const int64_t boot_us = sim_monotonic_us() + sim_slept_us();
	if (boot_us < net.not_before_us)
		world_wrong("a request %.3f s before the service wants one",
			    (double)(net.not_before_us - boot_us) / 1e6);
	if (http->n_active > http->connections + ASKS_AT_ONCE)
		world_wrong("%d requests at once", http->n_active);
}

static void *copy(const char *bytes, size_t n)
{
	char *text = malloc(n + 1);
	if (!text)
		prove_broken("no memory for a request");
	if (n)
		memcpy(text, bytes, n);
	text[n] = '\0';
	return text;
}

static struct exchange *new_exchange(struct http *http, const struct http_request *request)
{
	static const char *const methods[] = {
		[HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_GET] = "GET"};
	const char *target = target_of(request->url);
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		prove_broken("no memory for a request");
	exchange->http = http;
	exchange->method = methods[request->method];
	exchange->target = copy(target, strlen(target));
	exchange->headers = copy(request->headers, request->headers_bytes);
	exchange->headers_bytes = request->headers_bytes;
	exchange->body = copy(request->body, request->body_bytes);
	exchange->body_bytes = request->body_bytes;
	exchange->number = ++net.n_exchanges;
	exchange->next = net.exchanges;
	net.exchanges = exchange;
	return exchange;
}

int http_send(struct http *http, const struct http_request *request, http_done_fn *done, void *ctx,
	      struct err *err)
{
	int64_t carried_us, answered_us;
	if (net.gone)
		return err_set(err, ERR_HTTP, "gone");
	struct exchange *exchange = new_exchange(http, request);
	exchange->done = done;
	exchange->ctx = ctx;
	exchange->fate = draw_fate();
	http->n_active++;
	check_manners(http);
	check_size(request);
	net.sums.requests++;
	net.sums.fates[exchange->fate]++;
	net.outage_requests++;
	draw_times(exchange, http->timeout_s * SIM_SECOND, &carried_us, &answered_us);
	world_note("request %" PRId64 ": %s %.60s, %zu bytes; fate %d", exchange->number,
		   exchange->method, exchange->target, exchange->body_bytes, (int)exchange->fate);
	exchange->n_moments = carried_us < 0 ? 1 : 2;
	if (carried_us >= 0)
		world_in(carried_us, carry_out, exchange, 0);
	world_in(answered_us, hear, exchange, 0);
	return 0;
}

void http_set_timeout(struct http *http, int timeout_s)
{
	http->timeout_s = timeout_s;
}

bool http_is_connected(const struct http *http)
{
	(void)http;
	for (const struct exchange *it = net.exchanges; it; it = it->next)
		if (it->http == http && it->fate != FATE_REFUSED && it->fate != FATE_UNREACHABLE)
			return true;
	return false;
}

static void on_closed(uv_handle_t *handle)
{
	struct http *http = handle->data;
	void (*closed)(void *ctx) = http->closed;
	void *ctx = http->closed_ctx;
	free(http);
	closed(ctx);
}

void http_close(struct http *http, void (*closed)(void *ctx), void *ctx)
{
	for (struct exchange *it = net.exchanges; it; it = it->next) {
		if (it->http != http)
			continue;
		it->http = NULL;
		cloud_allow(it->body); /* whether it was carried out nobody will hear */
	}
	http->closed = closed;
	http->closed_ctx = ctx;
	uv_close((uv_handle_t *)&http->handle, on_closed);
}

/* ---- Life ----------------------------------------------------------------------------------------- */

void net_begin(const struct swarm *swarm)
{
	net.swarm = swarm;
	net.healed = net.is_out = false;
	net.not_before_us = 0;
	net.asked_until_us = 0;
	net.n_exchanges = 0;
}

void net_end(void)
{
	while (net.exchanges) {
		net.exchanges->n_moments = 1;
		release(net.exchanges);
	}
}
