/*
 * Which of the events that were sent an error means. Its item_index counts from 0, most likely; the service's documents
 * do not say. Taken wrongly, a good event is dead and a refused one lost. So the first errors are put to the test, once in a
 * sink's life:
 *
 *     an index 0, or one that is the number of events     says it by itself
 *     any other refusal for good                          that event goes again, alone: refused again, it was meant;
 *                                                         else the one before it goes alone as well
 *     an error that may pass                              is taken as from 0; the one before is looked up
 */
#ifndef PAYI_SINK_PAYI_INDEXING_H
#define PAYI_SINK_PAYI_INDEXING_H

#include "sink/payi/batch.h"
#include "sink/payi/reply.h"

#include <stdbool.h>
#include <stddef.h>

enum indexing { INDEXING_UNKNOWN, INDEXING_FROM_0, INDEXING_FROM_1 };

/* Whether each error means one of the n_sent events, by what is known; learns from them if it is not. */
bool indexing_fits(enum indexing *indexing, const struct reply *reply, size_t n_sent);

/* Which event of the body is meant. Alone, an event is, whatever index the error gives. */
size_t indexing_place(enum indexing indexing, const struct reply_error *error, size_t n_sent);

/*
 * The test: those that may be meant stay in the batch, to go alone, the likely ones first; all others of the body are
 * delivered, and leave.
 */
void indexing_test(struct batch *batch, const struct reply *reply);

/* The event that is alone in the body was refused for good: learns from it. */
void indexing_learn(enum indexing *indexing, struct batch *batch);

#endif
