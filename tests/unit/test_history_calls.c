/*
 * Every question of the history, while each call that answering makes of SQLite and libc fails once, at each place: what a
 * reader is told is right, or it is an error in words. Also of packs that make no sense.
 */
#include "help/fault_calls.h"
#include "store_fixture.h"

#include "history/history.h"

#include <sqlite3.h>

enum { N_EVENTS = 300, POINTS = 10, TOP = 2 };

static struct fixture fixture[1];

static void run(const char *sql)
{
	sqlite3 *writer = NULL;
	cr_assert_eq(sqlite3_open(fixture->path, &writer), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(writer, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(writer));
	sqlite3_close(writer);
}

static struct sample sample_of(int i)
{
	static const char *const names[] = {"support", "search", NULL, "searches"};
	static const char *const users[] = {"ann", "bob", NULL, "eve"};
	static const char *const resources[] = {"gpt-4o", "gpt-4o-mini", NULL, "o3"};
	static const char *const ids[] = {"1", "2", "3", "4", "5"};
	const char *name = names[i % 4];
	return (struct sample){
		.time_us = START_US + i * (HOUR_US / 10),
		.use_case_name = name,
		.use_case_id = name ? ids[i % 5] : NULL,
		.user_id = users[i / 2 % 4],
		.step = name && i % 3 ? "draft" : NULL,
		.resource = resources[i / 3 % 4],
		.latency_ms = i % 11 ? i * 37 % 900 : 0,
		.http_status = i % 13 ? 200 : 500,
		.unit_type = i % 2 ? "text" : "vision",
		.input = i,
		.output = i % 100,
	};
}

static void begin(void)
{
	/* Before the store, which does without, comes to it: memory is counted. */
	cr_assert_eq(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1), SQLITE_OK);
	cr_assert_eq(sqlite3_initialize(), SQLITE_OK);
	fixture_open(fixture);
	fixture_make(fixture, N_EVENTS, sample_of);
	run("INSERT INTO prices (category, resource, unit_type, rank, from_day, until_day, input, "
	    "output)"
	    " SELECT c.id, r.id, t.id, 1, 0, 2932897, 12345, 67890 FROM names c, names r, names t"
	    " WHERE c.text = 'system.openai' AND r.text = 'gpt-4o' AND t.text = 'text'");
}

static void end(void)
{
	fixture_close(fixture);
}

TestSuite(history_calls, .init = begin, .fini = end, .timeout = 200);

/* ---- Asking --------------------------------------------------------------------------------------- */

static const struct history_column *columns;
static int n_columns;

/* All but what the clock tells. */
static int gather(void *context, const struct query *row)
{
	for (int i = 0; i < query_columns(row); i++) {
		if (i < n_columns && strcmp(columns[i].name, "idle_s") == 0)
			continue;
		const char *text = query_text(row, i);
		buf_addf(context, "%s%s", i ? "|" : "", text ? text : "");
	}
	buf_add_char(context, '\n');
	return 0;
}

static int ask(enum history_kind kind, const struct history_filters *filters, struct buf *rows)
{
	struct query_db *db = NULL;
	struct history *history = NULL;
	rows->len = 0;
	int status = query_db_open(fixture->path, &db, &fixture->err);
	if (!status)
		status = history_open(db, kind, filters, &history, &fixture->err);
	while (!status) {
		const int n = history_read(history, gather, rows, &fixture->err);
		if (n == 0)
			break;
		status = n < 0 ? n : 0;
	}
	history_close(history);
	query_db_close(db);
	return status;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || memcmp(a->data, b->data, a->len) == 0);
}

/* What gathers the rows is not what is tested: it has its memory before. */
static void check(enum history_kind kind, const struct history_filters *filters)
{
	struct buf right = BUF_INIT;
	struct buf rows = BUF_INIT;
	const char *failed;
	columns = history_columns(kind, &n_columns);
	must(ask(kind, filters, &right));
	must(ask(kind, filters, &rows));
	cr_assert(same(&right, &rows));
	const sqlite3_int64 used = sqlite3_memory_used();
	cr_assert_gt(used, 0);
	do {
		fixture->err.text[0] = '\0';
		fault_calls_arm();
		const int status = ask(kind, filters, &rows);
		failed = fault_calls_disarm();
		cr_assert_eq(sqlite3_memory_used(), used,
			     "kind %d: %s has failed, and something stays", kind, failed);
		if (status) {
			cr_assert_not_null(failed, "kind %d: %s", kind, fixture->err.text);
			cr_assert_gt(strlen(fixture->err.text), 10, "kind %d, %s: \"%s\"", kind,
				     failed, fixture->err.text);
		} else if (!rows.failed) {
			cr_assert(same(&right, &rows), "kind %d: %s has failed, and nobody says so",
				  kind, failed);
		}
		if (rows.failed) {
			buf_release(&rows);
			rows = (struct buf)BUF_INIT;
		}
	} while (failed);
	buf_release(&right);
	buf_release(&rows);
}

Test(history_calls, whatever_fails_a_reader_is_told_what_is_right_or_an_error)
{
	for (enum history_kind kind = HISTORY_EVENTS; kind <= HISTORY_DEAD; kind++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		filters.since_us = START_US;
		filters.until_us = START_US + DAY_US;
		if (kind >= HISTORY_SERIES && kind <= HISTORY_SERIES_BY_CATEGORY) {
			filters.points = POINTS;
			filters.top = kind == HISTORY_SERIES ? 0 : TOP;
		}
		if (history_refuses(kind, &filters))
			filters.since_us = INT64_MIN, filters.until_us = INT64_MAX;
		check(kind, &filters);
	}
	cr_assert_gt(fault_calls_places(), 100);
	cr_log_info("%d places", fault_calls_places());
}

/* ---- What is damaged ------------------------------------------------------------------------------ */

/* Cut at each length, a pack is none, or it lacks events, which the books of the rollups would show. Nothing else happens. */
Test(history_calls, packs_that_make_no_sense_are_an_error)
{
	static const char *const damages[] = {
		"UPDATE event_packs SET pack = x'ff'",
		"UPDATE event_packs SET pack = x'ffffffffffffffffffffffffff'",
		"UPDATE event_packs SET pack = zeroblob(7)",
		"UPDATE event_packs SET pack = substr(pack, 1, length(pack) - 1)"};
	const struct history_filters filters = HISTORY_FILTERS_INIT;
	struct buf rows = BUF_INIT;
	must(ask(HISTORY_USAGE_BY_USER, &filters, &rows));
	run("CREATE TABLE sound AS SELECT * FROM event_packs");
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		run(damages[i]);
		const int status = ask(HISTORY_USAGE_BY_USER, &filters, &rows);
		cr_expect(status < 0, "%s", damages[i]);
		cr_expect_gt(strlen(fixture->err.text), 10);
	}
	for (int bytes = 0; bytes < 200; bytes++) {
		char sql[160];
		snprintf(sql, sizeof(sql),
			 "UPDATE event_packs SET pack = substr((SELECT s.pack FROM sound s WHERE "
			 "s.rowid = 1), 1, %d) WHERE rowid = (SELECT min(rowid) FROM event_packs)",
			 bytes);
		run(sql);
		(void)ask(HISTORY_USAGE_BY_STEP, &filters, &rows);
	}
	buf_release(&rows);
}
