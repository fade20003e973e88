/*
 * What other threads ask the storage thread to write: settlements, answers and reports of sinks, copied, and orders of
 * the operator, in a queue that any thread may add to.
 */
#ifndef PAYI_LETTER_H
#define PAYI_LETTER_H

#include "base/err.h"
#include "sink/sink.h"
#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>

struct letter;
struct order;

struct letter_box {
	pthread_mutex_t mutex;
	struct letter *first;
	struct letter **last;
};

void letter_box_init(struct letter_box *box);
void letter_box_release(struct letter_box *box); /* with what is still in it */

/* Any thread. Copies; without memory for that, waits for some: a settlement cannot be dropped. */
void letter_box_settle(struct letter_box *box, const struct sink_settlement *settlement);
void letter_box_settle_ask(struct letter_box *box, const struct sink_ask_outcome *outcome);
void letter_box_report(struct letter_box *box, const char *sink, const struct sink_report *report);

/* The operator's prices, in the place of those before; NULL: there are none any more. */
void letter_box_prices(struct letter_box *box, const struct price_list *prices);

/* Holds the order until it is carried out. ERR_MEMORY, where there is none for it now. */
int letter_box_order(struct letter_box *box, struct order *order, struct err *err);

bool letter_box_is_empty(struct letter_box *box);

/* The storage thread: takes all that is there, in order. */
struct letter *letter_box_take(struct letter_box *box);

/* Writes each into the store's transaction. */
int letter_write(const struct letter *letters, struct store *store, int64_t now_us,
		 struct err *err);
/* Whether writing them may have freed events that were held: a sink has something to do then. */
bool letter_may_free(const struct letter *letters);

/* They are settlements and reports alone, of which nobody waits for the commit. */
bool letter_may_wait(const struct letter *letters);

/* That transaction was committed. Frees them, but for orders that go on: those are returned. */
struct letter *letter_committed(struct letter *letters);

uint64_t letter_n_settlements(const struct letter *letters);

struct letter *letter_join(struct letter *first, struct letter *second); /* first may be NULL */
void letter_free(struct letter *letters);

#endif
