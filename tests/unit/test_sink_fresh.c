/* A backlog that is drained at a rate, and new events that go by it, each once and each use case instance in order. */
#include "sink_stage.h"

enum { RATE = 100, BACKLOG = 250, OLD_INSTANCES = 5 };

static int64_t n_instances;

/* As a database does: what is settled is not given again. */
static int fetch_waiting(void *ctx, int64_t after_id, int limit, sink_take_fn *take, void *taker)
{
	int n = 0;
	(void)ctx;
	for (int64_t id = after_id + 1; id <= n_events && n < limit; id++) {
		const struct sink_item item = {.id = id,
					       .record = events[id].event.record,
					       .record_bytes = events[id].event.bytes,
					       .instance = events[id].instance};
		if (events[id].state != WAITING)
			continue;
		if (!take(taker, &item))
			break;
		n++;
	}
	return n;
}

static int newest(void *ctx, int64_t *event, int64_t *instance)
{
	(void)ctx;
	*event = n_events;
	*instance = n_instances;
	return 0;
}

static void open_slow_sink(void)
{
	struct sink_host with_newest = host;
	struct err err;
	with_newest.fetch = fetch_waiting;
	with_newest.newest = newest;
	options.drain_rate = RATE;
	cr_assert_eq(payi_sink_new(&loop, &options, &with_newest, 0, &sink, &err), 0, "%s",
		     err.text);
}

/* One event; instance 0: of none. */
static void add_one(int64_t instance)
{
	char use_case_id[32];
	snprintf(use_case_id, sizeof(use_case_id), "ticket-%d", (int)instance);
	n_events++;
	events[n_events].instance = instance;
	events[n_events].event = sink_event(
		n_events, (struct sink_event_more){.use_case_name = "support",
						   .use_case_id = instance ? use_case_id : NULL});
	n_instances = instance > n_instances ? instance : n_instances;
}

static void add_backlog(void)
{
	for (int i = 0; i < BACKLOG; i++)
		add_one(i % (OLD_INSTANCES + 1));
}

TestSuite(sink_fresh, .init = set_up, .fini = tear_down, .timeout = 60);

static bool some_delivered(void)
{
	return count(DELIVERED) >= 10;
}

static int64_t first_new, last_new;

static bool new_ones_delivered(void)
{
	for (int64_t id = first_new; id <= last_new; id++)
		if (events[id].state != DELIVERED)
			return false;
	return true;
}

static void add_new(int64_t instance, int n)
{
	first_new = n_events + 1;
	for (int i = 0; i < n; i++)
		add_one(instance);
	last_new = n_events;
	payi_sink_wake(sink);
}

static void check_each_once(void)
{
	for (int64_t id = 1; id <= n_events; id++)
		cr_assert_eq(events[id].n_accepted, 1, "event %ld was sent %d times", (long)id,
			     events[id].n_accepted);
}

Test(sink_fresh, new_events_go_by_a_backlog_that_is_drained_at_a_rate)
{
	const int64_t began_us = clock_boot_us();
	add_backlog();
	open_slow_sink();
	run_until(some_delivered);
	add_new(0, 5);
	run_until(new_ones_delivered);
	add_new(n_instances + 1, 15);
	run_until(new_ones_delivered);
	cr_assert_lt(count(DELIVERED), BACKLOG, "the backlog went first");
	run_until(all_delivered);
	check_each_once();
	cr_assert_geq(clock_boot_us() - began_us, (BACKLOG - 20) * INT64_C(1000000) / RATE);
}

/* Later ones of an instance that is in the backlog come behind it, as accept_one() checks; others go round them. */
Test(sink_fresh, what_the_backlog_has_to_go_before_is_left_for_it)
{
	add_backlog();
	open_slow_sink();
	run_until(some_delivered);
	const int64_t first_old = n_events + 1;
	for (int i = 0; i < 10; i++)
		add_one(1 + i % OLD_INSTANCES);
	add_new(n_instances + 1, 3);
	run_until(new_ones_delivered);
	cr_assert_eq(events[first_old].state, WAITING);
	run_until(all_delivered);
	check_each_once();
}

/* When the backlog has come to an end everything goes in its order again. */
Test(sink_fresh, after_the_backlog_all_is_as_it_was)
{
	add_backlog();
	open_slow_sink();
	run_until(some_delivered);
	add_new(0, 5);
	run_until(all_delivered);
	add_new(1, 5);
	run_until(all_delivered);
	check_each_once();
}
