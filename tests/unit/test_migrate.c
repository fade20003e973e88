#include "store/migrate.h"
#include "store/migrations.h"
#include "store_fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

static void run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int open_again(struct fixture *fixture)
{
	const struct store_options options = {.path = fixture->path, .sync_full = true};
	return store_open(&options, &fixture->store, &fixture->err);
}

Test(migrate, makes_a_database_when_there_is_none)
{
	struct fixture fixture[1];
	struct stat stat_buf;
	char expected[32];
	fixture_open(fixture);
	snprintf(expected, sizeof(expected), "%d\n", schema_n_migrations);
	assert_rows("PRAGMA user_version", expected);
	assert_rows("PRAGMA application_id", "1346459977\n");
	assert_rows("PRAGMA journal_mode", "wal\n");
	assert_rows("PRAGMA auto_vacuum", "2\n");
	assert_rows("PRAGMA page_size", "8192\n");
	cr_assert_eq(stat(fixture->path, &stat_buf), 0);
	cr_assert_eq(stat_buf.st_mode & 0777, 0600);
	fixture_close(fixture);
}

Test(migrate, leaves_a_current_database_as_it_is)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	fixture_store_reopen(fixture);
	assert_rows("SELECT count(*) FROM events", "3\n");
	fixture_close(fixture);
}

Test(migrate, refuses_a_database_that_a_newer_agent_made)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	store_close(fixture->store);
	fixture->store = NULL;
	run_sql(fixture->path, "PRAGMA user_version = 99");
	cr_assert_eq(open_again(fixture), ERR_STORE);
	cr_assert(strstr(fixture->err.text, "newer payi-agent"), "%s", fixture->err.text);
	cr_assert(strstr(fixture->err.text, fixture->path), "%s", fixture->err.text);
	assert_rows("PRAGMA user_version", "99\n");
	fixture_close(fixture);
}

/* Not even its journal mode changes. */
Test(migrate, refuses_another_programs_database_and_leaves_it_alone)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	store_close(fixture->store);
	fixture->store = NULL;
	cr_assert_eq(unlink(fixture->path), 0);
	run_sql(fixture->path, "CREATE TABLE events (id); PRAGMA user_version = 1");
	cr_assert_eq(open_again(fixture), ERR_STORE);
	cr_assert(strstr(fixture->err.text, "another program"), "%s", fixture->err.text);
	assert_rows("PRAGMA journal_mode", "delete\n");
	assert_rows("SELECT name FROM sqlite_schema", "events\n");
	fixture_close(fixture);
}

Test(migrate, refuses_what_is_no_database)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	store_close(fixture->store);
	fixture->store = NULL;
	FILE *file = fopen(fixture->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is a letter to a friend\n", file);
	fclose(file);
	cr_assert_eq(open_again(fixture), ERR_CORRUPT);
	cr_assert(strstr(fixture->err.text, "not a database"), "%s", fixture->err.text);
	fixture_close(fixture);
}

static int has_column(const char *table, const char *column, const struct fixture *fixture)
{
	char sql[256];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'",
		 table, column);
	char *rows = fixture_rows(fixture, sql);
	const int found = strcmp(rows, "1\n") == 0;
	free(rows);
	return found;
}

/* A field that has a column has it under its own name, in the table and in the view. */
Test(migrate, gives_every_field_its_column)
{
	enum kind { NAME, TEXT, INT, JSON, INSTANCE, NONE };
	static const struct {
		const char *name;
		enum kind kind;
	} fields[] = {
#define X(id, field, type, json, column) {#field, column},
		PAYI_EVENT_FIELDS(X)
#undef X
	};
	struct fixture fixture[1];
	fixture_open(fixture);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const int shown = fields[i].kind != NONE;
		const int stored = shown && fields[i].kind != INSTANCE;
		cr_expect_eq(has_column("event_history", fields[i].name, fixture), shown,
			     "event_history.%s", fields[i].name);
		cr_expect_eq(has_column("events", fields[i].name, fixture), stored, "events.%s",
			     fields[i].name);
	}
	fixture_close(fixture);
}

/* ---- From version 1 -------------------------------------------------------------------------------- */

/* Latencies of all sizes, those at the bounds of buckets and beyond included. */
static int32_t random_latency(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	const uint32_t bits = *state >> 5;
	const int32_t power = (int32_t)1 << bits % 31;
	switch (bits >> 5 & 3) {
	case 0:
		return power;
	case 1:
		return power - 1;
	case 2:
		return -(int32_t)(bits >> 7);
	default:
		return (int32_t)(*state >> 1) % power;
	}
}

