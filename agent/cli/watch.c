#include "cli/watch.h"

#include "base/clock.h"
#include "cli/interrupt.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { APART_MS = 50, LOOK_MS = 1000 };

struct watch {
	const char *path;
	const char *name; /* the path's last part */
	int inotify;      /* -1: there is none */
	int interrupts;   /* readable once one has come */
	int64_t last_us;  /* when a change was told last */
};

int watch_open(const char *path, struct watch **out, struct err *err)
{
	char directory[PATH_MAX];
	struct watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return err_set(err, ERR_MEMORY, "out of memory");
	const char *slash = strrchr(path, '/');
	watch->path = path;
	watch->name = slash ? slash + 1 : path;
	watch->interrupts = interrupt_fd();
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(directory, sizeof(directory), "%.*s.", slash ? (int)(slash - path) + 1 : 0, path);
	if (watch->inotify >= 0)
		inotify_add_watch(watch->inotify, directory,
				  IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
	if (watch->interrupts < 0) {
		err_errno(err, "cannot wait for signals");
		watch_close(watch);
		return err->code;
	}
	*out = watch;
	return 0;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->inotify >= 0)
		close(watch->inotify);
	if (watch->interrupts >= 0)
		close(watch->interrupts);
	free(watch);
}

/* Takes all that inotify has; whether any of it is about the database, its write-ahead log or its index. */
static bool is_about_us(const struct watch *watch)
{
	_Alignas(struct inotify_event) char events[4096];
	bool found = false;
	ssize_t n;
	while ((n = read(watch->inotify, events, sizeof(events))) > 0) {
		const struct inotify_event *event;
		for (char *at = events; at < events + n; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(void *)at;
			found |= !event->len ||
				 strncmp(event->name, watch->name, strlen(watch->name)) == 0;
		}
	}
	return found;
}

/* Waits so long; WATCH_CHANGED when it is over, or *changed, if it is given, was. */
static enum watch_seen wait_for(struct watch *watch, int timeout_ms, bool *changed)
{
	const int64_t end_us = clock_boot_us() + timeout_ms * INT64_C(1000);
	int64_t left_us = end_us - clock_boot_us();
	while (left_us > 0 && !(changed && *changed)) {
		struct pollfd fds[] = {{watch->interrupts, POLLIN, 0},
				       {STDOUT_FILENO, 0, 0},
				       {changed ? watch->inotify : -1, POLLIN, 0}};
		if (poll(fds, 3, (int)((left_us + 999) / 1000)) < 0 && errno != EINTR)
			return WATCH_INTERRUPTED;
		if (fds[0].revents)
			return WATCH_INTERRUPTED;
		if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
			return WATCH_CLOSED;
		if (changed && fds[2].revents)
			*changed = is_about_us(watch);
		left_us = end_us - clock_boot_us();
	}
	return WATCH_CHANGED;
}

enum watch_seen watch_wait(struct watch *watch)
{
	bool changed = false;
	enum watch_seen seen = wait_for(watch, LOOK_MS, &changed);
	const int64_t apart_us = clock_boot_us() - watch->last_us;
	if (seen == WATCH_CHANGED && apart_us < APART_MS * INT64_C(1000))
		seen = wait_for(watch, APART_MS - (int)(apart_us / 1000), NULL);
	watch->last_us = clock_boot_us();
	return seen;
}
