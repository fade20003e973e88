/*
 * Dead letters from end to end: refused by the service, looked at, sent again once it was mended, or given up; by
 * commands and by the local HTTP, with an agent and without.
 */
#include "help/local_http.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 60, N_BAD = 12 }; /* every fifth is refused */

static struct help_site site;
static struct standin service;

static void set_up(void)
{
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
}

static void tear_down(void)
{
	help_site_remove(&site);
	standin_stop(&service);
}

TestSuite(dead_letters, .init = set_up, .fini = tear_down, .timeout = 100);

static void start_agent(void)
{
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	char base_url[64];
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=50", NULL};
	help_agent_start(&site, arguments, with_key);
}

/* The service refuses the events of the use case "bad" until it is mended. */
static void refuse_some(void)
{
	cr_assert_eq(
		standin_faults(&service,
			       "[{\"match\":{\"use_case_name\":\"bad\"},\"item_error\":{\"code\":"
			       "\"use_case_not_found\",\"message\":\"no \\\"bad\\\" here\","
			       "\"status\":400,\"times\":100000}}]"),
		0);
}

static void mend(void)
{
	cr_assert_eq(standin_faults(&service, "[]"), 0);
}

static void track_all(void)
{
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < N; i++) {
		char id[32], use_case_id[32];
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "event-%d", i);
		snprintf(use_case_id, sizeof(use_case_id), "ticket & %d%%", i % 10);
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		event.provider_response_id = id;
		event.use_case_name = i % 5 ? "good" : "bad";
		event.use_case_id = use_case_id;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	payi_client_close(client);
}

/* An agent that has tried all and has had N_BAD refused. */
static void begin_with_dead(void)
{
	refuse_some();
	start_agent();
	track_all();
	help_wait_query(&site, "SELECT delivered * 1000 + dead FROM sink_books",
			(N - N_BAD) * 1000 + N_BAD, 30);
}

/* Each event is there once, with what was tracked; none is left behind. */
static void check_all_delivered(int n)
{
	help_wait_query(&site, "SELECT delivered FROM sinks", n, 30);
	cr_expect_eq(standin_stat(&service, "accepted"), n);
	cr_expect_eq(standin_stat(&service, "duplicates_same"), 0);
	cr_expect_eq(standin_stat(&service, "duplicates_different"), 0);
}

static int64_t books(const char *column)
{
	char sql[128];
	snprintf(sql, sizeof(sql), "SELECT %s FROM sink_books", column);
	return help_query_int(&site, sql);
}

static char *run(const char *arguments, int code)
{
	char *output;
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " %s 2>&1", arguments), code, "%s: %s",
		     arguments, output);
	return output;
}

static void says(const char *arguments, int code, const char *text)
{
	char *output = run(arguments, code);
	cr_expect(strstr(output, text), "%s: %s", arguments, output);
	free(output);
}

/* Status says that the books balance. */
static void check_balance(void)
{
	char *output;
	help_shell(&output, AGENT_PROGRAM " status --json");
	cr_expect(strstr(output, "\"balanced\":true"), "%s", output);
	free(output);
}

/* ---- Looking -------------------------------------------------------------------------------------- */

Test(dead_letters, are_listed_with_their_reason)
{
	begin_with_dead();
	says("dead", 0, "use_case_not_found");
	says("dead --help", 0, "payi-agent dead show, retry, drop");
	says("dead list --use-case good", 0, "nothing was found");
	says("dead list --reason other", 0, "nothing was found");
	says("dead list --status 404", 0, "nothing was found");
	says("dead list --until 1h", 0, "nothing was found");
	char *output = run(
		"dead list --format json --limit 0 --status 400 --since 1h --id 'ticket & 5%'", 0);
	json_t *rows = json_loads(output, 0, NULL);
	cr_assert_eq(json_array_size(rows), N_BAD / 2, "%s", output);
	const json_t *row = json_array_get(rows, 0);
	cr_expect_str_eq(json_string_value(json_object_get(row, "message")), "no \"bad\" here");
	cr_expect_str_eq(json_string_value(json_object_get(row, "provider_response_id")),
			 "event-55");
	cr_expect_eq(json_integer_value(json_object_get(row, "attempts")), 1);
	json_decref(rows);
	free(output);
}

