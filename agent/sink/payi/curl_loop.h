/*
 * libcurl's multi handle on a libuv loop: which sockets to watch, when to wake. Knows nothing of HTTP.
 *
 * Traps that this file is built around (each has brought down somebody's daemon):
 *   - libcurl must never be called from inside its own callbacks: those here only set timers and polls;
 *   - a socket that is closed while libuv still watches it makes epoll fail later, for another socket of
 *     the same number: every close goes through curl_loop_close_socket(), which stops the watching first;
 *   - memory of a uv handle is freed by its close callback, never before;
 *   - a poll that reports an error must be told to libcurl as an error, or the transfer hangs;
 *   - where a socket cannot be watched, its transfer would wait for its time-out, and all others with it: libcurl takes the whole
 *     multi handle for dead. Then all of them are given up;
 *   - cleaning up the multi handle may ask for new polls: from then on such wishes are ignored.
 * All on the loop's thread.
 */
#ifndef PAYI_SINK_PAYI_CURL_LOOP_H
#define PAYI_SINK_PAYI_CURL_LOOP_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct curl_loop_socket;

struct curl_loop {
	uv_loop_t *uv;
	CURLM *multi;
	uv_timer_t timer;
	struct curl_loop_socket *sockets;
	int n_handles; /* of libuv, open or closing */
	bool closing;
	/* Transfers may have ended: curl_multi_info_read() has them. stuck: the others will not move, and are to be removed. */
	void (*moved)(void *ctx, bool stuck);
	void (*closed)(void *ctx);
	void *ctx;
};

/* The struct must stay where it is until closed. */
int curl_loop_open(struct curl_loop *loop, uv_loop_t *uv, void (*moved)(void *ctx, bool stuck),
		   void *ctx, struct err *err);

/* Every easy handle has been removed and cleaned up. Not from inside moved(). closed(ctx) ends it. */
void curl_loop_close(struct curl_loop *loop, void (*closed)(void *ctx));

/* For the easy handles' CURLOPT_CLOSESOCKETFUNCTION, with the loop as its data. */
int curl_loop_close_socket(void *loop, curl_socket_t fd);

#endif
