/*
 * What an answer means to an ask: one table, one row per rule, for a reader to check against the service's
 * documentation, and what a success must hold to be one. Pure functions; any thread.
 */
#ifndef PAYI_SINK_PAYI_ASK_ANSWER_H
#define PAYI_SINK_PAYI_ASK_ANSWER_H

#include "prices/price_list.h"
#include "sink/payi/http.h"
#include "sink/payi/reply.h"

/*
 * The requests that it may take, one after another:
 *
 *     an id:         GIVE ──no such use case──> MAKE ──> GIVE_AGAIN
 *     a definition:  DEFINE ──there, but different──> UPDATE
 *     prices:        PRICES ──there are more pages──> PRICES
 */
enum ask_step {
	ASK_GIVE,       /* POST instances/{name} */
	ASK_MAKE,       /* POST definitions: so that there is one to give ids for */
	ASK_GIVE_AGAIN, /* POST instances/{name} */
	ASK_DEFINE,     /* POST definitions: as the application has it */
	ASK_UPDATE,     /* PUT definitions/{name} */
	ASK_PRICES,     /* GET categories/{category}/resources/{resource} */
};

enum ask_verdict {
	ASK_DONE,
	ASK_NEXT,  /* the next step */
	ASK_LATER, /* something is wrong with this one, and may pass */
	ASK_TROUBLE, /* something is wrong with the service, and may pass: the others had better wait, too */
	ASK_KEY, /* the key is not good: this one waits until it is */
	ASK_DEAD,
};

/* Texts are borrowed from the http_answer and the reply; NULL where there is none. */
struct ask_answer {
	enum ask_verdict verdict;
	const char *given_id;      /* not NULL when an id was asked for and it is done */
	struct price_list *prices; /* likewise, of prices: those of a page; its own */
	const char *cursor;        /* where the next page begins, when the verdict is ASK_NEXT */
	const char *code;
	const char *message;
	char trouble[200]; /* where the message is ours */
	struct reply reply;
};

/* description: the one asked for, in the steps of a definition. */
void ask_answer_read(struct ask_answer *answer, enum ask_step step, const char *description,
		     const struct http_answer *http);
void ask_answer_release(struct ask_answer *answer);

#endif
