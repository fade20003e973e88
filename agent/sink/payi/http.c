#define _GNU_SOURCE /* memmem */
#include "sink/payi/http.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/gzip.h"
#include "base/log.h"
#include "base/memory.h"
#include "sink/payi/curl_loop.h"
#include "sink/payi/retry_after.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	CONNECT_TIMEOUT_S = 5,
	/* Slower than this for so long, the connection is taken for dead. */
	LOW_SPEED_BYTES_PER_S = 10,
	LOW_SPEED_S = 30,
	/* Gateways in front of the service drop idle connections after minutes, and say nothing. */
	CONNECTION_IDLE_S = 60,
	CONNECTION_LIFE_S = 600,
	HEADER_BYTES = 64, /* of a header's value that we read: a number, or a date */
	GZIP_BYTES_MIN = 1024,
};

/* One request and its answer. Kept for the next when it is over, with libcurl's TLS session in it. */
struct exchange {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers; /* the first says that the body is packed, if it is */
	const char *plain;          /* the request's body, borrowed */
	size_t plain_bytes;
	struct buf packed; /* empty: it goes as it is */
	struct buf body;   /* the answer's */
	bool headers_ended;
	bool cut;
	char retry_after_ms[HEADER_BYTES];
	char retry_after[HEADER_BYTES];
	char date[HEADER_BYTES];
	char should_retry[HEADER_BYTES];
	char error[CURL_ERROR_SIZE];
	http_done_fn *done;
	void *ctx;
	struct exchange *next;
};

struct http {
	struct curl_loop loop;
	char *ca_file;
	char *client_cert;
	char *client_key;
	bool gzip;
	bool direct;
	int connections;
	int timeout_s;
	struct exchange *active;
	struct exchange *idle;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* ---- The answer as it comes in -------------------------------------------------------------------- */

/* Takes what fits; more than fits breaks the transfer off, with what there is kept. */
static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct exchange *exchange = ctx;
	size_t room = HTTP_ANSWER_BYTES_MAX - exchange->body.len;
	size_t taken = size * n < room ? size * n : room;
	buf_add(&exchange->body, bytes, taken);
	exchange->cut = exchange->body.failed || taken < size * n;
	return exchange->cut ? CURL_WRITEFUNC_ERROR : size * n;
}

static void forget_headers(struct exchange *exchange)
{
	exchange->retry_after_ms[0] = '\0';
	exchange->retry_after[0] = '\0';
	exchange->date[0] = '\0';
	exchange->should_retry[0] = '\0';
	exchange->headers_ended = false;
}

