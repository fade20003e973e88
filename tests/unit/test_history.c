/*
 * The history's rows beside what plain SQL on the documented views says: every combination of filters, both
 * orders, over several pages.
 */
#include "store_fixture.h"

#include "history/history.h"
#include "history/history_parts.h"

#include <limits.h>
#include <sqlite3.h>

enum { N_EVENTS = 5000, N_FILTERS = 7 };

static struct fixture fixture[1];
static struct query_db *db;

/* Times that repeat, ids under two names, events without name, id, user or resource; two weeks of them. */
static struct sample sample_of(int i)
{
	static const char *const names[] = {"support", "search", NULL, "support"};
	static const char *const ids[] = {"t-1", "t-2", "t-3", "t-4", "t-5", NULL, "t-7"};
	static const char *const users[] = {"ann", "bob", NULL, "eve", "日本"};
	static const char *const resources[] = {"gpt-4o", "gpt-4o-mini", NULL};
	static const char *const steps[] = {"draft", NULL, "review"};
	const char *name = names[i % 4];
	return (struct sample){
		.time_us = START_US + (i * INT64_C(7919) % N_EVENTS) / 3 * (DAY_US / 100),
		.use_case_name = i == 17 ? "rare" : name,
		.use_case_id = i == 17 ? "r"
			       : name  ? ids[i % 7]
				       : NULL,
		.user_id = users[i % 5],
		.step = name ? steps[i % 3] : NULL,
		.resource = resources[i % 3],
		.latency_ms = i % 11 ? i % 900 + 1 : 0,
		.http_status = i % 13 ? 200 : 500,
		.unit_type = i % 2 ? "text" : "vision",
		.input = i,
		.output = i % 100,
	};
}

static void begin(void)
{
	fixture_open(fixture);
	fixture_make(fixture, N_EVENTS, sample_of);
	must(query_db_open(fixture->path, &db, &fixture->err));
}

static void end(void)
{
	query_db_close(db);
	fixture_close(fixture);
}

TestSuite(history, .init = begin, .fini = end);

/* ---- What the history says ------------------------------------------------------------------------ */

struct gathered {
	struct buf text;
	int n_columns;
	const int *columns; /* NULL: the first ones */
};

static int gather_row(void *context, const struct query *row)
{
	struct gathered *gathered = context;
	for (int i = 0; i < gathered->n_columns; i++) {
		const char *text = query_text(row, gathered->columns ? gathered->columns[i] : i);
		buf_addf(&gathered->text, "%s%s", i ? "|" : "", text ? text : "");
	}
	buf_add_char(&gathered->text, '\n');
	return 0;
}

/* All rows, as fixture_rows() gives them; to be freed. */
static char *gather(struct gathered gathered, enum history_kind kind,
		    const struct history_filters *filters, bool *has_more)
{
	struct history *history = NULL;
	int n = 0;
	must(history_open(db, kind, filters, &history, &fixture->err));
	while ((n = history_read(history, gather_row, &gathered, &fixture->err)) > 0)
		cr_assert_leq(n, HISTORY_PAGE_ROWS);
	cr_assert_eq(n, 0, "%s", fixture->err.text);
	if (has_more)
		*has_more = history_has_more(history);
	history_close(history);
	char *copy = strdup(buf_text(&gathered.text));
	buf_release(&gathered.text);
	return copy;
}

static char *rows_of(enum history_kind kind, const struct history_filters *filters, bool *has_more)
{
	struct gathered gathered = {.text = BUF_INIT};
	history_columns(kind, &gathered.n_columns);
	return gather(gathered, kind, filters, has_more);
}

/* Of the columns of these numbers. */
static void same_columns(enum history_kind kind, const struct history_filters *filters,
			 const int *columns, int n_columns, const char *sql)
{
	char *rows = gather((struct gathered){BUF_INIT, n_columns, columns}, kind, filters, NULL);
	char *expected = fixture_rows(fixture, sql);
	cr_expect(strcmp(rows, expected) == 0, "not what this says: %s\n%.300s\nbut\n%.300s", sql,
		  expected, rows);
	free(rows);
	free(expected);
}

