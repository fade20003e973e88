/*
 * HTTP for the sink: send a request, get one answer, never wait. libcurl on the libuv loop, over connections
 * that are used again for a bounded time. Every time is bounded (connecting, standing still, the whole), and
 * so is the answer's size; redirects are not followed, TLS is verified, only http and https are spoken.
 *
 * All on the loop's thread. done() is called from the loop, never from inside http_send().
 */
#ifndef PAYI_SINK_PAYI_HTTP_H
#define PAYI_SINK_PAYI_HTTP_H

#include "base/err.h"
#include "sink/payi/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;

struct http_options {
	const char *ca_file;     /* NULL or "": the system's authorities */
	const char *client_cert; /* NULL or "": none. PEM files, read for each connection */
	const char *client_key;  /* likewise: it is in client_cert */
	bool gzip;   /* bodies of a KiB and more, until the server says that it takes none (415) */
	bool direct; /* by no proxy, whatever the environment says */
	int connections; /* at once, at the most */
	int timeout_s;   /* for a whole exchange */
};

enum http_method { HTTP_POST, HTTP_PUT, HTTP_GET };

struct http_request {
	enum http_method method;
	const char *url;
	const char *headers; /* "Name: value", each ended by a NUL, one after another */
	size_t headers_bytes;
	const char *body; /* borrowed until done(); may be NULL when it has no bytes */
	size_t body_bytes;
};

enum { HTTP_ANSWER_BYTES_MAX = 1 << 20 };

/* The header with the key. Of its value an answer shows stars, should a service or gateway repeat what it was sent. */
#define HTTP_KEY_HEADER "xProxy-api-key: "

/* Valid during done() alone. */
struct http_answer {
	int status;        /* 0: there was none; error says why */
	const char *error; /* NULL when status is not 0 */
	int error_code;    /* libcurl's, beside error: for who explains it */
	const char *body;
	size_t body_bytes;
	bool body_cut;          /* longer than HTTP_ANSWER_BYTES_MAX, or it broke off */
	int64_t retry_after_us; /* -1: not said */
	int64_t date_us;        /* the service's clock, to the second; 0: not said */
	enum outcome_hint hint;
};

typedef void http_done_fn(void *ctx, const struct http_answer *answer);

int http_open(uv_loop_t *uv, const struct http_options *options, struct http **http,
	      struct err *err);

/* Begins an exchange; after an error there is none, and done() is not called. */
int http_send(struct http *http, const struct http_request *request, http_done_fn *done, void *ctx,
	      struct err *err);

/* For exchanges that begin from now on. */
void http_set_timeout(struct http *http, int timeout_s);

/* Whether any exchange under way has got as far as a connection. */
bool http_is_connected(const struct http *http);

/*
 * Breaks off what is under way (done() is not called for it), and frees http, then calls closed(ctx) from
 * the loop. Not from inside done().
 */
void http_close(struct http *http, void (*closed)(void *ctx), void *ctx);

#endif
