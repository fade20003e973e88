/*
 * The local HTTP server: health, metrics, status and the history, for tools and people on this host. The only header
 * of this folder that others include.
 *
 *     GET  /                             the page, and its files beside it
 *     GET  /healthz                      the loop turns
 *     GET  /readyz                       events are drained and stored; else 503 and why not
 *     GET  /metrics                      Prometheus's text format
 *     GET  /api/v1/status                as `payi-agent status --json`
 *     GET  /api/v1/history/events        as the commands of these names; pages of JSON
 *     GET  /api/v1/history/use-cases
 *     GET  /api/v1/history/usage
 *     GET  /api/v1/history/series        usage in so many buckets of time, for plots
 *     GET  /api/v1/waiting               events on their way to the service
 *     GET  /api/v1/dead                  dead letters, likewise
 *     POST /api/v1/dead/retry            sends those that the filter means again; /drop gives them up
 *
 * Always on a Unix socket of mode 0600, by TCP where the settings ask for it. guard.h says who may ask, door.h what
 * slow clients cost. What reads the database runs on libuv's thread pool, each request on a connection of its own
 * and for a bounded time; so neither storing nor sending waits for anybody here.
 */
#ifndef PAYI_HTTP_SERVER_H
#define PAYI_HTTP_SERVER_H

#include "base/buf.h"
#include "base/err.h"
#include "store/dead.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct server;
struct status;

/* Texts are copied. */
struct server_options {
	const char *socket_path;
	const char *listen; /* "127.0.0.1:9464"; "": no TCP */
	bool allow_remote;  /* listen may be an address that other hosts reach; needs a token */
	const char *token_file;
	const char *host; /* one more name for this host; "": none */
	const char *database;
	const char *ring_dir;
};

/* Dead letters to be sent again or dropped. */
struct server_order {
	enum dead_action action;
	const struct dead_filter *filter;
	bool (*must_stop)(void *context); /* do not wait any longer; any thread */
	void *stop_context;
};

struct server_host {
	void *context;
	/* NULL: events are drained and stored; else why not. On the loop's thread. */
	const char *(*not_ready)(void *context);
	/* Appends the metrics. On a thread of the pool, until the server is closed. */
	void (*metrics)(void *context, const struct status *status, struct buf *out);
	/* Has it carried out, and waits for that; *n is how many there were. On a thread of the pool, likewise. */
	int (*order)(void *context, const struct server_order *order, int64_t *n, struct err *err);
};

/* ERR_CONFIG: a setting is wrong. Opens nothing but the token's file. */
int server_check(const struct server_options *options, struct err *err);

/*
 * ERR_CONFIG: a setting is wrong. What cannot be had otherwise (a port that is taken) is logged, and does not keep
 * the agent from its work.
 */
int server_open(uv_loop_t *loop, const struct server_options *options,
		const struct server_host *host, struct server **server, struct err *err);

/* Breaks off all that is under way; the loop has to run until server_is_closed(). NULL is fine, and closed. */
void server_close(struct server *server);
bool server_is_closed(const struct server *server);
void server_free(struct server *server);

#endif
