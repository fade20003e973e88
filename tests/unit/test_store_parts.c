/* The store's parts at their bounds, and what databases say that were made, or changed, by other hands. */
#define _DEFAULT_SOURCE
#include "help/fault_vfs.h"
#include "retention_stage.h"
#include "store/check.h"
#include "store/feed.h"
#include "store/guest.h"
#include "store/id_cache.h"
#include "store/set_aside.h"
#include "store/sql.h"
#include "store/store_parts.h"

#include <fcntl.h>
#include <sys/stat.h>

TestSuite(store_parts, .timeout = 60);

/* As another program would, in between. */
static void change(const struct fixture *fixture, const char *sql)
{
	sqlite3 *db;
	cr_assert_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int open_again(struct fixture *fixture)
{
	const struct store_options options = {.path = fixture->path};
	store_close(fixture->store);
	fixture->store = NULL;
	return store_open(&options, &fixture->store, &fixture->err);
}

/* ---- Ids ------------------------------------------------------------------------------------------ */

Test(store_parts, a_cache_of_ids_knows_a_key_by_all_of_it_and_forgets_when_it_is_full)
{
	enum { KEYS = 16, BYTES = 64 };
	struct id_cache *cache = id_cache_new(KEYS, BYTES, 7);
	id_cache_put(cache, 1, "abc", 3, 11);
	for (int number = 0; number < 200; number++)
		cr_expect_eq(id_cache_get(cache, number, "abc", 3), number == 1 ? 11 : 0);
	for (char other[] = "aba"; other[2] < 'z'; other[2]++)
		cr_expect_eq(id_cache_get(cache, 1, other, 3), other[2] == 'c' ? 11 : 0);
	for (size_t len = 0; len < 20; len++)
		cr_expect_eq(id_cache_get(cache, 1, "abcabcabcabcabcabcabc", len),
			     len == 3 ? 11 : 0);
	for (int i = 2; i <= KEYS; i++)
		id_cache_put(cache, i, "x", 1, i);
	cr_expect_eq(id_cache_get(cache, 1, "abc", 3), 11);
	id_cache_put(cache, 99, "x", 1, 99);
	cr_expect_eq(id_cache_get(cache, 1, "abc", 3), 0, "so many keys, and no more");
	cr_expect_eq(id_cache_get(cache, 99, "x", 1), 99);
	char text[BYTES + 1] = {0};
	id_cache_put(cache, 1, text, BYTES, 5);
	cr_expect_eq(id_cache_get(cache, 1, text, BYTES), 5);
	cr_expect_eq(id_cache_get(cache, 99, "x", 1), 0, "so many bytes, and no more");
	id_cache_put(cache, 2, text, BYTES + 1, 6);
	cr_expect_eq(id_cache_get(cache, 2, text, BYTES + 1), 0, "it is too long to be kept");
	cr_expect_eq(id_cache_get(cache, 1, text, BYTES), 5);
	id_cache_free(cache);
	id_cache_free(NULL);
}

/* What a search for names does not mean stays. */
Test(store_parts, marks_are_of_the_ids_that_were_there)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	struct ids *names = fixture->store->names;
	must(ids_marks_begin(names, 100, &fixture->err));
	static const int64_t marked[] = {-1, 0, 1, 100, 101, INT64_MAX};
	for (size_t i = 0; i < sizeof(marked) / sizeof(marked[0]); i++)
		ids_mark(names, marked[i]);
	for (int64_t id = -1; id <= 101; id++)
		cr_expect_eq(ids_is_marked(names, id), id < 2 || id > 99, "%d", (int)id);
	ids_marks_end(names);
	fixture_close(fixture);
}

/* ---- Transactions --------------------------------------------------------------------------------- */

