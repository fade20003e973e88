/* The accounts: that they add up when all is well, and say so when it is not. */
#include "store_fixture.h"

#include "history/books.h"

static void begin_lane(struct fixture *fixture, uint32_t lane, const struct store_lane *values)
{
	must(store_begin(fixture->store, &fixture->err));
	must(store_lane_put(fixture->store, fixture->ring, lane, values, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static struct query_db *open_db(struct fixture *fixture)
{
	struct query_db *db = NULL;
	must(query_db_open(fixture->path, &db, &fixture->err));
	return db;
}

Test(books, balance_what_rings_and_sink_say)
{
	struct fixture fixture[1];
	struct books books;
	struct books_sink sink;
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	begin_lane(fixture, 0,
		   &(struct store_lane){.position = 800,
					.sequence = 10,
					.rejected = 1,
					.notices = 2,
					.attempted = 16,
					.refused = 3,
					.dropped_full = 2,
					.dropped_too_big = 1});
	begin_lane(fixture, 3,
		   &(struct store_lane){.position = 300, .sequence = 3, .attempted = 3});
	const struct sink_outcome outcomes[] = {
		{.id = 2, .verdict = SINK_DEAD, .code = "bad", .message = "no"},
		{.id = 3, .verdict = SINK_DEFERRED, .retry_us = START_US},
	};
	const struct sink_settlement settlements[] = {
		{.sink = "payi",
		 .last_id = 4,
		 .n_delivered = 2,
		 .outcomes = outcomes,
		 .n_outcomes = 2},
		{.sink = "payi", .after_id = 6, .last_id = 8, .n_delivered = 2},
	};
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlements[0], START_US, &fixture->err));
	must(store_settle(fixture->store, &settlements[1], START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));

	struct query_db *db = open_db(fixture);
	must(books_read(db, &books, &fixture->err));
	cr_expect_eq(books.stored, 10);
	cr_expect_eq(books.records, 13);
	cr_expect_eq(books.notices, 2);
	cr_expect_eq(books.rejected, 1);
	cr_expect_eq(books.refused, 3);
	cr_expect_eq(books.dropped_full, 2);
	cr_expect_eq(books.dropped_too_big, 1);
	cr_expect_eq(books.rings_open, 1);
	cr_expect_null(books_check(&books), "%s", books_check(&books));

	cr_assert_eq(books_read_sink(db, "payi", &sink, &fixture->err), 1);
	cr_expect_eq(sink.delivered, 4);
	cr_expect_eq(sink.waiting, 4);
	cr_expect_eq(sink.deferred, 1);
	cr_expect_eq(sink.dead, 1);
	cr_expect_eq(sink.oldest_us, START_US);
	cr_expect_null(books_check_sink(&sink), "%s", books_check_sink(&sink));
	cr_expect_eq(books_read_sink(db, "nobody", &sink, &fixture->err), 0);
	query_db_close(db);
	fixture_close(fixture);
}

Test(books, do_not_balance_when_an_event_is_missing)
{
	struct fixture fixture[1];
	struct books books;
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	begin_lane(fixture, 0, &(struct store_lane){.sequence = 11, .attempted = 11});
	struct query_db *db = open_db(fixture);
	must(books_read(db, &books, &fixture->err));
	cr_expect_not_null(books_check(&books));
	query_db_close(db);
	fixture_close(fixture);
}

/* What waits for an id is an account of its own, and waits all the same. */
Test(books, count_what_is_held_apart)
{
	static const struct sample sample = {.time_us = START_US,
					     .use_case_name = "triage",
					     .use_case_id = PAYI_HANDLE_PREFIX "1"};
	static const struct sink_outcome held = {.id = 1, .verdict = SINK_HELD};
	const struct sink_settlement settlement = {
		.sink = "payi", .last_id = 1, .outcomes = &held, .n_outcomes = 1};
	struct fixture fixture[1];
	struct books_sink sink;
	fixture_open(fixture);
	fixture_commit(fixture, &sample, 1);
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlement, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	struct query_db *db = open_db(fixture);
	cr_assert_eq(books_read_sink(db, "payi", &sink, &fixture->err), 1);
	cr_expect_eq(sink.held, 1);
	cr_expect_eq(sink.waiting + sink.deferred + sink.dead + sink.delivered, 0);
	cr_expect_eq(sink.oldest_us, START_US);
	cr_expect_null(books_check_sink(&sink), "%s", books_check_sink(&sink));
	sink.held = 0;
	cr_expect_not_null(books_check_sink(&sink));
	query_db_close(db);
	fixture_close(fixture);
}

/* A call that was cut short by a kill is one per lane at the most; more is a counter that lies. */
Test(books, allow_a_closed_lane_one_call_cut_short)
{
	struct fixture fixture[1];
	struct books books;
	fixture_open(fixture);
	fixture_fill(fixture, 4);
	begin_lane(fixture, 0, &(struct store_lane){.sequence = 4, .attempted = 5});
	must(store_begin(fixture->store, &fixture->err));
	must(store_ring_end(fixture->store, fixture->ring, NULL, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	struct query_db *db = open_db(fixture);
	must(books_read(db, &books, &fixture->err));
	cr_expect_eq(books.interrupted, 1);
	cr_expect_eq(books.rings_closed, 1);
	cr_expect_null(books_check(&books), "%s", books_check(&books));
	begin_lane(fixture, 0, &(struct store_lane){.sequence = 4, .attempted = 6});
	must(books_read(db, &books, &fixture->err));
	cr_expect_eq(books.wrong_lanes, 1);
	cr_expect_not_null(books_check(&books));
	query_db_close(db);
	fixture_close(fixture);
}

static int add_ring(void *context, const struct books_ring *ring)
{
	struct buf *seen = context;
	buf_addf(seen, "%s %s %lld %lld %lld;", ring->app_name, ring->state,
		 (long long)ring->records, (long long)ring->position[2],
		 (long long)ring->dropped_busy);
	return 0;
}

Test(books, tell_the_rings_that_are_not_closed)
{
	struct fixture fixture[1];
	struct buf seen = BUF_INIT;
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	const struct store_ring other = {.ring_id = {9}, .app_name = "other", .n_lanes = 1};
	int64_t key = 0;
	fixture_open(fixture);
	must(store_ring_open(fixture->store, &other, START_US, &key, lanes, &fixture->err));
	begin_lane(fixture, 0, &(struct store_lane){.sequence = 5});
	begin_lane(fixture, 2, &(struct store_lane){.sequence = 6, .position = 77});
	must(store_begin(fixture->store, &fixture->err));
	must(store_ring_busy(fixture->store, fixture->ring, 4, &fixture->err));
	must(store_ring_end(fixture->store, key, "made no sense", START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	struct query_db *db = open_db(fixture);
	must(books_each_ring(db, add_ring, &seen, &fixture->err));
	cr_expect_str_eq(buf_text(&seen), "test open 11 77 4;other aside 0 0 0;");
	buf_release(&seen);
	query_db_close(db);
	fixture_close(fixture);
}
