/* Events whose use_case_id is a handle: what is sent in its place, and that nothing is sent under it. */
#include "sink/payi/batch.h"

#include "sink_events.h"

#include <criterion/criterion.h>
#include <jansson.h>

#define HANDLE "payi-handle-0190cafe-0000-7000-8000-000000000001"
#define GIVEN  "5b0c7e9a-1111-4222-8333-944455556666"

static const int64_t wall_us = SINK_EVENT_TIME_US;
static struct batch batch;

static void set_up(void)
{
	cr_assert_eq(batch_init(&batch, 8), 0);
	batch_begin(&batch, false, 1 << 20);
}

static void tear_down(void)
{
	batch_release(&batch);
}

TestSuite(sink_handles, .init = set_up, .fini = tear_down);

static void settle(struct sink_settlement *settlement)
{
	static struct sink_outcome outcomes[8];
	settlement->outcomes = outcomes;
	settlement->n_outcomes = batch_outcomes(&batch, outcomes);
	settlement->n_delivered = batch.n_delivered;
}

/* given NULL: the handle has no id yet. What add() borrows is gone when it returns. */
static void add(int64_t id, const char *given, int64_t event_us)
{
	struct sink_event event =
		sink_event(id, (struct sink_event_more){.use_case_name = "support",
							.use_case_id = HANDLE,
							.event_timestamp_us = event_us});
	char text[64] = "";
	if (given)
		snprintf(text, sizeof(text), "%s", given);
	const struct sink_item item = {.id = id,
				       .record = event.record,
				       .record_bytes = event.bytes,
				       .use_case_id = given ? text : NULL,
				       .unresolved = !given};
	cr_assert(batch_add(&batch, &item, wall_us));
	memset(text, 'x', sizeof(text));
}

static void add_plain(int64_t id)
{
	struct sink_event event = sink_event(
		id, (struct sink_event_more){.use_case_name = "support", .use_case_id = "own"});
	const struct sink_item item = {
		.id = id, .record = event.record, .record_bytes = event.bytes};
	cr_assert(batch_add(&batch, &item, wall_us));
}

static void expect_ids(size_t n, const char *const ids[])
{
	json_t *root = json_loadb((const char *)batch.body.data, batch.body.len, 0, NULL);
	cr_assert_eq(json_array_size(root), n);
	for (size_t i = 0; i < n; i++)
		cr_assert_str_eq(
			json_string_value(json_object_get(json_array_get(root, i), "use_case_id")),
			ids[i]);
	json_decref(root);
}

Test(sink_handles, the_given_id_is_sent_in_place_of_the_handle)
{
	add(101, GIVEN, 0);
	add_plain(102);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	expect_ids(2, (const char *const[]){GIVEN, "own"});
}

/* The body is made anew from what the batch kept, not from what the host lent. */
Test(sink_handles, the_given_id_is_sent_again_when_the_batch_is_halved)
{
	add_plain(101);
	add_plain(102);
	add(103, GIVEN, 0);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert(batch_halve(&batch, false));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	batch_delivered(&batch, 0);
	batch_delivered(&batch, 1);
	batch_advance(&batch);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	expect_ids(1, (const char *const[]){GIVEN});
}

Test(sink_handles, the_given_id_is_the_header_of_the_single_form)
{
	add(101, GIVEN, 0);
	cr_assert(batch_prepare(&batch, INGEST_SINGLE));
	bool found = false;
	const char *headers = (const char *)batch.headers.data;
	for (size_t at = 0; at < batch.headers.len; at += strlen(headers + at) + 1) {
		found |= strcmp(headers + at, "xProxy-UseCase-ID: " GIVEN) == 0;
		cr_assert_null(strstr(headers + at, HANDLE));
	}
	cr_assert(found);
}

Test(sink_handles, an_event_that_waits_for_its_id_is_held_and_holds_up_nothing)
{
	struct sink_settlement settlement;
	add_plain(101);
	add(102, NULL, 0);
	add_plain(103);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	expect_ids(2, (const char *const[]){"own", "own"});
	batch_delivered(&batch, 0);
	batch_delivered(&batch, 1);
	batch_advance(&batch);
	settle(&settlement);
	cr_assert_eq(settlement.n_delivered, 2);
	cr_assert_eq(settlement.n_outcomes, 1);
	cr_assert_eq(settlement.outcomes[0].id, 102);
	cr_assert_eq(settlement.outcomes[0].verdict, SINK_HELD);
}

/* Held first: else it would come again when its time has come, and have no id then either. */
Test(sink_handles, an_event_without_id_and_ahead_of_its_time_is_held)
{
	struct sink_settlement settlement;
	add(101, NULL, wall_us + 2 * BATCH_AHEAD_MAX_US);
	cr_assert_eq(batch.n_items, 0);
	settle(&settlement);
	cr_assert_eq(settlement.outcomes[0].verdict, SINK_HELD);
}
