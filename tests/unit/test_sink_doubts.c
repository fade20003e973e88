/* One batch, when its events may be there already, or may not have the limits that they have. */
#include "batch_stage.h"

TestSuite(sink_doubts, .init = set_up, .fini = tear_down);

static const char found[] = "{\"xproxy_result\":{\"request_id\":\"r\"}}";
static const char missing[] = "{\"statusCode\":404,\"message\":\"m\"}";

/* ---- Events that may be there ---- */

Test(sink_doubts, after_a_broken_success_each_event_is_looked_up)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "{\"ingest_count\":");
	for (int i = 1; i <= 3; i++) {
		expect_lookup(100 + i);
		answer_with(200, found);
	}
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(settlement.n_outcomes, 0);
}

Test(sink_doubts, a_success_that_breaks_off_is_in_doubt_even_if_what_came_is_json)
{
	body_cut = true;
	add_n(1);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, TAKEN);
	cr_assert_eq(answer.outcome, OUTCOME_UNKNOWN);
	body_cut = false;
	expect_lookup(101);
}

/* A portal's or a gateway's word is none of the service's. */
Test(sink_doubts, a_success_that_says_nothing_of_events_is_looked_up)
{
	static const char *const bodies[] = {"",   "{}",   "{\"status\":\"ok\"}",
					     "[]", "null", "\"ok\""};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		batch_begin(&batch, false, 1 << 20);
		add_n(3);
		cr_assert(batch_prepare(&batch, INGEST_BULK));
		answer_with(200, bodies[i]);
		cr_assert_eq(answer.outcome, OUTCOME_UNKNOWN, "%s", bodies[i]);
		expect_lookup(101);
	}
}

Test(sink_doubts, when_fewer_were_taken_than_sent_each_is_looked_up)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "{\"ingest_count\":1,\"errors\":[" ERROR_OF(0, 400, "invalid_user_id",
								     "bad") "]}");
	expect_lookup(102);
	answer_with(200, "{\"xproxy_result\":{}}");
	expect_lookup(103);
	answer_with(404, "");
	expect_sent(103, 1);
	answer_with(200, "{\"ingest_count\":1,\"errors\":null}");
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
}

/* Whether an event that the service had already is counted is not documented. */
Test(sink_doubts, where_look_ups_find_nothing_a_count_that_falls_short_again_is_enough)
{
	add_n(2);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "{\"ingest_count\":0}");
	for (int number = 101; number <= 102; number++) {
		expect_lookup(number);
		answer_with(404, "");
	}
	expect_sent(101, 2);
	answer_with(200, "{\"ingest_count\":0}");
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
}

Test(sink_doubts, what_a_look_up_does_not_find_is_sent_again)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, TAKEN);
	cr_assert_eq(batch.n_items, 0, "a success may have no body");
	batch_begin(&batch, false, 1 << 20);
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "[");
	expect_lookup(101);
	answer_with(200, found);
	expect_lookup(102);
	answer_with(404, missing);
	expect_lookup(103);
	answer_with(200, found);
	expect_sent(102, 1);
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
}

Test(sink_doubts, when_the_first_ones_are_not_there_the_others_are_not_looked_up)
{
	add_n(8);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "[");
	for (int i = 1; i <= 3; i++) {
		expect_lookup(100 + i);
		answer_with(404, missing);
	}
	expect_sent(101, 8);
}

Test(sink_doubts, a_miss_ends_no_back_off)
{
	add_n(1);
	for (int i = 1; i <= 3; i++) {
		expect_sent(101, 1);
		answer_with(200, "<");
		cr_assert_eq(endpoint.failures, i);
		expect_lookup(101);
		probe = true;
		answer_with(404, missing);
		probe = false;
		cr_assert_eq(endpoint.state, ENDPOINT_UP);
	}
}

Test(sink_doubts, look_ups_that_are_not_answered_end_some_day)
{
	add_n(2);
	expect_sent(101, 2);
	answer_with(200, "<");
	for (int i = 0; i < 10; i++) {
		expect_lookup(101);
		answer_with(i % 2 ? 0 : 503, "");
	}
	expect_sent(101, 2);
}

Test(sink_doubts, a_duplicate_is_delivered_when_it_is_found)
{
	add_n(2);
	expect_sent(101, 2);
	answer_with(200, "{\"errors\":[" ERROR_OF(1, 409, "duplicate_request", "m") "]}");
	expect_lookup(102);
	answer_with(200, found);
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
}

static const char duplicate[] = "{\"errors\":[" ERROR_OF(0, 409, "duplicate_request", "m") "]}";

static void refuse_as_duplicate_twice(void)
{
	expect_sent(101, 1);
	answer_with(400, duplicate);
	expect_lookup(101);
	answer_with(404, missing);
	expect_sent(101, 1);
	answer_with(400, duplicate);
	settle();
}

