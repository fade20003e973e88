#include "store_fixture.h"

#include <sqlite3.h>

static struct query *prepare(struct query_db *db, const char *sql)
{
	struct query *query = NULL;
	struct err err = {0};
	cr_assert_eq(query_prepare(db, sql, &query, &err), 0, "%s", err.text);
	return query;
}

static struct query_db *open_db(struct fixture *fixture)
{
	struct query_db *db = NULL;
	must(query_db_open(fixture->path, &db, &fixture->err));
	return db;
}

Test(query, says_what_to_do_when_there_is_no_database)
{
	struct query_db *db = NULL;
	struct err err = {0};
	cr_assert_eq(query_db_open("/nonexistent/payi.db", &db, &err), ERR_STORE);
	cr_assert(strstr(err.text, "payi-agent run"), "%s", err.text);
	cr_assert(strstr(err.text, "/nonexistent/payi.db"), "%s", err.text);
	cr_assert_null(db);
}

/* As it is between an agent's first look at it and its first transaction. */
Test(query, tells_an_empty_database_from_a_foreign_one)
{
	char path[] = "/tmp/payi-query-XXXXXX";
	struct query_db *db = NULL;
	struct err err = {0};
	sqlite3 *foreign = NULL;
	close(mkstemp(path));
	cr_expect_eq(query_db_open(path, &db, &err), ERR_BUSY);
	cr_expect(strstr(err.text, "empty as yet"), "%s", err.text);
	cr_assert_eq(sqlite3_open(path, &foreign), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(foreign, "CREATE TABLE theirs (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(foreign);
	cr_expect_eq(query_db_open(path, &db, &err), ERR_STORE);
	cr_expect(strstr(err.text, "no database of payi-agent"), "%s", err.text);
	cr_expect_null(db);
	unlink(path);
}

Test(query, gives_values_of_every_type)
{
	struct fixture fixture[1];
	struct err err = {0};
	size_t bytes = 0;
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	struct query *query =
		prepare(db, "SELECT NULL AS n, 42 AS i, 1.5 AS r, 'x' AS t, x'00ff' AS b");
	cr_assert_eq(query_columns(query), 5);
	cr_assert_str_eq(query_name(query, 1), "i");
	cr_assert_eq(query_step(query, &err), 1);
	cr_assert_eq(query_type(query, 0), QUERY_NULL);
	cr_assert_eq(query_type(query, 1), QUERY_INT);
	cr_assert_eq(query_type(query, 2), QUERY_REAL);
	cr_assert_eq(query_type(query, 3), QUERY_TEXT);
	cr_assert_eq(query_type(query, 4), QUERY_BLOB);
	cr_assert_null(query_text(query, 0));
	cr_assert_eq(query_int(query, 1), 42);
	cr_assert_float_eq(query_real(query, 2), 1.5, 0.0);
	cr_assert_str_eq(query_text(query, 3), "x");
	cr_assert_eq(memcmp(query_blob(query, 4, &bytes), "\0\xff", 2), 0);
	cr_assert_eq(bytes, 2);
	cr_assert_eq(query_step(query, &err), 0);
	query_free(query);
	query_db_close(db);
	fixture_close(fixture);
}

Test(query, binds_by_name_and_copies_the_text)
{
	struct fixture fixture[1];
	struct err err = {0};
	char text[] = "ada";
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	struct query *query = prepare(db, "SELECT :who || :n");
	query_bind_text(query, ":who", text);
	query_bind_text(query, ":nobody", text);
	query_bind_int(query, ":n", 7);
	text[0] = 'x';
	cr_assert_eq(query_step(query, &err), 1);
	cr_assert_str_eq(query_text(query, 0), "ada7");
	query_reset(query);
	query_bind_int(query, ":n", 8);
	cr_assert_eq(query_step(query, &err), 1);
	cr_assert_str_eq(query_text(query, 0), "ada8");
	query_free(query);
	query_db_close(db);
	fixture_close(fixture);
}

/* Text is a value, never SQL. */
Test(query, takes_text_as_it_is)
{
	struct fixture fixture[1];
	struct err err = {0};
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	struct query *query = prepare(db, "SELECT count(*) FROM events WHERE user_id = :user");
	query_bind_text(query, ":user", "x' OR 1; DROP TABLE events; --");
	cr_assert_eq(query_step(query, &err), 1);
	cr_assert_eq(query_int(query, 0), 0);
	query_free(query);
	query_db_close(db);
	fixture_close(fixture);
}

Test(query, cannot_write)
{
	static const char *const attempts[] = {
		"INSERT INTO sinks (name, position) VALUES ('x', 0)",
		"DELETE FROM events",
		"PRAGMA user_version = 5",
		"CREATE TABLE x (y)",
	};
	struct fixture fixture[1];
	struct err err = {0};
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		struct query *query = prepare(db, attempts[i]);
		cr_assert_lt(query_step(query, &err), 0, "%s", attempts[i]);
		query_free(query);
	}
	query_db_close(db);
	assert_rows("SELECT count(*) FROM sqlite_schema WHERE name = 'x'", "0\n");
	fixture_close(fixture);
}

Test(query, says_what_is_wrong_with_the_sql)
{
	struct fixture fixture[1];
	struct query *query = NULL;
	struct err err = {0};
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	cr_assert_eq(query_prepare(db, "SELECT price FROM events", &query, &err), ERR_STORE);
	cr_assert(strstr(err.text, "no such column: price"), "%s", err.text);
	query_db_close(db);
	fixture_close(fixture);
}

/* The agent has closed the database: no -wal and no -shm are there. */
Test(query, reads_while_no_agent_runs)
{
	struct fixture fixture[1];
	char wal[128];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	store_close(fixture->store);
	fixture->store = NULL;
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	cr_assert_neq(access(wal, F_OK), 0);
	assert_rows("SELECT count(*) FROM events", "3\n");
	fixture_close(fixture);
}

/* A reader that ends last leaves the WAL as it is: checkpoints are the store's alone. */
Test(query, never_moves_the_wal)
{
	struct fixture fixture[1];
	char wal[128];
	fixture_open(fixture);
	fixture_fill(fixture, 3);
	struct query_db *db = open_db(fixture);
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	store_close(fixture->store);
	fixture->store = NULL;
	query_db_close(db);
	cr_assert_eq(access(wal, F_OK), 0);
	assert_rows("SELECT count(*) FROM events", "3\n");
	fixture_close(fixture);
}

Test(query, tells_the_version_of_sqlite)
{
	cr_assert_eq(strncmp(query_sqlite_version(), "3.", 2), 0);
}

static bool stop_at_third(void *context)
{
	int *asked = context;
	return ++*asked >= 3;
}

Test(query, is_broken_off_from_within_when_told_so)
{
	struct fixture fixture[1];
	struct err err = {0};
	int asked = 0;
	fixture_open(fixture);
	struct query_db *db = open_db(fixture);
	query_db_stop_when(db, stop_at_third, &asked);
	struct query *query =
		prepare(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
			    " SELECT count(*) FROM n");
	cr_expect_lt(query_step(query, &err), 0);
	cr_expect_eq(asked, 3);
	query_free(query);
	query_db_close(db);
	fixture_close(fixture);
}
