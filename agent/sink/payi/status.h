/*
 * What the sink says of itself: to its host, for status, and to the log. Both are told of changes only,
 * however often the sink tries; neither ever sees a key or an event's content.
 */
#ifndef PAYI_SINK_PAYI_STATUS_H
#define PAYI_SINK_PAYI_STATUS_H

#include "sink/sink.h"

#include <stdbool.h>
#include <stdint.h>

enum status_state {
	STATUS_STARTING, /* nothing was said yet */
	STATUS_IDLE,
	STATUS_SENDING,
	STATUS_OFFLINE, /* no key */
	STATUS_WAITING, /* for the service, or for somebody to mend the settings */
	STATUS_KEY_REFUSED,
};

enum { STATUS_ERROR_BYTES = 400 };

struct status {
	enum status_state state;
	int64_t next_try_us; /* clock_boot_us(); 0: none */
	int64_t last_success_us;
	int64_t last_error_us;
	int64_t told_success_us;
	bool error_is_new;
	char error[STATUS_ERROR_BYTES];
};

/* Wall clock, all. */
void status_error(struct status *status, const char *text, int64_t wall_us);
void status_success(struct status *status, int64_t wall_us);

/* next_try_us: clock_boot_us(), or 0; the two clocks are for saying it in wall time. */
void status_tell(struct status *status, const struct sink_host *host, enum status_state state,
		 int64_t next_try_us, int64_t now_us, int64_t wall_us);

#endif