/* As memory that runs out in a statement does: what is written after that would be committed on its own. */
Test(store_parts, a_transaction_that_sqlite_has_broken_off_is_not_committed)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &(struct sample){.time_us = START_US, .input = 1});
	cr_assert_eq(sqlite3_exec(fixture->store->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	fixture_put(fixture, &(struct sample){.time_us = START_US, .input = 1});
	cr_assert_eq(store_commit(fixture->store, &fixture->err), ERR_STORE);
	store_rollback(fixture->store);
	assert_rows("SELECT count(*), max(last_event_id) FROM events, agent_state", "3|3\n");
	cr_assert_eq(store_reopen(fixture->store, &fixture->err), 0, "nothing was committed");
	fixture_fill(fixture, 1);
	assert_rows("SELECT count(*) FROM events", "4\n");
	fixture_close(fixture);
}

/* The database was opened anew, and is not as it was left. */
Test(store_parts, a_rival_is_noticed_when_the_database_is_opened_again)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	change(fixture, "UPDATE agent_state SET epoch = epoch + 5");
	cr_assert_eq(store_reopen(fixture->store, &fixture->err), ERR_FENCED);
	fixture_close(fixture);
}

/* ---- The write-ahead log --------------------------------------------------------------------------- */

/* One reader after the other has kept the log from starting anew. They are waited for once, and a long while later again. */
Test(store_parts, readers_that_starve_the_log_are_waited_for_now_and_then)
{
	enum { STARVED = 32768 };
	struct fixture fixture[1];
	struct query_db *db = NULL;
	struct query *query = NULL;
	fixture_open(fixture);
	fixture_fill(fixture, 10);
	must(query_db_open(fixture->path, &db, &fixture->err));
	must(query_prepare(db, "SELECT id FROM events", &query, &fixture->err));
	cr_assert_eq(query_step(query, &fixture->err), 1);
	fixture_fill(fixture, 10);
	fixture->store->wal_pages = STARVED;
	must(store_checkpoint(fixture->store, &fixture->err));
	cr_assert_eq(fixture->store->wal_starved, 2 * STARVED, "not again so soon");
	query_free(query);
	query_db_close(db);
	fixture->store->wal_pages = 2 * STARVED;
	must(store_checkpoint(fixture->store, &fixture->err));
	cr_assert_eq(fixture->store->wal_pages, 0);
	cr_assert_eq(fixture->store->wal_starved, STARVED);
	fixture_close(fixture);
}

/* ---- Whose database it is --------------------------------------------------------------------------- */

Test(store_parts, a_header_that_says_anything_is_judged_by_all_that_it_says)
{
	static const struct {
		const char *sql;
		int status;
	} cases[] = {
		{"PRAGMA application_id = 7", ERR_CORRUPT}, /* it was ours */
		{"PRAGMA application_id = 0", ERR_CORRUPT},
		{"PRAGMA user_version = 0", ERR_CORRUPT},
		{"PRAGMA user_version = -3", ERR_CORRUPT},
		{"PRAGMA user_version = 1001", ERR_CORRUPT},
		{"PRAGMA user_version = 1000", ERR_STORE}, /* a later one */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture fixture[1];
		fixture_open(fixture);
		change(fixture, cases[i].sql);
		cr_expect_eq(open_again(fixture), cases[i].status, "%s: %s", cases[i].sql,
			     fixture->err.text);
		fixture_close(fixture);
	}
	static const char *const empty[] = {"PRAGMA application_id = 7", "PRAGMA user_version = 3"};
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct fixture fixture[1];
		fixture_open(fixture);
		store_close(fixture->store);
		fixture->store = NULL;
		unlink(fixture->path);
		change(fixture, empty[i]);
		cr_expect_eq(open_again(fixture), ERR_STORE, "%s: %s", empty[i], fixture->err.text);
		fixture_close(fixture);
	}
}

Test(store_parts, a_state_that_does_not_fit_is_damage)
{
	static const char *const changes[] = {"DELETE FROM agent_state",
					      "UPDATE agent_state SET last_event_id = 2"};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct fixture fixture[1];
		fixture_open(fixture);
		fixture_fill(fixture, 3);
		change(fixture, changes[i]);
		cr_expect_eq(open_again(fixture), ERR_CORRUPT, "%s", fixture->err.text);
		fixture_close(fixture);
	}
}

