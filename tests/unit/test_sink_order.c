/*
 * The whole sink: events of one use case instance go out in order, whatever is put off. That they do is checked by
 * the stage with each event that is accepted.
 */
#include "sink/payi/queue.h"
#include "sink_stage.h"

TestSuite(sink_order, .init = set_up, .fini = tear_down, .timeout = 60);

Test(sink_order, is_kept_with_several_requests_under_way)
{
	add_events_of(900, 7);
	open_sink();
	run_until(all_delivered);
	for (int id = 1; id <= n_events; id++)
		cr_assert_eq(events[id].n_accepted, 1);
	check_tiling();
}

static void never_answer(struct server *self, const struct server_request *request,
			 struct server_answer *answer)
{
	(void)self;
	(void)request;
	answer->status = 0;
}

static bool several_asked(void)
{
	return server.n_requests >= 3;
}

/* A backlog is dealt out, so that one instance's events go into one request at a time, and others' beside it. */
Test(sink_order, does_not_keep_a_backlog_from_going_out_by_several_requests)
{
	server.script = never_answer;
	add_events(
		10); /* of no instance: these are one full batch, and what follows is a backlog */
	add_events_of(900, 40);
	open_sink();
	run_until(several_asked);
}

static int n_refusals;

/* Event 5 is put off, twice; the rest is taken. */
static void put_off_5(struct server *self, const struct server_request *request,
		      struct server_answer *answer)
{
	int numbers[EVENTS_MAX];
	int n = numbers_in(request->body, numbers);
	if (!has_event(request, 5) || n_refusals == 2) {
		accept_all(self, request, answer);
		return;
	}
	n_refusals++;
	int at = 0;
	for (int i = 0; i < n; i++) {
		if (numbers[i] == 5)
			at = i;
		else if (events[numbers[i]].instance != events[5].instance || numbers[i] < 5)
			accept_one(numbers[i]);
	}
	snprintf(answer->body, sizeof(answer->body),
		 "{\"errors\":[{\"item_index\":%d,\"xproxy_result\":{\"message\":\"m\","
		 "\"statusCode\":500}}]}",
		 at);
}

Test(sink_order, later_events_of_the_instance_wait_behind_one_that_is_put_off_and_others_do_not)
{
	server.script = put_off_5;
	options.batch_events = 7; /* one event of each instance */
	add_events_of(210, 7);
	open_sink();
	run_until(all_delivered);
	cr_assert_eq(events[5].attempts, 2);
	cr_assert_gt(n_behind, 0);
	for (int id = 1; id <= n_events; id++)
		if (events[id].instance != events[5].instance)
			cr_assert_eq(events[id].attempts, 0);
	check_tiling();
}

static void hang_over_1(struct server *self, const struct server_request *request,
			struct server_answer *answer)
{
	if (has_event(request, 1)) {
		answer->status = 0;
		return;
	}
	accept_all(self, request, answer);
}

static bool others_are_delivered(void)
{
	for (int id = 2; id <= n_events; id++)
		if (events[id].instance != events[1].instance && id > 10 &&
		    events[id].state != DELIVERED)
			return false;
	return true;
}

/* One request hangs for long: what is behind it of other instances passes it by. */
Test(sink_order, a_slow_request_keeps_back_its_own_instances_alone)
{
	server.script = hang_over_1;
	options.timeout_s = 60;
	add_events_of(1, 1000); /* of an instance of its own, in a batch of its own */
	open_sink();
	run_until(others_are_delivered);
	for (int i = 0; i < 30; i++) {
		add_events(9);
		n_events++;
		events[n_events] = events[1];
		events[n_events].event =
			sink_event(n_events, (struct sink_event_more){.use_case_name = "support",
								      .use_case_id = "ticket-2"});
	}
	payi_sink_wake(sink);
	run_until(others_are_delivered);
}

