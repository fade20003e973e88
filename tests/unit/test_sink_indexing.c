/* From 0 or from 1: how it comes to be known what an item_index means, and that nobody is given up before. */
#include "batch_stage.h"

static void set_up_unknown(void)
{
	set_up();
	endpoint.indexing = INDEXING_UNKNOWN;
}

TestSuite(sink_indexing, .init = set_up_unknown, .fini = tear_down);

#define BAD(i) ERROR_OF(i, 400, "invalid_user_id", "bad")

static void send_n(int n)
{
	add_n(n);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
}

Test(sink_indexing, an_index_0_says_it_by_itself)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":2,\"errors\":[" BAD(0) "," BAD(2) "]}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_0);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEAD);
}

Test(sink_indexing, an_index_of_the_number_of_events_says_it_by_itself)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":2,\"errors\":[" BAD(4) "," BAD(2) "]}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_1);
	cr_assert_eq(outcome_of(104)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}

Test(sink_indexing, both_make_no_sense_and_are_resolved_by_halving)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":2,\"errors\":[" BAD(4) "," BAD(0) "]}");
	cr_assert_eq(endpoint.indexing, INDEXING_UNKNOWN);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 2);
}

/* The one before was taken, and is not sent again. */
Test(sink_indexing, the_event_that_is_refused_alone_too_was_meant)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" BAD(2) "]}");
	expect_sent(103, 1);
	answer_with(400, "{\"message\":\"bad\",\"statusCode\":400,"
			 "\"xproxy_error\":{\"code\":\"invalid_user_id\"}}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_0);
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEAD);
}

/* Another batch has found it out meanwhile. */
Test(sink_indexing, the_one_before_is_not_sent_again_when_it_is_known_already)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" BAD(2) "]}");
	expect_sent(103, 1);
	endpoint.indexing = INDEXING_FROM_0;
	answer_with(200, "{\"ingest_count\":0,\"errors\":[" BAD(0) "]}");
	settle();
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEAD);
}

Test(sink_indexing, else_it_is_the_one_before)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" BAD(2) "]}");
	expect_sent(103, 1);
	answer_with(200, TAKEN);
	cr_assert_eq(endpoint.indexing, INDEXING_UNKNOWN, "it may have been mended meanwhile");
	expect_sent(102, 1);
	answer_with(200, "{\"ingest_count\":0,\"errors\":[" BAD(1) "]}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_1);
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}

Test(sink_indexing, several_are_told_by_the_first)
{
	send_n(6);
	answer_with(200, "{\"ingest_count\":4,\"errors\":[" BAD(2) "," BAD(5) "]}");
	for (int number = 103; number <= 106; number += 3) {
		expect_sent(number, 1);
		answer_with(200, "{\"ingest_count\":0,\"errors\":[" BAD(0) "]}");
	}
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_0);
	cr_assert_eq(settlement.n_delivered, 4);
}

/* One of them is meant whatever the base, and so says nothing of it. */
Test(sink_indexing, two_in_a_row_are_told_by_the_ends)
{
	send_n(5);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" BAD(2) "," BAD(3) "]}");
	expect_sent(103, 1);
	answer_with(200, "{\"ingest_count\":0,\"errors\":[" BAD(1) "]}");
	cr_assert_eq(endpoint.indexing, INDEXING_UNKNOWN);
	expect_sent(104, 1);
	answer_with(200, TAKEN);
	expect_sent(102, 1);
	answer_with(200, "{\"ingest_count\":0,\"errors\":[" BAD(1) "]}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_FROM_1);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEAD);
	cr_assert_eq(settlement.n_delivered, 3);
}

Test(sink_indexing, a_refusal_whose_count_does_not_cover_the_others_is_halved)
{
	send_n(4);
	answer_with(400, "{\"ingest_count\":0,\"errors\":[" BAD(2) "]}");
	expect_sent(101, 2);
}

/* What may pass is taken as from 0; the one before is looked up. */
Test(sink_indexing, an_error_that_may_pass_needs_no_test)
{
	send_n(4);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" ERROR_OF(2, 500, "unexpected_error",
								     "oops") "]}");
	expect_lookup(102);
	answer_with(200, "{\"xproxy_result\":{}}");
	settle();
	cr_assert_eq(endpoint.indexing, INDEXING_UNKNOWN);
	cr_assert_eq(settlement.n_delivered, 3);
	cr_assert_eq(outcome_of(103)->verdict, SINK_DEFERRED);
}

Test(sink_indexing, what_is_known_is_not_asked_again)
{
	endpoint.indexing = INDEXING_FROM_1;
	send_n(4);
	answer_with(200, "{\"ingest_count\":3,\"errors\":[" BAD(2) "]}");
	settle();
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
}
