/* Events in the order of storing: none missing, none twice, whatever happens to the database meanwhile. */
#include "store_fixture.h"

#include "history/follow.h"

static struct fixture fixture[1];
static struct buf seen; /* the inputs of the rows, a line each; they number the events */

static int take(void *taker, const struct query *row)
{
	(void)taker;
	buf_addf(&seen, "%lld\n", (long long)query_int(row, 8));
	return 0;
}

static void begin(void)
{
	fixture_open(fixture);
}

static void end(void)
{
	buf_release(&seen);
	fixture_close(fixture);
}

TestSuite(follow, .init = begin, .fini = end);

/* Events first to last, an hour apart backwards: the order of time is not that of storing. Every tenth is bob's. */
static void put(int first, int last)
{
	must(store_begin(fixture->store, &fixture->err));
	for (int i = first; i <= last; i++)
		fixture_put(fixture, &(struct sample){.time_us = START_US - i * SECOND_US,
						      .user_id = i % 10 ? "ann" : "bob",
						      .input = i,
						      .output = 1});
	must(store_commit(fixture->store, &fixture->err));
}

static struct follow *open_follow(const char *user)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	struct follow *follow = NULL;
	filters.user_id = user;
	must(follow_open(fixture->path, &filters, &follow, &fixture->err));
	return follow;
}

static void gives(struct follow *follow, int status, int first, int last, int step)
{
	struct buf expected = BUF_INIT;
	buf_clear(&seen);
	cr_expect_eq(follow_read(follow, take, NULL, NULL, &fixture->err), status, "%s",
		     fixture->err.text);
	for (int i = first; i <= last; i += step)
		buf_addf(&expected, "%d\n", i);
	cr_expect_str_eq(buf_text(&seen), buf_text(&expected));
	buf_release(&expected);
}

/* More than a window of ids, and more than a page of rows. */
Test(follow, gives_what_is_stored_in_that_order)
{
	put(1, 5);
	struct follow *follow = open_follow(NULL);
	gives(follow, 0, 1, 0, 1);
	put(6, 23456);
	gives(follow, 0, 6, 23456, 1);
	gives(follow, 0, 1, 0, 1);
	follow_close(follow);
}

/* A user who was not known when it began. */
Test(follow, gives_what_the_filters_leave)
{
	put(1, 5);
	struct follow *follow = open_follow("bob");
	put(6, 22000);
	gives(follow, 0, 10, 22000, 10);
	follow_close(follow);
}

static void past(struct follow *follow, int64_t n, const char *expected)
{
	buf_clear(&seen);
	must(follow_past(follow, n, take, NULL, NULL, &fixture->err));
	cr_expect_str_eq(buf_text(&seen), expected);
}

Test(follow, begins_with_the_last_of_the_past)
{
	put(1, 40);
	struct follow *follow = open_follow(NULL);
	struct follow *bob = open_follow("bob");
	put(0, 0); /* is new to both, though its time is the latest */
	past(follow, 3, "2\n1\n");
	past(follow, 0, "");
	past(bob, INT64_MAX, "40\n30\n20\n10\n");
	gives(follow, 0, 0, 0, 1);
	follow_close(follow);
	follow_close(bob);
}

Test(follow, goes_on_in_a_new_database)
{
	char aside[160];
	put(1, 5);
	struct follow *follow = open_follow(NULL);
	store_close(fixture->store);
	snprintf(aside, sizeof(aside), "%s.corrupt", fixture->path);
	cr_assert_eq(rename(fixture->path, aside), 0);
	gives(follow, 0, 1, 0, 1); /* there is none */
	fixture_store_open(fixture);
	put(101, 102);
	gives(follow, 1, 101, 102, 1);
	put(103, 103);
	gives(follow, 0, 103, 103, 1);
	follow_close(follow);
	cr_assert_eq(unlink(aside), 0);
}

/* A reader that fails is given the rest when it asks again, and nothing twice. */
static int flush_once(void *taker, struct err *err)
{
	int *n = taker;
	return ++*n == 2 ? err_set(err, ERR_CLOSED, "closed") : 0;
}

Test(follow, goes_on_where_a_reader_failed)
{
	int n = 0;
	struct follow *follow = open_follow(NULL);
	put(1, 3000);
	cr_expect_eq(follow_read(follow, take, flush_once, &n, &fixture->err), ERR_CLOSED);
	gives(follow, 0, 2001, 3000, 1);
	follow_close(follow);
}
