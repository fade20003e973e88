#include "sink/payi/outcome.h"

#include <criterion/criterion.h>
#include <stddef.h>

static enum outcome_request bulk(int status)
{
	return outcome_of_request(INGEST_BULK, status, NULL, false, OUTCOME_HINT_NONE);
}

Test(sink_outcome, success_is_accepted)
{
	for (int status = 200; status < 300; status++)
		cr_assert_eq(bulk(status), OUTCOME_ACCEPTED, "%d", status);
}

Test(sink_outcome, what_time_may_heal_is_tried_again)
{
	const int statuses[] = {421, 425, 429, 999};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		cr_assert_eq(bulk(statuses[i]), OUTCOME_RETRY, "%d", statuses[i]);
	cr_assert_eq(bulk(409), OUTCOME_CONFLICT);
}

Test(sink_outcome, what_the_service_fails_over_is_tried_again_and_may_be_narrowed_down)
{
	const int statuses[] = {0, 408, 500, 502, 503, 504, 599};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		cr_assert_eq(bulk(statuses[i]), OUTCOME_FAILED, "%d", statuses[i]);
}

Test(sink_outcome, a_success_without_its_body_says_nothing_of_the_events)
{
	for (int form = INGEST_BULK; form <= INGEST_SINGLE; form++)
		cr_assert_eq(outcome_of_request((enum ingest_form)form, 200, NULL, true,
						OUTCOME_HINT_NONE),
			     OUTCOME_UNKNOWN);
	cr_assert_eq(
		outcome_of_request(INGEST_BULK, 409, "duplicate_request", false, OUTCOME_HINT_NONE),
		OUTCOME_UNKNOWN);
}

/* What a look-up cannot say is left to sending again, with the same id. */
Test(sink_outcome, a_look_up_finds_or_does_not_or_is_tried_again)
{
	const struct {
		int status;
		bool broken;
		enum outcome_request outcome;
	} rows[] = {{200, false, OUTCOME_ACCEPTED}, {200, true, OUTCOME_RETRY},
		    {404, false, OUTCOME_REFUSED},  {401, false, OUTCOME_REFUSED},
		    {405, false, OUTCOME_REFUSED},  {400, false, OUTCOME_REFUSED},
		    {0, false, OUTCOME_RETRY},      {503, false, OUTCOME_RETRY},
		    {429, false, OUTCOME_RETRY},    {302, false, OUTCOME_HELD}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(outcome_of_request(INGEST_LOOKUP, rows[i].status, NULL, rows[i].broken,
						OUTCOME_HINT_NONE),
			     rows[i].outcome, "%d", rows[i].status);
}

Test(sink_outcome, what_is_about_an_event_is_refused)
{
	const int statuses[] = {400, 414, 422, 424, 431};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		cr_assert_eq(bulk(statuses[i]), OUTCOME_REFUSED, "%d", statuses[i]);
}

/* A refusal would carry the whole backlog to the dead letters. */
Test(sink_outcome, what_cannot_be_about_an_event_holds_the_queue)
{
	const int statuses[] = {301, 302, 307, 308, 402, 406, 407, 410, 411, 415, 426, 451};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		cr_assert_eq(bulk(statuses[i]), OUTCOME_HELD, "%d", statuses[i]);
}

Test(sink_outcome, bulk_and_single_differ_where_bulk_may_not_be_enabled)
{
	const int statuses[] = {401, 403, 404, 405};
	const enum outcome_request single[] = {OUTCOME_KEY, OUTCOME_KEY, OUTCOME_HELD,
					       OUTCOME_HELD};
	for (size_t i = 0; i < 4; i++) {
		cr_assert_eq(bulk(statuses[i]), OUTCOME_NO_BULK);
		cr_assert_eq(outcome_of_request(INGEST_SINGLE, statuses[i], NULL, false,
						OUTCOME_HINT_NONE),
			     single[i]);
	}
}

Test(sink_outcome, a_bad_key_is_known_by_status_or_code)
{
	cr_assert_eq(outcome_of_request(INGEST_SINGLE, 401, NULL, false, OUTCOME_HINT_NONE),
		     OUTCOME_KEY);
	cr_assert_eq(
		outcome_of_request(INGEST_BULK, 400, "invalid_api_key", false, OUTCOME_HINT_NONE),
		OUTCOME_KEY);
}

Test(sink_outcome, too_large_is_its_own_case)
{
	cr_assert_eq(bulk(413), OUTCOME_TOO_LARGE);
}

Test(sink_outcome, x_should_retry_overrules_where_the_service_may_know_better)
{
	cr_assert_eq(outcome_of_request(INGEST_BULK, 400, NULL, false, OUTCOME_HINT_RETRY),
		     OUTCOME_FAILED);
	cr_assert_eq(outcome_of_request(INGEST_SINGLE, 422, NULL, false, OUTCOME_HINT_RETRY),
		     OUTCOME_FAILED);
	/* What time may heal is not given up. */
	cr_assert_eq(outcome_of_request(INGEST_BULK, 503, NULL, false, OUTCOME_HINT_STOP),
		     OUTCOME_FAILED);
	cr_assert_eq(outcome_of_request(INGEST_BULK, 429, NULL, false, OUTCOME_HINT_STOP),
		     OUTCOME_RETRY);
	/* It does not make a bad key good, or an acceptance bad. */
	cr_assert_eq(outcome_of_request(INGEST_BULK, 401, NULL, false, OUTCOME_HINT_RETRY),
		     OUTCOME_NO_BULK);
	cr_assert_eq(outcome_of_request(INGEST_BULK, 200, NULL, false, OUTCOME_HINT_STOP),
		     OUTCOME_ACCEPTED);
}

Test(sink_outcome, an_item_goes_by_its_code_first)
{
	cr_assert_eq(outcome_of_item(400, "unexpected_error"), OUTCOME_ITEM_DEFER);
	cr_assert_eq(outcome_of_item(400, "duplicate_request"), OUTCOME_ITEM_UNKNOWN);
	cr_assert_eq(outcome_of_item(400, "invalid_ingest_event_timestamp"),
		     OUTCOME_ITEM_DEFER_IF_RECENT);
	cr_assert_eq(outcome_of_item(400, "request_processing_error"), OUTCOME_ITEM_DEAD);
	cr_assert_eq(outcome_of_item(404, "use_case_not_found"), OUTCOME_ITEM_DEAD);
}

Test(sink_outcome, an_item_with_an_unknown_code_goes_by_its_status)
{
	cr_assert_eq(outcome_of_item(503, "brand_new_code"), OUTCOME_ITEM_DEFER);
	cr_assert_eq(outcome_of_item(429, NULL), OUTCOME_ITEM_DEFER);
	cr_assert_eq(outcome_of_item(409, NULL), OUTCOME_ITEM_UNKNOWN);
	cr_assert_eq(outcome_of_item(400, "brand_new_code"), OUTCOME_ITEM_DEAD);
	cr_assert_eq(outcome_of_item(0, NULL), OUTCOME_ITEM_DEAD);
}
