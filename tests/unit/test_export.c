/* Exports: how far they are, and that an end that came too early is told. */
#include "store_fixture.h"

#include "cli/progress.h"
#include "help/help.h"
#include "history/estimate.h"

#include <criterion/redirect.h>
#include <locale.h>

/* ---- How many rows there will be -------------------------------------------------------------------- */

static int64_t estimate(struct fixture *fixture, enum history_kind kind,
			struct history_filters filters)
{
	struct query_db *db = NULL;
	int64_t rows = -1;
	must(query_db_open(fixture->path, &db, &fixture->err));
	must(history_estimate(db, kind, &filters, &rows, &fixture->err));
	query_db_close(db);
	return rows;
}

#define FILTERS(...)                                                                               \
	((struct history_filters){.since_us = INT64_MIN, .until_us = INT64_MAX, __VA_ARGS__})

Test(export, estimates_rows_from_rollups)
{
	struct fixture fixture[1];
	const struct sample samples[] = {
		{.time_us = START_US, .use_case_name = "a", .use_case_id = "1", .input = 1},
		{.time_us = START_US, .use_case_name = "a", .use_case_id = "2", .input = 1},
		{.time_us = START_US + DAY_US,
		 .use_case_name = "b",
		 .use_case_id = "1",
		 .input = 1},
		{.time_us = START_US + DAY_US, .user_id = "ann", .input = 1},
	};
	fixture_open(fixture);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.limit = 0)), 0);
	fixture_commit(fixture, samples, 4);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.limit = 0)), 4);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.limit = 3)), 3);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.use_case_name = "a")), 2);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.use_case_id = "1")), 2);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.use_case_name = "none")), 0);
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, FILTERS(.user_id = "ann")),
		     0); /* not known */
	cr_expect_eq(estimate(fixture, HISTORY_USE_CASES, FILTERS(.limit = 0)), 3);
	struct history_filters late = FILTERS(.limit = 0);
	late.since_us = START_US + HOUR_US;
	cr_expect_eq(estimate(fixture, HISTORY_EVENTS, late), 2);
	fixture_close(fixture);
}

/* ---- The bar ---------------------------------------------------------------------------------------- */

static void redirect(void)
{
	cr_redirect_stderr();
}

/* One that began ten seconds ago, and was never drawn. */
static struct progress begun(int64_t total)
{
	struct progress progress;
	progress_begin(&progress, total);
	progress.wanted = true;
	progress.begun_us -= 10000000;
	progress.drawn_us = 0;
	return progress;
}

Test(export, shows_how_far_it_is, .init = redirect)
{
	struct progress progress = begun(4000);
	progress_at(&progress, 1000);
	progress_at(&progress, 1001); /* too soon */
	progress_end(&progress);
	fflush(stderr);
	cr_assert_stderr_eq_str(
		"\r\033[K[#####...............] 25 %, 30s left, 1,000 rows, 100/s\r\033[K");
}

Test(export, shows_rows_where_their_number_is_not_known, .init = redirect)
{
	struct progress progress = begun(0);
	progress_at(&progress, 20000);
	fflush(stderr);
	cr_assert_stderr_eq_str("\r\033[K20,000 rows, 2,000/s");
}

/* ---- Ends that came too early ----------------------------------------------------------------------- */

static struct help_site site;

static void begin(void)
{
	char *output = NULL;
	help_site_make(&site);
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(
		help_shell(
			&output,
			"yes "
			"'{\"category\":\"c\",\"units\":{\"text\":{\"input\":1,\"output\":2}}}' | "
			"head -4000 | " AGENT_PROGRAM " track 2>&1"),
		0, "%s", output);
	free(output);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(export_ends, .init = begin, .fini = end);

static void ends(const char *script, const char *expected)
{
	char *output = NULL;
	cr_assert_eq(help_shell(&output, "cd %s && %s", site.data, script), 0, "%s", output);
	cr_expect_str_eq(output, expected);
	free(output);
}

#define EXPORT AGENT_PROGRAM " events --limit 0 --format csv"

Test(export_ends, all_of_it_is_fine)
{
	ends(EXPORT " >rows; echo $?; wc -l <rows", "0\n4001\n");
}

/* A disk that is full after some of it: here a limit of files of 512 KiB. */
Test(export_ends, a_full_disk_is_told)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output,
				"cd %s && trap '' XFSZ && ulimit -f 1024 && " EXPORT " 2>&1 >rows",
				site.data),
		     1);
	cr_expect(strstr(output, "the output is not all: it ends after 2000 rows") ||
			  strstr(output, "the output is not all: it ends after 1000 rows"),
		  "%s", output);
	cr_expect(strstr(output, "File too large"), "%s", output);
	free(output);
}

/* Ctrl-C while it waits for its reader, who then takes what is there. */
Test(export_ends, an_interrupt_is_told)
{
	ends("mkfifo pipe && { " EXPORT " >pipe 2>said & } && { read line && kill -INT $! && "
	     "cat >/dev/null; } <pipe; wait $!; echo $?; cat said",
	     "1\npayi-agent events: the output is not all: it ends after 1000 rows\n"
	     "payi-agent events: interrupted\n");
}
