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
	cr_assert_eq(open_again(fixture), ERR_STORE);
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