Test(store_parts, an_empty_file_beside_an_empty_log_is_a_new_database)
{
	struct fixture fixture[1];
	char wal[128];
	fixture_open(fixture);
	store_close(fixture->store);
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	cr_assert_eq(truncate(fixture->path, 0), 0);
	fclose(fopen(wal, "we"));
	fixture_store_open(fixture);
	fixture_fill(fixture, 1);
	fixture_close(fixture);
}

/* Lanes and rings that cannot be, in a database that somebody has written to. */
Test(store_parts, rows_that_make_no_sense_harm_nobody)
{
	struct fixture fixture[1];
	struct store_lane lanes[PAYI_RING_LANES_MAX + 1] = {0};
	const struct store_ring ring = {.ring_id = {1, 2, 3}, .app_name = "test", .n_lanes = 8};
	const struct retention_policy policy = {.events_us = DAY_US, .ring_dir = "/nonexistent"};
	fixture_open(fixture);
	change(fixture, "INSERT INTO lanes (ring, lane, position, sequence, rejected, notices,"
			" attempted, refused, dropped_full, dropped_too_big) VALUES"
			" (1, -1, 7, 7, 7, 7, 7, 7, 7, 7), (1, 16, 7, 7, 7, 7, 7, 7, 7, 7)");
	must(store_ring_open(fixture->store, &ring, START_US, &fixture->ring, lanes,
			     &fixture->err));
	for (int i = 0; i <= PAYI_RING_LANES_MAX; i++)
		cr_expect_eq(lanes[i].position, 0);
	change(fixture,
	       "DELETE FROM lanes; PRAGMA ignore_check_constraints = 1;"
	       "INSERT INTO rings (ring_id, app_name, pid, uid, created_us, seen_us, state,"
	       " closed_us) VALUES (x'0102', 'odd', 1, 1, 1, 1, 'closed', 1)");
	run_round(fixture, &policy, START_US + 30 * DAY_US);
	assert_rows("SELECT count(*) FROM rings WHERE app_name = 'odd'", "1\n");
	fixture_close(fixture);
}

/* ---- What can be read ------------------------------------------------------------------------------- */

/* Every byte of a database and of its log, or it is not to be believed. */
Test(store_parts, a_database_is_readable_when_all_of_it_is)
{
	struct fixture fixture[1];
	sqlite3 *memory;
	fault_vfs_install();
	fixture_open(fixture);
	fixture_fill(fixture, 100);
	cr_assert(sql_is_readable(fixture->store->db));
	int n = 1;
	for (;; n++) {
		fault_vfs_plan(&(struct fault_plan){FAULT_EIO, n, false});
		const bool readable = sql_is_readable(fixture->store->db);
		const bool failed = fault_vfs_calls() >= n;
		fault_vfs_plan(&(struct fault_plan){0});
		cr_assert_neq(readable, failed, "call %d", n);
		if (!failed)
			break;
	}
	cr_assert_gt(n, 4);
	cr_assert_eq(sqlite3_open(":memory:", &memory), SQLITE_OK);
	cr_assert(sql_is_readable(memory), "there is no file");
	sqlite3_close(memory);
	fixture_close(fixture);
}

/* ---- What is set aside ------------------------------------------------------------------------------ */