static void same_rows(enum history_kind kind, const struct history_filters *filters,
		      const char *sql)
{
	int n_columns = 0;
	history_columns(kind, &n_columns);
	same_columns(kind, filters, NULL, n_columns, sql);
}

/* ---- Events --------------------------------------------------------------------------------------- */

static const char event_columns[] =
	"SELECT event_timestamp_us, event, use_case_name, use_case_id, use_case_step, "
	"use_case_version, category,"
	" resource, input_units, output_units, units, end_to_end_latency_ms, "
	"time_to_first_token_ms,"
	" http_status_code, failed, user_id, account_name, scope, limit_ids, properties, "
	"use_case_properties,"
	" provider_response_id, app_name, delivery, stored_us, service_id, "
	" estimated_cost_picousd, unpriced_units, service_cost_picousd FROM event_history WHERE "
	"true";

#define SINCE_US (START_US + 3 * DAY_US + 12345)
#define UNTIL_US (START_US + 9 * DAY_US)

/* The filters that the bits choose, and the same as conditions on a view. */
static struct history_filters choose(unsigned bits, struct buf *sql)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	if (bits & 1) {
		filters.use_case_name = "support";
		buf_add_str(sql, " AND use_case_name = 'support'");
	}
	if (bits & 2) {
		filters.use_case_id = "t-4";
		buf_add_str(sql, " AND use_case_id = 't-4'");
	}
	if (bits & 4) {
		filters.user_id = "日本";
		buf_add_str(sql, " AND user_id = '日本'");
	}
	if (bits & 8) {
		filters.category = "system.openai";
		buf_add_str(sql, " AND category = 'system.openai'");
	}
	if (bits & 16) {
		filters.resource = "gpt-4o";
		buf_add_str(sql, " AND resource = 'gpt-4o'");
	}
	if (bits & 32) {
		filters.since_us = SINCE_US;
		buf_addf(sql, " AND event_timestamp_us >= %lld", (long long)SINCE_US);
	}
	if (bits & 64) {
		filters.until_us = UNTIL_US;
		buf_addf(sql, " AND event_timestamp_us < %lld", (long long)UNTIL_US);
	}
	return filters;
}

Test(history, events_are_those_of_the_view_whatever_the_filters)
{
	for (unsigned bits = 0; bits < 1 << N_FILTERS; bits++)
		for (int oldest_first = 0; oldest_first < 2; oldest_first++) {
			struct buf sql = BUF_INIT;
			buf_add_str(&sql, event_columns);
			struct history_filters filters = choose(bits, &sql);
			filters.oldest_first = oldest_first;
			filters.limit = bits % 3 ? 0 : 37;
			buf_addf(&sql, " ORDER BY event_timestamp_us %s, event %s LIMIT %d",
				 oldest_first ? "ASC" : "DESC", oldest_first ? "ASC" : "DESC",
				 filters.limit ? (int)filters.limit : -1);
			same_rows(HISTORY_EVENTS, &filters, buf_text(&sql));
			buf_release(&sql);
		}
}

Test(history, events_of_a_use_case_that_is_rare_are_found)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	filters.use_case_name = "rare";
	char *rows = rows_of(HISTORY_EVENTS, &filters, NULL);
	cr_expect(strstr(rows, "|18|rare|r|"), "%s", rows);
	cr_expect_eq(strchr(rows, '\n'), rows + strlen(rows) - 1);
	free(rows);
}

Test(history, says_whether_the_limit_kept_rows_back)
{
	static const int limits[] = {1,
				     HISTORY_PAGE_ROWS - 1,
				     HISTORY_PAGE_ROWS,
				     HISTORY_PAGE_ROWS + 1,
				     N_EVENTS - 1,
				     N_EVENTS,
				     N_EVENTS + 1,
				     0};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		bool has_more = false;
		int n = 0;
		filters.limit = limits[i];
		char *rows = rows_of(HISTORY_EVENTS, &filters, &has_more);
		for (const char *c = rows; *c; c++)
			n += *c == '\n';
		cr_expect_eq(n, limits[i] && limits[i] < N_EVENTS ? limits[i] : N_EVENTS);
		cr_expect_eq(has_more, limits[i] && limits[i] < N_EVENTS, "limit %d", limits[i]);
		free(rows);
	}
}

