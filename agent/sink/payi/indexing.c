#include "sink/payi/indexing.h"

static bool has_index(const struct reply *reply, int64_t index)
{
	for (size_t i = 0; i < reply->n_errors; i++)
		if (reply->errors[i].index == index)
			return true;
	return false;
}

bool indexing_fits(enum indexing *indexing, const struct reply *reply, size_t n_sent)
{
	const int64_t n = (int64_t)n_sent;
	const bool fits_0 = reply_errors_within(reply, 0, n - 1);
	const bool fits_1 = reply_errors_within(reply, 1, n);
	if (*indexing == INDEXING_UNKNOWN && fits_0 && has_index(reply, 0))
		*indexing = INDEXING_FROM_0;
	if (*indexing == INDEXING_UNKNOWN && fits_1 && has_index(reply, n))
		*indexing = INDEXING_FROM_1;
	return *indexing == INDEXING_FROM_1 ? fits_1 : fits_0;
}

size_t indexing_place(enum indexing indexing, const struct reply_error *error, size_t n_sent)
{
	return n_sent == 1 ? 0 : (size_t)(error->index - (indexing == INDEXING_FROM_1));
}

/* Those that are meant if errors count from 0. Within both parts the order stays. */
static void likely_ones_first(struct batch *batch)
{
	size_t n_likely = 0;
	for (size_t i = 0; i < batch->n_items; i++) {
		const struct batch_item item = batch->items[i];
		if (!(item.suspect & BATCH_SUSPECT_FROM_0))
			continue;
		for (size_t to = i; to > n_likely; to--)
			batch->items[to] = batch->items[to - 1];
		batch->items[n_likely++] = item;
	}
}

void indexing_test(struct batch *batch, const struct reply *reply)
{
	for (size_t i = 0; i < reply->n_errors; i++) {
		const size_t at = (size_t)reply->errors[i].index;
		batch->items[at].suspect |= BATCH_SUSPECT_FROM_0;
		batch->items[at - 1].suspect |= BATCH_SUSPECT_FROM_1;
	}
	for (size_t i = 0; i < batch->n_in_body; i++)
		batch->items[i].goes_again = batch->items[i].suspect != 0;
	batch_deliver_rest(batch);
	batch_advance(batch);
	batch_go_alone(batch);
	likely_ones_first(batch);
}

/* One that two errors in a row may mean is meant in any case, and says nothing. */
void indexing_learn(enum indexing *indexing, struct batch *batch)
{
	const unsigned suspect = batch->items[0].suspect;
	if (*indexing == INDEXING_UNKNOWN && suspect == BATCH_SUSPECT_FROM_1)
		*indexing = INDEXING_FROM_1;
	if (*indexing == INDEXING_UNKNOWN && suspect == BATCH_SUSPECT_FROM_0)
		*indexing = INDEXING_FROM_0;
	if (*indexing != INDEXING_FROM_0)
		return;
	/* Also where another batch has learnt it meanwhile. */
	for (size_t i = batch->n_in_body; i < batch->n_items; i++)
		if (batch->items[i].suspect == BATCH_SUSPECT_FROM_1)
			batch_delivered(batch, i);
}