Test(store_parts, set_aside_by_a_short_path_a_long_one_and_none)
{
	struct fixture fixture[1];
	struct err err;
	char name[4096], here[4096], path[4200];
	fixture_open(fixture);
	store_close(fixture->store);
	fixture->store = NULL;
	cr_assert_not_null(getcwd(here, sizeof(here)));
	cr_assert_eq(chdir(fixture->directory), 0);
	cr_assert_eq(set_aside("payi.db", START_US, name, sizeof(name), &err), 0, "%s", err.text);
	cr_assert_str_eq(name, "payi.db.corrupt-20261118T110640Z");
	cr_assert_eq(unlink(name), 0);
	fclose(fopen("x", "we"));
	cr_assert_eq(set_aside("x", START_US, name, sizeof(name), &err), 0, "%s", err.text);
	cr_assert_eq(unlink(name), 0);
	memset(path, 'p', sizeof(path));
	path[4070] = '\0';
	cr_assert_eq(set_aside(path, START_US, name, sizeof(name), &err), ERR_CONFIG);
	fclose(fopen("file", "we"));
	cr_assert_eq(set_aside("file/payi.db", START_US, name, sizeof(name), &err), ERR_SYSTEM);
	cr_assert_eq(unlink("file"), 0);
	cr_assert_eq(chdir(here), 0);
	fixture_close(fixture);
}

/* ---- Filters, guests, versions ----------------------------------------------------------------------- */

Test(store_parts, a_filter_is_set_by_any_of_its_conditions)
{
	static const int64_t events[] = {1};
	const struct dead_filter none = DEAD_FILTER_INIT;
	struct dead_filter one[8];
	for (int i = 0; i < 8; i++)
		one[i] = none;
	one[0].use_case_name = one[1].use_case_id = one[2].user_id = one[3].code = "x";
	one[4].http_status = 400;
	one[5].since_us = one[6].until_us = 1;
	one[7].events = events;
	one[7].n_events = 1;
	cr_expect_not(dead_filter_is_set(&none));
	for (int i = 0; i < 8; i++)
		cr_expect(dead_filter_is_set(&one[i]), "%d", i);
}

Test(store_parts, a_guest_may_not_change_anything_by_any_name)
{
	static const char *const refused[] = {
		"UPDATE events SET stored_us = 0",
		"SELECT load_extension('x')",
		"SELECT fts3_tokenizer('simple')",
		"DELETE FROM events",
		"VACUUM",
		"REINDEX",
	};
	struct fixture fixture[1];
	struct query_db *db = NULL;
	struct query *query = NULL;
	int at;
	fixture_open(fixture);
	must(guest_db_open(fixture->path, &db, &fixture->err));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		cr_expect_eq(guest_prepare(db, refused[i], &query, &at, &fixture->err), ERR_INVALID,
			     "%s", refused[i]);
	query_db_close(db);
	cr_assert_lt(query_db_open(fixture->directory, &db, &fixture->err), 0,
		     "a directory is no database");
	fixture_close(fixture);
}

/* sqlite.org/wal.html: fixed in 3.51.3, and in two series before. */
Test(store_parts, versions_with_the_defect_are_known)
{
	static const int sound[] = {3044006, 3044009, 3050007, 3051003, 3052000, 4000000};
	static const int defect[] = {3007000, 3040001, 3044005, 3045000, 3050006, 3051002};
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++)
		cr_expect_not(query_sqlite_has_reset_defect(sound[i]), "%d", sound[i]);
	for (size_t i = 0; i < sizeof(defect) / sizeof(defect[0]); i++)
		cr_expect(query_sqlite_has_reset_defect(defect[i]), "%d", defect[i]);
}

/* ---- Large rows, prices ------------------------------------------------------------------------------ */