static void store_random_latencies(struct fixture *fixture, int n)
{
	static const char *const names[] = {"support", "search", NULL};
	static const char *const ids[] = {"1", "2", "3", "4", NULL};
	static const char *const models[] = {"gpt-4o", "claude", NULL};
	uint32_t state = 11;
	must(store_begin(fixture->store, &fixture->err));
	fixture_put(fixture, &(struct sample){.time_us = START_US, .latency_ms = INT32_MAX});
	for (int i = 1; i < n; i++) {
		const char *name = names[i % 3];
		fixture_put(fixture, &(struct sample){.time_us = START_US + i % 7 * (HOUR_US / 2),
						      .use_case_name = name,
						      .use_case_id = name ? ids[i % 5] : NULL,
						      .version = name ? i % 4 : 0,
						      .user_id = i % 4 ? "ann" : NULL,
						      .resource = models[i / 3 % 3],
						      .latency_ms = random_latency(&state),
						      .http_status = i % 9 ? 200 : 503,
						      .input = i % 100});
	}
	must(store_commit(fixture->store, &fixture->err));
}

/* The same database as the first schema would have held it: its tables, and all their rows. */
static void go_back_to_version_1(const char *path)
{
	sqlite3 *db = NULL;
	char sql[512];
	snprintf(sql, sizeof(sql), "%s.new", path);
	cr_assert_eq(rename(path, sql), 0);
	run_sql(path, schema_migrations[0]);
	cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql),
		 "ATTACH '%s.new' AS new; PRAGMA application_id = %d; PRAGMA user_version = 1",
		 path, MIGRATE_APPLICATION_ID);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	static const char *const tables[] = {"rings", "names", "events", "use_case_instances",
					     "usage_hours"};
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO main.%s SELECT * FROM new.%s",
			 tables[i], tables[i]);
		cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
			     sqlite3_errmsg(db));
	}
	cr_assert_eq(
		sqlite3_exec(db,
			     "UPDATE main.agent_state SET (last_event_id, epoch) ="
			     " (SELECT last_event_id, epoch FROM new.agent_state);"
			     "INSERT INTO main.instance_totals"
			     " SELECT instance, events, failures, input_units, output_units,"
			     " latency_count, latency_sum_ms, latency_max_ms, first_us, last_us"
			     " FROM new.instance_totals;"
			     "INSERT INTO main.instance_users"
			     " SELECT instance, user_id, events FROM new.instance_users",
			     NULL, NULL, NULL),
		SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	snprintf(sql, sizeof(sql), "%s.new", path);
	unlink(sql);
}

/* What is known of events that an earlier agent stored is what is folded of events that come now. */
Test(migrate, fills_new_rollups_from_old_events)
{
	static const char *const rollups[] = {
		"SELECT * FROM instance_latencies", "SELECT * FROM usage_hour_latencies",
		"SELECT * FROM instance_versions",  "SELECT * FROM use_case_totals",
		"SELECT * FROM instance_users",     "SELECT * FROM instance_totals"};
	enum { N = sizeof(rollups) / sizeof(rollups[0]) };
	char *folded[N];
	struct fixture fixture[1];
	fixture_open(fixture);
	store_random_latencies(fixture, 4000);
	for (int i = 0; i < N; i++)
		folded[i] = fixture_rows(fixture, rollups[i]);
	store_close(fixture->store);
	go_back_to_version_1(fixture->path);
	assert_rows("PRAGMA user_version", "1\n");
	must(open_again(fixture));
	for (int i = 0; i < N; i++) {
		cr_assert(strlen(folded[i]) > 40, "%s: %s", rollups[i], folded[i]);
		assert_rows(rollups[i], folded[i]);
		free(folded[i]);
	}
	fixture_close(fixture);
}

/* Two of a user's three events were taken by retention: they still count, though what they used is not known. */
Test(migrate, counts_what_users_did_in_events_that_are_gone)
{
	struct sample sample = {.use_case_name = "support", .user_id = "ann", .input = 10};
	struct fixture fixture[1];
	fixture_open(fixture);
	for (int i = 0; i < 3; i++) {
		sample.time_us = START_US + i;
		fixture_commit(fixture, &sample, 1);
	}
	store_close(fixture->store);
	go_back_to_version_1(fixture->path);
	run_sql(fixture->path, "DELETE FROM events WHERE id < 3");
	must(open_again(fixture));
	assert_rows("SELECT events, failures, input_units, first_us - 1795000000000000,"
		    " last_us - 1795000000000000 FROM instance_users",
		    "3|0|10|0|2\n");
	fixture_close(fixture);
}

/* Those of an earlier version, which may refer to tables that are no more. */
Test(migrate, makes_views_anew)
{
	struct sample sample = {.use_case_name = "support", .time_us = START_US, .input = 10};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &sample, 1);
	store_close(fixture->store);
	go_back_to_version_1(fixture->path);
	run_sql(fixture->path, "CREATE VIEW use_case_history AS SELECT events FROM instance_units;"
			       "CREATE VIEW of_somebody AS SELECT count(*) AS n FROM events");
	must(open_again(fixture));
	assert_rows("SELECT use_case_name, events, input_units FROM use_case_history",
		    "support|1|10\n");
	assert_rows("SELECT n FROM of_somebody", "1\n");
	fixture_close(fixture);
}