/* If the line is the header name, puts its value, without spaces around it, into text. */
static void keep_header(const char *line, size_t len, const char *name, char text[HEADER_BYTES])
{
	size_t at = strlen(name);
	if (len <= at || line[at] != ':' || strncasecmp(line, name, at) != 0)
		return;
	at++;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	while (len > at && (line[len - 1] == '\n' || line[len - 1] == '\r' ||
			    line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	if (len - at >= HEADER_BYTES)
		return; /* no number or date is that long */
	memcpy(text, line + at, len - at);
	text[len - at] = '\0';
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct exchange *exchange = ctx;
	size_t len = size * n;
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		forget_headers(exchange); /* those of a "100 Continue" are not the answer's */
	keep_header(line, len, "retry-after-ms", exchange->retry_after_ms);
	keep_header(line, len, "retry-after", exchange->retry_after);
	keep_header(line, len, "date", exchange->date);
	keep_header(line, len, "x-should-retry", exchange->should_retry);
	exchange->headers_ended = len == 2 && line[0] == '\r';
	return len;
}

/* ---- Exchanges ------------------------------------------------------------------------------------- */

static void exchange_free(struct exchange *exchange)
{
	curl_easy_cleanup(exchange->easy);
	curl_slist_free_all(exchange->headers);
	buf_release(&exchange->packed);
	buf_release(&exchange->body);
	free(exchange);
}

static struct exchange *exchange_take(struct http *http)
{
	struct exchange *exchange = http->idle;
	if (exchange) {
		http->idle = exchange->next;
		return exchange;
	}
	exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	exchange->http = http;
	exchange->easy = curl_easy_init();
	if (exchange->easy)
		return exchange;
	free(exchange);
	return NULL;
}

static void exchange_put_back(struct exchange *exchange)
{
	curl_easy_reset(exchange->easy); /* its options; connections and sessions stay */
	curl_slist_free_all(exchange->headers);
	exchange->headers = NULL;
	buf_release(&exchange->packed);
	buf_release(&exchange->body);
	exchange->next = exchange->http->idle;
	exchange->http->idle = exchange;
}

static void exchange_leave_active(struct exchange *exchange)
{
	struct exchange **at = &exchange->http->active;
	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
}

static bool add_header(struct exchange *exchange, const char *header)
{
	struct curl_slist *list = curl_slist_append(exchange->headers, header);
	if (list)
		exchange->headers = list;
	return list != NULL;
}

static bool set_headers(struct exchange *exchange, const struct http_request *request)
{
	const char *end = request->headers + request->headers_bytes;
	bool good = exchange->packed.len == 0 || add_header(exchange, "Content-Encoding: gzip");
	for (const char *at = request->headers; good && at < end; at += strlen(at) + 1)
		good = add_header(exchange, at);
	return good &&
	       curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
}

static bool set_bounds(CURL *easy, const struct http *http)
{
	bool good = true;
#define SET(option, value) good &= curl_easy_setopt(easy, (option), (value)) == CURLE_OK
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (http->ca_file[0])
		SET(CURLOPT_CAINFO, http->ca_file);
	if (http->client_cert[0]) {
		SET(CURLOPT_SSLCERT, http->client_cert);
		SET(CURLOPT_SSLKEY, http->client_key[0] ? http->client_key : http->client_cert);
		/* Else a key under a passphrase would have it asked for on the terminal, and stop the loop. */
		SET(CURLOPT_KEYPASSWD, "");
	}
	if (http->direct)
		SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
	SET(CURLOPT_TIMEOUT, (long)http->timeout_s);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)LOW_SPEED_BYTES_PER_S);
	SET(CURLOPT_LOW_SPEED_TIME, (long)LOW_SPEED_S);
	SET(CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
	SET(CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	/* Else breaking off during a name look-up would wait for the resolver, and stop the loop. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	return good;
}

/* Only if that makes it smaller. */
static void pack(struct exchange *exchange)
{
	if (!exchange->http->gzip || exchange->plain_bytes < GZIP_BYTES_MIN)
		return;
	if (!gzip_add(&exchange->packed, exchange->plain, exchange->plain_bytes) ||
	    exchange->packed.len >= exchange->plain_bytes)
		buf_release(&exchange->packed);
}

/* Without a text of its own for an empty body libcurl would ask a callback for one. */
static bool set_bytes(const struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	bool good = true;
	if (exchange->packed.len > 0) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->packed.len);
		SET(CURLOPT_POSTFIELDS, exchange->packed.data);
	} else {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->plain_bytes);
		SET(CURLOPT_POSTFIELDS, exchange->plain_bytes ? exchange->plain : "");
	}
	return good;
}

static bool set_body(const struct exchange *exchange, enum http_method method)
{
	CURL *easy = exchange->easy;
	bool good = true;
	if (method == HTTP_GET) {
		SET(CURLOPT_HTTPGET, 1L);
		return good;
	}
	SET(CURLOPT_POST, 1L);
	if (method == HTTP_PUT)
		SET(CURLOPT_CUSTOMREQUEST, "PUT");
	return good && set_bytes(exchange);
}

static bool set_up(struct exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;
	exchange->plain = request->body;
	exchange->plain_bytes = request->body_bytes;
	pack(exchange);
	bool good = set_bounds(easy, exchange->http) && set_headers(exchange, request) &&
		    set_body(exchange, request->method);
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PATH_AS_IS, 1L); /* an event's id may be ".." */
	SET(CURLOPT_USERAGENT, "payi-agent/0.1.0");
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, exchange);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, exchange);
	SET(CURLOPT_ERRORBUFFER, exchange->error);
	SET(CURLOPT_CLOSESOCKETFUNCTION, curl_loop_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, &exchange->http->loop);
	SET(CURLOPT_PRIVATE, exchange);
