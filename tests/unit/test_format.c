/* Rows as a table, JSON, JSON lines and CSV; hostile text among them. */
#include "cli/format.h"

#include "cli/display.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <locale.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/payi-format-XXXXXX";
static struct query_db *db;

static void begin(void)
{
	sqlite3 *writer = NULL;
	struct err err;
	const int fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TZ", "JST-9", 1);
	tzset();
	cr_assert_eq(sqlite3_open(path, &writer), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(writer, "CREATE TABLE events (id INTEGER PRIMARY KEY)", 0, 0, 0),
		     SQLITE_OK);
	sqlite3_close(writer);
	cr_assert_eq(query_db_open(path, &db, &err), 0, "%s", err.text);
}

static void end(void)
{
	query_db_close(db);
	unlink(path);
}

TestSuite(format, .init = begin, .fini = end);

static const struct history_column columns[] = {
	{"time", "TIME", HISTORY_TIME, 1},     {"name", "NAME", HISTORY_TEXT, 2},
	{"count", "COUNT", HISTORY_INT, 1},    {"mean", "MEAN", HISTORY_REAL, 3},
	{"failed", "FAILED", HISTORY_BOOL, 4}, {"units", NULL, HISTORY_JSON, 0},
};
enum { N_COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* The rows of a SELECT in a format; each page of page_rows is flushed. */
static char *render(struct format_options options, const char *sql, int page_rows)
{
	char *text = NULL;
	size_t bytes = 0;
	struct err err;
	struct query *query = NULL;
	struct format *format = NULL;
	options.out = open_memstream(&text, &bytes);
	cr_assert_eq(query_prepare(db, sql, &query, &err), 0, "%s", err.text);
	cr_assert_eq(format_open(&options, columns, N_COLUMNS, &format, &err), 0);
	for (int n = 1; query_step(query, &err) == 1; n++) {
		cr_assert_eq(format_row(format, query), 0);
		if (n % page_rows == 0)
			cr_assert_eq(format_flush(format, &err), 0);
	}
	cr_assert_eq(format_flush(format, &err), 0);
	format_close(format);
	query_free(query);
	fclose(options.out);
	return text;
}

static void shows(struct format_options options, const char *sql, const char *expected)
{
	char *text = render(options, sql, 1000);
	cr_expect_str_eq(text, expected);
	free(text);
}

#define ROW "1793448000123456, 'ann', 1234567, 12.25, 1, '{\"text\":{\"input\":1}}'"

Test(format, table_is_aligned_and_local)
{
	shows((struct format_options){.kind = FORMAT_TABLE},
	      "SELECT " ROW " UNION ALL SELECT 1793448000123456, 'b', 5, NULL, 0, NULL",
	      "TIME                     NAME    COUNT  MEAN  FAILED\n"
	      "2026-10-31 21:00:00.123  ann   1234567  12.3  yes\n"
	      "2026-10-31 21:00:00.123  b           5        no\n");
}

Test(format, table_on_a_terminal_groups_digits_and_may_be_utc)
{
	shows((struct format_options){.kind = FORMAT_TABLE, .terminal = true, .utc = true},
	      "SELECT " ROW,
	      "TIME                      NAME      COUNT  MEAN  FAILED\n"
	      "2026-10-31 12:00:00.123Z  ann   1,234,567  12.3  yes\n");
}

/* Combining marks take no column, CJK takes two. */
Test(format, table_aligns_by_what_text_looks_like)
{
	shows((struct format_options){.kind = FORMAT_TABLE},
	      "SELECT NULL, '日本', 1, NULL, NULL, NULL UNION ALL"
	      " SELECT NULL, 'e' || char(0x301) || 'te', 22, NULL, NULL, NULL",
	      "TIME  NAME  COUNT  MEAN  FAILED\n"
	      "      日本      1\n"
	      "      e\xcc\x81te      22\n");
}

Test(format, table_fits_the_terminal)
{
	static const char sql[] =
		"SELECT 1793448000123456, 'a name that is rather long', 1, 2.0, 1, NULL";
	shows((struct format_options){.kind = FORMAT_TABLE, .terminal = true, .width = 60}, sql,
	      "TIME                     NAME            COUNT  MEAN  FAILED\n"
	      "2026-10-31 21:00:00.123  a name that i…      1   2.0  yes\n");
	shows((struct format_options){.kind = FORMAT_TABLE, .terminal = true, .width = 55}, sql,
	      "TIME                     NAME               COUNT  MEAN\n"
	      "2026-10-31 21:00:00.123  a name that is r…      1   2.0\n");
	shows((struct format_options){.kind = FORMAT_TABLE, .terminal = true, .width = 34}, sql,
	      "TIME                     COUNT\n"
	      "2026-10-31 21:00:00.123      1\n");
}

Test(format, table_cannot_be_made_to_drive_the_terminal)
{
	char *text = render((struct format_options){.kind = FORMAT_TABLE, .terminal = true},
			    "SELECT NULL, char(27) || '[2J' || char(10, 9, 13, 0x9b, 0x202e, 0x7f)"
			    " || CAST(x'ff41' AS TEXT), 1, NULL, NULL, NULL",
			    1);
	cr_expect(strstr(text, "\\x1b[2J\\n\\t\\x0d\\x9b\\u202e\\x7f\\xffA"), "%s", text);
	for (const char *c = text; *c; c++)
		cr_expect(*c == '\n' || (unsigned char)*c >= ' ', "byte %d", *c);
	free(text);
}

Test(format, table_of_nothing_is_nothing)
{
	shows((struct format_options){.kind = FORMAT_TABLE}, "SELECT 1,2,3,4,5,6 WHERE false", "");
}

Test(format, later_pages_keep_to_the_table_of_the_first)
{
	char *text = render((struct format_options){.kind = FORMAT_TABLE, .width = 60},
			    "SELECT NULL, 'short', 1, NULL, NULL, NULL UNION ALL"
			    " SELECT NULL, 'very much longer', 2, NULL, NULL, NULL",
			    1);
	cr_expect_str_eq(text, "TIME  NAME   COUNT  MEAN  FAILED\n"
			       "      short      1\n"
			       "      very…      2\n");
	free(text);
}

Test(format, json_is_one_array_with_objects_and_utc)
{
	char *text =
		render((struct format_options){.kind = FORMAT_JSON},
		       "SELECT " ROW " UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL", 1);
	json_t *rows = json_loads(text, 0, NULL);
	cr_assert(rows, "%s", text);
	cr_expect_eq(json_array_size(rows), 2);
	const json_t *row = json_array_get(rows, 0);
	cr_expect_str_eq(json_string_value(json_object_get(row, "time")),
			 "2026-10-31T12:00:00.123456Z");
	cr_expect_eq(json_integer_value(json_object_get(row, "count")), 1234567);
	cr_expect(json_is_true(json_object_get(row, "failed")));
	cr_expect(json_is_object(json_object_get(row, "units")));
	cr_expect(json_is_null(json_object_get(json_array_get(rows, 1), "units")));
	json_decref(rows);
	free(text);
	shows((struct format_options){.kind = FORMAT_JSON}, "SELECT 1,2,3,4,5,6 WHERE false",
	      "[]\n");
}

Test(format, json_lines_are_lines_whatever_the_text)
{
	char *text =
		render((struct format_options){.kind = FORMAT_JSONL},
		       "SELECT NULL, '\"\\' || char(10, 27, 0x9b, 0x2028) || CAST(x'c328' AS TEXT)"
		       " || '😀', 0.1, 0.1, 0, NULL",
		       1);
	cr_expect_eq(strchr(text, '\n'), text + strlen(text) - 1);
	json_t *row = json_loads(text, 0, NULL);
	cr_assert(row, "%s", text);
	cr_expect_str_eq(json_string_value(json_object_get(row, "name")),
			 "\"\\\n\x1b\xc2\x9b\xe2\x80\xa8\xef\xbf\xbd(😀");
	cr_expect(strstr(text, "\"mean\":0.1,"), "%s", text);
	for (const char *c = text; *c; c++)
		cr_expect(*c == '\n' || (unsigned char)*c >= ' ');
	json_decref(row);
	free(text);
}

Test(format, csv_is_quoted_and_runs_nothing)
{
	shows((struct format_options){.kind = FORMAT_CSV},
	      "SELECT NULL, '=1+1', -5, -0.5, 0, '{\"a\":1}' UNION ALL"
	      " SELECT 0, 'say \"hi\", ' || char(10) || 'bye', 1, 2, 1, NULL UNION ALL"
	      " SELECT NULL, '@x', NULL, NULL, NULL, NULL UNION ALL"
	      " SELECT NULL, '-', NULL, NULL, NULL, NULL UNION ALL"
	      " SELECT NULL, '+', NULL, NULL, NULL, NULL",
	      "time,name,count,mean,failed,units\r\n"
	      ",'=1+1,-5,-0.5,false,\"{\"\"a\"\":1}\"\r\n"
	      "1970-01-01T00:00:00.000000Z,\"say \"\"hi\"\", \nbye\",1,2,true,\r\n"
	      ",'@x,,,,\r\n"
	      ",'-,,,,\r\n"
	      ",'+,,,,\r\n");
	shows((struct format_options){.kind = FORMAT_CSV}, "SELECT 1,2,3,4,5,6 WHERE false",
	      "time,name,count,mean,failed,units\r\n");
}

Test(format, csv_on_a_terminal_is_harmless)
{
	shows((struct format_options){.kind = FORMAT_CSV, .terminal = true},
	      "SELECT NULL, 'a' || char(27) || 'c', NULL, NULL, NULL, NULL",
	      "time,name,count,mean,failed,units\r\n"
	      ",a\\x1bc,,,,\r\n");
}

static void wraps(const char *text, int width, int indent, const char *expected)
{
	struct buf out = BUF_INIT;
	display_add_wrapped(&out, text, width, indent);
	cr_expect_str_eq(buf_text(&out), expected);
	buf_release(&out);
}

Test(format, lines_are_broken_at_spaces)
{
	wraps("Books one two three\nnext\n", 12, 2, "Books one\n  two three\nnext\n");
	wraps("\033[1;31mBooks\033[0m one two", 9, 2, "\033[1;31mBooks\033[0m one\n  two");
	wraps("日本 語 x", 5, 0, "日本\n語 x");
	wraps("unbreakable_as_it_is", 5, 2, "unbreakable_as_it_is");
	wraps("as it is, however long", 0, 2, "as it is, however long");
}
