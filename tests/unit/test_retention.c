/*
 * Retention: what goes, what stays, and that the books balance whatever does.
 */
#include "event/event_bodies.h"
#include "history/books.h"
#include "store/feed.h"
#include "store/retention.h"
#include "use_case_fixture.h"

TestSuite(retention, .timeout = 60);

#define FOR_EVER (INT64_C(1) << 60)

/* ---- Rounds --------------------------------------------------------------------------------------- */

/* Slices until a whole round is over, each in a transaction of its own. */
static void run_round(struct fixture *fixture, const struct retention_policy *policy,
		      int64_t wall_us)
{
	struct retention retention;
	retention_init(&retention, policy);
	int64_t now_us = START_US;
	now_us = retention_due_us(&retention, now_us);
	do {
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(&retention, fixture->store, now_us, wall_us, &fixture->err));
		must(store_commit(fixture->store, &fixture->err));
	} while (retention.phase != 0);
}

static void settle(struct fixture *fixture, int64_t after_id, int64_t last_id, int64_t n_delivered,
		   const struct sink_outcome *outcomes, size_t n)
{
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = after_id,
						   .last_id = last_id,
						   .n_delivered = n_delivered,
						   .outcomes = outcomes,
						   .n_outcomes = n};
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlement, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static void assert_balance(struct fixture *fixture)
{
	struct query_db *db = NULL;
	struct books_sink sink;
	must(query_db_open(fixture->path, &db, &fixture->err));
	cr_assert_eq(books_read_sink(db, "payi", &sink, &fixture->err), 1);
	cr_assert_null(books_check_sink(&sink),
		       "%s: stored %d, delivered %d, waiting %d, discarded %d",
		       books_check_sink(&sink), (int)sink.stored, (int)sink.delivered,
		       (int)sink.waiting, (int)sink.discarded);
	query_db_close(db);
}

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

Test(retention, an_event_stored_by_a_clock_ahead_does_not_keep_the_others)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < 3; i++) {
		struct event event;
		char text[EVENT_REASON_BYTES];
		msgpack_sbuffer record;
		msgpack_sbuffer_init(&record);
		sample_pack(&record, &(struct sample){.time_us = START_US, .input = 1});
		cr_assert_null(event_decode(&event, (uint8_t *)record.data, record.size, text));
		must(store_event_put(fixture->store, fixture->ring, &event,
				     START_US + (i == 1) * 1000 * DAY_US, &fixture->err));
		msgpack_sbuffer_destroy(&record);
	}
	must(store_commit(fixture->store, &fixture->err));
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
	fixture_open(fixture);
	const struct sample sample = {
		.time_us = START_US, .use_case_name = "chat", .use_case_id = "one", .input = 1};
	fixture_commit(fixture, (struct sample[]){sample, sample}, 2);
	const struct sink_outcome outcomes[] = {
		{.id = 1, .verdict = SINK_DEFERRED, .retry_us = FOR_EVER, .instance = 1},
		{.id = 2, .verdict = SINK_BEHIND, .instance = 1}};
	settle(fixture, 0, 2, 0, outcomes, 2);
	must(store_begin(fixture->store, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	struct retention retention;
	retention_init(&retention, &undelivered);
	/* The second one is too young: stored later. */
	char *rows = fixture_rows(fixture, "SELECT event, state FROM sink_exceptions");
	cr_assert_str_eq(rows, "1|deferred\n2|held\n");
	free(rows);
	run_round(fixture, &undelivered, START_US + DAY_US + 1);
	assert_rows(books, "2|0|0|0|0|0|2\n");
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

/* ---- Rollups ----------------------------------------------------------------------------------------- */

static void fill_instances(struct fixture *fixture)
{
	const struct sample samples[] = {
		{.time_us = START_US,
		 .use_case_name = "chat",
		 .use_case_id = "old",
		 .step = "a",
		 .user_id = "ann",
		 .latency_ms = 70,
		 .version = 1,
		 .input = 1},
		{.time_us = START_US + 500 * DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "new",
		 .step = "b",
		 .user_id = "bob",
		 .latency_ms = 80,
		 .version = 2,
		 .input = 2},
	};
	fixture_commit(fixture, samples, 2);
	settle(fixture, 0, 2, 2, NULL, 0);
}

static const char instance_rows[] =
	"SELECT count(*) FROM use_case_instances UNION ALL SELECT count(*) FROM instance_totals"
	" UNION ALL SELECT count(*) FROM instance_usage UNION ALL SELECT count(*) FROM "
	"instance_steps"
	" UNION ALL SELECT count(*) FROM instance_users UNION ALL SELECT count(*) FROM "
	"instance_versions"
	" UNION ALL SELECT count(*) FROM instance_latencies UNION ALL SELECT count(*) FROM "
	"usage_hours"
	" UNION ALL SELECT count(*) FROM usage_hour_units UNION ALL SELECT count(*) FROM "
	"usage_hour_latencies";

Test(retention, takes_rollups_by_their_own_age)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_instances(fixture);
	const struct retention_policy policy = {.events_us = 90 * DAY_US,
						.rollups_us = 400 * DAY_US};
	run_round(fixture, &policy, START_US + 399 * DAY_US);
	assert_rows("SELECT count(*) FROM events", "0\n");
	assert_rows(instance_rows, "2\n2\n2\n2\n2\n2\n2\n2\n2\n2\n");
	run_round(fixture, &policy, START_US + 402 * DAY_US);
	assert_rows(instance_rows, "1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n");
	assert_rows("SELECT use_case_id, events FROM use_case_history", "new|1\n");
	assert_rows("SELECT use_case_name, events FROM usage_by_hour", "chat|1\n");
	fixture_close(fixture);
}

Test(retention, keeps_an_instance_that_has_events)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_instances(fixture);
	run_round(fixture, &(struct retention_policy){.rollups_us = 400 * DAY_US},
		  START_US + 402 * DAY_US);
	assert_rows("SELECT count(*) FROM instance_totals", "2\n");
	assert_rows("SELECT count(*) FROM usage_hours", "1\n");
	fixture_close(fixture);
}

