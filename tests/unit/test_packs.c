/* Usage by user and step of packs beside that of the events' rows, which are read where an earlier agent has stored some. */
#include "store_fixture.h"

#include "history/history.h"
#include "store/retention_parts.h"
#include "store/sql.h"

#include <sqlite3.h>

enum { N_EVENTS = 4000, N_FILTERS = 32 };

static struct fixture fixture[1];
static struct query_db *db;

static void run(const char *sql)
{
	sqlite3 *writer = NULL;
	cr_assert_eq(sqlite3_open(fixture->path, &writer), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(writer, sql, NULL, NULL, NULL), SQLITE_OK, "%s: %s", sql,
		     sqlite3_errmsg(writer));
	sqlite3_close(writer);
}

/* Half an hour of each, and one in nine of another day, or of long before. */
static struct sample sample_of(int i)
{
	static const char *const names[] = {"support", "search", NULL};
	static const char *const users[] = {"ann", "bob", NULL, "eve", "日本"};
	static const char *const resources[] = {"gpt-4o", "gpt-4o-mini", NULL, "o3"};
	static const char *const steps[] = {"draft", NULL, "review"};
	const char *name = names[i % 3];
	const int64_t strayed_us = i % 9 ? 0 : (i % 2 ? DAY_US : -START_US + HOUR_US / 2);
	return (struct sample){
		.time_us = START_US + i * (HOUR_US / 2000) + strayed_us,
		.use_case_name = name,
		.use_case_id = name ? "1" : NULL,
		.user_id = users[i % 5],
		.step = name ? steps[i / 2 % 3] : NULL,
		.resource = resources[i % 4],
		.latency_ms = i % 11 ? i * 37 % 900 - 20 : 0,
		.http_status = i % 13 ? 200 : 500,
		.unit_type = i % 2 ? "text" : "vision",
		.input = i,
		.output = i % 100,
	};
}

/* In transactions of all sizes, every third of which is rolled back first: packs are appended to, and from anew. */
static void fill(void)
{
	int n = 0;
	for (int i = 0; i < N_EVENTS; i += n) {
		n = 1 + i % 150;
		for (int again = i % 3 == 0; again >= 0; again--) {
			must(store_begin(fixture->store, &fixture->err));
			for (int k = i; k < i + n && k < N_EVENTS; k++) {
				const struct sample sample = sample_of(k);
				fixture_put(fixture, &sample);
			}
			if (again)
				store_rollback(fixture->store);
			else
				must(store_commit(fixture->store, &fixture->err));
		}
	}
	run("INSERT INTO prices (category, resource, unit_type, rank, from_day, until_day, input, "
	    "output)"
	    " SELECT c.id, r.id, t.id, 1, 0, 2932897, 12345, 67890 FROM names c, names r, names t"
	    " WHERE c.text = 'system.openai' AND r.text = 'gpt-4o' AND t.text = 'text'");
}

/* As the writer sees it. */
static int64_t packs_left(void)
{
	int64_t n = 0;
	must(sql_number(fixture->store->db, "SELECT count(*) FROM event_packs", &n, &fixture->err));
	return n;
}

static void begin(void)
{
	fixture_open(fixture);
	fill();
	must(query_db_open(fixture->path, &db, &fixture->err));
}

static void end(void)
{
	query_db_close(db);
	fixture_close(fixture);
}

TestSuite(packs, .init = begin, .fini = end);

static int gather(void *context, const struct query *row)
{
	for (int i = 0; i < query_columns(row); i++) {
		const char *text = query_text(row, i);
		buf_addf(context, "%s%s", i ? "|" : "", text ? text : "");
	}
	buf_add_char(context, '\n');
	return 0;
}

static void read_rows(enum history_kind kind, const struct history_filters *filters,
		      struct buf *rows)
{
	struct history *history = NULL;
	int n = 0;
	must(history_open(db, kind, filters, &history, &fixture->err));
	while ((n = history_read(history, gather, rows, &fixture->err)) > 0)
		;
	cr_assert_eq(n, 0, "%s", fixture->err.text);
	history_close(history);
}

