#include "store_fixture.h"

#include "store/wal.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Correlation ---------------------------------------------------------------------------------- */

static const char use_cases[] =
	"SELECT use_case_name, use_case_id, first_seen, last_seen, duration_s, events, failures,"
	" input_units, output_units, units, steps, users, latency_mean_ms, latency_max_ms"
	" FROM use_case_history ORDER BY 1, 2";

Test(store, finds_the_same_instance_again_after_days)
{
	static const struct sample monday = {.time_us = START_US,
					     .use_case_name = "support",
					     .use_case_id = "ticket-4711",
					     .step = "triage",
					     .user_id = "ada",
					     .latency_ms = 100,
					     .input = 10,
					     .output = 1};
	static const struct sample friday = {.time_us = START_US + 4 * DAY_US,
					     .use_case_name = "support",
					     .use_case_id = "ticket-4711",
					     .step = "answer",
					     .user_id = "bob",
					     .latency_ms = 300,
					     .http_status = 500,
					     .input = 20,
					     .output = 2};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &monday, 1);
	fixture_store_reopen(fixture);
	fixture_commit(fixture, &friday, 1);
	assert_rows(
		use_cases,
		"support|ticket-4711|2026-11-18T11:06:40.000Z|2026-11-22T11:06:40.000Z|345600|2|1|"
		"30|3|{\"text\":{\"input\":30,\"output\":3}}|triage, answer|2|200.0|300\n");
	fixture_close(fixture);
}

/* The same id under another name is another instance; the id alone finds both. */
Test(store, tells_instances_apart_by_name_and_id)
{
	static const struct sample samples[] = {
		{.time_us = START_US, .use_case_name = "a", .use_case_id = "7"},
		{.time_us = START_US, .use_case_name = "b", .use_case_id = "7"},
		{.time_us = START_US, .use_case_name = "a", .use_case_id = "8"},
		{.time_us = START_US, .use_case_name = "a"},
		{.time_us = START_US, .use_case_name = "a"},
		{.time_us = START_US},
	};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, samples, COUNT(samples));
	assert_rows("SELECT use_case_name, use_case_id, events FROM use_case_history ORDER BY 1, 2",
		    "a||2\na|7|1\na|8|1\nb|7|1\n");
	assert_rows("SELECT use_case_name FROM use_case_history WHERE use_case_id = '7' ORDER BY 1",
		    "a\nb\n");
	assert_rows("SELECT count(*) FROM event_history WHERE use_case_name IS NULL", "1\n");
	fixture_close(fixture);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void make_workload(struct sample *samples, size_t n)
{
	static const char *const names[] = {"support", "search", NULL};
	static const char *const ids[] = {"1", "2", "3", NULL};
	static const char *const steps[] = {"plan", "write", "check", NULL};
	static const char *const users[] = {"ada", "bob", NULL};
	static const char *const models[] = {"gpt-4o", "claude", NULL};
	static const char *const types[] = {"text", "vision", "reasoning"};
	uint32_t state = 7;
	for (size_t i = 0; i < n; i++) {
		const char *name = names[next_random(&state) % COUNT(names)];
		samples[i] = (struct sample){
			.time_us = START_US + next_random(&state) % 50 * (HOUR_US / 7),
			.use_case_name = name,
			.use_case_id = name ? ids[next_random(&state) % COUNT(ids)] : NULL,
			.step = name ? steps[next_random(&state) % COUNT(steps)] : NULL,
			.user_id = users[next_random(&state) % COUNT(users)],
			.resource = models[next_random(&state) % COUNT(models)],
			.latency_ms = (int32_t)(next_random(&state) % 3 * 100),
			.http_status = next_random(&state) % 4 ? 200 : 429,
			.version = name ? (int32_t)(next_random(&state) % 3) : 0,
			.unit_type = types[next_random(&state) % COUNT(types)],
			.input = next_random(&state) % 1000,
			.output = next_random(&state) % 100,
		};
	}
}

