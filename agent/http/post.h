/*
 * A question to a running agent, from another process of the same user: one request on its Unix socket. Blocks; any
 * thread.
 */
#ifndef PAYI_HTTP_POST_H
#define PAYI_HTTP_POST_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Posts nothing but the path and its parameters. *status is that of the answer, whose body is in *body. ERR_SYSTEM:
 * nobody listens there, or there was no answer in time.
 */
int post_to_agent(const char *socket_path, const char *path, int *status, struct buf *body,
		  struct err *err);

/* Likewise a GET, which waits no longer than so many seconds for anything. */
int get_from_agent(const char *socket_path, const char *path, int patience_s, int *status,
		   struct buf *body, struct err *err);

/* Appends "?name=value" or "&name=value", encoded. */
void post_add_param(struct buf *path, const char *name, const char *value);

#endif
