#include "storage.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake.h"
#include "letter.h"
#include "pulse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum {
	FINISH_TICKS_MAX = 10000, /* producers that never stop shall not keep a stopping agent */
};

struct storage {
	struct storage_options options;
	struct intake *intake;
	struct letter_box box;

	uv_loop_t loop;
	uv_thread_t thread;
	uv_timer_t timer;
	uv_idle_t at_once; /* there is more to do now */
	uv_async_t wake;
	uv_fs_event_t watch;

	atomic_bool finish; /* asked for, by another thread */
	atomic_bool stop;
	bool finishing;
	int finish_ticks;
	bool lost;

	uv_mutex_t mutex; /* of the two below */
	bool has_limits;  /* that the thread has not taken yet */
	struct intake_limits limits;

	struct pulse pulse; /* of who asks whether the thread gets on */
};

/* ---- The tick ------------------------------------------------------------------------------------- */

static void take_limits(struct storage *storage)
{
	uv_mutex_lock(&storage->mutex);
	if (storage->has_limits)
		intake_configure(storage->intake, &storage->limits);
	storage->has_limits = false;
	uv_mutex_unlock(&storage->mutex);
}

static enum intake_result work(struct storage *storage)
{
	const int64_t before = intake_news(storage->intake);
	take_limits(storage);
	intake_post(storage->intake, letter_box_take(&storage->box));
	const enum intake_result result =
		intake_step(storage->intake, clock_boot_us(), clock_wall_us(), storage->finishing);
	if (intake_news(storage->intake) != before)
		storage->options.stored(storage->options.context);
	if (result == INTAKE_LOST && !storage->lost) {
		storage->lost = true;
		storage->options.lost(storage->options.context, intake_error(storage->intake));
	}
	return result;
}

/* A stopping agent: until one look at every ring has found nothing, or for a bounded number of ticks. */
static void finish_when_empty(struct storage *storage, enum intake_result result)
{
	if (!storage->finishing)
		return;
	if (result == INTAKE_STORED && ++storage->finish_ticks <= FINISH_TICKS_MAX)
		return;
	storage->finishing = false;
	storage->options.finished(storage->options.context);
}

static void schedule(struct storage *storage);

static void tick(struct storage *storage)
{
	if (atomic_exchange_explicit(&storage->finish, false, memory_order_acquire)) {
		storage->finishing = true;
		storage->finish_ticks = 0;
	}
	const enum intake_result result = work(storage);
	finish_when_empty(storage, result);
	const bool failing = result == INTAKE_PAUSED || result == INTAKE_LOST;
	const bool written = intake_is_empty(storage->intake) && letter_box_is_empty(&storage->box);
	if (atomic_load_explicit(&storage->stop, memory_order_acquire) && (failing || written))
		uv_stop(&storage->loop);
	else
		schedule(storage);
}

static void on_timer(uv_timer_t *timer)
{
	tick(timer->data);
}

static void on_idle(uv_idle_t *at_once)
{
	tick(at_once->data);
}

/* What is due now is no timer's: libuv runs timers that are due before all else, and would hear of no new ring meanwhile. */
static void schedule(struct storage *storage)
{
	const int64_t now_us = clock_boot_us();
	const int64_t due_us = storage->finishing ? now_us : intake_next_us(storage->intake);
	uv_timer_stop(&storage->timer);
	uv_idle_stop(&storage->at_once);
	if (due_us <= now_us) {
		uv_idle_start(&storage->at_once, on_idle);
	} else if (due_us != INT64_MAX) {
		uv_update_time(&storage->loop);
		uv_timer_start(&storage->timer, on_timer, (uint64_t)(due_us - now_us + 999) / 1000,
			       0);
	}
}

/* Somebody has posted a letter or wants us to finish. */
static void on_wake(uv_async_t *wake)
{
	tick(wake->data);
}

static void on_directory(uv_fs_event_t *watch, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	(void)status;
	struct storage *storage = watch->data;
	/* Not at once: whoever changes the directory all the time shall not drive us. */
	intake_rescan(storage->intake);
	schedule(storage);
}

