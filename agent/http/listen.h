/*
 * The sockets that the local HTTP listens on: one in the data directory, for this user alone, and one of TCP where
 * the settings ask for it. Loop's thread.
 */
#ifndef PAYI_HTTP_LISTEN_H
#define PAYI_HTTP_LISTEN_H

#include "base/err.h"

#include <stdbool.h>

enum { LISTEN_HOST_BYTES = 64 };

/*
 * A Unix socket of mode 0600 at path. A socket that lies there is replaced: the caller holds the lock that says
 * that nobody serves it.
 */
int listen_unix(const char *path, int *fd, struct err *err);

/* Where to listen, as a setting says it: "127.0.0.1:9464", "[::1]:9464", "localhost:9464". */
struct listen_address {
	char host[LISTEN_HOST_BYTES]; /* as in a Host header: with the brackets */
	unsigned char family_address[16];
	int family;
	unsigned port; /* 0: any that is free */
	bool is_loopback;
};

/* ERR_CONFIG says what is wrong, and what it must look like. */
int listen_parse(const char *text, struct listen_address *address, struct err *err);

/* *port is the one that it listens on. */
int listen_tcp(const struct listen_address *address, int *fd, unsigned *port, struct err *err);

#endif