Test(history, takes_no_filter_for_sql)
{
	static const char *const hostile[] = {
		"x' OR '1'='1", "support' --", "%", "*", ":user_id", ""};
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		if (i % 2)
			filters.use_case_id = hostile[i];
		else
			filters.use_case_name = hostile[i];
		char *rows = rows_of(HISTORY_EVENTS, &filters, NULL);
		cr_expect_str_eq(rows, "", "%s", hostile[i]);
		free(rows);
	}
}

static int fail_row(void *context, const struct query *row)
{
	(void)row;
	return err_set(context, ERR_SYSTEM, "no room");
}

Test(history, hands_on_what_its_taker_answers)
{
	struct history *history = NULL;
	struct err err = {0};
	const struct history_filters filters = HISTORY_FILTERS_INIT;
	must(history_open(db, HISTORY_EVENTS, &filters, &history, &fixture->err));
	cr_expect_eq(history_read(history, fail_row, &err, &err), ERR_SYSTEM);
	history_close(history);
}

/*
 * A reader with a snapshot would make the checkpoint stop at it, and the WAL could not be begun anew. The limit
 * leaves the query in the middle of its rows, where SQLite would keep the snapshot for it.
 */
Test(history, holds_no_snapshot_between_pages)
{
	static const enum history_kind kinds[] = {HISTORY_EVENTS, HISTORY_USE_CASES,
						  HISTORY_USAGE_BY_DAY};
	sqlite3 *writer = NULL;
	cr_assert_eq(sqlite3_open(fixture->path, &writer), SQLITE_OK);
	/* It has to read once to know that there is a WAL. */
	cr_assert_eq(sqlite3_exec(writer, "SELECT * FROM sinks", 0, 0, 0), SQLITE_OK);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct history *history = NULL;
		struct gathered gathered = {.text = BUF_INIT};
		struct history_filters filters = HISTORY_FILTERS_INIT;
		int in_log = -1;
		filters.resource = kinds[i] == HISTORY_EVENTS ? "gpt-4o" : NULL;
		filters.limit = 3;
		must(history_open(db, kinds[i], &filters, &history, &fixture->err));
		cr_assert_gt(history_read(history, gather_row, &gathered, &fixture->err), 0);
		fixture_fill(fixture, 10);
		cr_expect_eq(sqlite3_wal_checkpoint_v2(writer, NULL, SQLITE_CHECKPOINT_TRUNCATE,
						       &in_log, NULL),
			     SQLITE_OK);
		cr_expect_eq(in_log, 0);
		history_close(history);
		buf_release(&gathered.text);
	}
	sqlite3_close(writer);
}

/* ---- Use cases ------------------------------------------------------------------------------------ */

