#include "store/feed.h"

#include "help/fault_vfs.h"
#include "use_case_fixture.h"

struct taken {
	struct buf ids;
	int room;
	int32_t attempts;
};

static bool take(void *taker, const struct sink_item *item)
{
	struct taken *taken = taker;
	struct event event;
	char reason[EVENT_REASON_BYTES];
	if (taken->room-- == 0)
		return false;
	cr_assert_null(event_decode(&event, item->record, item->record_bytes, reason));
	buf_addf(&taken->ids, "%s%d", taken->ids.len ? "," : "", (int)item->id);
	taken->attempts += item->attempts;
	return true;
}

static void assert_each(struct feed *feed, int64_t after_id, int limit, int room,
			const char *expected, int n)
{
	struct err err = {0};
	struct taken taken = {.room = room};
	cr_assert_eq(feed_each(feed, after_id, limit, take, &taken, &err), n, "%s", err.text);
	cr_assert_str_eq(buf_text(&taken.ids), expected);
	buf_release(&taken.ids);
}

static void assert_deferred(struct feed *feed, int64_t now_us, int64_t after_id,
			    const char *expected, int n, int attempts)
{
	struct err err = {0};
	struct taken taken = {.room = 100};
	cr_assert_eq(feed_each_deferred(feed, now_us, after_id, 100, take, &taken, &err), n, "%s",
		     err.text);
	cr_assert_str_eq(buf_text(&taken.ids), expected);
	cr_assert_eq(taken.attempts, attempts);
	buf_release(&taken.ids);
}

static void assert_position(struct feed *feed, int64_t expected)
{
	struct err err = {0};
	int64_t position = -1;
	cr_assert_eq(feed_position(feed, &position, &err), 0, "%s", err.text);
	cr_assert_eq(position, expected);
}

static void settle(struct fixture *fixture, int64_t after_id, int64_t last_id,
		   const struct sink_outcome *outcomes, size_t n)
{
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = after_id,
						   .last_id = last_id,
						   .outcomes = outcomes,
						   .n_outcomes = n};
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlement, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static struct feed *open_feed(struct fixture *fixture, int n_events)
{
	struct feed *feed = NULL;
	fixture_open(fixture);
	if (n_events)
		fixture_fill(fixture, n_events);
	must(feed_open(fixture->path, "payi", &feed, &fixture->err));
	return feed;
}

Test(feed, gives_events_in_order_up_to_the_limit)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 5);
	assert_position(feed, 0);
	assert_each(feed, 0, 3, 100, "1,2,3", 3);
	assert_each(feed, 3, 100, 100, "4,5", 2);
	assert_each(feed, 5, 100, 100, "", 0);
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, does_not_count_the_item_that_did_not_fit)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 5);
	assert_each(feed, 0, 100, 2, "1,2", 2);
	assert_each(feed, 0, 100, 0, "", 0);
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, sees_what_is_committed_later)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	assert_each(feed, 0, 10, 10, "", 0);
	fixture_fill(fixture, 2);
	assert_each(feed, 0, 10, 10, "1,2", 2);
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, leaves_out_what_is_settled_ahead)
{
	static const struct sink_outcome dead[] = {{.id = 9, .verdict = SINK_DEAD}};
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 12);
	settle(fixture, 3, 5, NULL, 0);
	settle(fixture, 8, 10, dead, 1);
	assert_position(feed, 0);
	assert_each(feed, 0, 100, 100, "1,2,3,6,7,8,11,12", 8);
	settle(fixture, 0, 3, NULL, 0);
	assert_position(feed, 5);
	assert_each(feed, 5, 100, 100, "6,7,8,11,12", 5);
	feed_close(feed);
	fixture_close(fixture);
}

/* The exceptions count by themselves, whatever the ranges say. */
Test(feed, gives_no_exception_as_new)
{
	static const struct sink_outcome outcomes[] = {
		{.id = 2, .verdict = SINK_DEAD},
		{.id = 4, .verdict = SINK_DEFERRED, .retry_us = START_US}};
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 5);
	settle(fixture, 5, 5, outcomes, 2);
	assert_each(feed, 0, 100, 100, "1,3,5", 3);
	assert_each(feed, 2, 100, 100, "3,5", 2);
	assert_each(feed, 4, 100, 100, "5", 1);
	feed_close(feed);
	fixture_close(fixture);
}

/*
 * After a restart a sink comes upon ranges that were settled ahead before. Once they are absorbed by the
 * position, they must be left out still: the sink is behind, and would send them again.
 */