/* Put off in an earlier life, when others of its instance had not been settled: these are fetched anew, and go first. */
Test(sink_order, what_was_put_off_before_a_restart_waits_for_those_before_it)
{
	add_events_of(40, 1);
	events[35].state = DEFERRED;
	events[35].retry_us = 1; /* it is due */
	open_sink();
	run_until(all_delivered);
}

/* All others are settled already, and none comes any more. */
Test(sink_order, what_was_put_off_before_a_restart_does_not_wait_for_none)
{
	add_events_of(5, 1);
	for (int id = 1; id < 5; id++)
		events[id].state = DELIVERED;
	events[5].state = DEFERRED;
	events[5].retry_us = 1;
	open_sink();
	run_until(all_delivered);
}

static struct queue queue;

static void send_next(int64_t now_us)
{
	struct queue_slot *slot = queue_next(&queue, now_us);
	cr_assert_not_null(slot);
	slot->state = QUEUE_SENDING;
	slot->sent_us = now_us;
}

static void add_of(int64_t instance)
{
	const struct sink_event_more more = {.use_case_name = "support", .use_case_id = "ticket"};
	add_events(1);
	events[n_events].instance = instance;
	events[n_events].event = sink_event(n_events, more);
}

static void fill(void)
{
	queue.more = true;
	queue_fill(&queue, 0, SINK_EVENT_TIME_US, true);
}

static void open_queue(int64_t batch_age_us)
{
	queue = (struct queue){.host = host,
			       .sink = "payi",
			       .batch_events = 10,
			       .batch_bytes = 1 << 19,
			       .in_flight = 4,
			       .batch_age_us = batch_age_us};
	cr_assert_eq(queue_init(&queue, NULL), 0);
}

/* What waited for two slow ones, and has left all its events behind the first, waits for the second no longer. */
Test(sink_order, a_batch_that_has_left_all_behind_waits_for_none)
{
	open_queue(0);
	add_of(1);
	fill();
	send_next(0);
	add_of(1);
	add_of(2);
	fill();
	add_of(1);
	fill();
	cr_assert_null(queue_next(&queue, 0));
	queue_pass_by(&queue, 5 * SECOND);
	send_next(5 * SECOND);
	cr_assert_eq(n_behind, 1);
	cr_assert_eq(queue_slow_us(&queue), INT64_MAX);
	queue_release(&queue);
}

/* Of a slow one a part was put off already: what is of its instance does not pass it by either. */
Test(sink_order, what_a_slow_batch_has_put_off_keeps_its_instance_back)
{
	open_queue(0);
	add_of(1);
	add_of(2);
	fill();
	add_of(1);
	fill();
	struct queue_slot *slow = queue_next(&queue, 0);
	batch_defer(&slow->batch, 0, SECOND, 500, NULL, NULL);
	batch_advance(&slow->batch);
	send_next(0);
	queue_pass_by(&queue, 5 * SECOND);
	cr_assert_null(queue_next(&queue, 5 * SECOND));
	cr_assert_eq(n_behind, 1);
	queue_release(&queue);
}

/* It is still being filled when it is to leave one behind: what comes into it later of that instance stays behind, too. */
Test(sink_order, what_a_batch_is_to_leave_behind_keeps_back_what_comes_into_it_later)
{
	open_queue(SECOND);
	add_of(1);
	queue.more = true;
	queue_fill(&queue, 0, SINK_EVENT_TIME_US, false);
	for (int i = 0; i < queue.n_slots; i++)
		if (queue.slots[i].state == QUEUE_FILLING)
			batch_keep_back(&queue.slots[i].batch, 1, 0);
	add_of(1);
	queue.more = true;
	queue_fill(&queue, 0, SINK_EVENT_TIME_US, false);
	queue_fill(&queue, 2 * SECOND, SINK_EVENT_TIME_US, false);
	cr_assert_null(queue_next(&queue, 2 * SECOND));
	cr_assert_eq(n_behind, 2);
	queue_release(&queue);
}
