/*
 * The service as seen from here: whether requests may go out now, and in which form. One back-off for all
 * batches, not one each: while the service is down a single request at a time asks whether it is back.
 *
 *              answered                failed: wait, longer each time
 *          +-------------- UP --------------------------------> WAITING
 *          |   ^   ^                                           |   |
 *          +---+   +-------- a probe was answered -------------+   | again
 *                                                              ^---+
 *     KEY_REFUSED and HELD are entered from anywhere, and left by a probe as WAITING is; their probes
 *     become seldom (up to ENDPOINT_HELD_US), as somebody has to do something first. A new key is tried at once.
 *
 * The form is bulk, until bulk is refused in a way that may mean "not for this account" (401, 403, 404). Then
 * one event alone is tried: if that is answered single ingest it is, and bulk is asked for again, soon at first (it
 * may have been a bad moment), then less and less often. If it is refused too, bulk was not what was wrong.
 *
 * Plain state: times are clock_boot_us(), passed in.
 */
#ifndef PAYI_SINK_PAYI_ENDPOINT_H
#define PAYI_SINK_PAYI_ENDPOINT_H

#include "sink/payi/indexing.h"
#include "sink/payi/outcome.h"

#include <stdbool.h>
#include <stdint.h>

#define ENDPOINT_HELD_FIRST_US     (INT64_C(2) * 1000000)
#define ENDPOINT_HELD_US           (INT64_C(30) * 1000000)
#define ENDPOINT_BULK_AGAIN_US     (INT64_C(60) * 1000000)
#define ENDPOINT_BULK_AGAIN_MAX_US (INT64_C(3600) * 1000000)

enum endpoint_state { ENDPOINT_UP, ENDPOINT_WAITING, ENDPOINT_KEY_REFUSED, ENDPOINT_HELD };

/* Trying single: bulk was refused, and one event is sent alone to learn why. */
enum endpoint_form { ENDPOINT_BULK, ENDPOINT_TRYING_SINGLE, ENDPOINT_SINGLE };

struct endpoint {
	enum endpoint_state state;
	enum endpoint_form form;
	int64_t next_try_us;
	int64_t bulk_again_us;
	int failures;      /* in a row */
	int holds;         /* likewise */
	int bulk_refusals; /* likewise, found out by an event that passed alone */
	enum indexing indexing;
	int suspects_failed; /* events that fail alone, again, in a row */
	bool finds;          /* a look-up has found something, once */
	uint64_t n_answers;  /* to requests with events */
};

void endpoint_init(struct endpoint *endpoint);

/* Whether a request may go out now, while n_under_way are. */
bool endpoint_may_send(const struct endpoint *endpoint, int n_under_way, int64_t now_us);

/* Whether a request sent now is one that asks, rather than one that trusts. */
bool endpoint_is_probing(const struct endpoint *endpoint);

/* The form that the next request shall have. */
enum ingest_form endpoint_form_now(struct endpoint *endpoint, int64_t now_us);

/* What came of a request. probe: endpoint_is_probing() when it went out; others may come late. */
void endpoint_answered(struct endpoint *endpoint, bool probe, enum ingest_form form,
		       int64_t now_us);
void endpoint_alive(struct endpoint *endpoint, bool probe);   /* as answered, of no form */
void endpoint_reached(struct endpoint *endpoint, bool probe); /* it speaks; nothing was sent */
void endpoint_failed(struct endpoint *endpoint, bool probe, int64_t retry_after_us, int64_t now_us);
void endpoint_narrows(struct endpoint *endpoint); /* the next ones come soon, for a while */
void endpoint_no_bulk(struct endpoint *endpoint);
void endpoint_hold(struct endpoint *endpoint, enum endpoint_state state, int64_t retry_after_us,
		   int64_t now_us);

/* There is another key: no reason to wait. */
void endpoint_new_key(struct endpoint *endpoint, int64_t now_us);

/* How long an event waits that the service could not take just now, for the attempts + 1st time. */
int64_t endpoint_defer_us(int32_t attempts);

#endif
