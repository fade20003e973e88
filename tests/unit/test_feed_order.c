/* Events that wait keep back the later ones of their use case instance, in the database as in the sink. */
#include "store/feed.h"

#include "use_case_fixture.h"

/* Two instances by turns: odd ids are of one, even ones of the other. */
static void fill(struct fixture *fixture, int n)
{
	for (int i = 1; i <= n; i++) {
		const struct sample sample = {.time_us = START_US,
					      .use_case_name = "support",
					      .use_case_id = i % 2 ? "odd" : "even"};
		fixture_commit(fixture, &sample, 1);
	}
}

static bool take(void *taker, const struct sink_item *item)
{
	buf_addf(taker, "%d%s ", (int)item->id, item->behind ? " behind" : "");
	return true;
}

/* New ones, a bar, deferred ones. */
static void assert_given(struct feed *feed, int64_t now_us, const char *expected)
{
	struct buf text = BUF_INIT;
	struct err err = {0};
	cr_assert_geq(feed_each(feed, 0, 100, take, &text, &err), 0, "%s", err.text);
	buf_add_str(&text, "| ");
	cr_assert_geq(feed_each_deferred(feed, now_us, 0, 100, take, &text, &err), 0, "%s",
		      err.text);
	cr_assert_str_eq(buf_text(&text), expected);
	buf_release(&text);
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

#define ODD 1 /* the first instance that was stored */

static struct feed *open_feed(struct fixture *fixture, int n)
{
	struct feed *feed = NULL;
	fixture_open(fixture);
	fill(fixture, n);
	must(feed_open(fixture->path, "payi", &feed, &fixture->err));
	return feed;
}

static void defer_1_and_hold_3(struct fixture *fixture)
{
	settle(fixture, 0, 3,
	       (struct sink_outcome[]){{.id = 1,
					.instance = ODD,
					.verdict = SINK_DEFERRED,
					.retry_us = START_US + 5},
				       {.id = 3, .instance = ODD, .verdict = SINK_BEHIND}},
	       2);
}

Test(feed_order, says_which_events_are_behind_one_that_waits)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 6);
	assert_given(feed, START_US, "1 2 3 4 5 6 | ");
	defer_1_and_hold_3(fixture);
	assert_given(feed, START_US, "4 5 behind 6 | ");
	assert_given(feed, START_US + 5, "4 5 behind 6 | 1 ");
	feed_close(feed);
	fixture_close(fixture);
}

Test(feed_order, brings_those_that_were_behind_when_it_is_settled)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 6);
	defer_1_and_hold_3(fixture);
	settle(fixture, 0, 0,
	       &(struct sink_outcome){.id = 1, .instance = ODD, .verdict = SINK_DELIVERED}, 1);
	assert_given(feed, START_US, "4 5 behind 6 | 3 ");
	settle(fixture, 0, 0,
	       &(struct sink_outcome){.id = 3, .instance = ODD, .verdict = SINK_DEAD}, 1);
	assert_given(feed, START_US, "4 5 6 | ");
	feed_close(feed);
	fixture_close(fixture);
}

/* A deferred one that is due goes behind one that is not. */
Test(feed_order, is_that_of_the_ids_among_deferred_ones)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 3);
	settle(fixture, 0, 3,
	       (struct sink_outcome[]){
		       {.id = 1,
			.instance = ODD,
			.verdict = SINK_DEFERRED,
			.retry_us = START_US + 5},
		       {.id = 3, .instance = ODD, .verdict = SINK_DEFERRED, .retry_us = START_US}},
	       2);
	assert_given(feed, START_US, "| 3 behind ");
	assert_given(feed, START_US + 5, "| 1 3 ");
	feed_close(feed);
	fixture_close(fixture);
}

/* The sink did not know yet that the one before it was settled. */
Test(feed_order, one_that_is_behind_nothing_any_more_comes_at_once)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 3);
	settle(fixture, 0, 3,
	       &(struct sink_outcome){.id = 3, .instance = ODD, .verdict = SINK_BEHIND}, 1);
	assert_given(feed, START_US, "| 3 ");
	feed_close(feed);
	fixture_close(fixture);
}

/* The position is that of a sweep: it has passed by the first one before that was due. */
Test(feed_order, is_kept_when_one_becomes_due_behind_the_position)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 3);
	struct buf text = BUF_INIT;
	settle(fixture, 0, 3,
	       (struct sink_outcome[]){
		       {.id = 1, .instance = ODD, .verdict = SINK_DEFERRED, .retry_us = START_US},
		       {.id = 3, .instance = ODD, .verdict = SINK_DEFERRED, .retry_us = START_US}},
	       2);
	cr_assert_eq(feed_each_deferred(feed, START_US, 2, 100, take, &text, &fixture->err), 1);
	cr_assert_str_eq(buf_text(&text), "3 behind ");
	assert_given(feed, START_US, "| 1 3 ");
	buf_release(&text);
	feed_close(feed);
	fixture_close(fixture);
}

/* 3 waits behind 1, and is not released when that goes, as 5 is on its way; which is then found to be behind 3. */
Test(feed_order, one_of_those_that_wait_is_always_on_its_way)
{
	struct fixture fixture[1];
	struct feed *feed = open_feed(fixture, 5);
	settle(fixture, 0, 5,
	       (struct sink_outcome[]){
		       {.id = 1, .instance = ODD, .verdict = SINK_DEFERRED, .retry_us = START_US},
		       {.id = 3, .instance = ODD, .verdict = SINK_BEHIND},
		       {.id = 5, .instance = ODD, .verdict = SINK_DEFERRED, .retry_us = START_US}},
	       3);
	settle(fixture, 0, 0,
	       &(struct sink_outcome){.id = 1, .instance = ODD, .verdict = SINK_DELIVERED}, 1);
	assert_given(feed, START_US, "| 5 behind ");
	settle(fixture, 0, 0,
	       &(struct sink_outcome){.id = 5, .instance = ODD, .verdict = SINK_BEHIND}, 1);
	assert_given(feed, START_US, "| 3 5 ");
	feed_close(feed);
	fixture_close(fixture);
}