static void put_stored_at(struct fixture *fixture, size_t body_bytes, int64_t stored_us)
{
	struct event event;
	char text[EVENT_REASON_BYTES];
	msgpack_sbuffer record;
	msgpack_packer packer;
	char *body = malloc(body_bytes + 1);
	memset(body, 'x', body_bytes);
	body[body_bytes] = '\0';
	msgpack_sbuffer_init(&record);
	msgpack_packer_init(&packer, &record, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 5);
	pack_text_field(&packer, PAYI_FIELD_category, "system.openai");
	pack_units(&packer, &(struct sample){.input = 7, .output = 3});
	pack_int_field(&packer, PAYI_FIELD_event_timestamp_us, START_US);
	pack_text_field(&packer, PAYI_FIELD_provider_response_id, "resp-1");
	pack_text_field(&packer, PAYI_FIELD_provider_request_json, body);
	const char *reason = event_decode(&event, (uint8_t *)record.data, record.size, text);
	cr_assert_null(reason, "%s", reason);
	must(store_begin(fixture->store, &fixture->err));
	must(store_event_put(fixture->store, fixture->ring, &event, stored_us, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	msgpack_sbuffer_destroy(&record);
	free(body);
}

Test(store_parts, a_huge_event_between_small_ones)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	put_stored_at(fixture, 10, START_US);
	put_stored_at(fixture, 3 << 20, START_US);
	put_stored_at(fixture, 10, START_US);
	assert_rows("SELECT id, length(record) > 3000000 FROM events", "1|0\n2|1\n3|0\n");
	fixture_close(fixture);
}

static bool take_all_but_prices(void *n, const struct sink_ask *ask)
{
	++*(int *)n;
	return ask->kind != SINK_ASK_PRICES;
}

Test(store_parts, a_feed_stops_at_the_ask_that_is_not_taken)
{
	struct fixture fixture[1];
	struct feed *feed = NULL;
	int n = 0;
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &(struct sample){.time_us = START_US, .resource = "a", .input = 1});
	fixture_put(fixture, &(struct sample){.time_us = START_US, .resource = "b", .input = 1});
	must(store_commit(fixture->store, &fixture->err));
	tell(fixture, USE_CASE_DEFINE, "chat", "talks", START_US);
	must(feed_open(fixture->path, "payi", &feed, &fixture->err));
	feed_ask_prices(feed, true);
	cr_assert_eq(feed_asks(feed, START_US, 8, take_all_but_prices, &n, &fixture->err), 1,
		     "the definition");
	cr_assert_eq(n, 2, "and the first of the prices was offered");
	feed_close(feed);
	fixture_close(fixture);
}

/* ---- Retention ---------------------------------------------------------------------------------------- */

/* It is the first of all: those behind it are looked at nevertheless. */
Test(store_parts, the_first_event_may_be_of_a_clock_ahead)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	put_stored_at(fixture, 10, START_US + 1000 * DAY_US);
	put_stored_at(fixture, 10, START_US);
	settle(fixture, 0, 2, 2, NULL, 0);
	run_round(fixture, &(struct retention_policy){.events_us = DAY_US}, START_US + 2 * DAY_US);
	assert_rows("SELECT id FROM events", "1\n");
	fixture_close(fixture);
}

