#include "sink/payi/endpoint.h"

#include <criterion/criterion.h>

enum { SECOND = 1000000 };

static struct endpoint endpoint;

static void set_up(void)
{
	endpoint_init(&endpoint);
}

TestSuite(sink_endpoint, .init = set_up);

Test(sink_endpoint, sends_several_while_up)
{
	cr_assert(endpoint_may_send(&endpoint, 0, 0));
	cr_assert(endpoint_may_send(&endpoint, 3, 0));
}

Test(sink_endpoint, lets_one_request_ask_when_the_wait_is_over)
{
	endpoint_failed(&endpoint, false, 2 * SECOND, 100);
	cr_assert_not(endpoint_may_send(&endpoint, 0, 100 + 2 * SECOND - 1));
	int64_t later_us = 100 + 3 * SECOND; /* the service's wait, and the jitter */
	cr_assert(endpoint_may_send(&endpoint, 0, later_us));
	cr_assert_not(endpoint_may_send(&endpoint, 1, later_us), "others wait for its answer");
	cr_assert(endpoint_is_probing(&endpoint));
	endpoint_answered(&endpoint, true, INGEST_BULK, later_us);
	cr_assert(endpoint_may_send(&endpoint, 3, later_us));
}

Test(sink_endpoint, requests_that_fail_together_are_one_failure)
{
	for (int i = 0; i < 4; i++)
		endpoint_failed(&endpoint, false, -1, 0);
	cr_assert_eq(endpoint.failures, 1);
	cr_assert_leq(endpoint.next_try_us, SECOND / 2);
	endpoint_failed(&endpoint, true, -1, 0);
	cr_assert_eq(endpoint.failures, 2);
}

Test(sink_endpoint, a_late_answer_does_not_end_a_wait)
{
	endpoint_failed(&endpoint, false, 5 * SECOND, 0);
	endpoint_answered(&endpoint, false, INGEST_BULK, 1);
	cr_assert_not(endpoint_may_send(&endpoint, 0, 4 * SECOND));
}

Test(sink_endpoint, a_late_failure_may_lengthen_the_wait_but_not_shorten_it)
{
	endpoint_failed(&endpoint, false, 5 * SECOND, 0);
	endpoint_failed(&endpoint, false, 1 * SECOND, 0);
	cr_assert_geq(endpoint.next_try_us, 5 * SECOND);
	endpoint_failed(&endpoint, false, 9 * SECOND, 0);
	cr_assert_geq(endpoint.next_try_us, 9 * SECOND);
}

Test(sink_endpoint, a_refused_key_is_asked_about_seldom_and_a_new_one_at_once)
{
	endpoint_hold(&endpoint, ENDPOINT_KEY_REFUSED, -1, 0);
	cr_assert_not(endpoint_may_send(&endpoint, 0, ENDPOINT_HELD_FIRST_US - 1));
	cr_assert(endpoint_may_send(&endpoint, 0, ENDPOINT_HELD_FIRST_US));
	endpoint_new_key(&endpoint, 5);
	cr_assert(endpoint_may_send(&endpoint, 0, 5));
	cr_assert(endpoint_is_probing(&endpoint));
	endpoint_answered(&endpoint, true, INGEST_BULK, 6);
	cr_assert_eq(endpoint.state, ENDPOINT_UP);
}

Test(sink_endpoint, what_waits_for_a_person_is_asked_about_less_and_less_often)
{
	int64_t now_us = 0;
	int64_t wait_us = ENDPOINT_HELD_FIRST_US;
	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 4; j++) /* together: once */
			endpoint_hold(&endpoint, ENDPOINT_KEY_REFUSED, -1, now_us);
		cr_assert_eq(endpoint.next_try_us, now_us + wait_us);
		now_us += wait_us;
		wait_us = 2 * wait_us < ENDPOINT_HELD_US ? 2 * wait_us : ENDPOINT_HELD_US;
	}
	endpoint_answered(&endpoint, true, INGEST_BULK, now_us);
	endpoint_hold(&endpoint, ENDPOINT_HELD, 100 * SECOND, now_us);
	cr_assert_eq(endpoint.next_try_us, now_us + 100 * SECOND);
	cr_assert_eq(endpoint.holds, 0);
}

Test(sink_endpoint, a_hold_does_not_shorten_a_wait_that_was_asked_for)
{
	endpoint_failed(&endpoint, false, 100 * SECOND, 0);
	endpoint_hold(&endpoint, ENDPOINT_KEY_REFUSED, -1, 0);
	cr_assert_geq(endpoint.next_try_us, 100 * SECOND);
}

Test(sink_endpoint, single_ingest_is_remembered_and_bulk_asked_for_again)
{
	endpoint_no_bulk(&endpoint);
	cr_assert_eq(endpoint_form_now(&endpoint, 0), INGEST_SINGLE);
	cr_assert_not(endpoint_may_send(&endpoint, 1, 0), "one alone tries");
	endpoint_answered(&endpoint, false, INGEST_SINGLE, 0);
	cr_assert(endpoint_may_send(&endpoint, 1, 0));
	cr_assert_eq(endpoint_form_now(&endpoint, ENDPOINT_BULK_AGAIN_US - 1), INGEST_SINGLE);
	cr_assert_eq(endpoint_form_now(&endpoint, ENDPOINT_BULK_AGAIN_US), INGEST_BULK);
	endpoint_answered(&endpoint, false, INGEST_SINGLE, ENDPOINT_BULK_AGAIN_US + 1);
	cr_assert_eq(endpoint.form, ENDPOINT_BULK, "a late single answer says nothing of bulk");
}

Test(sink_endpoint, bulk_is_asked_for_again_less_and_less_often)
{
	int64_t now_us = 0;
	int64_t wait_us = ENDPOINT_BULK_AGAIN_US;
	for (int i = 0; i < 10; i++) {
		endpoint_no_bulk(&endpoint);
		endpoint_answered(&endpoint, false, INGEST_SINGLE, now_us);
		cr_assert_eq(endpoint_form_now(&endpoint, now_us + wait_us - 1), INGEST_SINGLE);
		now_us += wait_us;
		cr_assert_eq(endpoint_form_now(&endpoint, now_us), INGEST_BULK);
		wait_us = 2 * wait_us < ENDPOINT_BULK_AGAIN_MAX_US ? 2 * wait_us
								   : ENDPOINT_BULK_AGAIN_MAX_US;
	}
	endpoint_answered(&endpoint, false, INGEST_BULK, now_us);
	endpoint_no_bulk(&endpoint);
	endpoint_answered(&endpoint, false, INGEST_SINGLE, now_us);
	cr_assert_eq(endpoint_form_now(&endpoint, now_us + ENDPOINT_BULK_AGAIN_US), INGEST_BULK);
}

Test(sink_endpoint, when_single_is_refused_too_bulk_was_not_the_matter)
{
	endpoint_no_bulk(&endpoint);
	endpoint_hold(&endpoint, ENDPOINT_KEY_REFUSED, -1, 0);
	cr_assert_eq(endpoint_form_now(&endpoint, ENDPOINT_HELD_US), INGEST_BULK);
}
