#define _GNU_SOURCE /* pthread_cond_clockwait(): not led astray by the wall clock */
#include "order.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 50 }; /* how often a waiting giver asks whether to stop */

struct order {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int n_holders;
	bool done;

	char sink[32];
	struct dead_filter *filter;
	struct store_dead written;   /* with the transaction under way */
	struct store_dead committed; /* without it */
	bool more;
};

int order_new(const char *sink, enum dead_action action, const struct dead_filter *filter,
	      struct order **out, struct err *err)
{
	struct order *order = calloc(1, sizeof(*order));
	if (!order)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int status = dead_filter_copy(filter, &order->filter, err);
	if (status) {
		free(order);
		return status;
	}
	pthread_mutex_init(&order->mutex, NULL);
	pthread_cond_init(&order->changed, NULL);
	snprintf(order->sink, sizeof(order->sink), "%s", sink);
	order->n_holders = 1;
	order->committed =
		(struct store_dead){.sink = order->sink, .action = action, .filter = order->filter};
	*out = order;
	return 0;
}

void order_hold(struct order *order)
{
	pthread_mutex_lock(&order->mutex);
	order->n_holders++;
	pthread_mutex_unlock(&order->mutex);
}

void order_release(struct order *order)
{
	if (!order)
		return;
	pthread_mutex_lock(&order->mutex);
	const int n = --order->n_holders;
	pthread_mutex_unlock(&order->mutex);
	if (n > 0)
		return;
	pthread_cond_destroy(&order->changed);
	pthread_mutex_destroy(&order->mutex);
	dead_filter_free(order->filter);
	free(order);
}

/* ---- Waiting -------------------------------------------------------------------------------------- */

static void wait_a_little(struct order *order)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_clockwait(&order->changed, &order->mutex, CLOCK_MONOTONIC, &until);
}

int order_wait(struct order *order, bool (*must_stop)(void *context), void *context, int64_t *n,
	       struct err *err)
{
	pthread_mutex_lock(&order->mutex);
	while (!order->done && !must_stop(context))
		wait_a_little(order);
	const bool done = order->done;
	pthread_mutex_unlock(&order->mutex);
	if (!done)
		return err_set(err, ERR_BUSY,
			       "the agent has not stored it yet; it does as soon as it can: look "
			       "again later");
	*n = order->committed.n;
	return 0;
}

/* ---- The storage thread --------------------------------------------------------------------------- */

int order_write(struct order *order, struct store *store, int64_t now_us, struct err *err)
{
	order->written = order->committed;
	const int status = store_dead_step(store, &order->written, now_us, err);
	order->more = status == STORE_DEAD_MORE;
	return status < 0 ? status : 0;
}

bool order_committed(struct order *order)
{
	order->committed = order->written;
	if (order->more)
		return false;
	pthread_mutex_lock(&order->mutex);
	order->done = true;
	pthread_cond_signal(&order->changed);
	pthread_mutex_unlock(&order->mutex);
	return true;
}
