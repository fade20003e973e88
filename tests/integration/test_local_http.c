/*
 * The local HTTP of a real agent: the same answers as the commands, metrics that agree with the books, and nothing
 * for strangers.
 */
#include "help/local_fixture.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(local_http, .init = local_set_up, .fini = local_tear_down, .timeout = 100);

/* ---- The same as the commands --------------------------------------------------------------------- */

static json_t *get_json(const char *path)
{
	char *body = local_body(&local_site, path);
	json_t *json = json_loads(body, 0, NULL);
	cr_assert(json, "%s: %s", path, body);
	free(body);
	return json;
}

/* All rows, page by page. */
static json_t *all_rows(const char *path)
{
	json_t *rows = json_array();
	char with_cursor[512];
	char cursor[64] = "";
	for (int page = 0; page < 1000; page++) {
		snprintf(with_cursor, sizeof(with_cursor), "%s%s%s", path,
			 *cursor ? "&cursor=" : "", cursor);
		json_t *json = get_json(with_cursor);
		json_array_extend(rows, json_object_get(json, "rows"));
		const char *next = json_string_value(json_object_get(json, "cursor"));
		snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
		json_decref(json);
		if (!*cursor)
			return rows;
	}
	cr_assert(0, "%s has no end", path);
	return rows;
}

/* The two are asked one after the other. */
static void leave_out_what_grows(json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		json_object_del(json_array_get(rows, i), "idle_s");
}

static void same_as_command(const char *path, const char *command)
{
	char *output;
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " %s --format json --limit 0", command), 0);
	json_t *expected = json_loads(output, 0, NULL);
	json_t *rows = all_rows(path);
	cr_expect_gt(json_array_size(expected), 0, "%s: %s", command, output);
	leave_out_what_grows(expected);
	leave_out_what_grows(rows);
	cr_expect(json_equal(expected, rows), "%s gives %zu rows, %s %zu", path,
		  json_array_size(rows), command, json_array_size(expected));
	json_decref(expected);
	json_decref(rows);
	free(output);
}

Test(local_http, tells_the_history_as_the_commands_do)
{
	help_agent_start(&local_site, NULL, NULL);
	payi_client *client = local_client();
	local_track(client, 0, 700);
	static const char api[] = "/api/v1/history";
	static const struct {
		const char *path;
		const char *command;
	} pairs[] = {
		{"events?limit=150", "events"},
		{"events?limit=33&reverse=yes&use-case=triage",
		 "events --reverse --use-case triage"},
		{"events?limit=7&id=ticket-3", "events --id ticket-3"},
		{"events?limit=1000&category=system.openai&resource=gpt%2D4o&since=2025-11-24T16:"
		 "10:00Z",
		 "events --category system.openai --resource gpt-4o --since 2025-11-24T16:10:00Z"},
		{"use-cases?limit=5", "use-cases"},
		{"usage?limit=3", "usage"},
		{"usage?limit=1&by=day&reverse=yes", "usage --by day --reverse"},
		{"usage?limit=2&id=ticket-4", "usage --id ticket-4"},
		{"usage?limit=1&by=user", "usage --by user"},
		{"usage?limit=2&show=changes&since=2025-11-24T20:00:00Z&until=2025-11-24T23:00:00Z",
		 "usage --changes --since 2025-11-24T20:00:00Z --until 2025-11-24T23:00:00Z"},
		{"use-cases?limit=3&sort=units&reverse=yes", "use-cases --sort units --reverse"},
		{"use-cases?limit=1&show=distribution", "use-cases --distribution"},
		{"use-cases?limit=1&show=definitions", "use-cases --definitions"},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", api, pairs[i].path);
		same_as_command(path, pairs[i].command);
	}
	payi_client_close(client);
}

Test(local_http, says_what_is_wrong_with_a_question)
{
	static const struct {
		const char *path;
		int status;
		const char *text;
	} cases[] = {
		{"/api/v1/history/events?limt=1", 400, "there is no parameter limt here"},
		{"/api/v1/history/events?limit=0", 400, "1 to 1000"},
		{"/api/v1/history/events?limit=1&limit=2", 400, "twice"},
		{"/api/v1/history/events?since=yesterdy", 400, "today, yesterday"},
		{"/api/v1/history/events?cursor=1.2.3", 400, "one that an answer gave"},
		{"/api/v1/history/usage?cursor=9223372036854775807.1", 400,
		 "one that an answer gave"},
		{"/api/v1/history/usage?cursor=1.-1", 400, "one that an answer gave"},
		{"/api/v1/history/usage?by=week", 400, "one of: hour day user step"},
		{"/api/v1/history/use-cases?show=all", 400, "one of: steps users"},
		{"/api/v1/history/use-cases?show=alike&id=x", 400, "takes no id"},
		{"/api/v1/history/usage?show=changes", 400, "need a since"},
		{"/api/v1/history/use-cases?category=x", 400,
		 "there is no parameter category here"},
		{"/api/v1/history/events?since=2025-01-02&until=2025-01-01", 400, "not before"},
		{"/api/v1/history/events?user=%00", 400, "NUL"},
		{"/api/v1/history/events?user", 400, "has no value"},
		{"/api/v1/historyevents", 404, "there is nothing at this path"},
		{"/../etc/passwd", 404, "there is nothing at this path"},
	};
	help_agent_start(&local_site, NULL, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct local_reply reply;
		local_get(&local_site, cases[i].path, &reply);
		cr_expect_eq(reply.status, cases[i].status, "%s: %s", cases[i].path, reply.text);
		cr_expect(strstr(reply.body, cases[i].text), "%s: %s", cases[i].path, reply.body);
		local_release(&reply);
	}
}

