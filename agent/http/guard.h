/*
 * Who may ask: the rules that keep web pages, other hosts and other users out of the local HTTP. Pure functions on
 * what a request says of itself.
 *
 *   - Host names this host, or what the settings add to it: so a page whose name an attacker lets point to
 *     127.0.0.1 (DNS rebinding) gets nothing.
 *   - Origin, where a browser sends it, is the Host itself; Sec-Fetch-Site is not another's, but for a person
 *     who follows a link. There are no CORS headers, so a page elsewhere could not read an answer either.
 *   - What changes something is a POST that no form of another page can make: of JSON, or with a header of ours.
 *   - Over TCP, where a token is set, it is in the request; only health and the page's own files need none.
 */
#ifndef PAYI_HTTP_GUARD_H
#define PAYI_HTTP_GUARD_H

#include <stdbool.h>

enum { GUARD_HOSTS_MAX = 6, GUARD_TOKEN_BYTES = 512 };

#define GUARD_HEADER "X-Payi-Agent" /* any value: a form cannot set it */

struct guard {
	const char
		*host[GUARD_HOSTS_MAX]; /* as in a Host header, without port; NULL ends the list */
	char token[GUARD_TOKEN_BYTES];  /* "": none is asked for */
};

/* The headers are NULL where they were not sent. */
struct guard_request {
	const char *method;
	const char *host;
	const char *origin;
	const char *sec_fetch_site;
	const char *sec_fetch_mode;
	const char *authorization;
	const char *content_type;
	const char *own_header; /* GUARD_HEADER */
	int n_hosts;            /* Host headers */
	bool over_tcp;
	bool is_public; /* says nothing that others may not know */
};

/* 0: it may ask; else the status of the refusal, and *why in words. */
int guard_check(const struct guard *guard, const struct guard_request *request, const char **why);

#endif