static void shuffle(struct sample *samples, size_t n, uint32_t *state)
{
	for (size_t i = n - 1; i > 0; i--) {
		const size_t j = next_random(state) % (i + 1);
		const struct sample other = samples[j];
		samples[j] = samples[i];
		samples[i] = other;
	}
}

static void commit_in_batches(struct fixture *fixture, const struct sample *samples, size_t n,
			      uint32_t *state)
{
	for (size_t at = 0; at < n;) {
		const size_t want = 1 + next_random(state) % 100;
		const size_t batch = want < n - at ? want : n - at;
		fixture_commit(fixture, samples + at, batch);
		at += batch;
	}
}

static const char hours[] =
	"SELECT hour, use_case_name, category, resource, events, failures, input_units, "
	"output_units,"
	" units, latency_mean_ms, latency_max_ms, hour_us FROM usage_by_hour ORDER BY 1, 2, 3, 4";

static const char versions[] =
	"SELECT u.text, i.use_case_id, v.version, v.first_us, v.last_us, v.events"
	" FROM instance_versions v JOIN use_case_instances i ON i.id = v.instance"
	" JOIN names u ON u.id = i.use_case_name ORDER BY 1, 2, 3";

static const char latencies[] =
	"SELECT u.text, i.use_case_id, l.latency_ms, l.events FROM instance_latencies l"
	" JOIN use_case_instances i ON i.id = l.instance JOIN names u ON u.id = i.use_case_name"
	" UNION ALL SELECT u.text, r.text, l.latency_ms, sum(l.events) FROM usage_hour_latencies l"
	" LEFT JOIN names u ON u.id = l.use_case_name LEFT JOIN names r ON r.id = l.resource"
	" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3, 4";

static char *rows_of_workload(struct sample *samples, size_t n, uint32_t seed, const char *sql)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	if (seed)
		shuffle(samples, n, &seed);
	commit_in_batches(fixture, samples, n, &seed);
	char *rows = fixture_rows(fixture, sql);
	fixture_close(fixture);
	return rows;
}

/* Late events, out-of-order events, any split into transactions: the history is the same to the byte. */
Test(store, says_the_same_whatever_the_order_of_events)
{
	static struct sample samples[500];
	static const char *const views[] = {use_cases, hours, versions, latencies};
	for (size_t i = 0; i < COUNT(views); i++) {
		make_workload(samples, COUNT(samples));
		char *ordered = rows_of_workload(samples, COUNT(samples), 0, views[i]);
		cr_assert(strlen(ordered) > 500);
		for (uint32_t seed = 1; seed <= 3; seed++) {
			char *shuffled = rows_of_workload(samples, COUNT(samples), seed, views[i]);
			cr_assert_str_eq(shuffled, ordered);
			free(shuffled);
		}
		free(ordered);
	}
}

