/*
 * The base URL: checked once, at the start, so that the key goes where it may go and nowhere else. And how a
 * text becomes part of a URL.
 */
#ifndef PAYI_SINK_PAYI_URL_H
#define PAYI_SINK_PAYI_URL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * ERR_CONFIG unless it is http:// or https:// with a host, and without user, password, query or
 * fragment; and, where allow_insecure is false, https:// or a host that is this one. *loopback tells
 * whether it is.
 */
int url_check(const char *base_url, bool allow_insecure, bool *loopback, struct err *err);

/* Appends text percent-encoded, but for RFC 3986's unreserved characters: right in a path and in a query. */
void url_add_encoded(struct buf *out, const char *text, size_t len);

#endif
