/*
 * One tick: look at the rings, take what there is into a transaction together with what the sinks have
 * settled, commit, give the space back. When the store fails, nothing is given back, the rings keep what they
 * have, and the tick is tried again, later and later.
 */
#include "storage.h"

#include "base/clock.h"
#include "base/log.h"
#include "drain/drain.h"
#include "letter.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	RETRY_FIRST_US = 100000,
	RETRY_MAX_US = 5000000,
	FINISH_TICKS_MAX = 10000, /* producers that never stop shall not keep a stopping agent */
};

struct storage {
	struct storage_options options;
	struct store *store;
	struct drain *drain;
	struct letter_box box;
	struct letter *letters; /* taken from the box, not committed yet */

	uv_loop_t loop;
	uv_thread_t thread;
	uv_timer_t timer;
	uv_async_t wake;
	uv_fs_event_t watch;
	bool watching;

	atomic_bool finish; /* asked for, by another thread */
	atomic_bool stop;
	bool finishing;
	int finish_ticks;
	int64_t retry_us; /* the pause after the next failure */
	int64_t blocked_until_us;
	bool dirty; /* committed since the last checkpoint */
	struct storage_counters counters;
};

/* ---- The tick ------------------------------------------------------------------------------------- */

static int transact(struct storage *storage, struct err *err)
{
	const int64_t now_us = clock_wall_us();
	const int64_t begin_us = clock_boot_us();
	int status = store_begin(storage->store, err);
	if (!status)
		status = drain_take(storage->drain, now_us, err);
	if (!status)
		histogram_add(&storage->counters.take, clock_boot_us() - begin_us);
	if (!status)
		status = letter_write(storage->letters, storage->store, now_us, err);
	if (!status)
		status = store_commit(storage->store, err);
	if (!status)
		histogram_add(&storage->counters.commit, clock_boot_us() - begin_us);
	return status;
}

static void failed(struct storage *storage, const struct err *err)
{
	store_rollback(storage->store);
	drain_forget(storage->drain);
	counter_add(&storage->counters.failures, 1);
	counter_set(&storage->counters.failing, 1);
	storage->blocked_until_us = clock_boot_us() + storage->retry_us;
	log_error("cannot store; the rings keep their events until it works again",
		  LOG_STR("error", err->text), LOG_INT("retry_ms", storage->retry_us / 1000),
		  LOG_END);
	storage->retry_us =
		2 * storage->retry_us < RETRY_MAX_US ? 2 * storage->retry_us : RETRY_MAX_US;
}

static void committed(struct storage *storage)
{
	const int64_t before = drain_totals(storage->drain).records;
	const bool freed = letter_may_free(storage->letters);
	drain_give_back(storage->drain);
	counter_add(&storage->counters.commits, 1);
	counter_set(&storage->counters.failing, 0);
	storage->letters = letter_committed(storage->letters);
	if (storage->retry_us != RETRY_FIRST_US)
		log_info("storing works again", LOG_END);
	storage->retry_us = RETRY_FIRST_US;
	storage->blocked_until_us = 0;
	storage->dirty = true;
	if (freed || drain_totals(storage->drain).records != before)
		storage->options.stored(storage->options.context);
}

/* True when there was something to do, and it was done. */
static bool work(struct storage *storage)
{
	const bool any = drain_look(storage->drain, clock_boot_us(), storage->finishing);
	storage->letters = letter_join(storage->letters, letter_box_take(&storage->box));
	if (!any && !storage->letters)
		return false;
	struct err err;
	if (transact(storage, &err)) {
		failed(storage, &err);
		return false;
	}
	committed(storage);
	return true;
}

/* A stopping agent: until one look at every ring has found nothing, or for a bounded number of ticks. */
static void finish_when_empty(struct storage *storage, bool worked)
{
	if (!storage->finishing)
		return;
	const bool stuck = storage->blocked_until_us || ++storage->finish_ticks > FINISH_TICKS_MAX;
	if (worked && !stuck)
		return;
	storage->finishing = false;
	storage->options.finished(storage->options.context);
}

static void schedule(struct storage *storage);

static void tick(struct storage *storage)
{
	counter_set(&storage->counters.tick_us, (uint64_t)clock_boot_us());
	if (atomic_exchange_explicit(&storage->finish, false, memory_order_acquire)) {
		storage->finishing = true;
		storage->finish_ticks = 0;
	}
	const bool worked = work(storage);
	if (!worked && storage->dirty) {
		store_checkpoint(storage->store);
		storage->dirty = false;
	}
	finish_when_empty(storage, worked);
	if (atomic_load_explicit(&storage->stop, memory_order_acquire) &&
	    (storage->blocked_until_us ||
	     (!storage->letters && letter_box_is_empty(&storage->box)))) {
		uv_stop(&storage->loop);
		return;
	}
	schedule(storage);
}

static void on_timer(uv_timer_t *timer)
{
	tick(timer->data);
}