Test(feed, leaves_out_what_is_settled_ahead_also_once_that_is_absorbed)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 12);
	settle(fixture, 3, 5, NULL, 0);
	assert_each(feed, 0, 3, 100, "1,2,3", 3);
	settle(fixture, 0, 3, NULL, 0);
	assert_each(feed, 3, 2, 100, "6,7", 2);
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, gives_what_was_deferred_when_its_time_has_come)
{
	static const struct sink_outcome deferred[] = {
		{.id = 1, .verdict = SINK_DEFERRED, .retry_us = START_US + 20},
		{.id = 2, .verdict = SINK_DEAD},
		{.id = 3, .verdict = SINK_DEFERRED, .retry_us = START_US + 10},
	};
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 4);
	settle(fixture, 0, 4, deferred, 3);
	settle(fixture, 4, 4, &deferred[2], 1);
	assert_each(feed, 0, 100, 100, "", 0);
	assert_deferred(feed, START_US + 9, 0, "", 0, 0);
	assert_deferred(feed, START_US + 10, 0, "3", 1, 2);
	assert_deferred(feed, START_US + 20, 0, "1,3", 2, 3);
	assert_deferred(feed, START_US + 20, 1, "3", 1, 2);
	feed_close(feed);
	fixture_close(fixture);
}

/* By the clock as it was before it was set back; whenever that was committed. */
Test(feed, a_clock_set_back_by_a_day_keeps_no_deferred_event_waiting)
{
	const int64_t day_us = INT64_C(86400) * 1000000;
	const struct sink_outcome deferred = {
		.id = 1, .verdict = SINK_DEFERRED, .retry_us = START_US + day_us};
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 1);
	settle(fixture, 0, 1, &deferred, 1);
	assert_deferred(feed, START_US, 0, "1", 1, 1);
	assert_deferred(feed, START_US + day_us - 300 * INT64_C(1000000), 0, "", 0, 0);
	feed_close(feed);
	fixture_close(fixture);
}

/* With a snapshot left open, the WAL could not start anew, and would grow with every commit. */
Test(feed, holds_no_snapshot_after_it_has_returned)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 10);
	assert_each(feed, 0, 100, 1, "1", 1);
	fixture_fill(fixture, 40000);
	must(store_checkpoint(fixture->store, &fixture->err));
	char path[128];
	snprintf(path, sizeof(path), "%s-wal", fixture->path);
	FILE *wal = fopen(path, "r");
	uint8_t before[32];
	uint8_t after[32];
	cr_assert_eq(fread(before, 1, sizeof(before), wal), sizeof(before));
	fixture_fill(fixture, 1);
	rewind(wal);
	cr_assert_eq(fread(after, 1, sizeof(after), wal), sizeof(after));
	fclose(wal);
	cr_assert_neq(memcmp(before, after, sizeof(before)), 0, "the WAL did not start anew");
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, begins_at_the_first_event_for_a_sink_that_is_new)
{
	struct fixture fixture[1];
	struct feed *feed = NULL;
	feed_close(open_feed(fixture, 2));
	must(feed_open(fixture->path, "archive", &feed, &fixture->err));
	assert_position(feed, 0);
	assert_each(feed, 0, 10, 10, "1,2", 2);
	feed_close(feed);
	fixture_close(fixture);
}

/* ---- Handles -------------------------------------------------------------------------------------- */

static bool tell_id(void *taker, const struct sink_item *item)
{
	buf_addf(taker, "%d:%s ", (int)item->id,
		 item->unresolved    ? "?"
		 : item->use_case_id ? item->use_case_id
				     : "as it is");
	return true;
}

static void assert_ids(struct feed *feed, const char *expected)
{
	struct err err = {0};
	struct buf seen = BUF_INIT;
	cr_assert_geq(feed_each(feed, 0, 100, tell_id, &seen, &err), 0, "%s", err.text);
	buf_add_str(&seen, "| ");
	cr_assert_geq(feed_each_deferred(feed, INT64_MAX, 0, 100, tell_id, &seen, &err), 0, "%s",
		      err.text);
	cr_assert_str_eq(buf_text(&seen), expected);
	buf_release(&seen);
}

/* The prefix in another field makes no handle. */
static const struct sample of_all_kinds[] = {
	{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_1},
	{.time_us = START_US, .use_case_name = "triage", .use_case_id = "given-1"},
	{.time_us = START_US, .use_case_name = "triage", .use_case_id = "7", .user_id = HANDLE_1},
	{.time_us = START_US, .user_id = HANDLE_1},
	{.time_us = START_US},
};

Test(feed, tells_the_id_to_send_for_a_handle)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	fixture_commit(fixture, of_all_kinds, 5);
	assert_ids(feed, "1:? 2:as it is 3:as it is 4:as it is 5:as it is | ");
	give_id(fixture, 1, "given-1", START_US);
	assert_ids(feed, "1:given-1 2:as it is 3:as it is 4:as it is 5:as it is | ");
	settle_up_to(fixture, 0, 2, SINK_DEFERRED, START_US);
	assert_ids(feed, "3:as it is 4:as it is 5:as it is | 1:given-1 2:as it is ");
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, brings_what_was_held_when_its_id_is_given)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	fixture_commit(fixture, of_all_kinds, 1);
	settle_up_to(fixture, 0, 1, SINK_HELD, START_US);
	assert_ids(feed, "| ");
	give_id(fixture, 1, "given-1", START_US);
	assert_ids(feed, "| 1:given-1 ");
	feed_close(feed);
	fixture_close(fixture);
}