/* The store knew it a moment ago; it must not go on with a row that is gone. */
Test(retention, an_instance_that_returns_is_a_new_one)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_instances(fixture);
	const struct retention_policy policy = {.events_us = DAY_US, .rollups_us = 400 * DAY_US};
	run_round(fixture, &policy, START_US + 402 * DAY_US);
	fixture_commit(fixture,
		       &(struct sample){.time_us = START_US + 402 * DAY_US,
					.use_case_name = "chat",
					.use_case_id = "old",
					.input = 5},
		       1);
	assert_rows("SELECT use_case_id, events, input_units FROM use_case_history ORDER BY 1",
		    "new|1|2\nold|1|5\n");
	assert_rows("SELECT count(*) FROM events WHERE instance NOT IN (SELECT id FROM "
		    "use_case_instances)",
		    "0\n");
	fixture_close(fixture);
}

/* ---- Rings ------------------------------------------------------------------------------------------- */

static void close_ring(struct fixture *fixture)
{
	const struct store_lane lane = {.position = 800,
					.sequence = 13,
					.rejected = 2,
					.notices = 1,
					.attempted = 20,
					.refused = 3,
					.dropped_full = 2,
					.dropped_too_big = 1};
	must(store_begin(fixture->store, &fixture->err));
	must(store_lane_put(fixture->store, fixture->ring, 0, &lane, &fixture->err));
	must(store_ring_busy(fixture->store, fixture->ring, 4, &fixture->err));
	must(store_ring_end(fixture->store, fixture->ring, NULL, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static void read_books(struct fixture *fixture, struct books *sums)
{
	struct query_db *db = NULL;
	must(query_db_open(fixture->path, &db, &fixture->err));
	must(books_read(db, sums, &fixture->err));
	query_db_close(db);
}

Test(retention, takes_a_closed_ring_when_no_event_is_of_it)
{
	struct fixture fixture[1];
	struct books before;
	struct books after;
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	close_ring(fixture);
	settle(fixture, 0, 10, 10, NULL, 0);
	read_books(fixture, &before);
	cr_assert_null(books_check(&before));
	const struct retention_policy policy = {.events_us = 90 * DAY_US,
						.ring_dir = fixture->directory};
	run_round(fixture, &policy, START_US + 89 * DAY_US);
	run_round(fixture, &policy, START_US + 91 * DAY_US); /* the events */
	assert_rows("SELECT count(*) FROM rings", "1\n");
	run_round(fixture, &policy, START_US + 91 * DAY_US);
	assert_rows("SELECT (SELECT count(*) FROM rings), (SELECT count(*) FROM lanes)", "0|0\n");
	read_books(fixture, &after);
	cr_assert_arr_eq(&before, &after, sizeof(before));
	fixture_close(fixture);
}

/* Its file would be read once more. */
Test(retention, keeps_a_ring_that_has_a_file)
{
	struct fixture fixture[1];
	char path[128];
	fixture_open(fixture);
	close_ring(fixture);
	snprintf(path, sizeof(path), "%s/ring.01020300000000000000000000000000",
		 fixture->directory);
	fclose(fopen(path, "w"));
	const struct retention_policy policy = {.events_us = DAY_US,
						.ring_dir = fixture->directory};
	run_round(fixture, &policy, START_US + 91 * DAY_US);
	assert_rows("SELECT count(*) FROM rings", "1\n");
	unlink(path);
	run_round(fixture, &policy, START_US + 91 * DAY_US);
	assert_rows("SELECT count(*) FROM rings", "0\n");
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
