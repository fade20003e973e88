#include "store/rollups.h"

#include "store/fold.h"
#include "store/latency.h"

#include <stdlib.h>

#define HOUR_US INT64_C(3600000000)

enum rollup {
	INSTANCE,
	INSTANCE_USAGE,
	USER_USAGE,
	INSTANCE_STEPS,
	INSTANCE_USERS,
	INSTANCE_VERSIONS,
	INSTANCE_LATENCIES,
	HANDLE,
	USE_CASE,
	HOUR,
	HOUR_UNITS,
	HOUR_LATENCIES,
	N_ROLLUPS
};

/* clang-format off */
static const struct fold_spec specs[N_ROLLUPS] = {
	[INSTANCE] = {"instance_totals", {
		{FOLD_KEY, "instance"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "failures"},
		{FOLD_SUM, "input_units"}, {FOLD_SUM, "output_units"},
		{FOLD_SUM, "latency_count"}, {FOLD_SUM, "latency_sum_ms"}, {FOLD_MAX, "latency_max_ms"},
		{FOLD_MIN, "first_us"}, {FOLD_MAX, "last_us"}, {FOLD_MAX, "use_case_name"}}},
	[INSTANCE_USAGE] = {"instance_usage", {
		{FOLD_KEY, "instance"}, {FOLD_KEY, "day"},
		{FOLD_KEY, "category"}, {FOLD_KEY, "resource"}, {FOLD_KEY, "unit_type"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "input"}, {FOLD_SUM, "output"}}},
	[USER_USAGE] = {"user_usage", {
		{FOLD_KEY, "use_case_name"}, {FOLD_KEY, "user_id"}, {FOLD_KEY, "day"},
		{FOLD_KEY, "category"}, {FOLD_KEY, "resource"}, {FOLD_KEY, "unit_type"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "input"}, {FOLD_SUM, "output"}}},
	[INSTANCE_STEPS] = {"instance_steps", {
		{FOLD_KEY, "instance"}, {FOLD_KEY, "step"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "failures"},
		{FOLD_SUM, "input_units"}, {FOLD_SUM, "output_units"},
		{FOLD_MIN, "first_us"}, {FOLD_MAX, "last_us"}}},
	[INSTANCE_USERS] = {"instance_users", {
		{FOLD_KEY, "instance"}, {FOLD_KEY, "user_id"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "failures"},
		{FOLD_SUM, "input_units"}, {FOLD_SUM, "output_units"},
		{FOLD_MIN, "first_us"}, {FOLD_MAX, "last_us"}}},
	[INSTANCE_VERSIONS] = {"instance_versions", {
		{FOLD_KEY, "instance"}, {FOLD_KEY, "version"},
		{FOLD_SUM, "events"},
		{FOLD_MIN, "first_us"}, {FOLD_MAX, "last_us"}}},
	[INSTANCE_LATENCIES] = {"instance_latencies", {
		{FOLD_KEY, "instance"}, {FOLD_KEY, "latency_ms"},
		{FOLD_SUM, "events"}}},
	/* No sum, but as little dependent on order: who asks first, be it by an event, makes the row. */
	[HANDLE] = {"use_case_handles", {
		{FOLD_KEY, "instance"},
		{FOLD_MIN, "requested_us"}}},
	[USE_CASE] = {"use_case_totals", {
		{FOLD_KEY, "use_case_name"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "failures"},
		{FOLD_SUM, "input_units"}, {FOLD_SUM, "output_units"},
		{FOLD_MIN, "first_us"}, {FOLD_MAX, "last_us"}}},
	[HOUR] = {"usage_hours", {
		{FOLD_KEY, "hour"}, {FOLD_KEY, "use_case_name"}, {FOLD_KEY, "category"}, {FOLD_KEY, "resource"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "failures"},
		{FOLD_SUM, "input_units"}, {FOLD_SUM, "output_units"},
		{FOLD_SUM, "latency_count"}, {FOLD_SUM, "latency_sum_ms"}, {FOLD_MAX, "latency_max_ms"}}},
	[HOUR_UNITS] = {"usage_hour_units", {
		{FOLD_KEY, "hour"}, {FOLD_KEY, "use_case_name"}, {FOLD_KEY, "category"}, {FOLD_KEY, "resource"},
		{FOLD_KEY, "unit_type"},
		{FOLD_SUM, "events"}, {FOLD_SUM, "input"}, {FOLD_SUM, "output"}}},
	[HOUR_LATENCIES] = {"usage_hour_latencies", {
		{FOLD_KEY, "hour"}, {FOLD_KEY, "use_case_name"}, {FOLD_KEY, "category"}, {FOLD_KEY, "resource"},
		{FOLD_KEY, "latency_ms"},
		{FOLD_SUM, "events"}}},
};
/* clang-format on */

