/* One batch: what goes into it, the bodies of its requests, and what an answer makes of its events. */
#include "batch_stage.h"

TestSuite(sink_batch, .init = set_up, .fini = tear_down);

/* ---- Filling ---- */

Test(sink_batch, body_is_a_json_array_in_the_order_of_the_ids)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	json_t *root = body();
	cr_assert_eq(json_array_size(root), 3);
	json_decref(root);
	cr_assert_eq(batch.n_in_body, 3);
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(sent_number(i), 101 + (int)i);
}

Test(sink_batch, takes_no_more_than_its_count)
{
	add_n(8);
	cr_assert_not(add(109));
	cr_assert_eq(batch.n_taken, 8);
}

Test(sink_batch, takes_no_more_than_its_bytes_to_the_last_one)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	size_t three = batch.body.len;
	batch_begin(&batch, false, three);
	add_n(3);
	cr_assert_not(add(104));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.body.len, three);
	batch_begin(&batch, false, three - 1);
	add_n(2);
	cr_assert_not(add(103));
	cr_assert_eq(batch.n_taken, 2);
}

Test(sink_batch, an_event_larger_than_the_bound_goes_alone)
{
	batch_begin(&batch, false, 10);
	cr_assert(add(101));
	cr_assert_not(add(102));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 1);
}

Test(sink_batch, a_record_that_is_no_event_is_dead_and_stops_nothing)
{
	const struct sink_item broken = {
		.id = 101, .record = (const uint8_t *)"\xc1", .record_bytes = 1};
	cr_assert(batch_add(&batch, &broken, wall_us));
	cr_assert(add(102));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 1);
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 1);
	cr_assert_eq(settlement.n_outcomes, 1);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
	cr_assert_not_null(outcome_of(101)->message);
}

Test(sink_batch, an_event_more_than_five_minutes_ahead_waits_until_it_is_due)
{
	int64_t bound_us = wall_us + BATCH_AHEAD_MAX_US;
	cr_assert(add_with(101, (struct sink_event_more){.event_timestamp_us = bound_us}));
	cr_assert(add_with(102, (struct sink_event_more){.event_timestamp_us = bound_us + 1}));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 1);
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEFERRED);
	cr_assert_eq(outcome_of(102)->retry_us, wall_us + 1);
}

/* ---- Answers ---- */

Test(sink_batch, success_settles_the_range_without_exceptions)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "{\"ingest_count\":3,\"errors\":[]}");
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(settlement.n_outcomes, 0);
}

Test(sink_batch, errors_in_a_success_are_settled_one_by_one)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(
		200,
		"{\"ingest_count\":1,\"errors\":["
		"{\"item_index\":0,\"xproxy_result\":{\"statusCode\":500,\"message\":\"oops\","
		"\"xproxy_error\":{\"code\":\"unexpected_error\",\"message\":\"oops\"}}},"
		"{\"item_index\":2,\"xproxy_result\":{\"statusCode\":400,\"message\":\"bad\","
		"\"xproxy_error\":{\"code\":\"use_case_not_found\",\"message\":\"no such\"}}}]}");
	settle();
	cr_assert_eq(settlement.n_delivered, 1);
	cr_assert_eq(settlement.n_outcomes, 2);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEFERRED);
	cr_assert_geq(outcome_of(101)->retry_us, wall_us);
	cr_assert_leq(outcome_of(101)->retry_us, wall_us + SECOND / 2);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(103)->http_status, 400);
	cr_assert_str_eq(outcome_of(103)->code, "use_case_not_found");
	cr_assert_str_eq(outcome_of(103)->message, "no such");
}

Test(sink_batch, a_refusal_whose_count_covers_the_others_settles_them_all)
{
	add_n(4);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(400, "{\"ingest_count\":3,\"errors\":[{\"item_index\":1,\"xproxy_result\":"
			 "{\"message\":\"bad\",\"statusCode\":400}}]}");
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}

Test(sink_batch, a_refusal_whose_count_does_not_sends_the_others_again)
{
	add_n(4);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(400, "{\"ingest_count\":0,\"errors\":[{\"item_index\":1,\"xproxy_result\":"
			 "{\"message\":\"bad\",\"statusCode\":400}}]}");
	cr_assert_eq(batch.n_items, 3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 3);
	cr_assert_eq(sent_number(1), 103);
}

Test(sink_batch, a_refusal_without_detail_is_halved_until_the_bad_event_stands_alone)
{
	add_n(8);
	int n_requests = 0;
	while (batch.n_items > 0) {
		cr_assert_lt(n_requests++, 16);
		cr_assert(batch_prepare(&batch, INGEST_BULK));
		bool has_bad = false;
		for (size_t i = 0; i < batch.n_in_body; i++)
			has_bad |= sent_number(i) == 106;
		answer_with(has_bad ? 422 : 200,
			    has_bad ? "{\"message\":\"something is wrong\"}" : TAKEN);
	}
	settle();
	cr_assert_eq(settlement.n_delivered, 7);
	cr_assert_eq(settlement.n_outcomes, 1);
	cr_assert_eq(outcome_of(106)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(106)->http_status, 422);
	cr_assert_str_eq(outcome_of(106)->message, "something is wrong");
}

