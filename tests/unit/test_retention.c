/*
 * Retention: what goes, what stays, and that the books balance whatever does.
 */
#include "base/clock.h"
#include "event/event_bodies.h"
#include "retention_stage.h"
#include "store/feed.h"

#include <sqlite3.h>

TestSuite(retention, .timeout = 60);

#define FOR_EVER (INT64_C(1) << 60)

static const char books[] =
	"SELECT stored, delivered, waiting, deferred, held, dead, discarded FROM sink_books";
static const char counts[] = "SELECT what, reason, n FROM retention_counts";

/* ---- By age --------------------------------------------------------------------------------------- */

Test(retention, takes_delivered_events_by_age_and_leaves_the_rest)
{
	static const struct sink_outcome dead[] = {{.id = 2, .verdict = SINK_DEAD, .code = "bad"}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	settle(fixture, 0, 6, 5, dead, 1);
	run_round(fixture, &(struct retention_policy){.events_us = DAY_US}, START_US + DAY_US);
	assert_rows("SELECT count(*) FROM events", "10\n"); /* a moment too young */
	run_round(fixture, &(struct retention_policy){.events_us = DAY_US}, START_US + DAY_US + 1);
	assert_rows("SELECT id FROM events", "2\n7\n8\n9\n10\n");
	assert_rows(books, "10|5|4|0|0|1|0\n");
	assert_rows(counts, "events|age|5\n");
	assert_rows("SELECT sum(events), sum(input_units) FROM usage_hours", "10|100\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

Test(retention, keeps_everything_when_nothing_is_asked_for)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	settle(fixture, 0, 10, 10, NULL, 0);
	run_round(fixture, &(struct retention_policy){0}, START_US + 10000 * DAY_US);
	assert_rows("SELECT count(*) FROM events", "10\n");
	assert_rows("SELECT count(*) FROM retention_counts", "0\n");
	fixture_close(fixture);
}

/* What was settled ahead of an earlier batch may yet come again, after a restart: it stays. */
Test(retention, does_not_touch_what_is_ahead_of_the_position)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	settle(fixture, 5, 8, 3, NULL, 0);
	run_round(fixture, &(struct retention_policy){.events_us = 1}, START_US + DAY_US);
	assert_rows("SELECT count(*) FROM events", "10\n");
	fixture_close(fixture);
}

/* A round that is under way when they are due does not look at them: the next one does. */
Test(retention, looks_at_dead_letters_once_an_hour_whatever_is_under_way_then)
{
	static const struct sink_outcome dead[] = {{.id = 2, .verdict = SINK_DEAD, .code = "bad"}};
	const struct retention_policy policy = {.dead_us = DAY_US};
	const int64_t hour_us = DAY_US / 24, wall_us = START_US + 2 * DAY_US;
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	retention_init(&retention, &policy);
	end_round(fixture, &retention, 1, wall_us);
	fixture_fill(fixture, 4);
	settle(fixture, 0, 4, 3, dead, 1);
	retention.phase = 3; /* of a round that was begun before they were due */
	retention.whole = false;
	end_round(fixture, &retention, hour_us + 1, wall_us);
	assert_rows(counts, "");
	end_round(fixture, &retention, hour_us + 60000000, wall_us);
	assert_rows(counts, "dead|age|1\n");
	fixture_close(fixture);
}

static void put_stored_at(struct fixture *fixture, const struct sample *sample, int64_t stored_us)
{
	struct event event;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_sbuffer_init(&record);
	sample_pack(&record, sample);
	cr_assert_null(event_decode(&event, (uint8_t *)record.data, record.size, text));
	must(store_begin(fixture->store, &fixture->err));
	must(store_event_put(fixture->store, fixture->ring, &event, stored_us, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	msgpack_sbuffer_destroy(&record);
}

Test(retention, an_event_stored_by_a_clock_ahead_does_not_keep_the_others)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	for (int i = 0; i < 3; i++)
		put_stored_at(fixture, &(struct sample){.time_us = START_US, .input = 1},
			      START_US + (i == 1) * 1000 * DAY_US);
	settle(fixture, 0, 3, 3, NULL, 0);
	run_round(fixture, &(struct retention_policy){.events_us = DAY_US}, START_US + 2 * DAY_US);
	assert_rows("SELECT id FROM events", "2\n");
	fixture_close(fixture);
}

Test(retention, gives_up_dead_letters_by_their_own_age)
{
	static const struct sink_outcome dead[] = {{.id = 2, .verdict = SINK_DEAD, .code = "bad"},
						   {.id = 3, .verdict = SINK_DEAD, .code = "bad"}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 4);
	settle(fixture, 0, 4, 2, dead, 2);
	run_round(fixture, &(struct retention_policy){.dead_us = DAY_US}, START_US + DAY_US + 1);
	assert_rows("SELECT event, delivery FROM event_history",
		    "1|delivered\n2|discarded\n3|discarded\n4|delivered\n");
	assert_rows(books, "4|2|0|0|0|0|2\n");
	assert_rows(counts, "dead|age|2\n");
	run_round(fixture, &(struct retention_policy){.events_us = DAY_US}, START_US + DAY_US + 1);
	assert_rows("SELECT count(*) FROM events", "0\n");
	assert_rows("SELECT count(*) FROM sink_exceptions", "0\n");
	assert_rows(books, "4|2|0|0|0|0|2\n");
	fixture_close(fixture);
}

/* ---- Undelivered events ----------------------------------------------------------------------------- */

static const struct retention_policy undelivered = {.events_us = DAY_US, .undelivered = true};

Test(retention, takes_undelivered_events_only_when_told_to)
{
	static const struct sink_outcome outcomes[] = {
		{.id = 1, .verdict = SINK_DEAD, .code = "bad"},
		{.id = 2, .verdict = SINK_DEFERRED, .retry_us = START_US}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	settle(fixture, 0, 3, 1, outcomes, 2);
	settle(fixture, 5, 7, 2, NULL, 0);
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows("SELECT id FROM events", "6\n7\n"); /* they were ahead until then */
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows("SELECT count(*) FROM events", "0\n");
	assert_rows(books, "10|3|0|0|0|0|7\n");
	assert_rows(counts, "dead|age|1\nevents|age|3\nundelivered|age|6\n");
	assert_rows("SELECT position FROM sinks", "10\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

/* The sink had them under way: what the service has taken was delivered after all. */
Test(retention, believes_a_settlement_of_what_was_discarded)
{
	static const struct sink_outcome outcomes[] = {
		{.id = 2, .verdict = SINK_DEAD, .code = "bad"},
		{.id = 3, .verdict = SINK_DEFERRED, .retry_us = START_US}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 300);
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	fixture_fill(fixture, 10);
	assert_rows(books, "310|0|10|0|0|0|300\n");
	settle(fixture, 0, 100, 98, outcomes, 2);
	assert_rows(books, "310|98|10|0|0|0|202\n");
	settle(fixture, 100, 305, 205, NULL, 0);
	assert_rows(books, "310|303|5|0|0|0|2\n");
	assert_rows("SELECT count(*) FROM sink_exceptions", "0\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

/* A deferred event was being sent again when it was discarded. */
Test(retention, believes_the_late_outcome_of_a_discarded_exception)
{
	static const struct sink_outcome deferred[] = {
		{.id = 1, .verdict = SINK_DEFERRED, .retry_us = START_US},
		{.id = 2, .verdict = SINK_DEFERRED, .retry_us = START_US}};
	static const struct sink_outcome later[] = {{.id = 1, .verdict = SINK_DEAD, .code = "bad"},
						    {.id = 2, .verdict = SINK_DELIVERED}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	settle(fixture, 0, 3, 1, deferred, 2);
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows(books, "3|1|0|0|0|0|2\n");
	settle(fixture, 3, 3, 0, later, 2);
	assert_rows(books, "3|1|0|0|0|0|2\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

Test(retention, lets_those_go_that_waited_behind_a_discarded_event)
{
	struct fixture fixture[1];
	const struct sample sample = {
		.time_us = START_US, .use_case_name = "chat", .use_case_id = "one", .input = 1};
	const struct sink_outcome outcomes[] = {
		{.id = 1, .verdict = SINK_DEFERRED, .retry_us = FOR_EVER, .instance = 1},
		{.id = 2, .verdict = SINK_BEHIND, .instance = 1}};
	fixture_open(fixture);
	put_stored_at(fixture, &sample, START_US);
	put_stored_at(fixture, &sample, START_US + DAY_US);
	settle(fixture, 0, 2, 0, outcomes, 2);
	assert_rows("SELECT event, state FROM sink_exceptions", "1|deferred\n2|held\n");
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows("SELECT event, state FROM sink_exceptions", "2|deferred\n");
	assert_rows(books, "2|0|0|1|0|0|1\n");
	fixture_close(fixture);
}

/* ---- Under pressure ---------------------------------------------------------------------------------- */

/* A record with bodies: of n bytes, or none. */
static void put_large(struct fixture *fixture, size_t n)
{
	struct event event;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_packer packer;
	char *body = malloc(n + 1);
	memset(body, 'x', n);
	body[n] = '\0';
	msgpack_sbuffer_init(&record);
	msgpack_packer_init(&packer, &record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 5 + (n > 0));
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	pack_units(&packer, &(struct sample){.input = 7, .output = 3});
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, START_US);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	pack_text_field(&packer, PAYI_FIELD_user_id, "ann");
	if (n > 0)
		pack_text_field(&packer, PAYI_FIELD_provider_request_json, body);
	const char *reason = event_decode(&event, (uint8_t *)record.data, record.size, text);
	cr_assert_null(reason, "%s", reason);
	must(store_event_put(fixture->store, fixture->ring, &event, START_US, &fixture->err));
	msgpack_sbuffer_destroy(&record);
	free(body);
}

static void fill_large(struct fixture *fixture, int n, size_t bytes)
{
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < n; i++)
		put_large(fixture, bytes);
	must(store_commit(fixture->store, &fixture->err));
}

static int64_t number(const struct fixture *fixture, const char *sql)
{
	char *rows = fixture_rows(fixture, sql);
	const int64_t value = strtoll(rows, NULL, 10);
	free(rows);
	return value;
}

static int64_t database_bytes(const struct fixture *fixture)
{
	return number(fixture,
		      "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
}

Test(retention, takes_bodies_before_events_and_gives_the_room_back)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	settle(fixture, 0, 400, 400, NULL, 0);
	const int64_t before = database_bytes(fixture);
	const struct retention_policy policy = {.max_bytes = before / 2,
						.bodies = RETENTION_BODIES_SETTLED};
	run_round(fixture, &policy, START_US);
	assert_rows("SELECT count(*), sum(input_units) FROM events", "400|2800\n");
	const int64_t stripped =
		number(fixture, "SELECT count(*) FROM events WHERE length(record) < 200");
	cr_assert(stripped > 150 && stripped < 300, "%d", (int)stripped);
	cr_assert_eq(number(fixture, "SELECT max(id) FROM events WHERE length(record) < 200"),
		     stripped, "the oldest go first");
	cr_assert_eq(
		number(fixture,
		       "SELECT n FROM retention_counts WHERE what = 'bodies' AND reason = 'bytes'"),
		stripped);
	cr_assert_leq(database_bytes(fixture), before / 2);
	assert_rows("SELECT count(*) FROM event_history WHERE user_id = 'ann'", "400\n");
	fixture_close(fixture);
}

Test(retention, takes_events_when_bodies_are_not_enough)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_large(fixture, 20000, 0);
	settle(fixture, 0, 15000, 15000, NULL, 0);
	const int64_t before = database_bytes(fixture);
	run_round(fixture,
		  &(struct retention_policy){.max_bytes = before / 2,
					     .bodies = RETENTION_BODIES_SETTLED},
		  START_US);
	const int64_t left = number(fixture, "SELECT count(*) FROM events");
	cr_assert(left > 5000 && left < 12000, "%d", (int)left);
	cr_assert_eq(number(fixture, "SELECT min(id) FROM events"), 20001 - left);
	cr_assert_leq(database_bytes(fixture), before / 2);
	assert_balance(fixture);
	fixture_close(fixture);
}

/* All is waiting, and nothing of it may go. */
Test(retention, keeps_what_waits_whatever_the_pressure)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	run_round(fixture,
		  &(struct retention_policy){.max_bytes = 1 << 20,
					     .min_free_bytes = FOR_EVER,
					     .bodies = RETENTION_BODIES_SETTLED},
		  START_US + 1000 * DAY_US);
	assert_rows("SELECT count(*), min(length(record)) > 20000 FROM events", "400|1\n");
	assert_rows("SELECT count(*) FROM retention_counts", "0\n");
	fixture_close(fixture);
}

/* Its units are what costs: they are sent, and its bodies are not. */
Test(retention, takes_bodies_of_what_waits_when_told_to)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	run_round(fixture,
		  &(struct retention_policy){.max_bytes = 1 << 20, .bodies = RETENTION_BODIES_ALL},
		  START_US);
	assert_rows("SELECT count(*), max(length(record)) < 200, sum(input_units) FROM events",
		    "400|1|2800\n");
	assert_rows(books, "400|0|400|0|0|0|0\n");
	fixture_close(fixture);
}

struct disk {
	int64_t free_bytes;
	int64_t all_bytes;
};

static int disk_room(void *context, const char *path, int64_t *free_bytes, int64_t *all_bytes)
{
	const struct disk *disk = context;
	(void)path;
	*free_bytes = disk->free_bytes;
	*all_bytes = disk->all_bytes;
	return 0;
}

Test(retention, frees_as_much_as_the_disk_lacks)
{
	struct fixture fixture[1];
	struct disk disk = {.free_bytes = 10 << 20, .all_bytes = 1 << 30};
	fixture_open(fixture);
	fill_large(fixture, 800, 20000);
	settle(fixture, 0, 800, 800, NULL, 0);
	const int64_t before = database_bytes(fixture);
	const struct retention_policy policy = {
		.min_free_bytes = 14 << 20, .room = disk_room, .room_context = &disk};
	run_round(fixture, &policy, START_US);
	const int64_t freed = before - database_bytes(fixture);
	cr_assert(freed >= 4 << 20 && freed < 6 << 20, "%d", (int)freed);
	cr_assert_gt(
		number(fixture,
		       "SELECT n FROM retention_counts WHERE what = 'events' AND reason = 'disk'"),
		100);
	disk.free_bytes = 20 << 20;
	const int64_t left = number(fixture, "SELECT count(*) FROM events");
	run_round(fixture, &policy, START_US);
	cr_assert_eq(number(fixture, "SELECT count(*) FROM events"), left);
	fixture_close(fixture);
}

/* Between two rounds a minute may lie, and much may be stored; but where nothing may go, no round follows the other at once. */
Test(retention, begins_before_its_time_when_the_disk_is_short_of_room)
{
	struct fixture fixture[1];
	struct disk disk = {.free_bytes = 20 << 20, .all_bytes = 1 << 30};
	const struct retention_policy policy = {
		.min_free_bytes = 14 << 20, .room = disk_room, .room_context = &disk};
	struct retention retention;
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	retention_init(&retention, &policy);
	const int64_t first_us = retention_due_us(&retention, START_US);
	retention_watch(&retention, fixture->store, START_US + 1);
	cr_expect_eq(retention_due_us(&retention, START_US + 1), first_us, "there is room");
	disk.free_bytes = 13 << 20;
	retention_watch(&retention, fixture->store, START_US + 2);
	cr_expect_eq(retention_due_us(&retention, START_US + 2), START_US + 2);

	do {
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(&retention, fixture->store, START_US + 2, START_US,
				    &fixture->err));
		must(store_commit(fixture->store, &fixture->err));
	} while (retention.phase != 0);
	const int64_t next_us = retention_due_us(&retention, START_US + 3);
	cr_expect_gt(next_us, START_US + 1000000, "undelivered events may not go");
	retention_watch(&retention, fixture->store, START_US + 3);
	cr_expect_eq(retention_due_us(&retention, START_US + 3), next_us);
	fixture_close(fixture);
}

/* What is asked of a large disk is too much of a small one. */
Test(retention, asks_no_more_than_a_tenth_of_a_small_disk)
{
	struct fixture fixture[1];
	struct disk disk = {.free_bytes = 9 << 20, .all_bytes = 64 << 20};
	fixture_open(fixture);
	fill_large(fixture, 100, 20000);
	settle(fixture, 0, 100, 100, NULL, 0);
	run_round(fixture,
		  &(struct retention_policy){
			  .min_free_bytes = 512 << 20, .room = disk_room, .room_context = &disk},
		  START_US);
	assert_rows("SELECT count(*) FROM events", "100\n");
	fixture_close(fixture);
}

Test(retention, takes_undelivered_events_last_and_when_told_to)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	settle(fixture, 0, 100, 100, NULL, 0);
	const int64_t before = database_bytes(fixture);
	run_round(fixture,
		  &(struct retention_policy){.max_bytes = before / 2,
					     .undelivered = true,
					     .bodies = RETENTION_BODIES_SETTLED},
		  START_US);
	assert_balance(fixture);
	cr_assert_eq(number(fixture, "SELECT n FROM retention_counts WHERE what = 'events'"), 100);
	const int64_t gone = number(
		fixture,
		"SELECT n FROM retention_counts WHERE what = 'undelivered' AND reason = 'bytes'");
	cr_assert(gone > 50 && gone < 250, "%d", (int)gone);
	cr_assert_eq(number(fixture, "SELECT discarded FROM sink_books"), gone);
	cr_assert_leq(database_bytes(fixture), before / 2);
	fixture_close(fixture);
}

/* ---- Beside a busy intake ----------------------------------------------------------------------------- */

static void step(struct fixture *fixture, struct retention *retention, int64_t now_us)
{
	must(store_begin(fixture->store, &fixture->err));
	must(retention_step(retention, fixture->store, now_us, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static bool look(struct fixture *fixture, struct retention *retention, int64_t now_us)
{
	bool due = false;
	must(retention_look(retention, fixture->store, now_us, &due, &fixture->err));
	return due;
}

/* Else each transaction would put more than its slice takes. */
Test(retention, takes_as_long_as_the_intake_did)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	fill_large(fixture, 20000, 0);
	settle(fixture, 0, 20000, 20000, NULL, 0);
	retention_init(&retention, &(struct retention_policy){.max_bytes = 1 << 20});
	const int64_t due_us = retention_due_us(&retention, START_US);
	retention_busy(&retention, 10000);
	retention_busy(&retention, 5000);
	const int64_t begin_us = clock_boot_us();
	step(fixture, &retention, due_us);
	cr_assert_geq(clock_boot_us() - begin_us, 15000);
	cr_assert_neq(retention.phase, 0);
	cr_assert(!look(fixture, &retention, due_us + HOUR_US), "a round is under way");
	fixture_close(fixture);
}

static void change_database(const struct fixture *fixture, const char *sql)
{
	sqlite3 *db = NULL;
	cr_assert_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Another program has made the database anew, and it gives nothing back: a round ends all the same. */
Test(retention, ends_where_the_database_gives_nothing_back)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	store_close(fixture->store);
	change_database(fixture, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM;"
				 "PRAGMA journal_mode = WAL");
	fixture_store_open(fixture);
	retention_init(&retention,
		       &(struct retention_policy){.max_bytes = 1 << 20, .undelivered = true});
	const int64_t now_us = retention_due_us(&retention, START_US);
	int n = 0;
	do
		step(fixture, &retention, now_us);
	while (retention.phase != 0 && ++n < 10000);
	cr_assert_lt(n, 10000);
	fixture_close(fixture);
}

/* Rounds are a minute apart, in which a busy intake can put gigabytes there. */
Test(retention, is_due_when_the_bound_is_passed_between_rounds)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	fill_large(fixture, 100, 0);
	const struct retention_policy policy = {.max_bytes = database_bytes(fixture) + (1 << 20),
						.undelivered = true};
	retention_init(&retention, &policy);
	cr_assert(!look(fixture, &retention, START_US), "it has not begun");
	int64_t now_us = retention_due_us(&retention, START_US);
	do
		step(fixture, &retention, now_us);
	while (retention.phase != 0);
	now_us += 2000000;
	cr_assert(!look(fixture, &retention, now_us), "there is room");
	fill_large(fixture, 200, 20000);
	cr_assert(!look(fixture, &retention, now_us + 1000), "it looks once a second");
	cr_assert(look(fixture, &retention, now_us + 2000000));
	fixture_close(fixture);
}

/* Nothing is left that may go: it is looked for every few seconds, not with each transaction. */
Test(retention, is_not_due_all_the_time_when_nothing_may_go)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	fill_large(fixture, 400, 20000);
	retention_init(&retention, &(struct retention_policy){.max_bytes = 1 << 20});
	const int64_t now_us = retention_due_us(&retention, START_US);
	do
		step(fixture, &retention, now_us);
	while (retention.phase != 0);
	cr_assert(!look(fixture, &retention, now_us + 2000000));
	cr_assert_gt(retention.due_us, now_us + 2000000);
	fixture_close(fixture);
}

/* ---- With the rest of the agent ------------------------------------------------------------------------ */

static bool count_item(void *taker, const struct sink_item *item)
{
	(void)item;
	++*(int *)taker;
	return true;
}

/* A feed that reads while retention discards ahead of it sees what is left, once. */
Test(retention, a_feed_goes_on_behind_what_was_discarded)
{
	struct fixture fixture[1];
	struct feed *feed = NULL;
	int n = 0;
	fixture_open(fixture);
	fixture_fill(fixture, 200);
	must(feed_open(fixture->path, "payi", &feed, &fixture->err));
	cr_assert_eq(feed_each(feed, 0, 50, count_item, &n, &fixture->err), 50);
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	fixture_fill(fixture, 10);
	cr_assert_eq(feed_each(feed, 50, 1000, count_item, &n, &fixture->err), 10);
	settle(fixture, 0, 50, 50, NULL, 0);
	settle(fixture, 50, 210, 10, NULL, 0);
	assert_rows(books, "210|60|0|0|0|0|150\n");
	feed_close(feed);
	fixture_close(fixture);
}

/* A slice that is rolled back, as by a kill, has taken nothing; and the next one takes it all. */
Test(retention, a_slice_that_is_rolled_back_has_done_nothing)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	fixture_fill(fixture, 100);
	settle(fixture, 0, 50, 50, NULL, 0);
	retention_init(&retention, &undelivered);
	must(store_begin(fixture->store, &fixture->err));
	must(retention_step(&retention, fixture->store, 0, START_US + DAY_US + 1, &fixture->err));
	store_rollback(fixture->store);
	assert_rows("SELECT count(*) FROM events", "100\n");
	assert_rows(books, "100|50|50|0|0|0|0\n");
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows(books, "100|50|0|0|0|0|50\n");
	fixture_close(fixture);
}

/* ---- Bodies ------------------------------------------------------------------------------------------- */

Test(retention, a_record_without_bodies_has_all_else)
{
	struct event before;
	struct event after;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_packer packer;
	struct buf stripped = BUF_INIT;
	msgpack_sbuffer_init(&record);
	msgpack_packer_init(&packer, &record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 7);
	pack_text_field(&packer, PAYI_FIELD_provider_request_json, "{\"secret\":1}");
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	pack_units(&packer, &(struct sample){.input = 7, .output = 3});
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, START_US);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	pack_text_field(&packer, PAYI_FIELD_user_id, "ann");
	pack_text_field(&packer, PAYI_FIELD_provider_request_reasoning_json, "deep");
	cr_assert_null(event_decode(&before, (uint8_t *)record.data, record.size, text));
	cr_assert(event_without_bodies((uint8_t *)record.data, record.size, &stripped));
	const char *reason = event_decode(&after, stripped.data, stripped.len, text);
	cr_assert_null(reason, "%s", reason);
	cr_assert_eq(after.present,
		     before.present & ~(UINT64_C(1) << PAYI_FIELD_provider_request_json) &
			     ~(UINT64_C(1) << PAYI_FIELD_provider_request_reasoning_json));
	cr_assert_eq(after.input_units, 7);
	struct buf none = BUF_INIT;
	cr_assert_not(event_without_bodies(stripped.data, stripped.len, &none));
	cr_assert_not(event_without_bodies((const uint8_t *)"nonsense", 8, &none));
	cr_assert_eq(none.len, 0);
	buf_release(&stripped);
	buf_release(&none);
	msgpack_sbuffer_destroy(&record);
}
