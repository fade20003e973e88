/* payi-agent sql as a process: every format, errors that help, and nothing that runs for ever. */
#include "help/help.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct help_site site;

static void begin(void)
{
	help_site_make(&site);
	help_agent_start(&site, NULL, NULL);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(sql, .init = begin, .fini = end);

static void says(const char *arguments, int code, const char *text)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " %s 2>&1", arguments), code, "%s: %s",
		     arguments, output);
	cr_expect(strstr(output, text), "%s: %s", arguments, output);
	free(output);
}

#define VALUES "\"SELECT 1234567 AS n, 1.5 AS r, '=cmd' AS t, NULL AS z, x'00ff' AS b, 'a' AS t\""

Test(sql, shows_values_in_every_format)
{
	says("sql " VALUES, 0,
	     "      n    r  t     z  b          t_2\n1234567  1.5  =cmd     (2 bytes)  a\n");
	says("sql --format jsonl " VALUES, 0,
	     "{\"n\":1234567,\"r\":1.5,\"t\":\"=cmd\",\"z\":null,\"b\":\"00ff\",\"t_2\":\"a\"}\n");
	says("sql --format csv " VALUES, 0, "n,r,t,z,b,t_2\r\n1234567,1.5,'=cmd,,\"00ff\",a\r\n");
	says("sql --format json 'SELECT 1 WHERE 0'", 0, "[]\n");
	says("sql 'SELECT 1 WHERE 0'", 0, "no rows");
}

Test(sql, comes_from_where_one_likes)
{
	says("--sql 'SELECT 42 AS x'", 0, "42");
	says("events --sql 'SELECT 42 AS x'", 0, " x\n42\n");
	says("events --sql 'SELECT 42' --user ann", 2, "--sql takes no filters");
	says("sql - <<'E'\nSELECT 40 +\n2 AS x\nE\n", 0, " x\n42\n");
	says("sql </dev/null", 2, "there is no query in it");
	says("sql SELECT 1", 2, "put quotes around the query");
}

Test(sql, errors_say_where_and_what_was_meant)
{
	says("sql \"SELECT event,\n  resorce FROM event_history\"", 2,
	     "no such column: resorce\n    resorce FROM event_history\n    ^\n  Do you mean "
	     "resource?\n"
	     "  event_history has: event event_time use_case_name");
	says("sql 'SELECT * FROM event_hstory'", 2, "Do you mean event_history?\n  There are:");
	says("sql \"SELECT '日本', x\"", 2, "  SELECT '日本', x\n                 ^\n");
	says("sql 'DELETE FROM events'", 2, "not allowed here");
}

#define FOR_EVER                                                                                   \
	"\"WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT %s FROM c\""

Test(sql, has_an_end)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output,
				AGENT_PROGRAM " sql --timeout 1s --format csv " FOR_EVER
					      " 2>&1 >/dev/null",
				"x"),
		     1);
	cr_expect(strstr(output, "the output is not all: it ends after "), "%s", output);
	cr_expect(strstr(output, "stopped after 1 s"), "%s", output);
	free(output);
}

/* Ctrl-C, once the query runs: at its first rows. */
Test(sql, can_be_interrupted)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output,
				"cd %s && mkfifo rows && { " AGENT_PROGRAM
				" sql --timeout 0 --format csv " FOR_EVER
				" >rows 2>said & } && { read line && kill -INT $! && cat "
				">/dev/null; } <rows; "
				"wait $!; echo $?; cat said",
				site.data, "x"),
		     0);
	cr_expect(strstr(output, "1\n") == output, "%s", output);
	cr_expect(strstr(output, "interrupted"), "%s", output);
	free(output);
}

Test(sql, lists_the_views)
{
	says("sql --views", 0, "event_history: one row per event\n    event event_time ");
	says("sql --views --data-dir /nowhere", 0, "event_history: one row per event");
	says("sql --views --format csv", 0,
	     "view,column,about\r\nevent_history,event,one row per event");
}
