/*
 * The questions that people ask of use cases, by the commands and in JSON, on a database whose answers are worked out
 * independently (questions_model.h).
 */
#include "questions.h"

TestSuite(questions, .init = questions_begin, .fini = questions_end);

/* ---- A ticket, call by call ----------------------------------------------------------------------- */

Test(questions, what_did_this_ticket_use_call_by_call)
{
	const int64_t since_us = clock_wall_us() - 7 * DAY_US;
	json_t *rows = ask("events --id ticket-7 --since 7d");
	size_t expected = 0;
	for (int i = 0; i < MODEL_EVENTS; i++) {
		const struct sample *event = &model->event[i];
		const json_t *row = NULL;
		size_t at = 0;
		if (!same(event->use_case_id, "ticket-7") || event->time_us < since_us)
			continue;
		expected++;
		json_array_foreach(rows, at,
				   row) if (when(row, "event_time") == event->time_us) break;
		cr_assert_lt(at, json_array_size(rows), "an event is missing");
		row = json_array_get(rows, at);
		cr_expect(same(text(row, "use_case_name"), event->use_case_name));
		cr_expect(same(text(row, "use_case_step"), event->step));
		cr_expect(same(text(row, "resource"), event->resource));
		cr_expect(same(text(row, "user_id"), event->user_id));
		cr_expect_eq(json_is_true(json_object_get(row, "failed")), model_failed(event));
		cr_expect_eq(
			number(json_object_get(json_object_get(row, "units"), event->unit_type),
			       "input"),
			event->input);
		cr_expect_eq(json_integer_value(json_object_get(row, "end_to_end_latency_ms")),
			     event->latency_ms);
	}
	cr_expect_gt(expected, 20);
	cr_expect_eq(json_array_size(rows), expected);
	json_decref(rows);
}

/* ---- Instances ------------------------------------------------------------------------------------ */

static bool by_instance(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|", or_none(event->use_case_name),
		 or_none(event->use_case_id));
	return event->use_case_name != NULL;
}

static int64_t units_of(const json_t *row)
{
	return number(row, "input_units") + number(row, "output_units");
}

static int64_t events_of(const json_t *row)
{
	return number(row, "events");
}

static int64_t failures_of(const json_t *row)
{
	return number(row, "failures");
}

static int64_t last_of(const json_t *row)
{
	return when(row, "last_seen");
}

/* In whole microseconds, as it is sorted; -1: none, and behind all others. */
static int64_t latency_of(const json_t *row)
{
	const json_t *mean = json_object_get(row, "latency_mean_ms");
	return json_is_null(mean) ? -1 : (int64_t)(json_number_value(mean) * 1000 + 0.001);
}

Test(questions, which_instances_used_most)
{
	static const struct {
		const char *order;
		int64_t (*measure)(const json_t *row);
	} orders[] = {{"units", units_of},
		      {"events", events_of},
		      {"latency", latency_of},
		      {"failures", failures_of},
		      {"last", last_of}};
	struct model_groups *groups = model_group(model, INT64_MIN, INT64_MAX, by_instance);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		json_t *rows = ask("use-cases --use-case support --sort %s", orders[i].order);
		const json_t *row = NULL;
		size_t at = 0;
		cr_expect_eq(json_array_size(rows), MODEL_IDS + 1);
		falls(rows, orders[i].measure);
		json_array_foreach(rows, at, row)
		{
			const struct model_group *group =
				group_of(groups, row, "use_case_name", "use_case_id", NULL);
			adds_up(row, group);
			percentiles_add_up(row, group);
			cr_expect_eq(when(row, "first_seen"), group->first_us);
			cr_expect_eq(when(row, "last_seen"), group->last_us);
		}
		json_decref(rows);
	}
	model_release(groups);
}

/* Pages and the order behind them: all instances of all names, once each. */
Test(questions, sorts_all_instances_either_way)
{
	json_t *most = ask("use-cases --sort units");
	json_t *least = ask("use-cases --sort units --reverse");
	const size_t n = json_array_size(most);
	cr_assert_eq(json_array_size(least), n);
	falls(most, units_of);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(number(json_array_get(most, i), "events"),
			     number(json_array_get(least, n - 1 - i), "events"));
	json_decref(most);
	json_decref(least);
}

