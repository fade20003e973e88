/*
 * The example service's use cases: what it does for a request, call by call, and how each call is tracked.
 * One struct worker per thread; the client in it may be shared by all.
 */
#ifndef PAYI_EXAMPLE_USE_CASES_H
#define PAYI_EXAMPLE_USE_CASES_H

#include "provider.h"

#include <payi/payi.h>

enum use_case {
	DOCUMENT_CHATBOT,       /* a session of several turns */
	DOCUMENT_SUMMARIZATION, /* several calls, in steps, about one document */
	SPAM_CLASSIFICATION, /* one call, and nothing to tell it from others by: no use case id */
	TICKET_TRIAGE,       /* the same tickets again and again, over days */
	N_USE_CASES
};

extern const char *const use_case_names[N_USE_CASES];

/* What was tracked, to be compared with what the agent shows. */
struct tally {
	long instances; /* but for TICKET_TRIAGE: see tickets */
	long events;
	long failures;
	long long input_units;
	long long output_units;
	uint64_t tickets; /* a bit for each that came up */
};

struct worker {
	payi_client *client;
	struct dice dice;
	int64_t begin_us; /* the requests are spread over the time from here … */
	int64_t end_us;   /* … to here, as Unix time */
	int64_t now_us;   /* how late it is in the request being served */
	struct tally tally[N_USE_CASES];
	long n_troubles; /* events that were not tracked */
};

/* Serves one made-up request of some use case. */
void serve_request(struct worker *worker);

#endif