Test(history, use_cases_are_those_of_the_view)
{
	static const char *const conditions[] = {
		"use_case_name = 'support'", "use_case_id = 't-4'",
		("instance IN (SELECT v.instance FROM instance_users v JOIN names n"
		 " ON n.id = v.user_id WHERE n.text = 'eve')")};
	for (unsigned bits = 0; bits < 64; bits++) {
		struct buf sql = BUF_INIT;
		struct history_filters filters = HISTORY_FILTERS_INIT;
		filters.use_case_name = bits & 1 ? "support" : NULL;
		filters.use_case_id = bits & 2 ? "t-4" : NULL;
		filters.user_id = bits & 4 ? "eve" : NULL;
		filters.since_us =
			bits & 8 ? START_US + 16 * DAY_US + 60 * HOUR_US / 100 : INT64_MIN;
		filters.until_us = bits & 16 ? START_US + DAY_US / 99 : INT64_MAX;
		filters.oldest_first = bits & 32;
		buf_add_str(&sql,
			    "SELECT last_us, first_us, use_case_name, use_case_id, "
			    "duration_s, events, failures,"
			    " input_units, output_units, units, steps, users, "
			    "latency_mean_ms, latency_max_ms, versions, step_events,"
			    " latency_p50_ms, latency_p95_ms, latency_p99_ms, idle_s,"
			    " service_id_state, service_id, estimated_cost_picousd, unpriced_units"
			    " FROM use_case_history WHERE true");
		for (unsigned i = 0; i < 3; i++)
			if (bits >> i & 1)
				buf_addf(&sql, " AND %s", conditions[i]);
		if (bits & 8)
			buf_addf(&sql, " AND last_us >= %lld", (long long)filters.since_us);
		if (bits & 16)
			buf_addf(&sql, " AND first_us < %lld", (long long)filters.until_us);
		buf_add_str(&sql, bits & 32 ? " ORDER BY last_us, instance"
					    : " ORDER BY last_us DESC, instance DESC");
		same_rows(HISTORY_USE_CASES, &filters, buf_text(&sql));
		buf_release(&sql);
	}
}

/* By each measure, over all of the time, a part of it, and the last bit. */
Test(history, use_cases_are_sorted_by_what_they_used)
{
	static const char *const measures[] = {
		[HISTORY_SORT_UNITS] = "input_units + output_units",
		[HISTORY_SORT_EVENTS] = "events",
		[HISTORY_SORT_FAILURES] = "failures",
		[HISTORY_SORT_LAST] = "last_us",
		[HISTORY_SORT_COST] = "coalesce(estimated_cost_picousd, 0)",
	};
	static const int64_t sinces[] = {INT64_MIN, START_US + DAY_US, START_US + 16 * DAY_US};
	for (enum history_sort sort = HISTORY_SORT_UNITS; sort <= HISTORY_SORT_COST; sort++)
		for (int i = 0; i < 3 && measures[sort]; i++) {
			struct history_filters filters = HISTORY_FILTERS_INIT;
			struct buf sql = BUF_INIT;
			filters.sort = sort;
			filters.since_us = sinces[i];
			filters.use_case_name = "support";
			buf_addf(&sql,
				 "SELECT use_case_id, events FROM use_case_history WHERE "
				 "use_case_name"
				 " = 'support' AND last_us >= %lld ORDER BY %s DESC, instance DESC",
				 (long long)sinces[i], measures[sort]);
			same_columns(HISTORY_USE_CASES, &filters, (int[]){3, 5}, 2, buf_text(&sql));
			buf_release(&sql);
		}
}

/* Enough that they are met among the others, and not looked up one by one. */
Test(history, instances_of_who_has_many_are_found)
{
	enum { MANY = 10100 };
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < MANY + MANY / 4; i++) {
		char id[16];
		snprintf(id, sizeof(id), "m-%d", i);
		fixture_put(fixture,
			    &(struct sample){.time_us = START_US + DAY_US + i * 7919 % MANY,
					     .use_case_name = i % 3 ? "mass" : "few",
					     .use_case_id = id,
					     .user_id = i % 5 ? "busy" : "idle",
					     .input = 1});
	}
	must(store_commit(fixture->store, &fixture->err));
	for (unsigned bits = 0; bits < 4; bits++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		filters.user_id = bits & 2 ? "idle" : "busy";
		filters.use_case_name = bits & 1 ? "mass" : NULL;
		filters.limit = 200;
		struct buf sql = BUF_INIT;
		buf_addf(
			&sql,
			"SELECT use_case_id, events FROM use_case_history WHERE instance IN"
			" (SELECT v.instance FROM instance_users v JOIN names n ON n.id = v.user_id"
			" WHERE n.text = '%s')%s ORDER BY last_us DESC, instance DESC LIMIT 200",
			filters.user_id, bits & 1 ? " AND use_case_name = 'mass'" : "");
		same_columns(HISTORY_USE_CASES, &filters, (int[]){3, 5}, 2, buf_text(&sql));
		buf_release(&sql);
	}
}

