/* Dead letters in the store: which are meant, what becomes of them, and that the books know. */
#include "store_fixture.h"

#include "history/books.h"
#include "store/feed.h"

enum { N = 1200 };

static struct fixture fixture[1];

/* N events, of which the odd ones are dead: two reasons, two use cases, refused a second apart. */
static void begin(void)
{
	static struct sink_outcome outcomes[N];
	size_t n = 0;
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 1; i <= N; i++) {
		const struct sample sample = {.time_us = START_US,
					      .use_case_name = i % 3 ? "triage" : "support",
					      .use_case_id = i == 7 ? "seven" : "many",
					      .user_id = i % 5 ? "ann" : "bob"};
		fixture_put(fixture, &sample);
	}
	for (int i = 1; i <= N; i += 2)
		outcomes[n++] =
			(struct sink_outcome){.id = i,
					      .verdict = SINK_DEAD,
					      .http_status = i == 9 ? 413 : 400,
					      .code = i % 4 == 1 ? "invalid_user_id" : "other",
					      .message = "no"};
	for (size_t i = 0; i < n; i++) {
		const struct sink_settlement one = {.sink = "payi",
						    .after_id = outcomes[i].id - 1,
						    .last_id = outcomes[i].id + 1,
						    .n_delivered = 1,
						    .outcomes = &outcomes[i],
						    .n_outcomes = 1};
		must(store_settle(fixture->store, &one, START_US + outcomes[i].id * 1000000,
				  &fixture->err));
	}
	must(store_commit(fixture->store, &fixture->err));
}

static void end(void)
{
	fixture_close(fixture);
}

TestSuite(dead, .init = begin, .fini = end);

static int64_t count(const char *sql)
{
	char *text = fixture_rows(fixture, sql);
	const int64_t number = strtoll(text, NULL, 10);
	free(text);
	return number;
}

/* Carries it out, as the storage thread does. */
static int64_t carry_out(enum dead_action action, const struct dead_filter *filter, int *n_steps)
{
	struct store_dead dead = {.sink = "payi", .action = action, .filter = filter};
	int status = STORE_DEAD_MORE;
	for (*n_steps = 0; status == STORE_DEAD_MORE; ++*n_steps) {
		must(store_begin(fixture->store, &fixture->err));
		status = store_dead_step(fixture->store, &dead, START_US * 2, &fixture->err);
		cr_assert_geq(status, 0, "%s", fixture->err.text);
		must(store_commit(fixture->store, &fixture->err));
	}
	return dead.n;
}

static void check_books(int64_t dead, int64_t deferred, int64_t discarded)
{
	struct query_db *db = NULL;
	struct books_sink books;
	must(query_db_open(fixture->path, &db, &fixture->err));
	cr_assert_eq(books_read_sink(db, "payi", &books, &fixture->err), 1);
	query_db_close(db);
	cr_expect_null(books_check_sink(&books), "%s", books_check_sink(&books));
	cr_expect_eq(books.dead, dead, "dead %lld", (long long)books.dead);
	cr_expect_eq(books.deferred, deferred, "deferred %lld", (long long)books.deferred);
	cr_expect_eq(books.discarded, discarded, "discarded %lld", (long long)books.discarded);
	cr_expect_eq(books.delivered, N / 2);
}

/* A filter's matches, beside the same in plain SQL; then they are dropped, and are no longer dead. */
static void check_filter(struct dead_filter filter, const char *condition)
{
	int n_steps = 0;
	char sql[512];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM event_history h JOIN sink_exceptions x ON x.event = h.event"
		 " WHERE h.delivery = 'dead' AND %s",
		 condition);
	const int64_t expected = count(sql);
	cr_expect_gt(expected, 0, "%s", condition);
	cr_expect_eq(carry_out(DEAD_DROP, &filter, &n_steps), expected, "%s", condition);
	cr_expect_eq(count(sql), 0, "%s", condition);
}

