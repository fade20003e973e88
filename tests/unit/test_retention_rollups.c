/*
 * Retention of what is not an event: hours, instances, rings, names.
 */
#include "retention_stage.h"

TestSuite(retention_rollups, .timeout = 60);

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
	" UNION ALL SELECT count(*) FROM instance_usage UNION ALL SELECT count(*) FROM user_usage "
	"UNION ALL SELECT count(*) FROM "
	"instance_steps"
	" UNION ALL SELECT count(*) FROM instance_users UNION ALL SELECT count(*) FROM "
	"instance_versions"
	" UNION ALL SELECT count(*) FROM instance_latencies UNION ALL SELECT count(*) FROM "
	"usage_hours"
	" UNION ALL SELECT count(*) FROM usage_hour_units UNION ALL SELECT count(*) FROM "
	"usage_hour_latencies";

Test(retention_rollups, takes_rollups_by_their_own_age)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_instances(fixture);
	const struct retention_policy policy = {.events_us = 90 * DAY_US,
						.rollups_us = 400 * DAY_US};
	run_round(fixture, &policy, START_US + 399 * DAY_US);
	assert_rows("SELECT count(*) FROM events", "0\n");
	assert_rows(instance_rows, "2\n2\n2\n2\n2\n2\n2\n2\n2\n2\n2\n");
	run_round(fixture, &policy, START_US + 402 * DAY_US);
	assert_rows(instance_rows, "1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n");
	assert_rows("SELECT use_case_id, events FROM use_case_history", "new|1\n");
	assert_rows("SELECT use_case_name, events FROM usage_by_hour", "chat|1\n");
	assert_rows("SELECT packed_from_hour - 1795000000000000 / 3600000000 FROM agent_state",
		    "1\n");
	fixture_close(fixture);
}

Test(retention_rollups, keeps_an_instance_that_has_events)
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
Test(retention_rollups, an_instance_that_returns_is_a_new_one)
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

/* ---- Names ------------------------------------------------------------------------------------------- */

enum { USERS = 1200 };

static void fill_users(struct fixture *fixture)
{
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < USERS; i++) {
		char user[32];
		snprintf(user, sizeof(user), "user-%d", i);
		fixture_put(fixture,
			    &(struct sample){.time_us = START_US + (i >= 1000) * 500 * DAY_US,
					     .use_case_name = "chat",
					     .use_case_id = user,
					     .step = i == 7 ? "odd" : "even",
					     .user_id = user,
					     .resource = i < 1000 ? "old" : "new",
					     .unit_type = i < 1000 ? "vision" : "text",
					     .input = 1});
	}
	must(store_commit(fixture->store, &fixture->err));
	settle(fixture, 0, USERS, USERS, NULL, 0);
}

static const char some_names[] = "SELECT text FROM names WHERE text NOT LIKE 'user-%' ORDER BY 1";
static const char dangling[] =
	"SELECT count(*) FROM event_history h JOIN events e ON e.id = h.event"
	" WHERE h.category IS NULL OR h.resource IS NULL OR h.user_id IS NULL OR h.use_case_name "
	"IS NULL";

/* Rounds of one retention, until a search for names has come to its end; an event is stored between slices. */
static void search_names(struct fixture *fixture, int64_t wall_us, const struct sample *meanwhile)
{
	const struct retention_policy policy = {.events_us = DAY_US, .rollups_us = 400 * DAY_US};
	struct retention retention;
	run_round(fixture, &policy, wall_us); /* what refers to them goes first */
	retention_init(&retention, &policy);
	(void)retention_due_us(&retention, 0);
	retention.names.due_us = 0;
	bool begun = false;
	while (!begun || retention.names.source) {
		retention.names.left = 4; /* so that it takes many slices */
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(&retention, fixture->store, 0, wall_us, &fixture->err));
		if (retention.names.source > 8 && meanwhile) { /* past all that it goes into */
			fixture_put(fixture, meanwhile);
			meanwhile = NULL;
		}
		must(store_commit(fixture->store, &fixture->err));
		begun |= retention.names.source || retention.names.due_us;
	}
}

Test(retention_rollups, takes_names_that_nothing_refers_to)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_users(fixture);
	assert_rows(some_names, "chat\neven\nnew\nodd\nold\nsystem.openai\ntext\nvision\n");
	search_names(fixture, START_US + 402 * DAY_US, NULL);
	assert_rows(some_names, "chat\neven\nnew\nsystem.openai\ntext\n");
	assert_rows("SELECT count(*) FROM names WHERE text LIKE 'user-%'", "200\n");
	assert_rows("SELECT count(*) FROM use_case_history WHERE use_case_name = 'chat'", "200\n");
	assert_rows("SELECT n FROM retention_counts WHERE what = 'names'", "1003\n");
	fixture_close(fixture);
}

/* Its row comes to be used when the search is past it. */
Test(retention_rollups, keeps_names_that_come_to_be_used_during_the_search)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fill_users(fixture);
	search_names(fixture, START_US + 402 * DAY_US,
		     &(struct sample){.time_us = START_US + 402 * DAY_US,
				      .use_case_name = "chat",
				      .use_case_id = "x",
				      .step = "odd",
				      .user_id = "user-3",
				      .resource = "old",
				      .unit_type = "vision",
				      .input = 1});
	assert_rows(some_names, "chat\neven\nnew\nodd\nold\nsystem.openai\ntext\nvision\n");
	assert_rows(dangling, "0\n");
	fixture_commit(
		fixture,
		&(struct sample){
			.time_us = START_US, .user_id = "user-4", .resource = "old", .input = 1},
		1);
	assert_rows("SELECT user_id, resource FROM event_history ORDER BY event DESC LIMIT 1",
		    "user-4|old\n");
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

Test(retention_rollups, takes_a_closed_ring_when_no_event_is_of_it)
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
Test(retention_rollups, keeps_a_ring_that_has_a_file)
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