/* A service, or a gateway before it, that refuses all with a page of its own. */
Test(dead_letters, keep_how_the_answer_began_where_it_had_no_message)
{
	cr_assert_eq(standin_faults(&service, "[{\"times\":100000,\"status\":400,\"body\":"
					      "\"<html>\\n  <h1>Not like this</h1>\"}]"),
		     0);
	start_agent();
	track_all();
	help_wait_query(&site, "SELECT dead FROM sink_books", N, 30);
	char *output = run("dead list --limit 1 --format jsonl 2>/dev/null", 0);
	cr_expect(strstr(output, "\"message\":\"<html> <h1>Not like this</h1>\""), "%s", output);
	free(output);
	mend();
	says("dead retry --all", 0, "60 to be sent again");
	check_all_delivered(N);
}

Test(dead_letters, are_told_by_the_local_http_as_by_the_command)
{
	begin_with_dead();
	char *output = run("dead list --format json --limit 0", 0);
	json_t *expected = json_loads(output, 0, NULL);
	char *first = local_body(&site, "/api/v1/dead?limit=7&use-case=bad");
	json_t *page = json_loads(first, 0, NULL);
	char path[128];
	snprintf(path, sizeof(path), "/api/v1/dead?limit=7&use-case=bad&cursor=%s",
		 json_string_value(json_object_get(page, "cursor")));
	char *second = local_body(&site, path);
	json_t *rest = json_loads(second, 0, NULL);
	json_t *rows = json_object_get(page, "rows");
	json_array_extend(rows, json_object_get(rest, "rows"));
	cr_expect(json_is_null(json_object_get(rest, "cursor")));
	cr_expect_eq(json_array_size(rows), N_BAD);
	cr_expect(json_equal(expected, rows), "%s%s", first, second);
	json_decref(page);
	json_decref(rest);
	json_decref(expected);
	free(first);
	free(second);
	free(output);
}

Test(dead_letters, are_shown_whole)
{
	char arguments[64];
	begin_with_dead();
	const int64_t event = help_query_int(
		&site, "SELECT event FROM event_history WHERE provider_response_id = 'event-5'");
	snprintf(arguments, sizeof(arguments), "dead show %" PRId64 " --format jsonl", event);
	char *output = run(arguments, 0);
	json_t *story = json_loads(output, 0, NULL);
	cr_assert(story, "%s", output);
	const json_t *tracked = json_object_get(story, "tracked");
	cr_expect_str_eq(json_string_value(json_object_get(story, "delivery")), "dead");
	cr_expect_eq(json_integer_value(json_object_get(story, "http_status")), 400);
	cr_expect_str_eq(json_string_value(json_object_get(tracked, "provider_response_id")),
			 "event-5");
	cr_expect_str_eq(json_string_value(json_object_get(tracked, "use_case_id")), "ticket & 5%");
	json_decref(story);
	free(output);
	says("dead show 999999", 1, "there is no event 999999");
	says("dead show", 2, "say which");
	says("dead show --use-case bad 5", 2, "numbers alone");
}

/* ---- Sending again -------------------------------------------------------------------------------- */

Test(dead_letters, are_delivered_once_the_service_is_mended)
{
	begin_with_dead();
	mend();
	says("dead retry --id 'ticket & 5%'", 0, "6 to be sent again");
	check_all_delivered(N - N_BAD / 2);
	says("dead retry --all", 0, "6 to be sent again");
	check_all_delivered(N);
	says("dead retry --all", 0, "0 to be sent again");
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM event_history WHERE delivery = "
					   "'delivered' AND provider_response_id GLOB 'event-*'"),
		     N);
	check_balance();
	cr_expect_eq(help_agent_stop(&site), 0);
}

Test(dead_letters, are_dead_again_when_nothing_was_mended)
{
	begin_with_dead();
	says("dead retry --all", 0, "12 to be sent again");
	help_wait_query(
		&site,
		"SELECT count(*) FROM sink_exceptions WHERE state = 'dead' AND attempts = 2 AND "
		"code = 'use_case_not_found' AND last_us > first_us",
		N_BAD, 30);
	check_balance();
	mend();
	says("dead retry --reason use_case_not_found", 0, "12 to be sent again");
	check_all_delivered(N);
}

