/*
 * One listening socket with libmicrohttpd behind it, on the libuv loop by its epoll descriptor. Knows no paths.
 *
 * Every client has a deadline: to send a request whole, to wait for its answer and to read it, to be idle before
 * the next. Who misses it is cut off, however busily it trickles bytes. There is a limit of connections; others wait
 * in the kernel. Each turn of the loop does what is ready on those, once.
 */
#ifndef PAYI_HTTP_DOOR_H
#define PAYI_HTTP_DOOR_H

#include "base/err.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

enum {
	DOOR_CONNECTIONS_MAX = 64,
	DOOR_ASK_MS =
		10000, /* from the connection, or the last answer, to the end of a request's headers */
	DOOR_ANSWER_MS = 30000, /* from there to the end of the answer */
};

struct door_peer;

struct door {
	uv_loop_t *loop;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t again; /* when libmicrohttpd wants to be called without being ready */
	uv_timer_t sweep;
	struct door_peer *peers;
	bool kicked;   /* run again at once */
	int n_handles; /* open or closing */
	bool over_tcp;
	void *owner;
};

struct door_callbacks {
	MHD_AccessHandlerCallback handle; /* its context is the door */
	MHD_RequestCompletedCallback completed;
};

/* Takes fd, also when it fails. The struct must stay where it is until the loop has closed its handles. */
int door_open(struct door *door, uv_loop_t *loop, int fd, const struct door_callbacks *callbacks,
	      struct err *err);

/* No connection may be suspended. Breaks off all; its handles close with the loop's next turns. */
void door_close(struct door *door);

/* The request's headers are there: the clock of its answer begins. */
void door_heard(struct door *door, struct MHD_Connection *connection);

/* The answer is out: its next request's clock begins. */
void door_idle(struct door *door, struct MHD_Connection *connection);

/* A suspended connection was resumed, or one was closed: look at it at the loop's next turn. */
void door_kick(struct door *door);

#endif