static void check(enum history_kind kind)
{
	for (unsigned bits = 0; bits < N_FILTERS; bits++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		struct buf packed = BUF_INIT;
		struct buf rows = BUF_INIT;
		filters.resource = bits & 1 ? "gpt-4o" : NULL;
		filters.category = bits & 2 ? "system.openai" : NULL;
		filters.since_us = bits & 4 ? START_US + 12345678 : INT64_MIN;
		filters.until_us = bits & 8 ? START_US + HOUR_US + 87654321 : INT64_MAX;
		filters.use_case_name = bits & 16 ? "support" : NULL;
		read_rows(kind, &filters, &packed);
		run("UPDATE agent_state SET packed_from = 1000000");
		read_rows(kind, &filters, &rows);
		run("UPDATE agent_state SET packed_from = 1");
		cr_expect(strcmp(buf_text(&packed), buf_text(&rows)) == 0,
			  "%u:\n%.600s\nbut\n%.600s", bits, buf_text(&packed), buf_text(&rows));
		cr_expect_neq(packed.len, 0, "%u", bits);
		buf_release(&packed);
		buf_release(&rows);
	}
}

Test(packs, say_the_same_as_events)
{
	assert_rows("SELECT sum(remaining) - (SELECT count(*) FROM events) FROM event_packs",
		    "0\n");
	assert_rows("SELECT max(remaining) > 20 FROM event_packs", "1\n");
	check(HISTORY_USAGE_BY_USER);
	check(HISTORY_USAGE_BY_STEP);
}

Test(packs, forget_events_that_are_gone)
{
	run("DELETE FROM events WHERE id < 500 OR id % 7 = 3 OR id BETWEEN 2000 AND 2100");
	assert_rows("SELECT sum(remaining) - (SELECT count(*) FROM events) FROM event_packs",
		    "0\n");
	assert_rows("SELECT count(*) FROM event_packs WHERE remaining < 1", "0\n");
	check(HISTORY_USAGE_BY_USER);
	run("DELETE FROM events");
	assert_rows("SELECT count(*) FROM event_packs", "0\n");
}

Test(packs, are_not_asked_for_hours_whose_rollups_are_gone)
{
	run("UPDATE agent_state SET packed_from_hour = 1795000000 / 3600 + 2;"
	    "DELETE FROM event_packs WHERE hour < 1795000000 / 3600 + 2");
	check(HISTORY_USAGE_BY_USER);
}

/* An hour of any size in small steps: what is said meanwhile is what is left to be said. */
Test(packs, go_a_few_at_a_time)
{
	enum { STEP = 16 };
	struct retention retention = {.policy.rollups_us = HOUR_US};
	struct retain job = {.retention = &retention,
			     .store = fixture->store,
			     .wall_us = START_US + 10 * HOUR_US};
	int64_t left, before = packs_left();
	int status = RETAIN_MORE;
	must(store_begin(fixture->store, &fixture->err));
	for (; status == RETAIN_MORE; before = left) {
		status = retain_hours(&job, &fixture->err);
		left = packs_left();
		cr_assert_geq(status, 0, "%s", fixture->err.text);
		cr_assert_leq(before - left, STEP);
	}
	must(store_commit(fixture->store, &fixture->err));
	assert_rows("SELECT count(*) FROM usage_hours WHERE hour < 1795000000 / 3600 + 9", "0\n");
	check(HISTORY_USAGE_BY_USER);
}

/* Of one user, and of one use case, an index leads to the rows of few events; packs know the same. */
Test(packs, know_users_and_use_cases)
{
	struct query *query = NULL;
	struct buf text = BUF_INIT;
	must(query_prepare(
		db,
		"SELECT sum(p.events), sum(p.failures), sum(p.input_units), sum(p.output_units)"
		" FROM names u, names n, usage_parts('step', 0, 9000000000000000000, u.id, n.id, "
		"0, 0) p"
		" WHERE u.text = 'ann' AND n.text = 'support' AND p.unit_type = 0",
		&query, &fixture->err));
	cr_assert_eq(query_step(query, &fixture->err), 1, "%s", fixture->err.text);
	gather(&text, query);
	query_free(query);
	assert_rows("SELECT count(*), sum(failed), sum(input_units), sum(output_units)"
		    " FROM event_history WHERE user_id = 'ann' AND use_case_name = 'support'"
		    " AND event_timestamp_us >= 0",
		    buf_text(&text));
	buf_release(&text);
}
