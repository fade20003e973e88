/*
 * The server: a thread for each connection (so that one that hangs, by order, holds up no other), a request
 * collected whole, carried out, and answered as the script of faults wants it.
 */
#ifndef PAYI_STANDIN_HTTP_H
#define PAYI_STANDIN_HTTP_H

#include "standin/service.h"

#include <stdint.h>
#include <stdio.h>

struct http_server;

struct http_options {
	uint16_t port;         /* 0: any */
	FILE *log;             /* NULL: none; a line for each request */
	char *tls_certificate; /* PEM text; NULL: no TLS */
	char *tls_key;
	char *tls_clients; /* PEM: who is spoken to shows a certificate that one of these has signed; NULL: anybody */
};

/* Listens on 127.0.0.1. Returns NULL when it cannot. */
struct http_server *http_start(struct service *service, const struct http_options *options);
uint16_t http_port(const struct http_server *server);
void http_stop(struct http_server *server); /* after service_stop() */

#endif
