/*
 * Sinks in this process, many at once on one loop: each with a few events in memory in place of a database, and with a
 * service on a port of its own, which answers some of its requests with the bytes that it is given, and is well otherwise.
 * It knows what it took, and how often; what it took at first is all that it compares with. One thread.
 */
#ifndef PAYI_PROVE_SINKS_H
#define PAYI_PROVE_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SINKS_EVENTS_MAX = 8, SINKS_REQUESTS_MAX = 64, SINKS_TEXT_BYTES = 400, SINKS_ALL = 1 << 30 };

/* What becomes of requests from_request (1: the first) to that + times - 1. */
struct sinks_fault {
	int from_request;
	int times;
	bool bulk_only; /* other requests are answered well, and not counted */
	int read_bytes; /* of the request, before its connection is closed; SINKS_ALL: it is answered */
	bool carried_out;   /* before it is answered */
	const char *answer; /* as it goes over the wire; NULL: the true one */
	int write_bytes;    /* of the answer; SINKS_ALL: and the connection is kept */
	bool reset;         /* how it is closed: as by a crash */
};

struct sinks_case {
	int n_events;
	int batch_events;
	bool until_held; /* it is over when the sink waits, or is refused the key, too */
	struct sinks_fault fault;
};

enum sinks_kind { SINKS_BULK, SINKS_SINGLE, SINKS_LOOKUP, SINKS_OTHER };

struct sinks_request {
	enum sinks_kind kind;
	int64_t at_us;
	int n_events;
	int bytes; /* of the whole request */
};

struct sinks_result {
	int n_delivered, n_dead; /* as the sink settled */
	int n_requests;          /* also those beyond the array */
	struct sinks_request requests[SINKS_REQUESTS_MAX];
	int taken[SINKS_EVENTS_MAX]; /* by the service: how often each */
	bool differs;                /* one came again, and not as before */
	bool was_held;               /* the sink said that it waits, or that the key is refused */
	char held_as[32];            /* the first such state */
	char error[SINKS_TEXT_BYTES];
	char code[64]; /* of a dead one */
	int http_status;
	int answer_bytes; /* of the last true answer */
	bool late;        /* it was not over in time */
};

typedef void sinks_each_fn(void *context, int number, const struct sinks_result *result);

void sinks_open(void); /* before anything else here; once */
void sinks_close(void);

/* Runs cases 0 to n - 1, several at once, and calls each() as they are over. make fills in the case of that number. */
void sinks_run(int n, void (*make)(void *context, int number, struct sinks_case *it),
	       sinks_each_fn *each, void *context);

/* A second port that no case is told of, for redirects: how many bytes anybody sent there. */
int sinks_trap_port(void);
int64_t sinks_trap_bytes(void);
int sinks_trap_connections(void);

#endif