/* ---- Usage ---------------------------------------------------------------------------------------- */

Test(history, usage_by_hour_is_that_of_the_view)
{
	for (unsigned bits = 0; bits < 8; bits++) {
		struct buf sql = BUF_INIT;
		struct history_filters filters = HISTORY_FILTERS_INIT;
		filters.use_case_name = bits & 1 ? "support" : NULL;
		filters.resource = bits & 2 ? "gpt-4o" : NULL;
		filters.oldest_first = bits & 4;
		buf_addf(&sql,
			 "SELECT hour_us, use_case_name, category, resource, events, failures, "
			 "input_units,"
			 " output_units, units, latency_mean_ms, latency_max_ms, latency_p50_ms,"
			 " latency_p95_ms, latency_p99_ms, estimated_cost_picousd, unpriced_units"
			 " FROM usage_by_hour "
			 "WHERE true%s%s"
			 " ORDER BY hour_us %s, use_case_name, category, resource",
			 bits & 1 ? " AND use_case_name = 'support'" : "",
			 bits & 2 ? " AND resource = 'gpt-4o'" : "", bits & 4 ? "ASC" : "DESC");
		same_rows(HISTORY_USAGE_BY_HOUR, &filters, buf_text(&sql));
		buf_release(&sql);
	}
}

/* By hour, day, and by the events of a user: all are the same sums, made another way. */
static const char sums_of_events[] =
	"SELECT event_timestamp_us / %lld * %lld AS bucket, use_case_name, category, resource, "
	"count(*), sum(failed),"
	" sum(input_units), sum(output_units),"
	" (SELECT json_group_object(q.key, json_object('input', q.input, 'output', q.output)) FROM"
	"  (SELECT j.key, sum(j.value ->> '$.input') AS input, sum(j.value ->> '$.output') AS "
	"output"
	"   FROM event_history v, json_each(v.units) j WHERE v.use_case_name IS h.use_case_name"
	"   AND v.category IS h.category AND v.resource IS h.resource %s"
	"   AND v.event_timestamp_us BETWEEN %lld AND %lld"
	"   AND v.event_timestamp_us / %lld = h.event_timestamp_us / %lld GROUP BY j.key ORDER BY "
	"j.key) q),"
	" avg(end_to_end_latency_ms), max(end_to_end_latency_ms) FROM event_history h"
	" WHERE event_timestamp_us BETWEEN %lld AND %lld %s"
	" GROUP BY bucket, use_case_name, category, resource"
	" ORDER BY bucket DESC, use_case_name, category, resource";

static void check_usage(enum history_kind kind, const char *user)
{
	struct buf sql = BUF_INIT;
	struct history_filters filters = HISTORY_FILTERS_INIT;
	const long long us = kind == HISTORY_USAGE_BY_DAY ? DAY_US : HOUR_US;
	const char *condition = user ? " AND user_id = 'ann'" : "";
	/* from within an hour to within another: whole hours are meant */
	const long long since = START_US / HOUR_US * HOUR_US + 30 * HOUR_US;
	const long long until = since + 50 * HOUR_US;
	filters.user_id = user;
	filters.since_us = since + 1234;
	filters.until_us = until - 1234;
	buf_addf(&sql, sums_of_events, us, us, condition, since, until - 1, us, us, since,
		 until - 1, condition);
	int n_columns = 0;
	history_columns(kind, &n_columns); /* the last ones are percentiles and costs */
	same_columns(kind, &filters, NULL, n_columns - 5, buf_text(&sql));
	buf_release(&sql);
}

Test(history, usage_is_the_sum_of_its_events)
{
	check_usage(HISTORY_USAGE_BY_HOUR, NULL);
	check_usage(HISTORY_USAGE_BY_HOUR, "ann");
	check_usage(HISTORY_USAGE_BY_DAY, "ann");
}

