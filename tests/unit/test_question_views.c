/* The views as an analyst asks them: that they say what is so, and that an index leads to what is asked for. */
#include "use_case_fixture.h"

static struct fixture fixture[1];

static void begin(void)
{
	fixture_open(fixture);
}

static void end(void)
{
	fixture_close(fixture);
}

TestSuite(question_views, .init = begin, .fini = end);

/* ---- Plans ---------------------------------------------------------------------------------------- */

/* That no table that grows with events or instances is read from end to end. */
static void is_led_by(const char *sql, const char *index)
{
	static const char *const large[] = {
		"events",         "use_case_instances", "instance_totals", "instance_steps",
		"instance_users", "usage_hours",        "names",           "use_case_handles"};
	char explain[512];
	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql);
	char *plan = fixture_rows(fixture, explain);
	cr_expect(strstr(plan, index), "%s is not led by %s:\n%s", sql, index, plan);
	for (char *line = strtok(plan, "\n"); line; line = strtok(NULL, "\n")) {
		const char *scan = strstr(line, "|SCAN ");
		for (size_t i = 0; scan && i < sizeof(large) / sizeof(large[0]); i++)
			cr_expect_neq(strncmp(scan + 6, large[i], strlen(large[i])), 0, "%s: %s",
				      sql, line);
		/* The views call their tables by a letter; t is a short list of hours in those of usage. */
		cr_expect_not(scan && scan[6] && (scan[7] == '\0' || scan[7] == ' ') &&
				      strchr(strstr(sql, "usage") ? "eivh" : "eivht", scan[6]),
			      "%s: %s", sql, line);
	}
	free(plan);
}

Test(question_views, find_by_use_case_id_user_and_time_by_an_index)
{
	is_led_by("SELECT * FROM event_history WHERE use_case_id = 'x'", "events_by_instance");
	is_led_by("SELECT * FROM event_history WHERE service_id = 'x'", "use_case_handles_given");
	is_led_by("SELECT * FROM event_history WHERE instance IN"
		  " (SELECT instance FROM use_case_history WHERE use_case_name = 'x')",
		  "events_by_instance");
	is_led_by("SELECT * FROM event_history WHERE user_id = 'x'", "events_by_user");
	is_led_by("SELECT * FROM event_history WHERE event_timestamp_us > 5", "events_by_time");
	is_led_by("SELECT * FROM use_case_history WHERE use_case_id = 'x'",
		  "use_case_instances_by_id");
	is_led_by("SELECT * FROM use_case_history WHERE service_id = 'x'",
		  "use_case_handles_given");
	is_led_by("SELECT * FROM use_case_history WHERE use_case_name = 'x'",
		  "use_case_instances_by_name");
	is_led_by("SELECT * FROM use_case_history WHERE last_us > 5", "instance_totals_by_time");
	is_led_by("SELECT * FROM use_case_steps WHERE use_case_name = 'x'",
		  "use_case_instances_by_name");
	is_led_by("SELECT * FROM use_case_users WHERE use_case_name = 'x'",
		  "use_case_instances_by_name");
	is_led_by("SELECT * FROM use_case_users WHERE user_id = 'x'", "instance_users_by_user");
	is_led_by("SELECT * FROM use_case_distribution WHERE use_case_name = 'x'",
		  "use_case_instances_by_name");
	is_led_by("SELECT * FROM use_cases WHERE use_case_name = 'x'",
		  "use_case_instances_by_name");
	is_led_by("SELECT * FROM usage_by_hour WHERE hour_us > 5", "SEARCH h USING PRIMARY KEY");
	is_led_by("SELECT * FROM usage_changes_by_hour WHERE hour_us > 5",
		  "SEARCH h USING PRIMARY KEY");
	is_led_by("SELECT * FROM usage_changes_by_day WHERE day = '2026-11-18'",
		  "SEARCH h USING PRIMARY KEY");
}

/* ---- Hours and days beside those before them ------------------------------------------------------ */

#define AT(day, hour) ((START_US / DAY_US + (day)) * DAY_US + (hour)*HOUR_US + 1)

Test(question_views, set_each_hour_and_day_beside_the_one_before)
{
	const struct sample samples[] = {
		{.time_us = AT(0, 22), .resource = "a", .input = 10},
		{.time_us = AT(0, 23), .resource = "b", .input = 5, .http_status = 500},
		{.time_us = AT(1, 0), .resource = "b", .input = 7},
		{.time_us = AT(1, 1), .resource = "b", .input = 1},
		{.time_us = AT(5, 1), .resource = "b", .input = 2},
	};
	fixture_commit(fixture, samples, sizeof(samples) / sizeof(samples[0]));
	assert_rows(
		"SELECT substr(day, 9), resource, events_before, events, failures_before, failures,"
		" units_before, units FROM usage_changes_by_day ORDER BY day, resource",
		"18|a|0|1|0|0|0|10\n"
		"18|b|0|1|0|1|0|5\n"
		"19|a|1|0|0|0|10|0\n" /* gone */
		"19|b|1|2|1|0|5|8\n"
		"23|b|0|1|0|0|0|2\n");
	assert_rows("SELECT substr(hour, 9, 5), resource, units_before, units FROM "
		    "usage_changes_by_hour"
		    " ORDER BY hour, resource",
		    "18T22|a|0|10\n"
		    "18T23|a|10|0\n"
		    "18T23|b|0|5\n"
		    "19T00|b|5|7\n"
		    "19T01|b|7|1\n"
		    "23T01|b|0|2\n");
	assert_rows(
		"SELECT substr(hour, 9, 5), events, input_units FROM usage_by_hour ORDER BY hour",
		"18T22|1|10\n18T23|1|5\n19T00|1|7\n19T01|1|1\n23T01|1|2\n");
}

Test(question_views, of_an_empty_database_are_empty)
{
	static const char *const views[] = {"event_history",         "event_units",
					    "use_case_history",      "use_cases",
					    "use_case_steps",        "use_case_users",
					    "use_case_distribution", "usage_by_hour",
					    "usage_changes_by_hour", "usage_changes_by_day"};
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		char sql[64];
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", views[i]);
		assert_rows(sql, "");
	}
}

/* ---- Instances ------------------------------------------------------------------------------------ */

/* Two calls may fall into one microsecond; the order of the alphabet would be the other one. */
Test(question_views, put_steps_of_one_moment_in_the_order_in_which_they_came_up)
{
	static const char *const steps[] = {"retrieve", "answer", "check", "answer"};
	for (int i = 0; i < 4; i++)
		fixture_commit(fixture,
			       &(struct sample){.time_us = START_US,
						.use_case_name = "support",
						.use_case_id = "t-1",
						.step = steps[i],
						.input = 1},
			       1);
	assert_rows("SELECT steps, step_events FROM use_case_history",
		    "retrieve, answer, check|{\"retrieve\":1,\"answer\":2,\"check\":1}\n");
}

Test(question_views, show_what_the_service_gave_for_a_handle)
{
	fixture_commit(fixture,
		       &(struct sample){.time_us = START_US,
					.use_case_name = "triage",
					.use_case_id = HANDLE_1,
					.input = 5},
		       1);
	assert_rows("SELECT service_id_state, service_id FROM use_case_history", "waiting|\n");
	give_id(fixture, 1, "svc-1", START_US);
	assert_rows("SELECT service_id_state, service_id FROM use_case_history", "given|svc-1\n");
	assert_rows("SELECT service_id, use_case_id FROM event_history", "svc-1|" HANDLE_1 "\n");
	assert_rows("SELECT count(*) FROM event_history WHERE service_id = 'svc-1'", "1\n");
}
