/* SQL that somebody typed: what it may read, and that it can do nothing else. */
#include "store_fixture.h"

#include "history/views.h"
#include "store/guest.h"

#include <sys/stat.h>

static struct fixture fixture[1];
static struct query_db *db;

static void begin(void)
{
	fixture_open(fixture);
	must(guest_db_open(fixture->path, &db, &fixture->err));
}

static void end(void)
{
	query_db_close(db);
	fixture_close(fixture);
}

TestSuite(guest, .init = begin, .fini = end);

static int64_t number(const char *sql)
{
	struct query *query = NULL;
	int at = 0;
	must(guest_prepare(db, sql, &query, &at, &fixture->err));
	cr_assert_eq(query_step(query, &fixture->err), 1, "%s: %s", sql, fixture->err.text);
	const int64_t result = query_int(query, 0);
	query_free(query);
	return result;
}

static void refuses(const char *sql, int expected_at, const char *text)
{
	struct query *query = NULL;
	struct err err = {0};
	int at = -2;
	cr_expect_eq(guest_prepare(db, sql, &query, &at, &err), ERR_INVALID, "%s", sql);
	cr_expect(strstr(err.text, text), "%s: %s", sql, err.text);
	cr_expect_eq(at, expected_at, "%s: %d", sql, at);
	cr_expect_null(query);
}

Test(guest, reads_tables_views_and_what_sql_makes_of_them)
{
	cr_expect_eq(number("SELECT count(*) FROM event_history"), 0);
	cr_expect_eq(number("SELECT count(*) FROM events"), 0);
	cr_expect_eq(number("SELECT count(*) FROM event_units"), 0);
	cr_expect_eq(
		number("WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5)"
		       " SELECT sum(x) FROM c;  -- and no more"),
		15);
	cr_expect_eq(number("SELECT value FROM json_each('[7]')"), 7);
	cr_expect_eq(number("SELECT 3 /* a */ ; ; -- b"), 3);
	cr_expect_gt(number("PRAGMA user_version"), 0);
	cr_expect_gt(number("SELECT count(*) FROM pragma_table_info('events')"), 10);
}

/* Each by a rule of its own; behind all of them stands a file that was opened for reading. */
Test(guest, does_nothing_but_read)
{
	refuses("DELETE FROM events", -1, "changing anything");
	refuses("INSERT INTO names VALUES (1, 'x')", -1, "changing anything");
	refuses("CREATE TABLE t (x)", -1, "changing anything");
	refuses("CREATE TEMP TABLE t (x)", -1, "changing anything");
	refuses("UPDATE sqlite_schema SET sql = ''", -1, "may not be modified");
	refuses("ATTACH '/etc/passwd' AS x", -1, "ATTACH");
	refuses("DETACH main", -1, "DETACH");
	refuses("BEGIN", -1, "a transaction");
	refuses("SAVEPOINT s", -1, "a transaction");
	refuses("VACUUM", -1, "no query");
	refuses("VACUUM INTO '/tmp/payi-guest-was-here'", -1, "no query");
	refuses("PRAGMA query_only = OFF", -1, "setting PRAGMA query_only");
	refuses("PRAGMA journal_mode = DELETE", -1, "setting PRAGMA journal_mode");
	refuses("PRAGMA wal_checkpoint", -1, "PRAGMA wal_checkpoint");
	refuses("PRAGMA writable_schema(1)", -1, "setting PRAGMA writable_schema");
	refuses("PRAGMA temp_store_directory = '/'", -1, "setting PRAGMA temp_store_directory");
	refuses("SELECT load_extension('x')", 7, "load_extension");
	refuses("EXPLAIN DELETE FROM events", -1, "changing anything");
	struct stat stat_of;
	cr_expect_neq(stat("/tmp/payi-guest-was-here", &stat_of), 0);
}

Test(guest, says_where_it_is_wrong)
{
	refuses("SELECT unitz FROM event_history", 7, "no such column: unitz");
	refuses("SELECT 1 FROM", -1, "incomplete input");
	refuses("SELECT 1; SELECT 2", 9, "one query at a time");
	refuses("SELEC 1", 0, "syntax error");
	refuses("SELECT :x", -1, "parameters");
	refuses(" -- nothing", -1, "no query in it");
	refuses("", -1, "no query in it");
}

static bool always(void *asked)
{
	++*(int *)asked;
	return true;
}

Test(guest, stops_when_told)
{
	struct query *query = NULL;
	struct err err = {0};
	int at = 0;
	int asked = 0;
	query_db_stop_when(db, always, &asked);
	must(guest_prepare(db,
			   "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
			   " SELECT count(*) FROM c",
			   &query, &at, &fixture->err));
	cr_expect_lt(query_step(query, &err), 0);
	cr_expect_eq(asked, 1);
	query_free(query);
}

static int take_view(void *undescribed, const struct view *view)
{
	if (!*view->about)
		strncat(undescribed, view->name, 60);
	cr_expect(*view->columns, "%s has no columns", view->name);
	return 0;
}

/* One that is new has to be explained in views.c: the manual, and `payi-agent sql --views`, are made of that. */
Test(guest, every_view_is_described)
{
	char undescribed[1024] = "";
	must(views_each(db, take_view, undescribed, &fixture->err));
	cr_expect_str_eq(undescribed, "");
}