/* Steps by first use, each with its events; versions; both of one instance. */
Test(questions, says_an_instances_steps_in_order_and_its_versions)
{
	json_t *rows = ask("use-cases --use-case support --id ticket-3");
	const json_t *row = json_array_get(rows, 0);
	const char *step = NULL;
	json_t *count = NULL;
	int64_t before_us = 0;
	cr_assert_eq(json_array_size(rows), 1);
	cr_expect_eq(json_object_size(json_object_get(row, "step_events")), 4);
	json_object_foreach(json_object_get(row, "step_events"), step, count)
	{
		int events = 0;
		int64_t first_us = INT64_MAX;
		for (int i = 0; i < MODEL_EVENTS; i++) {
			const struct sample *event = &model->event[i];
			if (!same(event->use_case_name, "support") ||
			    !same(event->use_case_id, "ticket-3") || !same(event->step, step))
				continue;
			events++;
			first_us = event->time_us < first_us ? event->time_us : first_us;
		}
		cr_expect_eq(json_integer_value(count), events, "%s", step);
		cr_expect_gt(first_us, before_us, "%s", step);
		before_us = first_us;
	}
	for (int version = 1; version < 4; version++)
		cr_expect_eq(json_integer_value(json_array_get(json_object_get(row, "versions"),
							       (size_t)version - 1)),
			     version);
	json_decref(rows);
}

Test(questions, which_are_still_active_and_how_long_others_are_idle)
{
	const int64_t now_us = clock_wall_us();
	struct model_groups *groups = model_group(model, INT64_MIN, INT64_MAX, by_instance);
	json_t *rows = ask("use-cases --active 5h");
	const json_t *row = NULL;
	size_t at = 0;
	size_t expected = 0;
	for (int i = 0; i < groups->n; i++)
		expected += groups->group[i].last_us >= now_us - 5 * HOUR_US;
	cr_expect(expected > 5 && expected < (size_t)groups->n, "%zu", expected);
	cr_expect_eq(json_array_size(rows), expected);
	json_array_foreach(rows, at, row)
	{
		const int64_t idle_s = (now_us - when(row, "last_seen")) / SECOND_US;
		cr_expect(number(row, "idle_s") >= idle_s - 1 &&
			  number(row, "idle_s") <= idle_s + 60);
	}
	json_decref(rows);
	model_release(groups);
}

Test(questions, an_id_alone_finds_its_instance_under_every_name)
{
	json_t *rows = ask("use-cases --id ticket-9");
	cr_expect_eq(json_array_size(rows), 4);
	json_decref(rows);
}

Test(questions, an_instance_is_found_by_its_handle_and_by_the_id_that_it_stands_for)
{
	static const char *const commands[] = {"events", "use-cases", "usage --by day",
					       "usage --by step", "use-cases --steps"};
	fixture_commit(fixture,
		       &(struct sample){.time_us = clock_wall_us() - HOUR_US,
					.use_case_name = "triage",
					.use_case_id = HANDLE_1,
					.step = "plan",
					.input = 5},
		       1);
	char *key = fixture_rows(fixture, "SELECT instance FROM use_case_handles");
	give_id(fixture, strtoll(key, NULL, 10), "svc-77", START_US);
	free(key);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		json_t *by_handle = ask("%s --id " HANDLE_1, commands[i]);
		json_t *by_id = ask("%s --id svc-77", commands[i]);
		cr_expect_eq(json_array_size(by_handle), 1, "%s", commands[i]);
		json_object_del(json_array_get(by_handle, 0), "idle_s");
		json_object_del(json_array_get(by_id, 0), "idle_s");
		cr_expect(json_equal(by_handle, by_id), "%s", commands[i]);
		json_decref(by_handle);
		json_decref(by_id);
	}
	json_t *rows = ask("use-cases --use-case triage --id svc-77");
	cr_expect_str_eq(text(json_array_get(rows, 0), "use_case_id"), HANDLE_1);
	cr_expect_str_eq(text(json_array_get(rows, 0), "service_id"), "svc-77");
	cr_expect_str_eq(text(json_array_get(rows, 0), "service_id_state"), "given");
	json_decref(rows);
	rows = ask("use-cases --use-case support --id svc-77");
	cr_expect_eq(json_array_size(rows), 0);
	json_decref(rows);
}

