/*
 * What the service is asked beside taking events: ids for use case instances, and definitions. A few at
 * a time, over the same connections and under the same endpoint as the batches: nothing is asked while the
 * endpoint is down or the key refused, and a Retry-After counts for all. Trouble that asks alone meet
 * makes asks alone wait: events that have their ids go on.
 *
 * Never are two requests for the same ask under way; a settled one is remembered until the host no longer
 * gives it, as its outcome is committed a moment later. But when we are killed between the service's
 * answer and that commit, the id is asked for again: the first instance stays unused at the service, which
 * has no harm in it, and no way to avoid it (the service takes no id of ours for a request).
 *
 * On the loop's thread; times are clock_boot_us() unless they are called wall_us.
 */
#ifndef PAYI_SINK_PAYI_ASKS_H
#define PAYI_SINK_PAYI_ASKS_H

#include "sink/payi/ask_table.h"
#include "sink/payi/endpoint.h"
#include "sink/payi/status.h"

enum { ASKS_AT_ONCE = 4 };

/* What it works with; all are borrowed. */
struct asks_links {
	const struct sink_host *host; /* without fetch_asks there is nothing to ask */
	struct service *service;
	struct endpoint *endpoint;
	struct status *status;
	void (*moved)(void *ctx); /* an answer came: asks_work() is to be called soon */
	void *ctx;
};

struct asks {
	struct asks_links links;
	struct endpoint breaker; /* of asks alone; it knows no form */
	uint32_t key_generation; /* that the breaker knows of */
	struct ask_table table;
	int n_under_way;
	bool stopping; /* nothing is begun any more */
};

int asks_init(struct asks *asks, const struct asks_links *links);
void asks_release(struct asks *asks); /* after http_close() */

/* There may be something new to ask. */
void asks_wake(struct asks *asks);

/* Sends what may be sent. There is a key; n_batches are under way. */
void asks_work(struct asks *asks, int n_batches, int64_t now_us, int64_t wall_us);

/* When asks_work() should be called again without being woken or answered. */
int64_t asks_due_us(const struct asks *asks, int n_batches);

#endif