struct rollups {
	struct fold *fold[N_ROLLUPS];
};

/* What an event counts for, worked out once for all its rollups. */
struct share {
	int64_t events;
	int64_t time_us;
	int64_t hour;
	int64_t failed;
	int64_t input;
	int64_t output;
	int64_t latency_count;
	int64_t latency_ms;
	int64_t latency_bucket;
};

int rollups_open(sqlite3 *db, struct rollups **out, struct err *err)
{
	struct rollups *rollups = calloc(1, sizeof(*rollups));
	if (!rollups)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (int i = 0; i < N_ROLLUPS; i++) {
		const int status = fold_open(db, &specs[i], &rollups->fold[i], err);
		if (status) {
			rollups_close(rollups);
			return status;
		}
	}
	*out = rollups;
	return 0;
}

void rollups_close(struct rollups *rollups)
{
	if (!rollups)
		return;
	for (int i = 0; i < N_ROLLUPS; i++)
		fold_close(rollups->fold[i]);
	free(rollups);
}

static struct share share_of(const struct event *event)
{
	const int64_t time_us = event->field[PAYI_FIELD_event_timestamp_us].number;
	const bool latency = event_has(event, PAYI_FIELD_end_to_end_latency_ms);
	const int64_t latency_ms =
		latency ? event->field[PAYI_FIELD_end_to_end_latency_ms].number : 0;
	return (struct share){
		.events = 1,
		.time_us = time_us,
		.hour = time_us / HOUR_US,
		.failed = event_failed(event),
		.input = event->input_units,
		.output = event->output_units,
		.latency_count = latency,
		.latency_ms = latency_ms,
		.latency_bucket = latency_bucket(latency_ms),
	};
}

/* Room for what one event adds beside its units. */
static int make_room(struct rollups *rollups, struct err *err)
{
	int status = 0;
	for (int i = 0; !status && i < N_ROLLUPS; i++)
		status = fold_make_room(rollups->fold[i], err);
	return status;
}

/* Likewise, for one of its units. */
static int make_room_for_units(struct rollups *rollups, struct err *err)
{
	static const int of_units[] = {HOUR_UNITS, INSTANCE_USAGE, USER_USAGE};
	int status = 0;
	for (size_t i = 0; !status && i < sizeof(of_units) / sizeof(of_units[0]); i++)
		status = fold_make_room(rollups->fold[of_units[i]], err);
	return status;
}

/* That the instance is there, and what came under it altogether. */
static void add_totals(struct rollups *rollups, const struct rollups_event *event,
		       const struct share *share)
{
	const int64_t instance[] = {event->instance,   share->events,       share->failed,
				    share->input,      share->output,       share->latency_count,
				    share->latency_ms, share->latency_ms,   share->time_us,
				    share->time_us,    event->use_case_name};
	const int64_t use_case[] = {event->use_case_name, share->events, share->failed,
				    share->input,         share->output, share->time_us,
				    share->time_us};
	const int64_t handle[] = {event->instance, share->time_us};
	fold_add(rollups->fold[INSTANCE], instance);
	fold_add(rollups->fold[USE_CASE], use_case);
	if (event->handle)
		fold_add(rollups->fold[HANDLE], handle);
}

