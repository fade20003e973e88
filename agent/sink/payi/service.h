/*
 * How the service is spoken to: its address, the key, and the headers that every request has. One request is
 * put together at a time: begin it, add to url and headers what is its own, send it.
 *
 * All on the loop's thread.
 */
#ifndef PAYI_SINK_PAYI_SERVICE_H
#define PAYI_SINK_PAYI_SERVICE_H

#include "base/buf.h"
#include "sink/payi/http.h"
#include "sink/payi/key.h"

struct service {
	struct http *http;
	const char *base_url; /* without a slash at its end */
	struct key key;
	struct buf url;
	struct buf headers; /* each ended by a NUL */
};

void service_release(struct service *service); /* not http */

static inline bool service_has_key(const struct service *service)
{
	return service->key.text[0] != '\0';
}

/* path begins with a slash. The key goes into a header here and nowhere else. */
void service_begin(struct service *service, const char *path);

/* As http_send(). body is borrowed until done(). */
int service_send(struct service *service, enum http_method method, const struct buf *body,
		 http_done_fn *done, void *ctx, struct err *err);

#endif