/* ---- Metrics -------------------------------------------------------------------------------------- */

/* A sample's value; name with its labels. */
static double sample(const char *metrics, const char *name)
{
	char line[256];
	snprintf(line, sizeof(line), "\n%s ", name);
	const char *at = strstr(metrics, line);
	cr_assert(at, "there is no %s in\n%s", name, metrics);
	return strtod(at + strlen(line), NULL);
}

/* Over all label values of a metric. */
static double sum(const char *metrics, const char *name)
{
	double total = 0;
	for (const char *at = metrics; (at = strstr(at, name));) {
		const char *value = strchr(at, ' ');
		const bool heads_line = at == metrics || at[-1] == '\n';
		if (heads_line && at[strlen(name)] == '{' && value)
			total += strtod(value, NULL);
		at += strlen(name);
	}
	return total;
}

static double number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	cr_assert(json_is_number(value), "%s", name);
	return json_number_value(value);
}

static void check_with_promtool(const char *metrics)
{
	char path[HELP_PATH_BYTES + 32];
	char *output;
	snprintf(path, sizeof(path), "%s/metrics.txt", local_site.data);
	FILE *file = fopen(path, "w");
	fputs(metrics, file);
	fclose(file);
	const int code = help_shell(&output,
				    "command -v promtool >/dev/null || exit 77;"
				    " promtool check metrics < '%s' 2>&1",
				    path);
	if (code == 77)
		fprintf(stderr, "NOTE: /metrics was not checked by promtool: it is not installed "
				"(Debian's package prometheus has it)\n");
	else
		cr_expect_eq(code, 0, "promtool: %s", output);
	free(output);
}

static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};

