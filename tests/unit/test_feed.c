#include "store/feed.h"

#include "store_fixture.h"

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