#undef SET
	return good;
}

/* ---- The end of an exchange ------------------------------------------------------------------------ */

static enum outcome_hint hint_of(const char *should_retry)
{
	if (strcasecmp(should_retry, "true") == 0)
		return OUTCOME_HINT_RETRY;
	return strcasecmp(should_retry, "false") == 0 ? OUTCOME_HINT_STOP : OUTCOME_HINT_NONE;
}

static int64_t date_us(const char *date)
{
	time_t time = date[0] ? curl_getdate(date, NULL) : -1;
	return time > 0 ? (int64_t)time * 1000000 : 0;
}

/* What comes back goes into logs, status and the database. */
static void hide_key(struct exchange *exchange)
{
	const size_t name_bytes = strlen(HTTP_KEY_HEADER);
	for (const struct curl_slist *at = exchange->headers; at; at = at->next) {
		if (strncmp(at->data, HTTP_KEY_HEADER, name_bytes) != 0)
			continue;
		const char *key = at->data + name_bytes;
		const size_t key_bytes = strlen(key);
		uint8_t *body = exchange->body.data;
		uint8_t *end = body + exchange->body.len;
		while (key_bytes && body &&
		       (body = memmem(body, (size_t)(end - body), key, key_bytes)))
			memset(body, '*', key_bytes);
	}
}

/*
 * An answer that broke off after its headers is still an answer, of which the body is not whole: for a success
 * that makes a difference, and body_cut says it. A reset in the middle of the headers is none.
 */
static struct http_answer answer_of(struct exchange *exchange, CURLcode result)
{
	long status = 0;
	hide_key(exchange);
	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	bool answered = status >= 200 && status <= 999 &&
			(result == CURLE_OK || exchange->headers_ended || status >= 400);
	return (struct http_answer){
		.status = answered ? (int)status : 0,
		.error = answered             ? NULL
			 : exchange->error[0] ? exchange->error
					      : curl_easy_strerror(result),
		.error_code = answered ? 0 : (int)result,
		.body = (const char *)exchange->body.data,
		.body_bytes = exchange->body.len,
		.body_cut = result != CURLE_OK,
		.retry_after_us = retry_after_us(exchange->retry_after_ms, exchange->retry_after,
						 exchange->date, clock_wall_us()),
		.date_us = date_us(exchange->date),
		.hint = hint_of(exchange->should_retry),
	};
}

static void forget_answer(struct exchange *exchange)
{
	forget_headers(exchange);
	buf_release(&exchange->body);
	exchange->cut = false;
	exchange->error[0] = '\0';
}

/*
 * Not by this server: the same again as it is, and whatever comes after it. Where it cannot go, answer says so: the one that
 * there was is forgotten.
 */
static bool goes_again_plain(struct exchange *exchange, struct http_answer *answer)
{
	if (answer->status != 415 || exchange->packed.len == 0)
		return false;
	if (exchange->http->gzip)
		log_warn("sink: the service takes no gzip; sending without", LOG_END);
	exchange->http->gzip = false;
	buf_release(&exchange->packed);
	forget_answer(exchange);
	if (set_bytes(exchange) &&
	    curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, exchange->headers->next) ==
		    CURLE_OK &&
	    curl_multi_add_handle(exchange->http->loop.multi, exchange->easy) == CURLM_OK)
		return true;
	*answer = (struct http_answer){.error = "libcurl did not take the request again",
				       .error_code = CURLE_SEND_ERROR};
	return false;
}

static void give_back(struct exchange *exchange, const struct http_answer *answer)
{
	exchange_leave_active(exchange);
	exchange->done(exchange->ctx, answer);
	exchange_put_back(exchange);
}

/* As if their connections had broken: what was sent may have arrived. */
static void give_up_all(struct http *http)
{
	while (http->active) {
		struct exchange *exchange = http->active;
		curl_multi_remove_handle(http->loop.multi, exchange->easy);
		const struct http_answer answer = answer_of(exchange, CURLE_ABORTED_BY_CALLBACK);
		give_back(exchange, &answer);
	}
}