/* The rollups against the events themselves, added up by SQL. */
Test(store, rolls_up_what_the_events_say)
{
	static struct sample samples[500];
	struct fixture fixture[1];
	uint32_t state = 3;
	fixture_open(fixture);
	make_workload(samples, COUNT(samples));
	commit_in_batches(fixture, samples, COUNT(samples), &state);
	assert_rows("SELECT count(*) FROM (SELECT event_timestamp_us / 3600000000 * 3600000000,"
		    " use_case_name, category, resource, count(*), sum(failed), sum(input_units),"
		    " sum(output_units), max(end_to_end_latency_ms) FROM event_history GROUP BY 1, "
		    "2, 3, 4"
		    " EXCEPT SELECT hour_us, use_case_name, category, resource, events, failures,"
		    " input_units, output_units, latency_max_ms FROM usage_by_hour)",
		    "0\n");
	assert_rows(
		"SELECT count(*) FROM (SELECT use_case_name, use_case_id, count(*), sum(failed),"
		" sum(input_units), min(event_timestamp_us), max(event_timestamp_us),"
		" avg(end_to_end_latency_ms), count(DISTINCT user_id) FROM event_history"
		" WHERE use_case_name IS NOT NULL GROUP BY 1, 2"
		" EXCEPT SELECT use_case_name, use_case_id, events, failures, input_units, "
		"first_us,"
		" last_us, latency_mean_ms, users FROM use_case_history)",
		"0\n");
	assert_rows(
		"SELECT count(*) FROM (SELECT unit_type, sum(input), sum(output) FROM event_units"
		" GROUP BY 1 EXCEPT SELECT text, sum(input), sum(output) FROM usage_hour_units"
		" JOIN names ON id = unit_type GROUP BY 1)",
		"0\n");
	assert_rows("SELECT count(*) FROM (SELECT use_case_name, count(*), sum(failed), "
		    "sum(input_units), sum(output_units), min(event_timestamp_us), "
		    "max(event_timestamp_us)"
		    " FROM event_history WHERE use_case_name IS NOT NULL GROUP BY 1"
		    " EXCEPT SELECT text, events, failures, input_units, output_units, first_us, "
		    "last_us FROM use_case_totals JOIN names ON id = use_case_name)",
		    "0\n");
	/* The samples' 100 and 200 ms lie in the buckets around 102 and 204. */
	assert_rows("SELECT count(*) FROM (SELECT instance, end_to_end_latency_ms * 102 / 100, "
		    "count(*) FROM events WHERE instance IS NOT NULL AND end_to_end_latency_ms IS "
		    "NOT NULL GROUP BY 1, 2 EXCEPT SELECT * FROM instance_latencies)",
		    "0\n");
	assert_rows("SELECT count(*) FROM (SELECT event_timestamp_us / 3600000000, "
		    "end_to_end_latency_ms * 102 / 100, count(*) FROM events WHERE "
		    "end_to_end_latency_ms IS NOT NULL GROUP BY 1, 2 EXCEPT "
		    "SELECT hour, latency_ms, sum(events) FROM usage_hour_latencies GROUP BY 1, 2)",
		    "0\n");
	assert_rows("PRAGMA foreign_key_check", "");
	assert_rows("PRAGMA integrity_check", "ok\n");
	fixture_close(fixture);
}

Test(store, puts_an_event_into_the_hour_in_which_it_began)
{
	static const struct sample samples[] = {{.time_us = 10 * HOUR_US - 1},
						{.time_us = 10 * HOUR_US},
						{.time_us = 11 * HOUR_US - 1}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, samples, COUNT(samples));
	assert_rows("SELECT hour, events, hour_us FROM usage_by_hour ORDER BY hour_us",
		    "1970-01-01T09:00:00Z|1|32400000000\n1970-01-01T10:00:00Z|2|36000000000\n");
	fixture_close(fixture);
}

Test(store, shows_every_column_of_an_event)
{
	static const struct sample sample = {.time_us = START_US + 123456,
					     .use_case_name = "support",
					     .use_case_id = "7",
					     .step = "triage",
					     .user_id = "ada",
					     .resource = "gpt-4o",
					     .latency_ms = 850,
					     .http_status = 299,
					     .input = 1200,
					     .output = 300};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &sample, 1);
	assert_rows("SELECT event, event_time, use_case_name, use_case_id, use_case_step, category,"
		    " resource, input_units, output_units, units, end_to_end_latency_ms,"
		    " http_status_code, failed, user_id, provider_response_id, app_name, delivery,"
		    " event_timestamp_us FROM event_history",
		    "1|2026-11-18T11:06:40.123Z|support|7|triage|system.openai|gpt-4o|1200|300|"
		    "{\"text\":{\"input\":1200,\"output\":300}}|850|299|1|ada|resp-1|test|waiting|"
		    "1795000000123456\n");
	fixture_close(fixture);
}

/* ---- Transactions --------------------------------------------------------------------------------- */

static void put_lane(struct fixture *fixture, uint64_t position, uint64_t sequence)
{
	const struct store_lane lane = {
		.position = position, .sequence = sequence, .attempted = sequence};
	must(store_lane_put(fixture->store, fixture->ring, 0, &lane, &fixture->err));
}

