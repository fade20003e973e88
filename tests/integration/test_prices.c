/*
 * Prices from the service and from a file, what the service says that an event cost, and what the commands show.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char prices_file[HELP_PATH_BYTES + 40];

TestSuite(prices, .init = service_set_up, .fini = service_tear_down, .timeout = 100);

static void start_agent(const char *further)
{
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	const char *const arguments[] = {base_url, "--batch-age-ms=20", further, NULL};
	help_agent_start(&site, arguments, with_key);
}

static void add_price(const char *resource, const char *body)
{
	struct standin_reply reply;
	char path[128];
	snprintf(path, sizeof(path), "/api/v1/categories/system.openai/resources/%s", resource);
	standin_exchange(&service, "POST", path, "Content-Type: application/json\r\n", body,
			 strlen(body), &reply);
	cr_assert_eq(reply.status, 201, "%s", reply.body);
	standin_reply_release(&reply);
}

static void track(const char *resource, int n)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	options.ring_dir = site.rings;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < n; i++) {
		const payi_units units[] = {{"text", 1000, 200}};
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = resource;
		event.units = units;
		event.n_units = 1;
		event.use_case_name = "chat";
		event.use_case_id = "one";
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	payi_client_close(client);
}

static void assert_command(const char *arguments, const char *part)
{
	char *output;
	cr_assert_eq(help_shell(&output, "%s %s --data-dir=%s", help_agent_program(), arguments,
				site.data),
		     0);
	cr_assert_not_null(strstr(output, part), "%s: %s", arguments, output);
	free(output);
}

static const char gpt[] = "{\"units\":{\"text\":{\"input_price\":2.5e-06,\"output_price\":1e-05}},"
			  "\"start_timestamp\":\"2020-01-01T00:00:00Z\"}";

/* A name that has to be encoded in a URL, a resource that the service does not know, and one by bulk. */
Test(prices, are_asked_of_the_service)
{
	add_price("gpt%204o%2Fx", gpt);
	start_agent(NULL);
	track("gpt 4o/x", 3);
	track("unknown", 2);
	help_wait_query(&site, "SELECT count(*) FROM price_asks WHERE state = 'known'", 1, 30);
	help_wait_query(&site, "SELECT count(*) FROM price_asks WHERE state = 'refused'", 1, 30);
	help_wait_query(&site, "SELECT delivered FROM sinks", 5, 30);
	char *cost = help_query_text(
		&site, "SELECT estimated_cost_usd || ' ' || unpriced_units FROM use_case_history");
	cr_assert_str_eq(cost, "0.0135 text");
	free(cost);
	assert_command("events --format csv --limit 0", ",0.0045,,");
	assert_command("use-cases --format json --sort cost", "\"estimated_cost_usd\":0.0135");
	assert_command("usage --unpriced --format csv", "system.openai,unknown,text,2,2000,400");
	cr_assert_eq(standin_stat(&service, "bad_requests"), 0);
	cr_assert_eq(
		help_query_int(&site, "SELECT count(*) FROM sinks WHERE last_error IS NOT NULL"),
		0);
	cr_assert_eq(help_agent_stop(&site), 0);
}

Test(prices, are_not_asked_for_when_the_operator_says_so)
{
	add_price("gpt-4o", gpt);
	start_agent("--prices-from-service=no");
	track("gpt-4o", 3);
	help_wait_query(&site, "SELECT delivered FROM sinks", 3, 30);
	cr_assert_eq(help_agent_stop(&site), 0);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM price_asks"), 0);
}

