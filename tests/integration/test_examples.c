/* The examples, run as a user would run them, and what the history then says. */
#include "help/help.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
	help_agent_start(&site, NULL, NULL);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(examples, .init = set_up, .fini = tear_down);

/* Its output, malloc'd. */
static char *run(const char *command)
{
	char *output;
	const int code = help_shell(&output, "PAYI_RING_DIR='%s' '%s'/%s 2>&1", site.rings,
				    EXAMPLES_DIR, command);
	cr_assert_eq(code, 0, "%s: %s", command, output);
	cr_assert_not(strstr(output, "not tracked"), "%s", output);
	return output;
}

static void history_says(const char *sql, const char *expected)
{
	char *text = help_query_text(&site, sql);
	cr_assert_str_eq(text, expected, "%s", sql);
	free(text);
}

static void wait_for_events(int64_t n)
{
	help_wait_query(&site, "SELECT count(*) FROM event_history", n, 20);
}

Test(examples, a_scope_is_one_run)
{
	free(run("one_shot"));
	wait_for_events(8);
	history_says("SELECT group_concat(use_case_name || ' ' || events || ' ' || steps || ' ' || "
		     "users, ', ')"
		     " FROM use_case_history",
		     "document_summarization 4 draft 1, document_summarization 4 draft 1");
}

Test(examples, sessions_of_a_web_server_add_up)
{
	free(run("web_server"));
	wait_for_events(40);
	history_says("SELECT group_concat(use_case_id || ' ' || events || ' ' || steps, ', ') FROM"
		     " (SELECT * FROM use_case_history ORDER BY use_case_id)",
		     "session-0 10 retrieve, answer, session-1 10 retrieve, answer, "
		     "session-2 10 retrieve, answer, session-3 10 retrieve, answer");
}

Test(examples, workflows_on_a_thread_pool_are_told_apart)
{
	free(run("thread_pool"));
	wait_for_events(12);
	history_says(
		"SELECT group_concat(n, ' ') FROM (SELECT account_name || ' ' || count(DISTINCT "
		"use_case_id) || ' ' || count(DISTINCT use_case_step) || ' ' || count(*) AS n"
		" FROM event_history WHERE use_case_name = 'report_writing'"
		" GROUP BY account_name ORDER BY account_name)",
		"contoso 1 6 6 northwind 1 6 6");
}

Test(examples, a_ticket_comes_back_after_days_and_restarts)
{
	free(run("ticket 4711 classify"));
	wait_for_events(1);
	cr_assert_eq(help_agent_stop(&site), 0);
	free(run("ticket 4711 reply")); /* while no agent runs */
	help_agent_start(&site, NULL, NULL);
	free(run("ticket 4711 reply"));
	wait_for_events(3);
	history_says("SELECT use_case_id || ' ' || events || ' ' || steps FROM use_case_history",
		     "ticket-4711 3 classify, reply");
}

Test(examples, a_handle_is_good_at_once_and_in_another_process)
{
	char command[128];
	char *handle = run("service_given_id");
	handle[strcspn(handle, "\n")] = '\0';
	snprintf(command, sizeof(command), "service_given_id %s", handle);
	free(run(command));
	wait_for_events(6);
	history_says("SELECT use_case_id || ' ' || events FROM use_case_history",
		     (snprintf(command, sizeof(command), "%s 6", handle), command));
	free(handle);
}