static const char everything[] =
	"SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM names),"
	" (SELECT count(*) FROM use_case_instances), (SELECT count(*) FROM instance_totals),"
	" (SELECT count(*) FROM usage_hours), (SELECT count(*) FROM lanes),"
	" (SELECT last_event_id FROM agent_state)";

/* Also from memory: ids of rows that are gone must not turn up in what is written next. */
Test(store, leaves_nothing_after_a_rollback)
{
	static const struct sample sample = {
		.time_us = START_US, .use_case_name = "support", .use_case_id = "7"};
	static const struct sample other = {
		.time_us = START_US, .use_case_name = "search", .use_case_id = "8"};
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &sample);
	put_lane(fixture, 100, 1);
	store_rollback(fixture->store);
	assert_rows(everything, "0|0|0|0|0|0|0\n");
	fixture_commit(fixture, &other, 1);
	fixture_commit(fixture, &sample, 1);
	assert_rows("SELECT event, use_case_name, use_case_id, category FROM event_history",
		    "1|search|8|system.openai\n2|support|7|system.openai\n");
	assert_rows("PRAGMA foreign_key_check", "");
	fixture_close(fixture);
}

Test(store, may_be_rolled_back_when_nothing_was_begun)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	store_rollback(fixture->store);
	fixture_fill(fixture, 1);
	assert_rows("SELECT count(*) FROM events", "1\n");
	fixture_close(fixture);
}

/* An agent that ends between begin and commit, as a kill would end it. */
Test(store, commits_events_and_position_together_or_not_at_all)
{
	static const struct sample sample = {.time_us = START_US};
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &sample);
	put_lane(fixture, 100, 1);
	assert_rows(everything, "0|0|0|0|0|0|0\n");
	fixture_store_reopen(fixture);
	assert_rows(everything, "0|0|0|0|0|0|0\n");
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &sample);
	put_lane(fixture, 100, 1);
	must(store_commit(fixture->store, &fixture->err));
	fixture_store_reopen(fixture);
	assert_rows(everything, "1|2|0|0|1|1|1\n");
	fixture_close(fixture);
}

Test(store, goes_on_with_its_ids_after_a_restart)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	fixture_store_reopen(fixture);
	fixture_fill(fixture, 2);
	assert_rows("SELECT id FROM events ORDER BY id", "1\n2\n3\n4\n5\n");
	fixture_close(fixture);
}