Test(sink_doubts, a_duplicate_that_is_not_found_is_put_off_where_look_ups_work)
{
	endpoint.finds = true;
	add_n(1);
	refuse_as_duplicate_twice();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEFERRED);
	cr_assert_str_eq(outcome_of(101)->code, "duplicate_request");
}

Test(sink_doubts, where_look_ups_find_nothing_the_services_word_is_enough)
{
	add_n(1);
	refuse_as_duplicate_twice();
	cr_assert_eq(settlement.n_delivered, 1);
}

Test(sink_doubts, a_conflict_is_tried_again_and_looked_up_when_it_is_said_again)
{
	add_n(2);
	expect_sent(101, 2);
	answer_with(409, "");
	expect_sent(101, 2);
	answer_with(409, "");
	for (int i = 1; i <= 2; i++) {
		expect_lookup(100 + i);
		answer_with(200, found);
	}
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
}

/* ---- Limits that may not be given ---- */

static void add_limited(void)
{
	cr_assert(add_with(101, (struct sink_event_more){.limit_ids = {"lim-a", "lim"}}));
	cr_assert(add_with(102, (struct sink_event_more){.limit_ids = {"lim-a", "lim"}}));
	expect_sent(101, 2);
}

static void expect_limits(const char *expected)
{
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	json_t *root = body();
	cr_assert_eq(json_array_size(root), 1);
	json_t *limits = json_object_get(json_array_get(root, 0), "limit_ids");
	char *text = limits ? json_dumps(limits, JSON_COMPACT) : strdup("none");
	cr_assert_str_eq(text, expected);
	free(text);
	json_decref(root);
}

Test(sink_doubts, an_event_goes_again_without_the_limit_that_is_named)
{
	add_limited();
	answer_with(200, "{\"errors\":[" ERROR_OF(1, 400, "blocking_limit_not_allowed",
						  "Limit 'lim' is a blocking limit") "]}");
	expect_limits("[\"lim-a\"]");
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DELIVERED);
	cr_assert_str_eq(outcome_of(102)->code, "blocking_limit_not_allowed");
}

Test(sink_doubts, blocked_limits_may_be_named_in_a_list)
{
	add_limited();
	answer_with(200,
		    "{\"errors\":[{\"item_index\":0,\"xproxy_result\":{\"message\":\"m\","
		    "\"statusCode\":400,\"xproxy_error\":{\"code\":\"blocking_limit_not_allowed\"},"
		    "\"xproxy_result\":{\"blocked_limit_ids\":[\"lim-a\"]}}}]}");
	expect_limits("[\"lim\"]");
}

Test(sink_doubts, without_a_name_all_limits_are_left_out)
{
	add_limited();
	answer_with(200, "{\"errors\":[" ERROR_OF(0, 400, "blocking_limit_not_allowed",
						  "A limit blocks") "]}");
	expect_limits("none");
	answer_with(200, "{\"errors\":[" ERROR_OF(0, 400, "blocking_limit_not_allowed",
						  "A limit blocks") "]}");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD, "once is enough");
}

Test(sink_doubts, an_event_without_limits_cannot_go_without_them)
{
	add_n(1);
	expect_sent(101, 1);
	answer_with(400, "{\"errors\":[" ERROR_OF(0, 400, "blocking_limit_not_allowed", "m") "]}");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
}

/* An administrator may make it good: the code is kept for the day when it is sent again. */
Test(sink_doubts, unknown_categories_and_resources_are_dead_with_their_code)
{
	add_n(2);
	expect_sent(101, 2);
	answer_with(400, "{\"errors\":[" ERROR_OF(0, 400, "category_not_found", "m") "," ERROR_OF(
				 1, 400, "category_resource_not_found", "m") "]}");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
	cr_assert_str_eq(outcome_of(101)->code, "category_not_found");
	cr_assert_str_eq(outcome_of(102)->code, "category_resource_not_found");
}

/* The fifth time, and nobody has ever said that it is not there. */
Test(sink_doubts, a_duplicate_whose_look_ups_were_not_answered_is_not_given_up)
{
	const struct sink_event event = sink_event(101, (struct sink_event_more){0});
	const struct sink_item item = {
		.id = 101, .record = event.record, .record_bytes = event.bytes, .attempts = 9};
	endpoint.finds = true;
	cr_assert(batch_add(&batch, &item, wall_us));
	expect_sent(101, 1);
	answer_with(400, duplicate);
	for (int i = 0; i < 10; i++) {
		expect_lookup(101);
		answer_with(503, "");
	}
	expect_sent(101, 1);
	answer_with(400, duplicate);
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEFERRED);
}