/* No agent runs, or one was killed: the command takes the lock and writes itself; a later agent sends. */
Test(dead_letters, are_ordered_about_without_an_agent)
{
	begin_with_dead();
	help_agent_kill(&site);
	mend();
	says("dead drop --id 'ticket & 0%'", 0, "6 dropped");
	says("dead retry --all", 0, "6 to be sent again");
	cr_expect_eq(books("deferred"), 6);
	cr_expect_eq(books("discarded"), 6);
	cr_expect_eq(standin_stat(&service, "accepted"), N - N_BAD);
	start_agent();
	check_all_delivered(N - N_BAD / 2);
	check_balance();
}

Test(dead_letters, wait_for_nobody_who_holds_the_lock_and_does_not_answer)
{
	char *output;
	begin_with_dead();
	help_shell(&output, "rm '%s/agent.sock'", site.data);
	free(output);
	says("dead retry --all", 1, "cannot reach the agent");
	cr_expect_eq(books("dead"), N_BAD);
}

/* ---- Giving up ------------------------------------------------------------------------------------ */

Test(dead_letters, stay_counted_when_they_are_dropped)
{
	begin_with_dead();
	mend();
	says("dead drop --use-case bad", 0, "12 dropped; the history keeps them");
	cr_expect_eq(books("dead"), 0);
	cr_expect_eq(books("discarded"), N_BAD);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM event_history WHERE delivery = "
					   "'discarded' AND use_case_name = 'bad'"),
		     N_BAD);
	says("dead", 0, "nothing was found");
	says("dead retry --all", 0, "0 to be sent again");
	says("status", 0, "+ discarded 12");
	check_balance();
	char *metrics = local_body(&site, "/metrics");
	cr_expect(strstr(metrics, "\npayi_agent_sink_discarded_total 12\n"), "%s", metrics);
	free(metrics);
	cr_expect_eq(help_agent_stop(&site), 0);
	start_agent();
	check_all_delivered(N - N_BAD);
	says("status", 0, "+ discarded 12");
}

/* ---- Who may ------------------------------------------------------------------------------------- */

static int post(const char *path, const char *headers, char **body)
{
	char request[512];
	struct local_reply reply;
	snprintf(request, sizeof(request),
		 "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path,
		 headers);
	local_exchange(local_connect(&site), request, &reply);
	*body = strdup(reply.body);
	local_release(&reply);
	return reply.status;
}

Test(dead_letters, are_not_to_be_had_by_accident)
{
	static const struct {
		const char *path;
		const char *headers;
		int status;
		const char *text;
	} cases[] = {
		{"/api/v1/dead/drop", "X-Payi-Agent: 1\r\n", 400, "all=yes"},
		{"/api/v1/dead/drop?all=no", "X-Payi-Agent: 1\r\n", 400, "all=yes"},
		{"/api/v1/dead/drop?all=yes", "", 415, "X-Payi-Agent"},
		{"/api/v1/dead/drop?all=yes", "Content-Type: text/plain\r\n", 415, "json"},
		{"/api/v1/dead/drop?all=yes", "X-Payi-Agent: 1\r\nOrigin: http://evil.example\r\n",
		 403, "another site"},
		{"/api/v1/dead/drop?limit=5&all=yes", "X-Payi-Agent: 1\r\n", 400,
		 "no parameter limit"},
		{"/api/v1/dead/drop?event=1,x", "X-Payi-Agent: 1\r\n", 400, "12,13"},
		{"/api/v1/dead/drop?event=", "X-Payi-Agent: 1\r\n", 400, "no event"},
		{"/api/v1/dead/drop?all=yes", "X-Payi-Agent: 1\r\nContent-Length: 2\r\n", 413,
		 "parameters"},
		{"/api/v1/dead/drop?event=999999,1000000", "Content-Type: application/json\r\n",
		 200, "{\"events\":0}"},
	};
	begin_with_dead();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *body;
		const int status = post(cases[i].path, cases[i].headers, &body);
		cr_expect_eq(status, cases[i].status, "%s: %d %s", cases[i].path, status, body);
		cr_expect(strstr(body, cases[i].text), "%s: %s", cases[i].path, body);
		free(body);
	}
	cr_expect_eq(books("dead"), N_BAD);
	says("dead retry", 2, "say which");
	says("dead drop --limit 5 --all", 2, "--limit");
	says("dead drop 12x", 2, "no number of an event");
	says("dead burn", 2, "there is no 'burn'");
	says("dead list --status 9", 2, "100 to 599");
	says("events 12", 2, "not expected");
}