Test(questions, shows_an_instance_that_was_created_and_has_no_event)
{
	tell(fixture, USE_CASE_CREATE, "support", "ticket-new", clock_wall_us() - SECOND_US);
	json_t *rows = ask_by(true, "use-cases --limit 1");
	cr_expect_str_eq(text(json_array_get(rows, 0), "use_case_id"), "ticket-new");
	cr_expect_eq(number(json_array_get(rows, 0), "events"), 0);
	json_decref(rows);
	rows = ask_by(true, "use-cases --use-case support --sort units --reverse --limit 1");
	cr_expect_str_eq(text(json_array_get(rows, 0), "use_case_id"), "ticket-new");
	json_decref(rows);
	rows = ask("use-cases --use-case support --distribution");
	cr_expect_eq(number(json_array_get(rows, 0), "instances"), MODEL_IDS + 1,
		     "it has used nothing, and is none of those that differ");
	json_decref(rows);
}

/* ---- Sums over instances -------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void spread(const json_t *row, const char *what, const char *unit, int64_t *values, int n)
{
	const struct {
		const char *name;
		int at;
	} marks[] = {{"min", 0},
		     {"median", (n * 50 + 99) / 100 - 1},
		     {"p95", (n * 95 + 99) / 100 - 1},
		     {"max", n - 1}};
	qsort(values, (size_t)n, sizeof(*values), compare_numbers);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		char name[64];
		snprintf(name, sizeof(name), "%s_%s%s", what, marks[i].name, unit);
		cr_expect_eq(number(row, name), values[marks[i].at], "%s", name);
	}
}

Test(questions, what_is_the_distribution_of_units_per_instance)
{
	struct model_groups *groups = model_group(model, INT64_MIN, INT64_MAX, by_instance);
	json_t *rows = ask("use-cases --distribution");
	json_t *one = ask("use-cases --use-case triage --distribution");
	const json_t *row = NULL;
	size_t at = 0;
	cr_expect_eq(json_array_size(rows), 4);
	json_array_foreach(rows, at, row)
	{
		int64_t units[MODEL_GROUPS], events[MODEL_GROUPS], seconds[MODEL_GROUPS];
		const size_t len = strlen(text(row, "use_case_name"));
		int n = 0;
		for (int i = 0; i < groups->n; i++) {
			const struct model_group *group = &groups->group[i];
			if (strncmp(group->key, text(row, "use_case_name"), len) != 0 ||
			    group->key[len] != '|')
				continue;
			units[n] = group->input + group->output;
			events[n] = group->events;
			seconds[n++] = (group->last_us - group->first_us) / SECOND_US;
		}
		cr_expect_eq(number(row, "instances"), n);
		spread(row, "units", "", units, n);
		spread(row, "events", "", events, n);
		spread(row, "duration", "_s", seconds, n);
	}
	cr_expect(json_equal(json_array_get(one, 0), json_array_get(rows, 3)));
	json_decref(one);
	json_decref(rows);
	model_release(groups);
}

static bool by_name_and_step(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|", or_none(event->use_case_name), or_none(event->step));
	return event->use_case_name && event->step;
}

static bool by_name_and_user(const struct sample *event, char key[MODEL_TEXT])
{
	snprintf(key, MODEL_TEXT, "%s|%s|", or_none(event->use_case_name), or_none(event->user_id));
	return event->use_case_name && event->user_id;
}

static void check_parts(const char *option, const char *column, model_key_fn *key_of)
{
	struct model_groups *groups = model_group(model, INT64_MIN, INT64_MAX, key_of);
	json_t *rows = ask("use-cases %s", option);
	json_t *support = ask("use-cases --use-case support %s --sort failures", option);
	const json_t *row = NULL;
	size_t at = 0;
	cr_expect_eq(json_array_size(rows), (size_t)groups->n);
	cr_expect_eq(json_array_size(support), 4);
	falls(rows, units_of);
	falls(support, failures_of);
	json_array_foreach(rows, at, row)
	{
		const struct model_group *group =
			group_of(groups, row, "use_case_name", column, NULL);
		adds_up(row, group);
		cr_expect_eq(when(row, "first_seen"), group->first_us);
		cr_expect_eq(when(row, "last_seen"), group->last_us);
		cr_expect(number(row, "instances") > 0 &&
			  number(row, "instances") <= MODEL_IDS + 1);
	}
	json_decref(support);
	json_decref(rows);
	model_release(groups);
}

Test(questions, which_steps_cost_most)
{
	check_parts("--steps", "use_case_step", by_name_and_step);
}

Test(questions, which_users_cost_most)
{
	check_parts("--users", "user_id", by_name_and_user);
}

/* ---- Names ---------------------------------------------------------------------------------------- */