Test(prices, of_a_file_go_first)
{
	snprintf(prices_file, sizeof(prices_file), "--prices-file=%s/prices.json", site.data);
	FILE *file = fopen(prices_file + strlen("--prices-file="), "w");
	fputs("[{\"category\":\"system.openai\",\"resource\":\"gpt-4o\","
	      "\"units\":{\"text\":{\"input_price\":0.001,\"output_price\":0}}}]",
	      file);
	fclose(file);
	add_price("gpt-4o", gpt);
	start_agent(prices_file);
	track("gpt-4o", 1);
	help_wait_query(&site, "SELECT count(*) FROM price_list WHERE source = 'service'", 1, 30);
	help_wait_query(&site, "SELECT delivered FROM sinks", 1, 30);
	assert_command("events --format json", "\"estimated_cost_usd\":1,");
	cr_assert_eq(help_agent_stop(&site), 0);
	start_agent(NULL);
	assert_command("events --format json", "\"estimated_cost_usd\":0.0045,");
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* Where events go one by one, the answer says what each cost. */
Test(prices, of_the_service_are_kept_beside_the_estimate)
{
	cr_assert_eq(standin_faults(&service, "[{\"bulk_enabled\":false}]"), 0);
	add_price("gpt-4o", gpt);
	start_agent(NULL);
	track("gpt-4o", 4);
	track("unknown", 1);
	help_wait_query(&site, "SELECT delivered FROM sinks", 5, 30);
	help_wait_query(&site,
			"SELECT count(*) FROM event_history WHERE service_cost_usd = '0.0045'", 4,
			10);
	help_wait_query(
		&site,
		"SELECT count(*) FROM event_history WHERE service_cost_usd = estimated_cost_usd", 4,
		30);
	assert_command("events --format json --resource gpt-4o", "\"service_cost_usd\":0.0045");
	cr_assert_eq(help_query_int(&site, "SELECT stored = delivered FROM sink_books"), 1);
	cr_assert_eq(help_agent_stop(&site), 0);
}

Test(prices, that_cannot_be_read_keep_the_agent_from_starting)
{
	char *output;
	snprintf(prices_file, sizeof(prices_file), "%s/prices.json", site.data);
	FILE *file = fopen(prices_file, "w");
	fputs("[{\"category\":\"c\"}]", file);
	fclose(file);
	cr_assert_neq(help_shell(&output,
				 "%s run --data-dir=%s --ring-dir=%s --prices-file=%s 2>&1",
				 help_agent_program(), site.data, site.rings, prices_file),
		      0);
	cr_assert_not_null(strstr(output, "item 0 has no resource"), "%s", output);
	free(output);
}

/* ---- Pages ---------------------------------------------------------------------------------------- */

/* One more than two pages; a version a day. */
Test(prices, of_many_versions_are_read_page_by_page)
{
	enum { N = 201 };
	for (int i = 0; i < N; i++) {
		char body[256];
		snprintf(body, sizeof(body),
			 "{\"units\":{\"text\":{\"input_price\":%d,\"output_price\":1}},"
			 "\"start_timestamp\":\"20%02d-%02d-%02dT00:00:00Z\"}",
			 i + 1, 10 + i / 28 / 12, i / 28 % 12 + 1, i % 28 + 1);
		add_price("gpt-4o", body);
	}
	start_agent(NULL);
	track("gpt-4o", 1);
	help_wait_query(&site, "SELECT count(*) FROM price_asks WHERE state = 'known'", 1, 30);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM prices"), N);
	cr_expect_eq(help_query_int(&site, "SELECT count(DISTINCT input) FROM prices"), N);
	cr_expect_eq(standin_stat(&service, "bad_requests"), 0);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* ---- A file that changes --------------------------------------------------------------------------- */

static void write_price(const char *dollars)
{
	char path[HELP_PATH_BYTES + 40];
	snprintf(path, sizeof(path), "%s/prices.json", site.data);
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fprintf(file,
		"[{\"category\":\"system.openai\",\"resource\":\"gpt-4o\",\"units\":{\"text\":{"
		"\"input_price\":%s}}}]",
		dollars);
	cr_assert_eq(fclose(file), 0);
}

static bool log_has(void *text)
{
	char *output;
	const int code = help_shell(&output, "grep -q -- '%s' '%s'", (const char *)text, site.log);
	free(output);
	return code == 0;
}

/* What is wrong changes nothing, and the log says what it is; what is right counts for all that was stored before. */
Test(prices, of_a_file_are_read_again_at_a_reload)
{
	static const char cost[] =
		"SELECT estimated_cost_picousd / 1000000000000 FROM event_history";
	snprintf(prices_file, sizeof(prices_file), "--prices-file=%s/prices.json", site.data);
	write_price("1");
	start_agent(prices_file);
	track("gpt-4o", 1);
	help_wait_query(&site, cost, 1000, 30);

	write_price("2");
	kill(site.agent, SIGHUP);
	help_wait_query(&site, cost, 2000, 30);

	write_price("\"dear\"");
	kill(site.agent, SIGHUP);
	char wrong[] = "stays in force.*units.text.input_price is no price";
	help_wait(log_has, wrong, 30, "the log to say what is wrong");
	cr_expect_eq(help_query_int(&site, cost), 2000);

	write_price("3");
	kill(site.agent, SIGHUP);
	help_wait_query(&site, cost, 3000, 30);
	cr_assert_eq(help_agent_stop(&site), 0);
}