static void on_moved(void *ctx, bool stuck)
{
	struct http *http = ctx;
	CURLMsg *message;
	int n_left;
	while ((message = curl_multi_info_read(http->loop.multi, &n_left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURL *easy = message->easy_handle;
		CURLcode result = message->data.result; /* the message ends with the next call */
		struct exchange *exchange;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
		struct http_answer answer = answer_of(exchange, result);
		curl_multi_remove_handle(http->loop.multi, easy);
		if (goes_again_plain(exchange, &answer))
			continue;
		give_back(exchange, &answer);
	}
	if (stuck)
		give_up_all(http);
}

/* ---- Public ----------------------------------------------------------------------------------------- */

static void http_free(struct http *http)
{
	if (!http)
		return;
	free(http->ca_file);
	free(http->client_cert);
	free(http->client_key);
	free(http);
}

static char *copy(const char *text)
{
	return strdup(text ? text : "");
}

static struct http *http_new(const struct http_options *options)
{
	struct http *http = calloc(1, sizeof(*http));
	if (!http)
		return NULL;
	http->ca_file = copy(options->ca_file);
	http->client_cert = copy(options->client_cert);
	http->client_key = copy(options->client_key);
	if (http->ca_file && http->client_cert && http->client_key)
		return http;
	http_free(http);
	return NULL;
}

int http_open(uv_loop_t *uv, const struct http_options *options, struct http **out, struct err *err)
{
	struct http *http = http_new(options);
	int status = 0;
	if (!http)
		status = err_set(err, ERR_MEMORY, "out of memory");
	else if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_await_bytes, free,
				      memory_await_more, memory_await_text, memory_await))
		status = err_set(err, ERR_HTTP, "libcurl cannot be set up");
	else if ((status = curl_loop_open(&http->loop, uv, on_moved, http, err)))
		curl_global_cleanup();
	if (status) {
		http_free(http);
		return status;
	}
	http->gzip = options->gzip;
	http->direct = options->direct;
	http->connections = options->connections;
	http->timeout_s = options->timeout_s;
	curl_multi_setopt(http->loop.multi, CURLMOPT_MAXCONNECTS, (long)http->connections);
	*out = http;
	return 0;
}

int http_send(struct http *http, const struct http_request *request, http_done_fn *done, void *ctx,
	      struct err *err)
{
	struct exchange *exchange = exchange_take(http);
	if (!exchange)
		return err_set(err, ERR_MEMORY, "out of memory");
	forget_answer(exchange);
	exchange->done = done;
	exchange->ctx = ctx;
	if (!set_up(exchange, request) ||
	    curl_multi_add_handle(http->loop.multi, exchange->easy) != CURLM_OK) {
		exchange_put_back(exchange);
		return err_set(err, ERR_HTTP, "libcurl did not take the request");
	}
	exchange->next = http->active;
	http->active = exchange;
	return 0;
}

void http_set_timeout(struct http *http, int timeout_s)
{
	http->timeout_s = timeout_s;
}

bool http_is_connected(const struct http *http)
{
	for (const struct exchange *exchange = http->active; exchange; exchange = exchange->next) {
		curl_off_t us = 0;
		curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
		if (us > 0)
			return true;
	}
	return false;
}

static void on_loop_closed(void *ctx)
{
	struct http *http = ctx;
	void (*closed)(void *ctx) = http->closed;
	void *closed_ctx = http->closed_ctx;
	curl_global_cleanup();
	http_free(http);
	closed(closed_ctx);
}

void http_close(struct http *http, void (*closed)(void *ctx), void *ctx)
{
	http->closed = closed;
	http->closed_ctx = ctx;
	while (http->active) {
		struct exchange *exchange = http->active;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the freed one has left the list */
		curl_multi_remove_handle(http->loop.multi, exchange->easy);
		exchange_leave_active(exchange);
		exchange_free(exchange);
	}
	while (http->idle) {
		struct exchange *exchange = http->idle;
		http->idle = exchange->next;
		exchange_free(exchange);
	}
	curl_loop_close(&http->loop, on_loop_closed);
}
