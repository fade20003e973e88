#include "store/fold.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct fold_spec spec = {
	"rollup",
	{{FOLD_KEY, "a"},
	 {FOLD_KEY, "b"},
	 {FOLD_SUM, "total"},
	 {FOLD_MIN, "first"},
	 {FOLD_MAX, "last"}},
};

struct fixture {
	sqlite3 *db;
	struct fold *fold;
	struct err err;
};

static void open_fold(struct fixture *fixture)
{
	*fixture = (struct fixture){0};
	cr_assert_eq(sqlite3_open(":memory:", &fixture->db), SQLITE_OK);
	cr_assert_eq(
		sqlite3_exec(fixture->db,
			     "CREATE TABLE rollup (a INTEGER, b INTEGER, total INTEGER, first"
			     " INTEGER, last INTEGER, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID",
			     NULL, NULL, NULL),
		SQLITE_OK);
	cr_assert_eq(fold_open(fixture->db, &spec, &fixture->fold, &fixture->err), 0, "%s",
		     fixture->err.text);
}

static void close_fold(struct fixture *fixture)
{
	fold_close(fixture->fold);
	cr_assert_eq(sqlite3_close(fixture->db), SQLITE_OK);
}

static void add(struct fixture *fixture, int64_t a, int64_t b, int64_t number, int64_t time)
{
	const int64_t row[] = {a, b, number, time, time};
	cr_assert_eq(fold_make_room(fixture->fold, &fixture->err), 0, "%s", fixture->err.text);
	fold_add(fixture->fold, row);
}

static void write_fold(struct fixture *fixture)
{
	cr_assert_eq(fold_write(fixture->fold, &fixture->err), 0, "%s", fixture->err.text);
}

static int append_row(void *context, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		buf_addf(context, "%s%s", i ? "|" : "", values[i] ? values[i] : "");
	buf_add_char(context, '\n');
	return 0;
}

static void assert_table(struct fixture *fixture, const char *sql, const char *expected)
{
	struct buf rows = BUF_INIT;
	cr_assert_eq(sqlite3_exec(fixture->db, sql, append_row, &rows, NULL), SQLITE_OK);
	cr_assert_str_eq(buf_text(&rows), expected);
	buf_release(&rows);
}

static const char all[] = "SELECT * FROM rollup";

Test(fold, writes_nothing_until_told)
{
	struct fixture fixture;
	open_fold(&fixture);
	add(&fixture, 1, 1, 5, 100);
	assert_table(&fixture, all, "");
	write_fold(&fixture);
	assert_table(&fixture, all, "1|1|5|100|100\n");
	write_fold(&fixture);
	assert_table(&fixture, all, "1|1|5|100|100\n");
	close_fold(&fixture);
}

Test(fold, adds_up_within_a_write_and_over_writes)
{
	struct fixture fixture;
	open_fold(&fixture);
	add(&fixture, 1, 1, 5, 100);
	add(&fixture, 1, 2, 7, 50);
	add(&fixture, 1, 1, 6, 90);
	write_fold(&fixture);
	add(&fixture, 1, 1, -1, 95);
	add(&fixture, 1, 1, 0, 120);
	add(&fixture, 2, 1, 1, -3);
	write_fold(&fixture);
	assert_table(&fixture, all, "1|1|10|90|120\n1|2|7|50|50\n2|1|1|-3|-3\n");
	close_fold(&fixture);
}

Test(fold, forgets_what_was_not_written)
{
	struct fixture fixture;
	open_fold(&fixture);
	add(&fixture, 1, 1, 5, 100);
	fold_forget(fixture.fold);
	add(&fixture, 1, 1, 1, 200);
	write_fold(&fixture);
	assert_table(&fixture, all, "1|1|1|200|200\n");
	close_fold(&fixture);
}

/* Every key twice, so that the second half finds rows that were written early. */
Test(fold, writes_early_when_it_is_full)
{
	struct fixture fixture;
	open_fold(&fixture);
	for (int i = 0; i < 2 * (FOLD_ROWS_MAX + 100); i++)
		add(&fixture, i % (FOLD_ROWS_MAX + 100), 0, 1, i);
	write_fold(&fixture);
	assert_table(&fixture,
		     "SELECT count(*), min(total), max(total), min(last - first) FROM rollup",
		     "8292|2|2|8292\n");
	close_fold(&fixture);
}

/* A float in a STRICT table would be refused, and no transaction with that key ever be committed again. */
Test(fold, stops_at_the_end_of_the_numbers)
{
	struct fixture fixture;
	open_fold(&fixture);
	add(&fixture, 1, 1, INT64_MAX - 1, 0);
	write_fold(&fixture);
	add(&fixture, 1, 1, 1000, 0);
	write_fold(&fixture);
	assert_table(&fixture, all, "1|1|9223372036854775807|0|0\n");
	close_fold(&fixture);
}

Test(fold, says_which_table_when_it_cannot_write)
{
	struct fixture fixture;
	open_fold(&fixture);
	cr_assert_eq(sqlite3_exec(fixture.db, "PRAGMA query_only = ON", NULL, NULL, NULL),
		     SQLITE_OK);
	add(&fixture, 1, 1, 1, 1);
	cr_assert_eq(fold_write(fixture.fold, &fixture.err), ERR_STORE);
	cr_assert(strstr(fixture.err.text, "rollup"), "%s", fixture.err.text);
	close_fold(&fixture);
}
