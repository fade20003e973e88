/*
 * For the tests of questions: the model in a database, commands that answer from it in JSON, and answers compared with
 * the model's groups.
 */
#ifndef PAYI_TESTS_QUESTIONS_H
#define PAYI_TESTS_QUESTIONS_H

#include "help/help.h"
#include "questions_model.h"
#include "use_case_fixture.h"

#include "base/clock.h"

#include <jansson.h>
#include <stdarg.h>

static struct fixture fixture[1];
static struct model model[1];

/* The events end an hour ago, so that "active since" has something to tell apart. */
static inline void questions_begin(void)
{
	fixture_open(fixture);
	model_make(model, clock_wall_us() - HOUR_US - MODEL_DAYS * DAY_US);
	model_store(model, fixture);
	setenv("PAYI_DATA_DIR", fixture->directory, 1);
	setenv("PAYI_CONFIG", "/dev/null", 1);
	setenv("TZ", "UTC", 1);
}

static inline void questions_end(void)
{
	fixture_close(fixture);
}

/* ---- Asking --------------------------------------------------------------------------------------- */

/* The rows that a command answers, all of them. */
#define ask(...) ask_by(false, __VA_ARGS__)

static inline json_t *ask_by(bool limited, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline json_t *ask_by(bool limited, const char *format, ...)
{
	char arguments[512];
	char *output = NULL;
	va_list values;
	va_start(values, format);
	vsnprintf(arguments, sizeof(arguments), format, values);
	va_end(values);
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " %s --format json%s", arguments,
				limited ? "" : " --limit 0"),
		     0, "%s", arguments);
	json_t *rows = json_loads(output, 0, NULL);
	cr_assert(json_is_array(rows), "%s: %s", arguments, output);
	free(output);
	return rows;
}

static inline const char *text(const json_t *row, const char *name)
{
	cr_assert_not_null(json_object_get(row, name), "there is no %s", name);
	return json_string_value(json_object_get(row, name));
}

static inline int64_t number(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);
	cr_assert(json_is_integer(value), "%s is no whole number", name);
	return json_integer_value(value);
}

static inline int64_t when(const json_t *row, const char *name)
{
	int64_t time_us = 0;
	cr_assert_eq(clock_parse(text(row, name), &time_us), 0, "%s", text(row, name));
	return time_us;
}

/* The histogram's answer lies within 3.2 % of the exact one, or half a millisecond. */
static inline void near(const json_t *row, const char *name, int32_t exact, const char *key)
{
	const json_t *value = json_object_get(row, name);
	if (exact < 0) {
		cr_expect(json_is_null(value), "%s of %s", name, key);
		return;
	}
	const double off = (double)json_integer_value(value) - exact;
	cr_expect(off <= exact * 0.032 + 0.5 && -off <= exact * 0.032 + 0.5,
		  "%s of %s is %lld, and exactly %d", name, key,
		  (long long)json_integer_value(value), exact);
}

static inline void adds_up(const json_t *row, const struct model_group *group)
{
	cr_assert_not_null(group);
	cr_expect_eq(number(row, "events"), group->events, "%s", group->key);
	cr_expect_eq(number(row, "failures"), group->failures, "%s", group->key);
	cr_expect_eq(number(row, "input_units"), group->input, "%s", group->key);
	cr_expect_eq(number(row, "output_units"), group->output, "%s", group->key);
}

static inline void percentiles_add_up(const json_t *row, const struct model_group *group)
{
	near(row, "latency_p50_ms", model_percentile(group, 50), group->key);
	near(row, "latency_p95_ms", model_percentile(group, 95), group->key);
	near(row, "latency_p99_ms", model_percentile(group, 99), group->key);
}

static inline const char *or_none(const char *text)
{
	return text ? text : "-";
}

/* A row's group, by the columns that make its key. */
static inline struct model_group *group_of(struct model_groups *groups, const json_t *row,
					   const char *one, const char *two, const char *three)
{
	char key[MODEL_TEXT];
	snprintf(key, sizeof(key), "%s|%s|%s", or_none(text(row, one)),
		 two ? or_none(text(row, two)) : "", three ? or_none(text(row, three)) : "");
	struct model_group *group = model_find(groups, key);
	cr_assert_not_null(group, "%s is in no event", key);
	return group;
}

static inline void falls(json_t *rows, int64_t (*measure)(const json_t *row))
{
	for (size_t i = 1; i < json_array_size(rows); i++)
		cr_expect_geq(measure(json_array_get(rows, i - 1)),
			      measure(json_array_get(rows, i)), "row %zu", i);
}

#endif
