/*
 * A sink's view of the store: the events that it has not settled yet, in order, and what it is to ask the
 * service. A reader's connection;
 * used on the loop's thread. No snapshot is held between calls.
 */
#ifndef PAYI_STORE_FEED_H
#define PAYI_STORE_FEED_H

#include "base/err.h"
#include "sink/sink.h"

#include <stdint.h>

struct feed;

int feed_open(const char *path, const char *sink, struct feed **feed, struct err *err);
void feed_close(struct feed *feed);

/* Everything up to here is settled: where a sink begins. */
int feed_position(struct feed *feed, int64_t *position, struct err *err);

/* As sink_host's newest. 0 where there is none yet. */
int feed_newest(struct feed *feed, int64_t *event, int64_t *instance, struct err *err);

/* As sink_host's fetch and fetch_deferred; events that are settled out of order are left out. */
int feed_each(struct feed *feed, int64_t after_id, int limit, sink_take_fn *take, void *taker,
	      struct err *err);
int feed_each_deferred(struct feed *feed, int64_t now_us, int64_t after_id, int limit,
		       sink_take_fn *take, void *taker, struct err *err);

/* Whether the prices of what is used are asked for as well; at first they are not. */
void feed_ask_prices(struct feed *feed, bool ask);

/* As sink_host's fetch_asks: ids first, as events wait for them; but many of them leave room for definitions. */
int feed_asks(struct feed *feed, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker,
	      struct err *err);

#endif