/* ---- The thread ----------------------------------------------------------------------------------- */

static void run(void *context)
{
	struct storage *storage = context;
	tick(storage);
	storage->options.looked(storage->options.context);
	uv_run(&storage->loop, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *handle, void *context)
{
	(void)context;
	uv_close(handle, NULL);
}

static void close_handles(struct storage *storage)
{
	uv_walk(&storage->loop, close_handle, NULL);
	uv_run(&storage->loop, UV_RUN_DEFAULT);
	uv_loop_close(&storage->loop);
}

static int open_handles(struct storage *storage, struct err *err)
{
	int error = uv_loop_init(&storage->loop);
	if (error)
		return err_set(err, ERR_SYSTEM, "cannot make an event loop: %s",
			       uv_strerror(error));
	uv_timer_init(&storage->loop, &storage->timer);
	uv_idle_init(&storage->loop, &storage->at_once);
	uv_fs_event_init(&storage->loop, &storage->watch);
	storage->timer.data = storage;
	storage->at_once.data = storage;
	storage->wake.data = storage;
	storage->watch.data = storage;
	error = uv_async_init(&storage->loop, &storage->wake, on_wake);
	if (error) {
		close_handles(storage);
		return err_set(err, ERR_SYSTEM, "cannot make an event loop: %s",
			       uv_strerror(error));
	}
	error = uv_fs_event_start(&storage->watch, on_directory, storage->options.intake.ring_dir,
				  0);
	if (error)
		log_warn("cannot watch the ring directory; new rings are found by looking",
			 LOG_STR("error", uv_strerror(error)), LOG_END);
	return 0;
}

static void free_storage(struct storage *storage)
{
	intake_close(storage->intake);
	letter_box_release(&storage->box);
	uv_mutex_destroy(&storage->mutex);
	free(storage);
}

int storage_start(const struct storage_options *options, struct storage **out, struct err *err)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	if (!storage)
		return err_set(err, ERR_MEMORY, "out of memory");
	storage->options = *options;
	if (uv_mutex_init(&storage->mutex)) {
		free(storage);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	letter_box_init(&storage->box);
	int status = intake_open(&options->intake, &storage->intake, err);
	if (!status)
		status = open_handles(storage, err);
	if (status) {
		free_storage(storage);
		return status;
	}
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

const struct intake_counters *storage_counters(const struct storage *storage)
{
	return intake_counters(storage->intake);
}

void storage_settle(struct storage *storage, const struct sink_settlement *settlement)
{
	letter_box_settle(&storage->box, settlement);
	uv_async_send(&storage->wake);
}

uint64_t storage_settlements(const struct storage *storage)
{
	return intake_settlements(storage->intake);
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

void storage_prices(struct storage *storage, const struct price_list *prices)
{
	letter_box_prices(&storage->box, prices);
	uv_async_send(&storage->wake);
}

int storage_order(struct storage *storage, struct order *order, struct err *err)
{
	const int status = letter_box_order(&storage->box, order, err);
	uv_async_send(&storage->wake);
	return status;
}

void storage_configure(struct storage *storage, const struct intake_limits *limits)
{
	uv_mutex_lock(&storage->mutex);
	storage->limits = *limits;
	storage->has_limits = true;
	uv_mutex_unlock(&storage->mutex);
	uv_async_send(&storage->wake);
}

static int64_t cpu_us(uv_thread_t thread)
{
	clockid_t id;
	struct timespec used;
	if (pthread_getcpuclockid(thread, &id) || clock_gettime(id, &used))
		return 0;
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

bool storage_gets_on(struct storage *storage, int64_t now_us)
{
	const struct intake_counters *counters = intake_counters(storage->intake);
	const struct pulse_reading reading = {
		.now_us = now_us,
		.tick_us = (int64_t)counter_read(&counters->tick_us),
		.cpu_us = cpu_us(storage->thread),
		.at_disk = counter_read(&counters->at_store),
	};
	return pulse_beats(&storage->pulse, &reading);
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