static void add_to_instance(struct rollups *rollups, const struct rollups_event *event,
			    const struct share *share)
{
	add_totals(rollups, event, share);
	if (event->step) {
		const int64_t step[] = {event->instance, event->step,   1,
					share->failed,   share->input,  share->output,
					share->time_us,  share->time_us};
		fold_add(rollups->fold[INSTANCE_STEPS], step);
	}
	if (event->user_id) {
		const int64_t user[] = {event->instance, event->user_id, 1,
					share->failed,   share->input,   share->output,
					share->time_us,  share->time_us};
		fold_add(rollups->fold[INSTANCE_USERS], user);
	}
	if (event_has(event->event, PAYI_FIELD_use_case_version)) {
		const int64_t version[] = {event->instance,
					   event->event->field[PAYI_FIELD_use_case_version].number,
					   1, share->time_us, share->time_us};
		fold_add(rollups->fold[INSTANCE_VERSIONS], version);
	}
	if (share->latency_count) {
		const int64_t latency[] = {event->instance, share->latency_bucket, 1};
		fold_add(rollups->fold[INSTANCE_LATENCIES], latency);
	}
}

static void add_to_hour(struct rollups *rollups, const struct rollups_event *event,
			const struct share *share)
{
	const int64_t total[] = {share->hour,
				 event->use_case_name,
				 event->category,
				 event->resource,
				 1,
				 share->failed,
				 share->input,
				 share->output,
				 share->latency_count,
				 share->latency_ms,
				 share->latency_ms};
	const int64_t latency[] = {share->hour,     event->use_case_name,  event->category,
				   event->resource, share->latency_bucket, 1};
	fold_add(rollups->fold[HOUR], total);
	if (share->latency_count)
		fold_add(rollups->fold[HOUR_LATENCIES], latency);
}

static void add_units(struct rollups *rollups, const struct rollups_event *event,
		      const struct share *share, const struct pack_units *units)
{
	const int64_t day = share->hour / 24;
	const int64_t hour[] = {share->hour,     event->use_case_name, event->category,
				event->resource, units->type,          1,
				units->input,    units->output};
	const int64_t instance[] = {event->instance, day, event->category, event->resource,
				    units->type,     1,   units->input,    units->output};
	const int64_t user[] = {event->use_case_name, event->user_id, day, event->category,
				event->resource,      units->type,    1,   units->input,
				units->output};
	fold_add(rollups->fold[HOUR_UNITS], hour);
	if (event->instance)
		fold_add(rollups->fold[INSTANCE_USAGE], instance);
	if (event->instance && event->user_id)
		fold_add(rollups->fold[USER_USAGE], user);
}

int rollups_add(struct rollups *rollups, const struct rollups_event *event, struct err *err)
{
	const struct share share = share_of(event->event);
	int status = make_room(rollups, err);
	if (status)
		return status;
	add_to_hour(rollups, event, &share);
	if (event->instance)
		add_to_instance(rollups, event, &share);
	for (uint32_t i = 0; !status && i < event->n_units; i++) {
		status = make_room_for_units(rollups, err);
		if (!status)
			add_units(rollups, event, &share, &event->units[i]);
	}
	return status;
}

int rollups_add_instance(struct rollups *rollups, const struct rollups_event *event,
			 int64_t time_us, struct err *err)
{
	const struct share share = {.time_us = time_us};
	const int status = make_room(rollups, err);
	if (!status)
		add_totals(rollups, event, &share);
	return status;
}

int rollups_write(struct rollups *rollups, struct err *err)
{
	int status = 0;
	for (int i = 0; !status && i < N_ROLLUPS; i++)
		status = fold_write(rollups->fold[i], err);
	return status;
}

void rollups_forget(struct rollups *rollups)
{
	for (int i = 0; i < N_ROLLUPS; i++)
		fold_forget(rollups->fold[i]);
}