Test(local_http, metrics_agree_with_status)
{
	struct standin service;
	char base_url[64];
	cr_assert_eq(standin_start(&service, NULL), 0);
	cr_assert_eq(
		standin_faults(
			&service,
			"[{\"times\":2,\"status\":503},{\"match\":{\"use_case_id\":\"ticket-7\"},"
			"\"item_error\":{\"code\":\"invalid_user_id\",\"times\":1000}}]"),
		0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=50", NULL};
	help_agent_start(&local_site, arguments, with_key);
	payi_client *client = local_client();
	local_track(client, 0, 500);
	payi_event bad = PAYI_EVENT_INIT;
	cr_assert_neq(payi_track(client, &bad), PAYI_OK);
	help_wait_query(&local_site, "SELECT delivered + dead FROM sink_books", 500, 30);

	char *metrics = local_body(&local_site, "/metrics");
	json_t *status = get_json("/api/v1/status");
	const json_t *books = json_object_get(status, "books");
	const json_t *sink = json_array_get(json_object_get(status, "sinks"), 0);
	static const char *const pairs[][2] = {
		{"tracked", "payi_agent_events_tracked_total"},
		{"stored", "payi_agent_events_stored_total"},
		{"rejected", "payi_agent_events_rejected_total"},
		{"refused", "payi_agent_events_refused_total"},
		{"in_rings", "payi_agent_ring_backlog_events"},
		{"dropped_full", "payi_agent_events_dropped_total{reason=\"full\"}"},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		cr_expect_eq(sample(metrics, pairs[i][1]), number(books, pairs[i][0]), "%s",
			     pairs[i][0]);
	cr_expect_eq(sample(metrics, "payi_agent_sink_delivered_total"), number(sink, "delivered"));
	cr_expect_eq(sample(metrics, "payi_agent_sink_events{state=\"dead\"}"),
		     number(sink, "dead"));
	cr_expect_eq(sample(metrics, "payi_agent_sink_events{state=\"waiting\"}"), 0);
	cr_expect_eq(sample(metrics, "payi_agent_books_balanced"), 1);
	cr_expect_eq(sample(metrics, "payi_agent_rings{state=\"live\"}"), 1);
	cr_expect_eq(sample(metrics, "payi_agent_events_refused_total"), 1);
	/* What the parts count since the start. */
	const double dead = sample(metrics, "payi_agent_sink_items_total{outcome=\"dead\"}");
	cr_expect_gt(dead, 0);
	cr_expect_eq(dead + sample(metrics, "payi_agent_sink_items_total{outcome=\"delivered\"}"),
		     500);
	cr_expect_eq(sample(metrics, "payi_agent_sink_responses_total{code=\"503\"}"), 2);
	cr_expect_eq(sample(metrics, "payi_agent_sink_requests_total{outcome=\"failed\"}"), 2);
	cr_expect_eq(sample(metrics, "payi_agent_sink_retries_total"), 2);
	cr_expect_eq(sample(metrics, "payi_agent_sink_request_seconds_count"),
		     sum(metrics, "payi_agent_sink_responses_total"));
	cr_expect_eq(sample(metrics, "payi_agent_commit_seconds_count"),
		     sample(metrics, "payi_agent_transactions_total"));
	cr_expect_eq(sample(metrics, "payi_agent_commit_seconds_bucket{le=\"+Inf\"}"),
		     sample(metrics, "payi_agent_commit_seconds_count"));
	check_with_promtool(metrics);
	json_decref(status);
	free(metrics);
	payi_client_close(client);
	help_site_remove(&local_site);
	standin_stop(&service);
	help_site_make(&local_site);
}

/* ---- Health --------------------------------------------------------------------------------------- */

struct asked {
	const char *path;
	int status;
};

static bool answers(void *context)
{
	const struct asked *asked = context;
	struct local_reply reply;
	local_get(&local_site, asked->path, &reply);
	const bool as_asked = reply.status == asked->status;
	local_release(&reply);
	return as_asked;
}

/* Somebody's shell holds the database's write lock: nothing can be stored until it lets go. */
Test(local_http, is_alive_and_not_ready_while_storing_fails)
{
	sqlite3 *db = NULL;
	help_agent_start(&local_site, NULL, NULL);
	payi_client *client = local_client();
	local_track(client, 0, 10);
	struct asked ready = {"/readyz", 200};
	cr_assert(answers(&ready));
	cr_assert_eq(sqlite3_open(local_site.database, &db), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	cr_assert_eq(payi_track(client, &event), PAYI_OK);
	struct asked not_ready = {"/readyz", 503};
	help_wait(answers, &not_ready, 10, "/readyz to say no");
	struct asked alive = {"/healthz", 200};
	cr_expect(answers(&alive));
	char *metrics = local_body(&local_site, "/metrics");
	cr_expect_eq(sample(metrics, "payi_agent_store_failing"), 1);
	cr_expect_geq(sample(metrics, "payi_agent_transaction_failures_total"), 1);
	free(metrics);
	sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(db);
	help_wait(answers, &ready, 10, "/readyz to say yes again");
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	payi_client_close(client);
}

/* ---- Strangers ------------------------------------------------------------------------------------ */

Test(local_http, answers_no_strangers)
{
	static const struct {
		int status;
		const char *request;
	} cases[] = {
		{200, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n"},
		{200, "HEAD /metrics HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n"},
		{403, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"},
		{403, "GET /api/v1/status HTTP/1.1\r\nHost: localhost.evil\r\nConnection: "
		      "close\r\n\r\n"},
		{400, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: "
		      "close\r\n\r\n"},
		{400, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n"},
		{403, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
		      "Connection: close\r\n\r\n"},
		{403, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: "
		      "cross-site\r\nConnection: close\r\n\r\n"},
		{415, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
		      "text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{405, "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
		      "application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
		{405, "DELETE /metrics HTTP/1.1\r\nHost: localhost\r\nX-Payi-Agent: "
		      "1\r\nConnection: close\r\n\r\n"},
		{415, "OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"},
	};
	help_agent_start(&local_site, local_tcp, NULL);
	const int port = local_port(&local_site);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct local_reply reply;
		local_exchange(i & 1 ? local_connect(&local_site) : local_connect_tcp(port),
			       cases[i].request, &reply);
		cr_expect_eq(reply.status, cases[i].status, "%s%s", cases[i].request, reply.text);
		cr_expect_not(strstr(reply.text, "Access-Control"), "%s", reply.text);
		local_release(&reply);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

Test(local_http, wants_the_token_by_tcp)
{
	char path[HELP_PATH_BYTES + 16], flag[HELP_PATH_BYTES + 64];
	snprintf(path, sizeof(path), "%s/token", local_site.data);
	snprintf(flag, sizeof(flag), "--http-token-file=%s", path);
	write_file(path, "a-long-secret\n");
	const char *const arguments[] = {local_tcp[0], flag, NULL};
	help_agent_start(&local_site, arguments, NULL);
	const int port = local_port(&local_site);
	static const char with[] =
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
		"a-long-secret\r\nConnection: close\r\n\r\n";
	static const char without[] =
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	cr_expect_eq(local_status(local_connect_tcp(port), with), 200);
	cr_expect_eq(local_status(local_connect_tcp(port), without), 401);
	cr_expect_eq(local_status(local_connect(&local_site), without), 200);
}

static void refuses_to_start(const char *arguments, const char *text)
{
	char *output;
	cr_expect_eq(help_shell(&output, "timeout 10 " AGENT_PROGRAM " run %s 2>&1", arguments), 2,
		     "%s: %s", arguments, output);
	cr_expect(strstr(output, text), "%s: %s", arguments, output);
	free(output);
}

Test(local_http, refuses_addresses_that_others_reach)
{
	char path[HELP_PATH_BYTES + 16], flags[HELP_PATH_BYTES + 128];
	snprintf(path, sizeof(path), "%s/token", local_site.data);
	write_file(path, "short\n");
	snprintf(flags, sizeof(flags),
		 "--http-listen 0.0.0.0:0 --http-allow-remote "
		 "--http-token-file %s",
		 path);
	refuses_to_start("--http-listen 0.0.0.0:0", "http_allow_remote");
	refuses_to_start("--http-listen [::]:0", "http_allow_remote");
	refuses_to_start("--http-listen 0.0.0.0:0 --http-allow-remote", "http_token_file");
	refuses_to_start(flags, "8 characters");
	refuses_to_start("--http-listen example.com:80", "127.0.0.1:9464");
	refuses_to_start("--http-listen 9464", "127.0.0.1:9464");
	refuses_to_start("--http-listen 127.0.0.1:99999", "127.0.0.1:9464");
	write_file(path, "long-enough\n");
	char flag[HELP_PATH_BYTES + 64];
	snprintf(flag, sizeof(flag), "--http-token-file=%s", path);
	const char *const with_token[] = {"--http-listen=0.0.0.0:0", "--http-allow-remote", flag,
					  NULL};
	help_agent_start(&local_site, with_token, NULL);
	cr_expect_eq(local_status(local_connect_tcp(local_port(&local_site)),
				  "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: "
				  "close\r\n\r\n"),
		     200);
}

/* ---- The socket ----------------------------------------------------------------------------------- */

Test(local_http, replaces_the_socket_of_an_agent_that_was_killed)
{
	char path[HELP_PATH_BYTES + 16];
	struct stat stat_of;
	snprintf(path, sizeof(path), "%s/agent.sock", local_site.data);
	help_agent_start(&local_site, NULL, NULL);
	cr_assert_eq(stat(path, &stat_of), 0);
	cr_expect_eq(stat_of.st_mode & 0777, 0600u);
	help_agent_kill(&local_site);
	cr_assert_eq(access(path, F_OK), 0, "a killed agent leaves it");
	help_agent_start(&local_site, NULL, NULL);
	free(local_body(&local_site, "/healthz"));
	cr_assert_eq(help_agent_stop(&local_site), 0);
	cr_expect_neq(access(path, F_OK), 0, "an agent that ends takes it away");
}

/* A second agent fails on the lock, and the first one's socket is as it was. */
Test(local_http, leaves_the_socket_of_a_running_agent_alone)
{
	char *output;
	help_agent_start(&local_site, NULL, NULL);
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " run 2>&1"), 1);
	free(output);
	free(local_body(&local_site, "/healthz"));
}

Test(local_http, removes_no_file_that_is_no_socket)
{
	char path[HELP_PATH_BYTES + 16];
	char *output;
	snprintf(path, sizeof(path), "%s/agent.sock", local_site.data);
	write_file(path, "mine");
	help_agent_start(&local_site, NULL, NULL);
	cr_expect_eq(
		help_shell(&output, "grep -q 'is not a socket; remove it' '%s'", local_site.log),
		0);
	free(output);
	payi_client *client = local_client();
	local_track(client, 0, 10);
	payi_client_close(client);
	cr_expect_eq(help_agent_stop(&local_site), 0);
	cr_expect_eq(access(path, F_OK), 0);
}

Test(local_http, serves_in_a_directory_of_any_length)
{
	char deep[2 * HELP_PATH_BYTES];
	snprintf(deep, sizeof(deep), "%s/%0120d", local_site.data, 7);
	char short_path[HELP_PATH_BYTES];
	memcpy(short_path, local_site.data, sizeof(short_path));
	memcpy(local_site.data, deep, strlen(deep) + 1);
	help_agent_start(&local_site, NULL, NULL);
	free(local_body(&local_site, "/healthz"));
	help_agent_kill(&local_site);
	memcpy(local_site.data, short_path, sizeof(local_site.data));
}
