#include "watch.h"

#include "base/clock.h"
#include "base/notify.h"

#include <stdlib.h>
#include <string.h>

enum {
	LOOK_MS = 5000,          /* STATUS is that old at the most */
	STOP_LOOK_MS = 1000,     /* while stopping */
	FEEDINGS = 3,            /* in the time that systemd allows for one */
	EXTEND_US = 15000000,    /* asked for at a time */
	FLUSH_MARGIN_MS = 10000, /* to close everything, when the flush is over */
};

struct watch {
	struct watch_host host;
	struct notify notify;
	uv_timer_t timer;
	bool stopping;
	bool flushing;
	uint64_t progress; /* when last looked at, while stopping */
	struct buf status; /* as told last */
};

static uint64_t interval_ms(const struct watch *watch)
{
	const int64_t feed_ms = watch->notify.watchdog_us / 1000 / FEEDINGS;
	const int64_t look_ms = watch->stopping ? STOP_LOOK_MS : LOOK_MS;
	return (uint64_t)(feed_ms && feed_ms < look_ms ? feed_ms : look_ms);
}

static void tell_status(struct watch *watch)
{
	struct buf line = BUF_INIT;
	watch->host.describe(watch->host.context, &line);
	for (size_t i = 0; i < line.len; i++)
		line.data[i] = line.data[i] == '\n' ? ' ' : line.data[i];
	if (!line.failed && strcmp(buf_text(&line), buf_text(&watch->status)) != 0) {
		notify_tell(&watch->notify, "STATUS=%s", buf_text(&line));
		buf_clear(&watch->status);
		buf_add(&watch->status, line.data, line.len);
	}
	buf_release(&line);
}

static void ask_for_time(struct watch *watch)
{
	const uint64_t progress = watch->host.progress(watch->host.context);
	if (!watch->flushing && progress != watch->progress)
		notify_tell(&watch->notify, "EXTEND_TIMEOUT_USEC=%d", EXTEND_US);
	watch->progress = progress;
}

static void on_timer(uv_timer_t *timer)
{
	struct watch *watch = timer->data;
	tell_status(watch);
	if (watch->notify.watchdog_us && watch->host.gets_on(watch->host.context))
		notify_tell(&watch->notify, "WATCHDOG=1");
	if (watch->stopping)
		ask_for_time(watch);
}

static void look_often(struct watch *watch)
{
	const uint64_t ms = interval_ms(watch);
	uv_timer_start(&watch->timer, on_timer, ms, ms);
}

struct watch *watch_new(void)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	notify_open(&watch->notify);
	return watch;
}

static bool is_watched(const struct watch *watch)
{
	return watch && watch->notify.fd >= 0;
}

void watch_begin(struct watch *watch, uv_loop_t *loop, const struct watch_host *host)
{
	if (!is_watched(watch))
		return;
	watch->host = *host;
	uv_timer_init(loop, &watch->timer);
	watch->timer.data = watch;
	look_often(watch);
}

void watch_ready(struct watch *watch)
{
	if (!is_watched(watch))
		return;
	notify_tell(&watch->notify, "READY=1");
	tell_status(watch);
}

void watch_reloading(struct watch *watch)
{
	if (is_watched(watch))
		notify_tell(&watch->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
			    (long long)clock_monotonic_us());
}

void watch_stopping(struct watch *watch)
{
	if (!is_watched(watch))
		return;
	watch->stopping = true;
	watch->progress = watch->host.progress(watch->host.context);
	notify_tell(&watch->notify, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%d", EXTEND_US);
	tell_status(watch);
	look_often(watch);
}

void watch_flushing(struct watch *watch, int64_t flush_ms)
{
	if (!is_watched(watch))
		return;
	watch->flushing = true;
	notify_tell(&watch->notify, "EXTEND_TIMEOUT_USEC=%lld",
		    (long long)(flush_ms + FLUSH_MARGIN_MS) * 1000);
	tell_status(watch);
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	notify_close(&watch->notify);
	buf_release(&watch->status);
	free(watch);
}
