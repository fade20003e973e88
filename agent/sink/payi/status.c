#include "sink/payi/status.h"

#include "base/log.h"

#include <stdio.h>

enum { SUCCESS_EVERY_US = 1000000 }; /* a busy sink need not say that it is well more often */

static const char *const state_names[] = {
	[STATUS_STARTING] = "starting", [STATUS_IDLE] = "idle",
	[STATUS_SENDING] = "sending",   [STATUS_OFFLINE] = "offline",
	[STATUS_WAITING] = "waiting",   [STATUS_KEY_REFUSED] = "key refused",
};

void status_error(struct status *status, const char *text, int64_t wall_us)
{
	snprintf(status->error, sizeof(status->error), "%s", text);
	status->last_error_us = wall_us;
	status->error_is_new = true;
}

void status_success(struct status *status, int64_t wall_us)
{
	status->last_success_us = wall_us;
}

static bool is_well(enum status_state state)
{
	return state == STATUS_IDLE || state == STATUS_SENDING;
}

static void log_change(const struct status *status, enum status_state to)
{
	const char *reason = status->error;
	if (is_well(to) && !is_well(status->state) && status->state != STATUS_STARTING)
		log_info("sink: sending to the service again", LOG_STR("sink", "payi"), LOG_END);
	else if (to == STATUS_OFFLINE)
		log_warn("sink: no key; events are kept until there is one",
			 LOG_STR("sink", "payi"), LOG_STR("reason", reason), LOG_END);
	else if (to == STATUS_WAITING)
		log_warn("sink: the service does not take events; they are kept and sent later",
			 LOG_STR("sink", "payi"), LOG_STR("reason", reason), LOG_END);
	else if (to == STATUS_KEY_REFUSED)
		log_error("sink: the service refuses the key; events are kept until it does not",
			  LOG_STR("sink", "payi"), LOG_STR("reason", reason), LOG_END);
}

void status_tell(struct status *status, const struct sink_host *host, enum status_state state,
		 int64_t next_try_us, int64_t now_us, int64_t wall_us)
{
	bool success_is_new = status->last_success_us >= status->told_success_us + SUCCESS_EVERY_US;
	if (state == status->state && next_try_us == status->next_try_us && !success_is_new &&
	    !status->error_is_new)
		return;
	if (state != status->state)
		log_change(status, state);
	status->state = state;
	status->next_try_us = next_try_us;
	status->told_success_us = status->last_success_us;
	status->error_is_new = false;
	const struct sink_report report = {
		.state = state_names[state],
		.last_error = status->error[0] ? status->error : NULL,
		.last_error_us = status->last_error_us,
		.last_success_us = status->last_success_us,
		.next_try_us = next_try_us ? wall_us + (next_try_us - now_us) : 0,
	};
	host->report(host->context, &report);
}