Test(dead, means_those_that_the_filter_says)
{
	static const int64_t events[] = {21, 22, 23, 9999};
	struct dead_filter filter = DEAD_FILTER_INIT;
	cr_expect_not(dead_filter_is_set(&filter));
	filter.use_case_id = "seven";
	cr_expect(dead_filter_is_set(&filter));
	check_filter(filter, "h.use_case_id = 'seven'");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.http_status = 413;
	check_filter(filter, "x.http_status = 413");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.events = events;
	filter.n_events = 4;
	check_filter(filter, "h.event IN (21, 23)");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.since_us = START_US + 101 * INT64_C(1000000);
	filter.until_us = START_US + 105 * INT64_C(1000000);
	check_filter(filter, "h.event IN (101, 103)");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.user_id = "bob";
	filter.code = "other";
	check_filter(filter, "h.user_id = 'bob' AND x.code = 'other'");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.use_case_name = "support";
	check_filter(filter, "h.use_case_name = 'support'");
	filter = (struct dead_filter)DEAD_FILTER_INIT;
	filter.use_case_id = "nobody's";
	int n_steps = 0;
	cr_expect_eq(carry_out(DEAD_DROP, &filter, &n_steps), 0);
}

static bool take(void *taker, const struct sink_item *item)
{
	int64_t *n = taker;
	cr_expect_eq(item->id % 2, 1);
	cr_expect_eq(item->attempts, 1);
	++*n;
	return true;
}

Test(dead, is_due_at_once_when_it_is_to_be_sent_again)
{
	struct dead_filter all = DEAD_FILTER_INIT;
	struct feed *feed = NULL;
	int n_steps = 0;
	int64_t n = 0;
	cr_expect_eq(carry_out(DEAD_RETRY, &all, &n_steps), N / 2);
	cr_expect_gt(n_steps, 1, "all in one transaction");
	check_books(0, N / 2, 0);
	must(feed_open(fixture->path, "payi", &feed, &fixture->err));
	cr_expect_eq(feed_each_deferred(feed, START_US * 2, 0, N, take, &n, &fixture->err), N / 2);
	feed_close(feed);
	cr_expect_eq(carry_out(DEAD_RETRY, &all, &n_steps), 0, "there is none left");
}

Test(dead, stays_in_the_history_and_the_books_when_it_is_dropped)
{
	struct dead_filter filter = DEAD_FILTER_INIT;
	int n_steps = 0;
	filter.code = "invalid_user_id";
	cr_expect_eq(carry_out(DEAD_DROP, &filter, &n_steps), N / 4);
	check_books(N / 4, 0, N / 4);
	cr_expect_eq(count("SELECT count(*) FROM event_history WHERE delivery = 'discarded'"),
		     N / 4);
	cr_expect_eq(count("SELECT count(*) FROM sink_exceptions WHERE state = 'discarded'"
			   " AND code = 'invalid_user_id' AND attempts = 1 AND message = 'no'"
			   " AND first_us = last_us AND discarded_us > last_us"),
		     N / 4);
	cr_expect_eq(carry_out(DEAD_RETRY, &filter, &n_steps), 0, "what is dropped stays dropped");
}

/* A rollback leaves everything, and the step's place, to be done again. */
Test(dead, is_as_before_after_a_rollback)
{
	struct dead_filter all = DEAD_FILTER_INIT;
	struct store_dead dead = {.sink = "payi", .action = DEAD_DROP, .filter = &all};
	must(store_begin(fixture->store, &fixture->err));
	cr_assert_eq(store_dead_step(fixture->store, &dead, START_US, &fixture->err),
		     STORE_DEAD_MORE);
	store_rollback(fixture->store);
	check_books(N / 2, 0, 0);
}

Test(dead, copies_a_filter_whole)
{
	const int64_t events[] = {1, 2};
	const struct dead_filter from = {.use_case_name = "a",
					 .code = "b",
					 .since_us = 1,
					 .until_us = 2,
					 .events = events,
					 .n_events = 2};
	struct dead_filter *to = NULL;
	must(dead_filter_copy(&from, &to, &fixture->err));
	cr_expect_str_eq(to->use_case_name, "a");
	cr_expect_str_eq(to->code, "b");
	cr_expect_null(to->user_id);
	cr_expect_neq(to->events, from.events);
	cr_expect_eq(to->events[1], 2);
	cr_expect_eq(to->until_us, 2);
	dead_filter_free(to);
}