/* ---- Asks ----------------------------------------------------------------------------------------- */

struct asked {
	struct buf text;
	int room;
};

static bool take_ask(void *taker, const struct sink_ask *ask)
{
	struct asked *asked = taker;
	if (asked->room-- == 0)
		return false;
	if (ask->kind == SINK_ASK_DEFINE)
		buf_addf(&asked->text, "%s=%s", ask->use_case_name, ask->description);
	else
		buf_addf(&asked->text, "%s#%d", ask->use_case_name, (int)ask->key);
	buf_addf(&asked->text, "(%d) ", ask->attempts);
	return true;
}

static void assert_asks(struct feed *feed, int64_t now_us, int limit, int room,
			const char *expected, int n)
{
	struct err err = {0};
	struct asked asked = {.room = room};
	cr_assert_eq(feed_asks(feed, now_us, limit, take_ask, &asked, &err), n, "%s", err.text);
	cr_assert_str_eq(buf_text(&asked.text), expected);
	buf_release(&asked.text);
}

Test(feed, tells_what_is_to_be_asked)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	assert_asks(feed, START_US, 10, 10, "", 0);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US + 9);
	tell(fixture, USE_CASE_REQUEST, "search", HANDLE_2, START_US);
	tell(fixture, USE_CASE_CREATE, "search", "7", START_US);
	tell(fixture, USE_CASE_DEFINE, "triage", "Sorts.", START_US);
	tell(fixture, USE_CASE_DEFINE, "search", "Finds.", START_US);
	assert_asks(feed, START_US, 10, 10,
		    "triage#1(0) search#2(0) triage=Sorts.(0) search=Finds.(0) ", 4);
	assert_asks(feed, START_US, 3, 10, "triage#1(0) search#2(0) triage=Sorts.(0) ", 3);
	assert_asks(feed, START_US, 2, 10, "triage#1(0) search#2(0) ", 2);
	assert_asks(feed, START_US, 10, 1, "triage#1(0) ", 1);
	assert_asks(feed, START_US, 10, 3, "triage#1(0) search#2(0) triage=Sorts.(0) ", 3);
	feed_close(feed);
	fixture_close(fixture);
}

/* Whatever the number of one kind that wait: a quarter is for the other. */
Test(feed, many_ids_leave_room_for_definitions)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	tell(fixture, USE_CASE_DEFINE, "triage", "Sorts.", START_US);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1 "a", START_US);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1 "b", START_US);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1 "c", START_US);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1 "d", START_US);
	assert_asks(feed, START_US, 4, 10, "triage#1(0) triage#2(0) triage#3(0) triage=Sorts.(0) ",
		    4);
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed, asks_again_when_the_time_has_come_and_never_after_an_answer)
{
	static const struct sink_ask_outcome later = {
		.kind = SINK_ASK_ID, .key = 1, .verdict = SINK_DEFERRED, .retry_us = START_US + 10};
	static const struct sink_ask_outcome refused = {
		.kind = SINK_ASK_ID, .key = 2, .verdict = SINK_DEAD};
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 0);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_2, START_US);
	answer(fixture, &later, START_US);
	assert_asks(feed, START_US + 9, 10, 10, "triage#2(0) ", 1);
	assert_asks(feed, START_US + 10, 10, 10, "triage#2(0) triage#1(1) ", 2);
	assert_asks(feed, START_US - SINK_ASK_WAIT_MAX_US, 10, 10, "triage#2(0) triage#1(1) ", 2);
	answer(fixture, &refused, START_US);
	give_id(fixture, 1, "given-1", START_US);
	assert_asks(feed, INT64_MAX, 10, 10, "", 0);
	feed_close(feed);
	fixture_close(fixture);
}

/* SQLite says "malformed" of what it cannot read; who believes that sets aside a sound database. */
Test(feed, a_disk_that_gives_no_page_is_no_damage)
{
	enum { CALLS = 30 };
	struct fixture storage, *fixture = &storage;
	fault_vfs_install();
	feed_close(open_feed(fixture, 3));
	for (int at = 1; at <= CALLS; at++) {
		struct taken taken = {.room = 100};
		struct feed *feed = NULL;
		must(feed_open(fixture->path, "payi", &feed, &fixture->err));
		fault_vfs_plan(&(struct fault_plan){.kind = FAULT_EIO, .at = at, .for_ever = true});
		const int n = feed_each(feed, 0, 100, take, &taken, &fixture->err);
		cr_assert_neq(n, ERR_CORRUPT, "from call %d on: %s", at, fixture->err.text);
		fault_vfs_plan(&(struct fault_plan){0});
		assert_each(feed, 0, 100, 100, "1,2,3", 3);
		buf_release(&taken.ids);
		feed_close(feed);
	}
	fixture_close(fixture);
}
