/*
 * SQLite finds no memory, at each of its allocations in turn: a transaction then is there as a whole or not at all, also when
 * SQLite has rolled back by itself and some of ours were to come. The second try makes it whole, and once.
 */
#include "sink/sink.h"
#include "store_fixture.h"

#include <sqlite3.h>

static sqlite3_mem_methods real;
static int fail_at; /* the allocation, from 1 on; 0: none */
static int n_allocations;

static bool is_to_fail(void)
{
	return fail_at > 0 && ++n_allocations == fail_at;
}

static void *allocate(int bytes)
{
	return is_to_fail() ? NULL : real.xMalloc(bytes);
}

static void *reallocate(void *memory, int bytes)
{
	return is_to_fail() ? NULL : real.xRealloc(memory, bytes);
}

static void begin(void)
{
	sqlite3_mem_methods ours;
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
	ours = real;
	ours.xMalloc = allocate;
	ours.xRealloc = reallocate;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
}

TestSuite(store_memory, .init = begin);

/* An event, and that those up to the one before it are delivered, but for the last: that one waits. */
static int write_both(struct fixture *fixture, int64_t n)
{
	const struct sample sample = {
		.time_us = START_US, .use_case_name = "memory", .use_case_id = "1", .input = 1};
	const struct sink_outcome waits = {.id = n - 1,
					   .instance = 1,
					   .verdict = SINK_DEFERRED,
					   .retry_us = START_US,
					   .code = "later",
					   .message = "not now"};
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = n - 3,
						   .last_id = n - 1,
						   .n_delivered = 1,
						   .outcomes = &waits,
						   .n_outcomes = 1};
	struct store *store = fixture->store;
	struct event event;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_sbuffer_init(&record);
	sample_pack(&record, &sample);
	event_decode(&event, (const uint8_t *)record.data, record.size, text);
	int status = store_begin(store, &fixture->err);
	if (!status)
		status = store_event_put(store, fixture->ring, &event, START_US, &fixture->err);
	if (!status)
		status = store_event_put(store, fixture->ring, &event, START_US, &fixture->err);
	if (!status && n > 1)
		status = store_settle(store, &settlement, START_US, &fixture->err);
	if (!status)
		status = store_commit(store, &fixture->err);
	msgpack_sbuffer_destroy(&record);
	return status;
}

static void holds(const struct fixture *fixture, int64_t n_events)
{
	char expected[100];
	const int64_t n_settled = n_events - 2;
	snprintf(expected, sizeof(expected), "%lld|%lld|%lld|%lld\n", (long long)n_events,
		 (long long)n_settled, (long long)n_settled / 2, (long long)n_settled / 2);
	assert_rows("SELECT (SELECT count(*) FROM events), position, delivered,"
		    " (SELECT count(*) FROM sink_exceptions) FROM sinks",
		    expected);
}

static void make_good(struct fixture *fixture, int64_t n)
{
	store_rollback(fixture->store);
	const int status = store_reopen(fixture->store, &fixture->err);
	cr_assert_geq(status, 0, "%s", fixture->err.text);
	if (status != STORE_COMMITTED)
		must(write_both(fixture, n));
}

Test(store_memory, a_transaction_without_memory_is_there_once_or_not_at_all)
{
	struct fixture fixture[1];
	int n_failed = 0;
	int64_t n = 1;
	fixture_open(fixture);
	must(write_both(fixture, n));
	for (bool over = false; !over;) {
		n += 2;
		n_allocations = 0;
		fail_at = 1 + n_failed;
		const int failed = write_both(fixture, n);
		over = n_allocations < fail_at;
		fail_at = 0;
		if (!over)
			n_failed++;
		if (failed)
			make_good(fixture, n);
		holds(fixture, n + 1);
	}
	cr_expect_gt(n_failed, 50, "only %d allocations", n_failed);
	fixture_close(fixture);
}