Test(history, usage_by_day_adds_up_to_usage_by_hour)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	char *rows = rows_of(HISTORY_USAGE_BY_DAY, &filters, NULL);
	int64_t events = 0, input = 0;
	for (char *line = strtok(rows, "\n"); line; line = strtok(NULL, "\n")) {
		char *at = line;
		cr_assert_eq(strtoll(at, &at, 10) % DAY_US, 0, "%s", line);
		for (int i = 0; i < 4; i++)
			at = strchr(at, '|') + 1;
		events += strtoll(at, &at, 10);
		for (int i = 0; i < 2; i++)
			at = strchr(at, '|') + 1;
		input += strtoll(at, NULL, 10);
	}
	cr_expect_eq(events, N_EVENTS);
	cr_expect_eq(input, (int64_t)N_EVENTS * (N_EVENTS - 1) / 2);
	free(rows);
}

/* ---- Sums ----------------------------------------------------------------------------------------- */

Test(history, sums_over_instances_are_those_of_the_views)
{
	const struct history_filters all = HISTORY_FILTERS_INIT;
	struct history_filters some = HISTORY_FILTERS_INIT;
	some.use_case_name = "support";
	some.limit = 2;
	same_rows(HISTORY_USE_CASE_STEPS, &all,
		  "SELECT use_case_name, use_case_step, instances, events, failures, input_units,"
		  " output_units, first_us, last_us FROM use_case_steps"
		  " ORDER BY input_units + output_units DESC");
	same_rows(HISTORY_USE_CASE_USERS, &some,
		  "SELECT use_case_name, user_id, instances, events, failures, input_units,"
		  " output_units, first_us, last_us, estimated_cost_picousd FROM use_case_users "
		  "WHERE use_case_name = "
		  "'support'"
		  " ORDER BY input_units + output_units DESC LIMIT 2");
	same_rows(HISTORY_USE_CASE_DISTRIBUTION, &all,
		  "SELECT use_case_name, instances, units_min, units_median, units_p95, units_max,"
		  " events_min, events_median, events_p95, events_max, duration_min_s,"
		  " duration_median_s, duration_p95_s, duration_max_s FROM use_case_distribution"
		  " ORDER BY use_case_name");
	same_rows(HISTORY_USE_CASE_DEFINITIONS, &all,
		  "SELECT use_case_name, definition, service_state, service_message, instances,"
		  " events, failures, input_units, output_units, first_us, last_us, description"
		  " FROM use_cases ORDER BY use_case_name");
}

/* A reading that goes on behind another: all kinds that are read at once, a row at a time. */
Test(history, sums_are_read_on_from_where_another_reading_ended)
{
	static const enum history_kind kinds[] = {
		HISTORY_USE_CASE_USERS, HISTORY_USE_CASE_DISTRIBUTION, HISTORY_USE_CASE_DEFINITIONS,
		HISTORY_USAGE_BY_USER,  HISTORY_USAGE_BY_STEP,         HISTORY_USAGE_CHANGES};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct history_filters filters = HISTORY_FILTERS_INIT;
		struct history_place place = {0};
		struct buf rows = BUF_INIT;
		filters.since_us = kinds[i] == HISTORY_USAGE_CHANGES ? SINCE_US : INT64_MIN;
		filters.until_us = kinds[i] == HISTORY_USAGE_CHANGES ? UNTIL_US : INT64_MAX;
		char *whole = rows_of(kinds[i], &filters, NULL);
		filters.limit = 1;
		for (bool more = true; more;) {
			struct history *history = NULL;
			struct gathered gathered = {.text = BUF_INIT};
			history_columns(kinds[i], &gathered.n_columns);
			must(history_open(db, kinds[i], &filters, &history, &fixture->err));
			cr_assert_eq(history_read(history, gather_row, &gathered, &fixture->err),
				     1);
			more = history_has_more(history);
			cr_assert(history_place(history, &place));
			filters.after = &place;
			history_close(history);
			buf_add_str(&rows, buf_text(&gathered.text));
			buf_release(&gathered.text);
		}
		cr_expect_str_eq(buf_text(&rows), whole);
		buf_release(&rows);
		free(whole);
	}
}

