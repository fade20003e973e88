/*
 * What an answer does: to the events that were sent, and to the endpoint. The meeting place of the tables
 * (outcome), what came back (http, reply), and what was waiting for it (batch, endpoint).
 */
#ifndef PAYI_SINK_PAYI_ANSWER_H
#define PAYI_SINK_PAYI_ANSWER_H

#include "sink/payi/batch.h"
#include "sink/payi/endpoint.h"
#include "sink/payi/http.h"

enum { ANSWER_TEXT_BYTES = 400 };

struct answer {
	enum outcome_request outcome;
	int64_t pause_us; /* what is left of the batch waits that long, the others need not */
	char text
		[ANSWER_TEXT_BYTES]; /* what was wrong, for people; "" when the request was accepted */
};

struct answer_clocks {
	int64_t now_us; /* clock_boot_us() */
	int64_t wall_us;
};

/* probe: as endpoint_answered(). The batch's body may be gone after it. */
void answer_take(struct batch *batch, struct endpoint *endpoint, const struct http_answer *http,
		 bool probe, struct answer_clocks clocks, struct answer *answer);

#endif