Test(sink_batch, when_every_event_is_bad_each_is_found_in_about_two_requests)
{
	add_n(8);
	int n_requests = 0;
	for (; batch.n_items > 0; n_requests++) {
		cr_assert(batch_prepare(&batch, INGEST_BULK));
		answer_with(400, "<html>");
	}
	settle();
	cr_assert_eq(settlement.n_outcomes, 8);
	cr_assert_leq(n_requests, 20);
}

Test(sink_batch, indices_that_make_no_sense_are_resolved_by_halving)
{
	add_n(2);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200,
		    "{\"errors\":[{\"item_index\":2,\"xproxy_result\":{\"message\":\"bad\"}}]}");
	cr_assert_eq(batch.n_items, 2, "nobody can tell which one");
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 1);
	answer_with(200, TAKEN);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "{\"errors\":[{\"item_index\":1,\"xproxy_result\":{\"message\":\"bad\","
			 "\"statusCode\":400}}]}");
	settle();
	cr_assert_eq(settlement.n_delivered, 1);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}

Test(sink_batch, too_large_halves_for_good)
{
	add_n(8);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(413, "");
	for (int i = 0; i < 2; i++) {
		cr_assert(batch_prepare(&batch, INGEST_BULK));
		cr_assert_eq(batch.n_in_body, 4);
		answer_with(200, TAKEN);
	}
	settle();
	cr_assert_eq(settlement.n_delivered, 8);
}

Test(sink_batch, one_event_that_is_too_large_is_dead)
{
	add_n(1);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(413, "");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
	cr_assert_str_eq(outcome_of(101)->code, "too_large");
}

Test(sink_batch, what_is_tried_again_is_the_same_body)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	char *first = strndup((const char *)batch.body.data, batch.body.len);
	const int statuses[] = {408, 429, 409, 0, 429};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		answer_with(statuses[i], "");
		cr_assert(batch_prepare(&batch, INGEST_BULK));
		cr_assert_eq(batch.body.len, strlen(first));
		cr_assert_eq(memcmp(batch.body.data, first, batch.body.len), 0);
	}
	free(first);
}

/* A portal in a hotel says 200 to everything. */
Test(sink_batch, a_success_that_is_not_the_services_json_is_tried_again)
{
	add_n(2);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, "<html>Welcome</html>");
	cr_assert_eq(answer.outcome, OUTCOME_UNKNOWN);
	cr_assert_eq(batch.n_items, 2);
	cr_assert_eq(endpoint.state, ENDPOINT_WAITING);
}

/* It may have named an error that passes. */
Test(sink_batch, half_of_a_refusal_gives_nobody_up)
{
	cr_assert(add(101));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	body_cut = true;
	answer_with(400, "{\"ingest_count\":0,\"errors\":[{\"item_ind");
	body_cut = false;
	cr_assert_eq(answer.outcome, OUTCOME_FAILED);
	expect_sent(101, 1);
}

Test(sink_batch, a_refused_timestamp_waits_if_recent_and_is_dead_if_old)
{
	const int64_t hour_us = INT64_C(3600) * SECOND;
	cr_assert(add_with(101, (struct sink_event_more){.event_timestamp_us = wall_us}));
	cr_assert(add_with(102,
			   (struct sink_event_more){.event_timestamp_us = wall_us - 48 * hour_us}));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
#define BAD_TIME(i)                                                                                \
	"{\"item_index\":" #i ",\"xproxy_result\":{\"message\":\"\",\"statusCode\":400,"           \
	"\"xproxy_error\":{\"code\":\"invalid_ingest_event_timestamp\"}}}"
	answer_with(200, "{\"errors\":[" BAD_TIME(0) "," BAD_TIME(1) "]}");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEFERRED);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}

/* By the service's own clock, which stands in its answer: it is an hour behind ours. */
Test(sink_batch, a_timestamp_ahead_of_the_services_clock_waits_until_that_has_come)
{
	const int64_t behind_us = INT64_C(3600) * SECOND;
	service_us = wall_us - behind_us;
	cr_assert(add_with(101, (struct sink_event_more){.event_timestamp_us = wall_us}));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(400,
		    "{\"errors\":[" ERROR_OF(0, 400, "invalid_ingest_event_timestamp", "m") "]}");
	settle();
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEFERRED);
	cr_assert_eq(outcome_of(101)->retry_us,
		     wall_us + behind_us - INT64_C(300) * SECOND + SECOND);
}