/* ---- How it is found ------------------------------------------------------------------------------ */

Test(history, reads_events_by_an_index_whatever_the_filters)
{
	for (unsigned bits = 0; bits < 32; bits++) {
		struct buf ignored = BUF_INIT;
		struct buf sql = BUF_INIT;
		struct history history = {.filters = choose(bits, &ignored)};
		must(history_ids_find(db, &history.filters, &history.ids, &fixture->err));
		buf_add_str(&sql, "EXPLAIN QUERY PLAN SELECT e.event_timestamp_us, e.id FROM "
				  "events e WHERE true");
		history_filter_events(&sql, &history.filters, &history.ids);
		history_add_window(&sql, &history, "e.event_timestamp_us", "e.id");
		buf_add_str(&sql, " LIMIT :limit");
		char *plan = fixture_rows(fixture, buf_text(&sql));
		cr_expect_not(strstr(plan, "SCAN e"), "%s", plan);
		cr_expect_not(strstr(plan, "SCAN f"), "%s", plan);
		const char *index = bits & 2   ? "events_by_instance"
				    : bits & 4 ? "events_by_user"
					       : "events_by_time";
		cr_expect(strstr(plan, index), "%s: %s", index, plan);
		if (!(bits & 2) || bits & 1)
			cr_expect_not(strstr(plan, "TEMP B-TREE"), "%s", plan);
		free(plan);
		buf_release(&sql);
		buf_release(&ignored);
	}
}

/* ---- Going on ------------------------------------------------------------------------------------- */

/* Takes some rows, and that is enough. */
struct handful {
	struct gathered gathered;
	int n;
};

static int gather_handful(void *context, const struct query *row)
{
	struct handful *handful = context;
	gather_row(&handful->gathered, row);
	return ++handful->n == 211 ? HISTORY_ENOUGH : 0;
}

/* All rows, by readings of their own that each go on where the one before ended. */
static char *rows_in_turns(enum history_kind kind, struct history_filters filters, bool by_limit)
{
	struct handful all = {.gathered = {.text = BUF_INIT}};
	struct history_place place;
	bool more = true;
	history_columns(kind, &all.gathered.n_columns);
	for (int turn = 0; more; turn++) {
		struct history *history = NULL;
		int n = 0;
		cr_assert(turn < N_EVENTS, "it goes in circles");
		all.n = by_limit ? INT_MIN : 0;
		filters.limit = by_limit ? 1 + turn * 97 % 800 : 0;
		must(history_open(db, kind, &filters, &history, &fixture->err));
		while ((n = history_read(history, gather_handful, &all, &fixture->err)) > 0)
			;
		cr_assert_eq(n, 0, "%s", fixture->err.text);
		more = history_has_more(history);
		cr_assert(history_place(history, &place) || !more);
		filters.after = &place;
		history_close(history);
	}
	char *copy = strdup(buf_text(&all.gathered.text));
	buf_release(&all.gathered.text);
	return copy;
}

Test(history, goes_on_where_another_reading_ended)
{
	static const enum history_kind kinds[] = {HISTORY_EVENTS, HISTORY_USE_CASES,
						  HISTORY_USAGE_BY_HOUR, HISTORY_USAGE_BY_DAY};
	for (unsigned i = 0; i < 4 * 16; i++) {
		const enum history_kind kind = kinds[i / 16];
		struct history_filters filters = HISTORY_FILTERS_INIT;
		filters.oldest_first = i & 1;
		filters.use_case_name = i & 2 ? "support" : NULL;
		filters.use_case_id = i & 4 ? "t-4" : NULL;
		if (i & 2) {
			filters.since_us = SINCE_US;
			filters.until_us = UNTIL_US;
		}
		char *whole = rows_of(kind, &filters, NULL);
		char *turns = rows_in_turns(kind, filters, i & 8);
		cr_expect(strcmp(whole, turns) == 0, "kind %d, filters %x: %zu and %zu bytes",
			  (int)kind, i % 16, strlen(whole), strlen(turns));
		free(whole);
		free(turns);
	}
}
