/* What changed, and usage by day, user and step: by the commands, beside what the model's events add up to. */
#include "questions.h"

#include <sqlite3.h>

TestSuite(questions_usage, .init = questions_begin, .fini = questions_end);

/* ---- Usage ---------------------------------------------------------------------------------------- */

static bool by_resource(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|", or_none(event->use_case_name),
		 or_none(event->resource));
	return true;
}

static int64_t change_of_units(const json_t *row)
{
	return llabs(number(row, "units") - number(row, "units_before"));
}

static void changed(const json_t *row, const char *name, int64_t before, int64_t now)
{
	char column[64];
	cr_expect_eq(number(row, name), now, "%s", name);
	snprintf(column, sizeof(column), "%s_before", name);
	cr_expect_eq(number(row, column), before, "%s", column);
	snprintf(column, sizeof(column), "%s_change_pct", name);
	const json_t *percent = json_object_get(row, column);
	if (!before)
		cr_expect(json_is_null(percent), "%s", column);
	else
		cr_expect_float_eq(json_number_value(percent),
				   100.0 * (double)(now - before) / (double)before, 1e-6, "%s",
				   column);
}

static void check_changes(const json_t *row, const struct model_group *before,
			  const struct model_group *now)
{
	static const struct model_group none = {.key = "none"};
	const char *presence = !before ? "new" : !now ? "gone" : NULL;
	cr_assert(before || now);
	cr_expect(same(text(row, "presence"), presence));
	before = before ? before : &none;
	now = now ? now : &none;
	changed(row, "events", before->events, now->events);
	changed(row, "units", before->input + before->output, now->input + now->output);
	changed(row, "failures", before->failures, now->failures);
	near(row, "latency_p95_before_ms", model_percentile(before, 95), before->key);
	near(row, "latency_p95_ms", model_percentile(now, 95), now->key);
}

static size_t changes_from(int64_t since_us, int64_t until_us)
{
	char since[CLOCK_TEXT_BYTES], until[CLOCK_TEXT_BYTES];
	struct model_groups *before =
		model_group(model, 2 * since_us - until_us, since_us, by_resource);
	struct model_groups *now = model_group(model, since_us, until_us, by_resource);
	json_t *rows = ask("usage --changes --since %s --until %s", clock_text(since_us, 6, since),
			   clock_text(until_us, 6, until));
	const json_t *row = NULL;
	size_t at = 0;
	size_t n = (size_t)now->n;
	for (int i = 0; i < before->n; i++)
		n += !model_find(now, before->group[i].key);
	cr_expect_eq(json_array_size(rows), n);
	falls(rows, change_of_units);
	json_array_foreach(rows, at, row)
	{
		char key[MODEL_TEXT];
		snprintf(key, sizeof(key), "%s|%s|", or_none(text(row, "use_case_name")),
			 or_none(text(row, "resource")));
		check_changes(row, model_find(before, key), model_find(now, key));
	}
	json_decref(rows);
	model_release(before);
	model_release(now);
	return n;
}

/* Times that begin and end within hours, in one hour, at whole hours, and that are longer than all there is. */
Test(questions_usage, what_changed)
{
	const int64_t whole_us = (model->start_us / HOUR_US + 7 * 24) * HOUR_US;
	cr_expect_gt(changes_from(model->start_us + 7 * DAY_US, model->start_us + 10 * DAY_US), 15);
	cr_expect_gt(changes_from(whole_us, whole_us + 20 * HOUR_US), 10);
	changes_from(whole_us + 5, whole_us + HOUR_US - 5);
	changes_from(whole_us + HOUR_US / 3, whole_us + HOUR_US / 2);
	changes_from(whole_us - HOUR_US / 3, whole_us + HOUR_US / 2);
	changes_from(whole_us, whole_us + 1);
	changes_from(model->start_us, model->start_us + 30 * DAY_US);
}

