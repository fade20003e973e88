/*
 * One batch: some events on their way to the service, from the moment they are fetched until each has
 * its verdict. Holds their records, the body of the next request, and the verdicts so far.
 *
 * A batch has one request under way at a time. That request carries its first n_in_body events: all of
 * them as a rule; fewer while a refusal is being narrowed down to the event that caused it; one in single
 * form. Events with a verdict leave the batch; when none are left it is ready to be settled.
 *
 * An event that is kept back waits, as one of its use case instance that came before it does. It leaves the batch
 * with that verdict before the next request.
 *
 * An event in doubt may be with the service already. Before the batch sends anything it looks each of those up,
 * one by one: one that is found is delivered, one that is not goes again, with the same id.
 */
#ifndef PAYI_SINK_PAYI_BATCH_H
#define PAYI_SINK_PAYI_BATCH_H

#include "base/buf.h"
#include "sink/payi/outcome.h"
#include "sink/payi/reply.h"
#include "sink/sink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pay-i takes no event that is further ahead than this. */
#define BATCH_AHEAD_MAX_US (INT64_C(300) * 1000000)

/* Whether errors may have meant it, counting from 0 or from 1: indexing.h. */
enum { BATCH_SUSPECT_FROM_0 = 1, BATCH_SUSPECT_FROM_1 = 2 };

struct batch_item {
	int64_t id;
	int64_t instance; /* 0: none */
	int64_t event_us; /* its timestamp */
	size_t record_at;
	uint32_t record_bytes;
	uint32_t given_id_bytes; /* behind the record; 0: its own use_case_id is sent */
	int32_t attempts;
	uint32_t limits_bytes; /* of its limits, where they are not its record's any more */
	size_t limits_at;      /* in records, too */
	bool limits_cut;
	struct sink_cost cost; /* what the service said of it */
	bool kept_back;
	bool in_doubt;
	bool was_in_doubt;
	bool was_missing; /* a look-up for it has said that it is not there */
	bool goes_again;  /* what the last answer said of it is no verdict */
	bool has_verdict;
	unsigned suspect;
};

/* As a sink_outcome, its texts as positions in texts (+ 1; 0: NULL). */
struct batch_verdict {
	struct sink_outcome outcome;
	size_t code_at;
	size_t message_at;
};

struct batch {
	bool deferred; /* its events were, and come again: each has an outcome */
	int32_t events_max;
	int32_t events_room; /* of the arrays: as many at least */
	size_t bytes_max;
	bool filling; /* the body's array is not closed yet */

	struct batch_item *items; /* without a verdict */
	size_t n_items;
	size_t n_taken; /* items and verdicts */
	int64_t n_delivered;
	struct buf records;
	int64_t *instances; /* of its items, when it was closed; ascending, each once */
	size_t n_instances;
	bool any_kept_back;

	enum ingest_form form;     /* of the body */
	size_t n_in_body;          /* 0: there is no body yet */
	size_t looked_up;          /* INGEST_LOOKUP: which item */
	size_t n_found, n_missing; /* of those that were in doubt last */
	int n_unanswered;          /* look-ups, likewise */
	int n_conflicts;           /* in a row */
	int n_failures;            /* likewise */
	bool suspected;            /* it is being narrowed down to what the service fails over */
	uint64_t answers_before;   /* the endpoint's, at the first failure */
	size_t n_wanted;           /* in the next body, at the most */
	bool grows;                /* after a success more are sent again */
	size_t n_suspects; /* of the first so many one at least is bad; 0: nothing is known */
	int64_t n_delivered_before; /* the last bad one was found */
	struct buf body;
	struct buf query;   /* single form; the path of a look-up */
	struct buf headers; /* single form; each ended by a NUL */

	struct batch_verdict *verdicts;
	size_t n_verdicts;
	struct buf texts;
};

/* events_max is what a batch takes; there is room for as many from the start. */
int batch_init(struct batch *batch, int32_t events_max);

/* Another size, for the batches that are begun from now on. -1, and nothing changed: no memory. */
int batch_resize(struct batch *batch, int32_t events_max);
void batch_release(struct batch *batch);

/* Empties it and begins a new one. bytes_max bounds the body; one event alone may be larger. */
void batch_begin(struct batch *batch, bool deferred, size_t bytes_max);

/*
 * Takes an event. False when it does not fit, or memory is short; the batch is as before. An event that
 * cannot be decoded, that waits for its use case's id, that is behind another, or that is too far ahead of its
 * time is taken with its verdict: none of them is ever in a body.
 */
bool batch_add(struct batch *batch, const struct sink_item *item, int64_t wall_us);

/* Nothing is added any more. */
void batch_close(struct batch *batch);

/* ---- Order. Events of no instance have none. ---- */

/* Whether both, closed, have events of one instance. */
bool batch_shares_instance(const struct batch *a, const struct batch *b);

/* Whether one of its events waits, by its verdict, that came before this one of the same instance. */
bool batch_keeps_back(const struct batch *batch, int64_t instance, int64_t id);

/* Keeps back its events of the instance that came after this one. */
void batch_keep_back(struct batch *batch, int64_t instance, int64_t after_id);

/* Those that are kept back get their verdict, and leave. */
void batch_let_go(struct batch *batch);

/* Keeps back what the other has events of the same instance of; at once, while none is under way. */
void batch_leave_behind(struct batch *batch, const struct batch *other);

/* ---- Requests ---- */

/*
 * Makes the body of the next request, unless it is there already: the same is sent again. While events are in
 * doubt it is a look-up, which has none. False: out of memory. n_in_body is 0 when no item is left.
 */
bool batch_prepare(struct batch *batch, enum ingest_form form);

/* Verdicts on the events of the body, by their index in it. A second verdict on one is ignored. */
void batch_dead(struct batch *batch, size_t index, int http_status, const char *code,
		const char *message);
void batch_defer(struct batch *batch, size_t index, int64_t retry_us, int http_status,
		 const char *code, const char *message);
void batch_cost(struct batch *batch, size_t index, const struct sink_cost *cost); /* before: */
void batch_delivered(struct batch *batch, size_t index);
void batch_deliver_rest(struct batch *batch); /* those of the body that nothing was said of */

/*
 * What the service says of limits in an event's way: it goes once more without them. Waits for the memory that this takes.
 * False: it did go without, or has none.
 */
bool batch_cut_limits(struct batch *batch, size_t index, const struct reply_error *error);

/* The event may be there: it is looked up. False: it was already, was not found, and went again. */
bool batch_doubt(struct batch *batch, size_t index);
void batch_doubt_rest(struct batch *batch,
		      bool again); /* those that nothing was said of; again: however often */
void batch_doubt_all(struct batch *batch); /* those of the body, however often */

/* What the look-up said. It is the event looked_up that gets a verdict, or goes again. */
void batch_found(struct batch *batch);
void batch_missing(struct batch *batch);
void batch_not_looked_up(struct batch *batch); /* nothing that helps; some day all go again */

/* After verdicts: those events leave, and the next body is made of what is left. */
void batch_advance(struct batch *batch);

/* Half as many in the next body; for good, if the request was too large. False: it was one alone. */
bool batch_halve(struct batch *batch, bool for_good);
void batch_go_alone(struct batch *batch); /* one in each body from now on */

/* What to tell the host, once no item is left; n_verdicts of them. Texts are valid until it is used again. */
size_t batch_outcomes(const struct batch *batch, struct sink_outcome *outcomes);

#endif