Test(store_parts, nothing_goes_where_there_is_no_sink_no_age_and_no_pressure)
{
	static const struct sink_outcome dead[] = {{.id = 1, .verdict = SINK_DEAD, .code = "bad"}};
	const struct retention_policy policy = {.events_us = DAY_US,
						.dead_us = DAY_US,
						.bodies = RETENTION_BODIES_ALL,
						.undelivered = true,
						.min_free_bytes = 1};
	struct fixture fixture[1];
	fixture_open(fixture);
	put_stored_at(fixture, 5000, START_US);
	put_stored_at(fixture, 5000, START_US);
	change(fixture, "DELETE FROM sinks");
	run_round(fixture, &policy, START_US + 2 * DAY_US);
	assert_rows("SELECT count(*), min(length(record)) > 5000 FROM events", "2|1\n");
	settle(fixture, 0, 1, 0, dead, 1);
	run_round(fixture, &policy, START_US + DAY_US / 2);
	assert_rows("SELECT count(*) FROM sink_exceptions WHERE state = 'dead'", "1\n");
	run_round(fixture, &policy, START_US + 2 * DAY_US);
	assert_rows("SELECT count(*) FROM events", "0\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

/* What waits goes a window at a time, up to the first that is too young, and not beyond what is settled ahead. */
Test(store_parts, what_waits_goes_up_to_what_is_young)
{
	enum { OLD = 300 };
	const struct retention_policy policy = {.events_us = DAY_US, .undelivered = true};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, OLD);
	put_stored_at(fixture, 10, START_US + 3 * DAY_US);
	settle(fixture, OLD, OLD + 1, 1, NULL, 0);
	run_round(fixture, &policy, START_US + 2 * DAY_US);
	assert_rows("SELECT count(*) FROM events", "1\n");
	assert_rows("SELECT position, discarded FROM sinks", "301|300\n");
	assert_balance(fixture);
	fixture_close(fixture);
}

static int64_t n_said;

static int count_said(void *context, const char *path, int64_t *free_bytes, int64_t *all_bytes)
{
	(void)context, (void)path;
	*free_bytes = n_said ? INT64_C(1) << 40 : 0;
	*all_bytes = INT64_C(1) << 40;
	return 0;
}

/* Whoever can do nothing about pressure says so, with what it is that presses, and from time to time again. */
Test(store_parts, pressure_that_nothing_can_be_done_about_is_said_seldom)
{
	struct fixture fixture[1];
	struct retention retention;
	char log[200], line[600];
	fixture_open(fixture);
	fixture_fill(fixture, 100); /* they wait, and may not go */
	snprintf(log, sizeof(log), "%s/log", fixture->directory);
	cr_assert_not_null(freopen(log, "we", stderr));
	for (int kind = 0; kind < 2; kind++) {
		const struct retention_policy policy = {
			.max_bytes = kind ? 8192 : 0,
			.min_free_bytes = INT64_C(1) << 30,
			.room = count_said,
		};
		n_said = kind;
		retention_init(&retention, &policy);
		int64_t now_us = retention_due_us(&retention, START_US);
		for (int round = 0; round < 8; round++) { /* a minute each */
			do {
				must(store_begin(fixture->store, &fixture->err));
				must(retention_step(&retention, fixture->store, now_us, START_US,
						    &fixture->err));
				must(store_commit(fixture->store, &fixture->err));
			} while (retention.phase != 0);
			now_us += 60 * SECOND_US;
		}
	}
	int n[2] = {0};
	FILE *file = fopen(log, "re");
	while (fgets(line, sizeof(line), file)) {
		n[0] += strstr(line, "less room than min_free_mb") != NULL;
		n[1] += strstr(line, "larger than max_mb") != NULL;
	}
	fclose(file);
	unlink(log);
	cr_assert_eq(n[0], 2, "%d", n[0]);
	cr_assert_eq(n[1], 2, "%d", n[1]);
	assert_rows("SELECT count(*) FROM events", "100\n");
	fixture_close(fixture);
}

/* Marks for more names than any host has would take more memory than they are worth. */
Test(store_parts, names_beyond_all_measure_are_let_alone)
{
	struct fixture fixture[1];
	struct retention retention;
	fixture_open(fixture);
	change(fixture, "INSERT INTO names (id, text) VALUES (100000000, 'far')");
	retention_init(&retention, &(struct retention_policy){0});
	(void)retention_due_us(&retention, 0);
	retention.names.due_us = 0;
	do {
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(&retention, fixture->store, 0, START_US, &fixture->err));
		must(store_commit(fixture->store, &fixture->err));
		cr_assert_eq(retention.names.source, 0);
	} while (retention.phase != 0);
	assert_rows("SELECT count(*) FROM names WHERE text = 'far'", "1\n");
	fixture_close(fixture);
}

/* An instance without an id is one as well, and goes as others do. */
Test(store_parts, an_instance_without_an_id_goes_when_it_is_old)
{
	const struct sample sample = {.time_us = START_US, .use_case_name = "chat", .input = 1};
	const struct retention_policy policy = {.events_us = DAY_US, .rollups_us = 10 * DAY_US};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &sample, 1);
	settle(fixture, 0, 1, 1, NULL, 0);
	run_round(fixture, &policy, START_US + 20 * DAY_US);
	run_round(fixture, &policy, START_US + 20 * DAY_US);
	assert_rows("SELECT count(*) FROM use_case_instances", "0\n");
	fixture_commit(fixture, &sample, 1);
	assert_rows("SELECT events FROM use_case_history", "1\n");
	fixture_close(fixture);
}