static void run_sql(const char *sql)
{
	sqlite3 *db;
	cr_assert_eq(sqlite3_open(fixture->path, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A time from which on there are no events any more: the first hour, or the first two, are in rollups alone. */
static void in_whole_hours(int64_t since_us, int64_t until_us, int64_t gone_us)
{
	char since[CLOCK_TEXT_BYTES], until[CLOCK_TEXT_BYTES], sql[160];
	char *said = NULL;
	snprintf(sql, sizeof(sql),
		 "DELETE FROM events WHERE event_timestamp_us BETWEEN %lld AND %lld",
		 (long long)gone_us, (long long)gone_us + HOUR_US);
	run_sql(sql);
	json_t *got = ask("usage --changes --since %s --until %s", clock_text(since_us, 6, since),
			  clock_text(until_us, 6, until));
	help_shell(&said,
		   AGENT_PROGRAM
		   " usage --changes --since %s --until %s --format csv 2>&1 >/dev/null",
		   since, until);
	cr_expect(strstr(said, "so whole hours are compared: "), "%s", said);
	free(said);
	const int64_t low_us = since_us / HOUR_US * HOUR_US;
	const int64_t high_us = (until_us + HOUR_US - 1) / HOUR_US * HOUR_US;
	json_t *whole = ask("usage --changes --since %s --until %s", clock_text(low_us, 6, since),
			    clock_text(high_us, 6, until));
	cr_expect_gt(json_array_size(whole), 10);
	cr_expect(json_equal(got, whole));
	json_decref(got);
	json_decref(whole);
	changes_from(low_us, high_us); /* by the model, which has all events still */
	help_shell(&said, AGENT_PROGRAM " usage --changes --since %s --until %s 2>&1 >/dev/null",
		   since, until);
	cr_expect_str_eq(said, "", "of whole hours there is nothing to say");
	free(said);
}

Test(questions_usage, what_changed_is_in_whole_hours_where_events_are_gone)
{
	const int64_t whole_us = (model->start_us / HOUR_US + 7 * 24) * HOUR_US;
	in_whole_hours(whole_us + 5, whole_us + 20 * HOUR_US + 7, whole_us - 20 * HOUR_US);
	in_whole_hours(whole_us + HOUR_US / 2, whole_us + 3 * HOUR_US, whole_us);
}

Test(questions_usage, what_changed_since_yesterday)
{
	json_t *unasked = ask("usage --changes");
	json_t *asked = ask("usage --changes --since yesterday --until now");
	cr_expect_gt(json_array_size(asked), 10);
	cr_expect_eq(json_array_size(unasked), json_array_size(asked));
	json_decref(asked);
	json_decref(unasked);
}

static bool by_day(const struct sample *event, char key[MODEL_TEXT])
{
	char time[CLOCK_TEXT_BYTES];
	snprintf(key, MODEL_TEXT, "%.10s|%s|%s", clock_text(event->time_us, 0, time),
		 or_none(event->use_case_name), or_none(event->resource));
	return true;
}

static bool by_user(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|%s", or_none(event->user_id),
		 or_none(event->use_case_name), or_none(event->resource));
	return true;
}

static bool by_step(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|%s", or_none(event->step), or_none(event->use_case_name),
		 or_none(event->resource));
	return true;
}

static void check_usage(const char *by, const char *column, model_key_fn *key_of, int64_t since_us,
			int64_t until_us)
{
	char since[CLOCK_TEXT_BYTES], until[CLOCK_TEXT_BYTES];
	struct model_groups *groups = model_group(model, since_us, until_us, key_of);
	json_t *rows = ask("usage --by %s --since %s --until %s", by,
			   clock_text(since_us, 6, since), clock_text(until_us, 6, until));
	const json_t *row = NULL;
	size_t at = 0;
	cr_expect_gt(groups->n, 20);
	cr_expect_eq(json_array_size(rows), (size_t)groups->n);
	json_array_foreach(rows, at, row)
	{
		const struct model_group *group =
			group_of(groups, row, column, "use_case_name", "resource");
		adds_up(row, group);
		percentiles_add_up(row, group);
	}
	json_decref(rows);
	model_release(groups);
}

Test(questions_usage, usage_by_day_user_and_step)
{
	const int64_t since_us = model->start_us + 3 * DAY_US + 12345;
	check_usage("day", "day", by_day, model->start_us - HOUR_US, model->start_us + 11 * DAY_US);
	check_usage("user", "user_id", by_user, since_us, since_us + 5 * DAY_US);
	check_usage("step", "use_case_step", by_step, since_us, since_us + 5 * DAY_US);
}