Test(sink_batch, deferred_events_are_named_each_with_no_range)
{
	batch_begin(&batch, true, 1 << 20);
	cr_assert(add(7));
	cr_assert(add(9));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 2);
	cr_assert_eq(settlement.n_outcomes, 2);
	cr_assert_eq(outcome_of(9)->verdict, SINK_DELIVERED);
}

/* ---- Single form ---- */

static const char *header(const char *name)
{
	const char *at = (const char *)batch.headers.data;
	const char *end = at + batch.headers.len;
	for (; at < end; at += strlen(at) + 1)
		if (strncmp(at, name, strlen(name)) == 0 && at[strlen(name)] == ':')
			return at + strlen(name) + 2;
	return NULL;
}

Test(sink_batch, single_form_moves_fields_into_query_and_headers)
{
	cr_assert(add_with(101, (struct sink_event_more){
					.id = "chat/cmpl 1&ü",
					.use_case_name = "support",
					.use_case_id = "ticket\xc3\xa9\r\nxProxy-User-ID: root",
					.use_case_version = 3,
					.user_id = "ann",
					.account_name = "Acme Corp",
					.limit_ids = {"a", "b"},
					.property = "v",
				}));
	cr_assert(batch_prepare(&batch, INGEST_SINGLE));
	buf_add_char(&batch.query, '\0');
	cr_assert_str_eq((const char *)batch.query.data, "?id=chat%2Fcmpl%201%26%C3%BC");
	cr_assert_str_eq(header("xProxy-UseCase-Name"), "support");
	cr_assert_str_eq(header("xProxy-UseCase-ID"), "ticket???xProxy-User-ID: root");
	cr_assert_str_eq(header("xProxy-UseCase-Version"), "3");
	cr_assert_str_eq(header("xProxy-User-ID"), "ann");
	cr_assert_str_eq(header("xProxy-Account-Name"), "Acme Corp");
	cr_assert_str_eq(header("xProxy-Limit-IDs"), "a,b");
	json_t *root = body();
	cr_assert_str_eq(json_string_value(json_object_get(root, "category")), "system.openai");
	cr_assert_not_null(json_object_get(root, "units"));
	cr_assert_not_null(json_object_get(root, "properties"));
	cr_assert_str_eq(json_string_value(json_object_get(root, "provider_response_id")),
			 "chat/cmpl 1&ü");
	const char *const absent[] = {"use_case_name", "use_case_id",  "use_case_version",
				      "user_id",       "account_name", "limit_ids"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		cr_assert_null(json_object_get(root, absent[i]), "%s", absent[i]);
	json_decref(root);
}

Test(sink_batch, single_form_sends_one_event_after_the_other)
{
	add_n(3);
	for (int i = 0; i < 3; i++) {
		cr_assert(batch_prepare(&batch, INGEST_SINGLE));
		cr_assert_eq(batch.n_in_body, 1);
		answer_with(200, "{\"request_id\":\"r\",\"xproxy_result\":{}}");
	}
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
}

Test(sink_batch, a_batch_may_change_its_form_on_the_way)
{
	add_n(3);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	answer_with(404, "");
	cr_assert_eq(answer.outcome, OUTCOME_NO_BULK);
	cr_assert(batch_prepare(&batch, endpoint_form_now(&endpoint, 0)));
	cr_assert_eq(batch.form, INGEST_SINGLE);
	answer_with(200, TAKEN);
	cr_assert_eq(endpoint.form, ENDPOINT_SINGLE);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 2);
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
}

Test(sink_batch, a_limit_id_with_a_comma_is_dead_in_single_form_and_stops_nothing)
{
	cr_assert(add_with(101, (struct sink_event_more){.limit_ids = {"a,b"}}));
	cr_assert(add(102));
	cr_assert(batch_prepare(&batch, INGEST_SINGLE));
	answer_with(200, TAKEN);
	settle();
	cr_assert_eq(settlement.n_delivered, 1);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
}

/* Each has failed before, and so it is its own trouble; but not when one after the other fails, and none passes. */
Test(sink_batch, events_that_fail_again_in_a_row_are_the_services_trouble)
{
	for (int i = 1; i <= 4; i++) {
		const struct sink_event event = sink_event(100 + i, (struct sink_event_more){0});
		const struct sink_item item = {.id = 100 + i,
					       .record = event.record,
					       .record_bytes = event.bytes,
					       .attempts = 1};
		cr_assert_eq(endpoint.state, ENDPOINT_UP);
		batch_begin(&batch, true, 1 << 20);
		cr_assert(batch_add(&batch, &item, wall_us));
		expect_sent(100 + i, 1);
		answer_with(502, "");
	}
	cr_assert_eq(endpoint.state, ENDPOINT_WAITING);
}