static void schedule(struct storage *storage)
{
	const int64_t now_us = clock_boot_us();
	int64_t due_us = storage->finishing ? now_us : drain_next_us(storage->drain);
	if (storage->blocked_until_us)
		due_us = storage->blocked_until_us;
	else if (storage->letters)
		due_us = now_us;
	const int64_t wait_us = due_us > now_us ? due_us - now_us : 0;
	uv_update_time(&storage->loop);
	uv_timer_start(&storage->timer, on_timer, (uint64_t)(wait_us + 999) / 1000, 0);
}

/* Somebody has posted a letter or wants us to finish. While the store is failing, that waits too. */
static void on_wake(uv_async_t *wake)
{
	struct storage *storage = wake->data;
	const bool stopping = atomic_load_explicit(&storage->stop, memory_order_acquire) ||
			      atomic_load_explicit(&storage->finish, memory_order_acquire);
	if (stopping || clock_boot_us() >= storage->blocked_until_us)
		tick(storage);
}

static void on_directory(uv_fs_event_t *watch, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	(void)status;
	struct storage *storage = watch->data;
	drain_rescan(storage->drain);
	if (clock_boot_us() >= storage->blocked_until_us)
		tick(storage);
}

/* ---- The thread ----------------------------------------------------------------------------------- */

static void run(void *context)
{
	struct storage *storage = context;
	tick(storage);
	uv_run(&storage->loop, UV_RUN_DEFAULT);
}

static int open_parts(struct storage *storage, struct err *err)
{
	const struct storage_options *options = &storage->options;
	const struct store_options store = {.path = options->database,
					    .sync_full = options->sync_full};
	const int status = store_open(&store, &storage->store, err);
	if (status)
		return status;
	return drain_open(options->ring_dir, options->commit_events, storage->store,
			  &storage->drain, err);
}

static void open_handles(struct storage *storage)
{
	uv_loop_init(&storage->loop);
	uv_timer_init(&storage->loop, &storage->timer);
	uv_async_init(&storage->loop, &storage->wake, on_wake);
	uv_fs_event_init(&storage->loop, &storage->watch);
	storage->timer.data = storage;
	storage->wake.data = storage;
	storage->watch.data = storage;
	const int error =
		uv_fs_event_start(&storage->watch, on_directory, storage->options.ring_dir, 0);
	if (error)
		log_warn("cannot watch the ring directory; new rings are found by looking",
			 LOG_STR("error", uv_strerror(error)), LOG_END);
}

static void close_handles(struct storage *storage)
{
	uv_close((uv_handle_t *)&storage->timer, NULL);
	uv_close((uv_handle_t *)&storage->wake, NULL);
	uv_close((uv_handle_t *)&storage->watch, NULL);
	uv_run(&storage->loop, UV_RUN_DEFAULT);
	uv_loop_close(&storage->loop);
}

static void free_storage(struct storage *storage)
{
	drain_close(storage->drain);
	store_close(storage->store);
	letter_free(storage->letters);
	letter_box_release(&storage->box);
	free(storage);
}

int storage_start(const struct storage_options *options, struct storage **out, struct err *err)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	if (!storage)
		return err_set(err, ERR_MEMORY, "out of memory");
	storage->options = *options;
	storage->retry_us = RETRY_FIRST_US;
	letter_box_init(&storage->box);
	int status = open_parts(storage, err);
	if (status) {
		free_storage(storage);
		return status;
	}
	open_handles(storage);
	const int error = uv_thread_create(&storage->thread, run, storage);
	if (error) {
		status = err_set(err, ERR_SYSTEM, "cannot start a thread: %s", uv_strerror(error));
		close_handles(storage);
		free_storage(storage);
		return status;
	}
	*out = storage;
	return 0;
}

const struct storage_counters *storage_counters(const struct storage *storage)
{
	return &storage->counters;
}

void storage_settle(struct storage *storage, const struct sink_settlement *settlement)
{
	letter_box_settle(&storage->box, settlement);
	uv_async_send(&storage->wake);
}

void storage_settle_ask(struct storage *storage, const struct sink_ask_outcome *outcome)
{
	letter_box_settle_ask(&storage->box, outcome);
	uv_async_send(&storage->wake);
}

void storage_report(struct storage *storage, const char *sink, const struct sink_report *report)
{
	letter_box_report(&storage->box, sink, report);
	uv_async_send(&storage->wake);
}

int storage_order(struct storage *storage, struct order *order, struct err *err)
{
	const int status = letter_box_order(&storage->box, order, err);
	uv_async_send(&storage->wake);
	return status;
}

void storage_finish(struct storage *storage)
{
	atomic_store_explicit(&storage->finish, true, memory_order_release);
	uv_async_send(&storage->wake);
}

void storage_stop(struct storage *storage)
{
	atomic_store_explicit(&storage->stop, true, memory_order_release);
	uv_async_send(&storage->wake);
	uv_thread_join(&storage->thread);
	close_handles(storage);
	free_storage(storage);
}
