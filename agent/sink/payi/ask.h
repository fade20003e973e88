/*
 * One thing that the service is asked: what it is, how far it has come, and the request that is next. The
 * texts are its own. On the loop's thread.
 */
#ifndef PAYI_SINK_PAYI_ASK_H
#define PAYI_SINK_PAYI_ASK_H

#include "base/buf.h"
#include "sink/payi/ask_answer.h"
#include "sink/payi/service.h"
#include "sink/sink.h"

struct ask {
	struct sink_ask what;
	enum ask_step step;
	struct buf texts; /* the name and the description, each ended by a NUL */
	struct buf body;
	struct price_list *pages; /* of prices: what earlier pages had */
	int n_pages;
	struct buf cursor; /* where the next page begins */
};

enum { ASK_PAGES_MAX = 100 }; /* of a hundred versions: a price a day for a generation */

/* Copies it, and begins at its first step; what the ask was before is forgotten. False: out of memory. */
bool ask_begin(struct ask *ask, const struct sink_ask *what);
void ask_restart(struct ask *ask);
void ask_advance(struct ask *ask); /* to the step behind this one */
void ask_release(struct ask *ask); /* may be begun again */

/*
 * Of prices: joins what the page has to the pages before it. With a cursor all of them are kept, for the page behind it; else
 * they become the answer's. False: out of memory.
 */
bool ask_turn_page(struct ask *ask, struct ask_answer *answer);

/* Whether it is this very ask, as it was given before. */
bool ask_is(const struct ask *ask, const struct sink_ask *what);

/* Why it cannot be asked at all, or NULL. */
const char *ask_refusal(const struct ask *ask);

/* As http_send(). */
int ask_send(struct ask *ask, struct service *service, http_done_fn *done, void *ctx,
	     struct err *err);

#endif
