/*
 * Can the service be reached, and does it take the key? One GET of /api/v1/limits, by the sink's own HTTP, key
 * and headers, so that what is found out is what the sink would meet. For payi-agent doctor; blocks until the answer
 * or the timeout, on a loop of its own.
 */
#ifndef PAYI_SINK_PAYI_PROBE_H
#define PAYI_SINK_PAYI_PROBE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* As the settings of [payi]. Borrowed. */
struct probe_options {
	const char *base_url;
	const char *api_key;
	const char *api_key_file;
	const char *ca_file;
	const char *client_cert;
	const char *client_key;
	bool allow_insecure;
	int timeout_s;
};

enum { PROBE_TEXT_BYTES = 400 };

struct probe {
	int status;                   /* HTTP; 0: there was no answer, and error says why */
	char error[PROBE_TEXT_BYTES]; /* never holds the key */
	const char *advice;           /* what to do about status or error; NULL when all is well */
	int64_t took_us;
	int64_t clock_ahead_us; /* ours, of the service's; which tells it to the second */
	bool clock_known;
};

/* ERR_CONFIG: no key may go to that address; the text says why. *loopback: it is this host. */
int probe_check_url(const struct probe_options *options, bool *loopback, struct err *err);

/* ERR_CONFIG or ERR_SYSTEM: there is no key to be had; the text says where it was looked for. */
int probe_check_key(const struct probe_options *options, struct err *err);

/* The proxy that the environment names for the address: "http_proxy=host:port" without user and password; "": none. */
void probe_proxy(const char *base_url, char text[PROBE_TEXT_BYTES]);

/* Asks; the address was checked before. Without a key it asks, too. Negative when it could not even try. */
int probe_run(const struct probe_options *options, struct probe *probe, struct err *err);

struct probe_library {
	const char *version; /* "7.88.1" */
	const char *tls;     /* "OpenSSL/3.0.15"; "": it has none */
	bool waits_for_names; /* it looks names up in the calling thread, and so would stop the loop */
};

struct probe_library probe_library(void);

#endif