Test(questions, which_names_look_alike)
{
	json_t *rows = ask("use-cases --alike");
	const json_t *row = json_array_get(rows, 0);
	cr_assert_eq(json_array_size(rows), 1);
	cr_expect_str_eq(text(row, "differs_in"), "separators");
	const bool turned = strcmp(text(row, "use_case_name"), "search_docs") != 0;
	cr_expect_str_eq(text(row, turned ? "alike_name" : "use_case_name"), "search_docs");
	cr_expect_geq(number(row, "events"), number(row, "alike_events"));
	cr_expect_eq(number(row, "instances") + number(row, "alike_instances"),
		     2 * (MODEL_IDS + 1));
	json_decref(rows);
	rows = ask("use-cases --alike --use-case triage");
	cr_expect_eq(json_array_size(rows), 0);
	json_decref(rows);
	rows = ask("use-cases --alike --use-case searchDocs");
	cr_expect_eq(json_array_size(rows), 1);
	json_decref(rows);
}

Test(questions, what_use_cases_there_are)
{
	tell(fixture, USE_CASE_DEFINE, "triage", "who takes a ticket", START_US);
	tell(fixture, USE_CASE_DEFINE, "planned", "not used yet", START_US);
	json_t *rows = ask("use-cases --definitions");
	cr_assert_eq(json_array_size(rows), 5);
	const json_t *planned = json_array_get(rows, 0);
	const json_t *triage = json_array_get(rows, 4);
	cr_expect_str_eq(text(planned, "use_case_name"), "planned");
	cr_expect_eq(number(planned, "instances"), 0);
	cr_expect(json_is_null(json_object_get(planned, "last_seen")));
	cr_expect_str_eq(text(triage, "definition"), "explicit");
	cr_expect_str_eq(text(triage, "description"), "who takes a ticket");
	cr_expect_str_eq(text(triage, "service_state"), "waiting");
	cr_expect_str_eq(text(json_array_get(rows, 1), "definition"), "implicit");
	cr_expect_eq(number(triage, "instances"), MODEL_IDS + 1);
	json_decref(rows);
	rows = ask("use-cases --definitions --use-case support");
	cr_expect_eq(json_array_size(rows), 1);
	json_decref(rows);
}

/* ---- Questions that make no sense ----------------------------------------------------------------- */

static void refuses(const char *arguments, const char *why)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " %s 2>&1", arguments), 2, "%s", arguments);
	cr_expect(strstr(output, why), "%s: %s", arguments, output);
	free(output);
}

Test(questions, are_refused_when_they_make_no_sense)
{
	refuses("use-cases --steps --users", "--steps and --users are two questions");
	refuses("usage --changes --by day", "--changes and --by day are two questions");
	refuses("use-cases --alike --user ann", "--alike takes no --user");
	refuses("use-cases --definitions --since 1d", "--definitions takes no --since");
	refuses("use-cases --definitions --sort units", "--definitions takes no --sort");
	refuses("use-cases --distribution --reverse", "--distribution takes no --reverse");
	refuses("use-cases --steps --sort latency", "--steps takes no --sort latency");
	refuses("usage --changes --id t", "--changes takes no --id");
	refuses("usage --changes --since 2h --until 3h", "--since is not before --until");
	refuses("use-cases --sort size", "one of: units|events|latency|failures|last|cost");
	refuses("use-cases --active 2h --since 3h", "--since and --active say the same");
	refuses("use-cases --active soon", "it takes 30s, 15m");
	refuses("events --sort units", "unrecognized option");
}