/* Somebody's shell holds the write lock: nothing is written, nothing is lost, and it works again after. */
Test(store, waits_for_an_outsider_and_goes_on)
{
	struct fixture fixture[1];
	sqlite3 *outsider = NULL;
	fixture_open(fixture);
	cr_assert_eq(sqlite3_open(fixture->path, &outsider), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(outsider, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(store_begin(fixture->store, &fixture->err), ERR_BUSY);
	cr_assert(strstr(fixture->err.text, "another program"), "%s", fixture->err.text);
	store_rollback(fixture->store);
	cr_assert_eq(sqlite3_exec(outsider, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	fixture_fill(fixture, 1);
	assert_rows("SELECT count(*) FROM events", "1\n");
	sqlite3_close(outsider);
	fixture_close(fixture);
}

/* A limit on the size of files stands for a full disk; SQLite sees the same failing write. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int put_until_it_fails(struct fixture *fixture)
{
	static const uint8_t payload[65536];
	const struct payi_ring_record record = {.payload_bytes = sizeof(payload)};
	int status = store_begin(fixture->store, &fixture->err);
	for (int i = 0; !status && i < 1000; i++)
		status = store_rejected_put(fixture->store, fixture->ring, 0, &record, payload,
					    "bad", START_US, &fixture->err);
	return status ? status : store_commit(fixture->store, &fixture->err);
}

Test(store, goes_on_when_a_full_disk_has_room_again)
{
	static const struct sample sample = {
		.time_us = START_US, .use_case_name = "support", .use_case_id = "7"};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &sample, 1);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(4 << 20);
	cr_assert_lt(put_until_it_fails(fixture), 0);
	store_rollback(fixture->store);
	limit_files(RLIM_INFINITY);
	fixture_commit(fixture, &sample, 1);
	assert_rows("SELECT event, use_case_id FROM event_history ORDER BY event", "1|7\n2|7\n");
	assert_rows("SELECT count(*) FROM rejected_records", "0\n");
	assert_rows("PRAGMA integrity_check", "ok\n");
	fixture_close(fixture);
}

static long file_bytes(const struct fixture *fixture, const char *suffix)
{
	char path[128];
	snprintf(path, sizeof(path), "%s%s", fixture->path, suffix);
	FILE *file = fopen(path, "r");
	cr_assert_not_null(file);
	fseek(file, 0, SEEK_END);
	const long bytes = ftell(file);
	fclose(file);
	return bytes;
}

/* 8 MB in one transaction. */
static void commit_much(struct fixture *fixture)
{
	static const uint8_t payload[65536];
	const struct payi_ring_record record = {.payload_bytes = sizeof(payload)};
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < 128; i++)
		must(store_rejected_put(fixture->store, fixture->ring, 0, &record, payload, "bad",
					START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

Test(store, keeps_the_wal_bounded_while_it_is_busy)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	for (int i = 0; i < 16; i++) {
		commit_much(fixture);
		const long bytes = file_bytes(fixture, "-wal");
		cr_assert(bytes < 72L << 20, "%ld bytes", bytes);
	}
	fixture_close(fixture);
}

Test(store, moves_the_wal_into_the_database_when_it_is_idle)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	commit_much(fixture);
	cr_assert(file_bytes(fixture, "") < 1L << 20);
	must(store_checkpoint(fixture->store, &fixture->err));
	cr_assert(file_bytes(fixture, "") > 8L << 20);
	fixture_close(fixture);
}

/* ---- Rings ---------------------------------------------------------------------------------------- */

static int open_ring(struct fixture *fixture, uint8_t id, int64_t *key,
		     struct store_lane lanes[PAYI_RING_LANES_MAX])
{
	const struct store_ring ring = {
		.ring_id = {id}, .app_name = "app", .created_us = START_US, .n_lanes = 8};
	return store_ring_open(fixture->store, &ring, START_US, key, lanes, &fixture->err);
}

Test(store, knows_a_ring_and_its_lanes_again)
{
	static const struct store_lane lane = {.position = UINT64_MAX - 7,
					       .sequence = 11,
					       .rejected = 1,
					       .attempted = 20,
					       .refused = 2,
					       .dropped_full = 3,
					       .dropped_too_big = 4};
	struct fixture fixture[1];
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	int64_t key = 0;
	int64_t again = 0;
	fixture_open(fixture);
	must(open_ring(fixture, 9, &key, lanes));
	cr_assert_eq(lanes[3].position, 0);
	must(store_begin(fixture->store, &fixture->err));
	must(store_lane_put(fixture->store, key, 3, &(struct store_lane){.position = 8},
			    &fixture->err));
	must(store_lane_put(fixture->store, key, 3, &lane, &fixture->err));
	must(store_ring_busy(fixture->store, key, 5, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	fixture_store_reopen(fixture);
	must(open_ring(fixture, 9, &again, lanes));
	cr_assert_eq(again, key);
	cr_assert_eq(memcmp(&lanes[3], &lane, sizeof(lane)), 0);
	cr_assert_eq(lanes[2].position, 0);
	assert_rows("SELECT app_name, state, dropped_busy FROM rings WHERE app_name = 'app'",
		    "app|open|5\n");
	fixture_close(fixture);
}

Test(store, remembers_how_a_ring_ended)
{
	struct fixture fixture[1];
	struct store_lane lanes[PAYI_RING_LANES_MAX];
	int64_t closed = 0;
	int64_t aside = 0;
	fixture_open(fixture);
	must(open_ring(fixture, 8, &closed, lanes));
	must(open_ring(fixture, 9, &aside, lanes));
	must(store_begin(fixture->store, &fixture->err));
	must(store_ring_end(fixture->store, closed, NULL, START_US, &fixture->err));
	must(store_ring_end(fixture->store, aside, "tail 3 is no multiple of 8", START_US,
			    &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	cr_assert_eq(open_ring(fixture, 8, &closed, lanes), 0);
	cr_assert_eq(open_ring(fixture, 9, &aside, lanes), STORE_RING_ASIDE);
	assert_rows("SELECT state, reason FROM rings WHERE app_name = 'app' ORDER BY id",
		    "closed|\naside|tail 3 is no multiple of 8\n");
	fixture_close(fixture);
}

Test(store, keeps_rejected_records_as_they_are)
{
	static const uint8_t payload[] = {0xc1, 0x00, 0xff};
	const struct payi_ring_record record = {
		.payload_bytes = sizeof(payload), .type = PAYI_RING_EVENT, .sequence = 5};
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	must(store_rejected_put(fixture->store, fixture->ring, 2, &record, payload, "no map",
				START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	assert_rows(
		"SELECT lane, sequence, reason, record_bytes, hex(record) FROM rejected_records",
		"2|5|no map|3|C100FF\n");
	fixture_close(fixture);
}

Test(store, keeps_the_last_rejected_records_and_the_first_bytes_of_each)
{
	static const uint8_t payload[70000];
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	for (uint64_t i = 1; i <= 10010; i++) {
		const struct payi_ring_record record = {.payload_bytes = i == 10010 ? 70000 : 10,
							.sequence = i};
		must(store_rejected_put(fixture->store, fixture->ring, 0, &record, payload, "bad",
					START_US, &fixture->err));
	}
	must(store_commit(fixture->store, &fixture->err));
	assert_rows("SELECT count(*), min(sequence), max(length(record)), max(record_bytes)"
		    " FROM rejected_records",
		    "10000|11|65536|70000\n");
	fixture_close(fixture);
}

/* ---- Sinks ---------------------------------------------------------------------------------------- */

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

static const char books[] =
	"SELECT stored, delivered, waiting, deferred, dead FROM sink_books WHERE sink = 'payi'";
static const char position[] =
	"SELECT position, (SELECT count(*) FROM sink_settled) FROM sinks WHERE name = 'payi'";
static const char deliveries[] = "SELECT group_concat(substr(delivery, 1, 3)) FROM"
				 " (SELECT delivery FROM event_history ORDER BY event)";

Test(store, moves_a_sinks_position_when_the_gap_closes)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	assert_rows(books, "10|0|10|0|0\n");
	settle(fixture, 4, 6, 2, NULL, 0);
	settle(fixture, 8, 10, 2, NULL, 0);
	assert_rows(position, "0|2\n");
	assert_rows(books, "10|4|6|0|0\n");
	assert_rows(deliveries, "wai,wai,wai,wai,del,del,wai,wai,del,del\n");
	settle(fixture, 0, 4, 4, NULL, 0);
	assert_rows(position, "6|1\n");
	settle(fixture, 6, 8, 2, NULL, 0);
	assert_rows(position, "10|0\n");
	assert_rows(books, "10|10|0|0|0\n");
	fixture_close(fixture);
}

/* As after a restart: new batches lie around a range that an older one has settled ahead. */
Test(store, joins_a_range_with_those_that_lie_within)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	settle(fixture, 4, 6, 2, NULL, 0);
	settle(fixture, 2, 9, 5, NULL, 0);
	assert_rows(deliveries, "wai,wai,del,del,del,del,del,del,del,wai\n");
	assert_rows(books, "10|7|3|0|0\n");
	assert_rows(position, "0|1\n");
	settle(fixture, 0, 2, 2, NULL, 0);
	assert_rows(position, "9|0\n");
	assert_rows(books, "10|9|1|0|0\n");
	fixture_close(fixture);
}

Test(store, settles_what_was_deferred)
{
	static const struct sink_outcome first[] = {
		{.id = 2, .verdict = SINK_DEFERRED, .http_status = 503, .retry_us = START_US + 5},
		{.id = 3, .verdict = SINK_DEAD, .http_status = 400, .code = "bad", .message = "no"},
		{.id = 4, .verdict = SINK_DEFERRED, .retry_us = START_US + 5},
	};
	static const struct sink_outcome again[] = {
		{.id = 2, .verdict = SINK_DEFERRED, .http_status = 500, .retry_us = START_US + 9},
		{.id = 4, .verdict = SINK_DELIVERED},
	};
	static const struct sink_outcome last[] = {{.id = 2, .verdict = SINK_DEAD, .code = "gone"}};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 5);
	settle(fixture, 0, 5, 2, first, COUNT(first));
	assert_rows(books, "5|2|0|2|1\n");
	assert_rows(deliveries, "del,def,dea,def,del\n");
	settle(fixture, 5, 5, 1, again, COUNT(again));
	assert_rows(books, "5|3|0|1|1\n");
	assert_rows("SELECT event, state, attempts, retry_us - first_us, http_status"
		    " FROM sink_exceptions WHERE event = 2",
		    "2|deferred|2|9|500\n");
	settle(fixture, 5, 5, 0, last, COUNT(last));
	assert_rows(books, "5|3|0|0|2\n");
	assert_rows("SELECT event, state, attempts, code, message FROM sink_exceptions",
		    "2|dead|3|gone|\n3|dead|1|bad|no\n");
	fixture_close(fixture);
}

Test(store, keeps_what_a_sink_reports)
{
	static const struct sink_report offline = {
		.state = "offline", .last_error = "no route", .last_error_us = 5, .next_try_us = 9};
	static const struct sink_report sending = {.state = "sending", .last_success_us = 7};
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	must(store_sink_report(fixture->store, "payi", &offline, &fixture->err));
	must(store_sink_report(fixture->store, "payi", &sending, &fixture->err));
	must(store_sink_report(fixture->store, "other", &offline, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	assert_rows("SELECT name, state, last_error, last_error_us, last_success_us, next_try_us"
		    " FROM sinks ORDER BY name",
		    "other|offline|no route|5||9\npayi|sending|no route|5|7|\n");
	fixture_close(fixture);
}

/* ---- Who reads for long --------------------------------------------------------------------------- */

static int tell_when_begun(const char *path, const char *sql, int flags, int to)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db, flags, NULL) || sqlite3_exec(db, sql, NULL, NULL, NULL))
		return 1;
	if (write(to, "r", 1) != 1)
		return 1;
	pause();
	return 0;
}

Test(store, tells_which_other_process_holds_a_transaction_open)
{
	struct fixture fixture[1];
	char who[WAL_HOLDER_BYTES], expected[WAL_HOLDER_BYTES], begun;
	int ends[2];
	fixture_open(fixture);
	fixture_fill(fixture, 1);
	wal_holder(fixture->path, who);
	cr_expect_str_empty(who);
	cr_assert_eq(pipe(ends), 0);
	const pid_t reader = fork();
	if (reader == 0)
		_exit(tell_when_begun(fixture->path, "BEGIN; SELECT count(*) FROM events",
				      SQLITE_OPEN_READONLY, ends[1]));
	cr_assert_eq(read(ends[0], &begun, 1), 1);
	wal_holder(fixture->path, who);
	snprintf(expected, sizeof(expected), "pid %ld (test_store)", (long)reader);
	cr_expect_str_eq(who, expected);
	/* Who writes reads as well, and is not the one: the agent, to those who ask from outside. */
	const pid_t writer = fork();
	if (writer == 0)
		_exit(tell_when_begun(fixture->path, "BEGIN IMMEDIATE; DELETE FROM rings",
				      SQLITE_OPEN_READWRITE, ends[1]));
	cr_assert_eq(read(ends[0], &begun, 1), 1);
	wal_holder(fixture->path, who);
	cr_expect_str_eq(who, expected);
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
	wal_holder(fixture->path, who);
	cr_expect_str_empty(who);
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	fixture_close(fixture);
}
