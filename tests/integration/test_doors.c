/*
 * One question, asked through every door: the command, the local HTTP and plain SQL give the same rows, to the digit.
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

enum { EVENTS = 400, MINUTES = 11, START_S = 1764000000 /* 2025-11-24T16:00Z */ };

static struct help_site site;
static struct standin service;

static void track(void)
{
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < EVENTS; i++) {
		char id[32], resource[32];
		const payi_units units[] = {{"text", i % 50 * 10, i % 7}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "ticket-%d", i % 40);
		snprintf(resource, sizeof(resource), "model-%d", i % 6);
		event.category = i % 3 ? "system.openai" : "system.anthropic";
		event.resource = resource;
		event.event_timestamp_us = (START_S + i * MINUTES * INT64_C(60)) * 1000000;
		event.units = units;
		event.n_units = 1;
		event.end_to_end_latency_ms = 1 + i * 37 % 1000;
		event.http_status_code = i % 9 ? 200 : 503;
		event.user_id = i % 4 ? "ann" : i % 8 ? "bob" : "eve";
		event.use_case_name = i % 5 == 1 ? "support" : i % 5 ? "triage" : NULL;
		event.use_case_id = i % 5 ? id : NULL;
		event.use_case_step = i % 5 && i % 2 ? "draft" : NULL;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
}

static void write_prices(const char *path)
{
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs("[{\"category\":\"system.openai\",\"resource\":\"model-4\",\"units\":{\"text\":"
	      "{\"input_price\":0.0000025,\"output_price\":0.00001}}}]",
	      file);
	cr_assert_eq(fclose(file), 0);
}

/* eve's are refused, bob's are to be sent again, ann's are delivered; what is tracked then waits, for there is no key. */
static void begin_with_all_fates(void)
{
	char base_url[64], prices[HELP_PATH_BYTES + 16], prices_flag[HELP_PATH_BYTES + 48];
	snprintf(prices, sizeof(prices), "%s/prices.json", site.data);
	snprintf(prices_flag, sizeof(prices_flag), "--prices-file=%s", prices);
	write_prices(prices);
	cr_assert_eq(standin_faults(&service,
				    "[{\"match\":{\"user_id\":\"bob\"},\"item_error\":{\"code\":"
				    "\"unexpected_error\",\"status\":500,\"message\":\"later\","
				    "\"times\":100000}},"
				    "{\"match\":{\"user_id\":\"eve\"},\"item_error\":{\"code\":"
				    "\"use_case_not_found\",\"message\":\"no\",\"status\":400,"
				    "\"times\":100000}}]"),
		     0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, prices_flag, "--batch-age-ms=50", NULL};
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	help_agent_start(&site, arguments, with_key);
	track();
	help_wait_query(
		&site,
		"SELECT delivered = 300 AND dead = 50 AND deferred + held = 50 FROM sink_books", 1,
		30);
	cr_assert_eq(help_agent_stop(&site), 0);
	help_agent_start(&site, (const char *const[]){prices_flag, NULL}, NULL);
	track();
}

static void set_up(void)
{
	unsetenv("PAYI_API_KEY");
	unsetenv("ASCERTA_API_KEY");
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
	begin_with_all_fates();
}

static void tear_down(void)
{
	help_site_remove(&site);
	standin_stop(&service);
}

TestSuite(doors, .init = set_up, .fini = tear_down, .timeout = 100);

/* ---- Each door ------------------------------------------------------------------------------------- */

static json_t *parse(const char *what, char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	cr_assert(json, "%s: %s", what, text);
	free(text);
	return json;
}

static json_t *by_command(const char *command)
{
	char *output;
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " %s --format json", command), 0, "%s",
		     command);
	return parse(command, output);
}

static json_t *by_sql(const char *sql)
{
	char *output;
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " sql --format json \"%s\"", sql), 0, "%s",
		     sql);
	return parse(sql, output);
}

/* All pages. */
static json_t *by_http(const char *path)
{
	json_t *rows = json_array();
	char with_cursor[512];
	char cursor[64] = "";
	do {
		snprintf(with_cursor, sizeof(with_cursor), "%s%s%s", path,
			 *cursor ? "&cursor=" : "", cursor);
		json_t *json = parse(path, local_body(&site, with_cursor));
		json_array_extend(rows, json_object_get(json, "rows"));
		const char *next = json_string_value(json_object_get(json, "cursor"));
		snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
		json_decref(json);
	} while (*cursor);
	return rows;
}

static bool same_value(const json_t *a, const json_t *b)
{
	if (json_is_real(a) || json_is_real(b))
		return json_number_value(a) - json_number_value(b) < 1e-9 &&
		       json_number_value(b) - json_number_value(a) < 1e-9;
	return json_equal(a, b);
}

/* All of SQL's columns, in each row. */
static void sql_agrees(const json_t *rows, const char *sql)
{
	json_t *expected = by_sql(sql);
	cr_expect_eq(json_array_size(rows), json_array_size(expected), "%s: %zu rows, of SQL %zu",
		     sql, json_array_size(rows), json_array_size(expected));
	for (size_t i = 0; i < json_array_size(expected); i++) {
		const char *name;
		json_t *value;
		json_object_foreach(json_array_get(expected, i), name, value)
		{
			const json_t *got = json_object_get(json_array_get(rows, i), name);
			char *text = json_dumps(json_array_get(rows, i), JSON_COMPACT);
			cr_expect(same_value(got, value), "%s: row %zu, %s: %s", sql, i, name,
				  text);
			free(text);
		}
	}
	json_decref(expected);
}

static void leave_out_what_grows(json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		json_object_del(json_array_get(rows, i), "idle_s");
}

static void agree(const char *command, const char *path, const char *sql)
{
	json_t *commands = by_command(command);
	json_t *https = by_http(path);
	leave_out_what_grows(commands);
	leave_out_what_grows(https);
	cr_expect_gt(json_array_size(commands), 0, "%s gives no row", command);
	cr_expect(json_equal(commands, https), "%s gives %zu rows, %s %zu", command,
		  json_array_size(commands), path, json_array_size(https));
	if (sql)
		sql_agrees(commands, sql);
	json_decref(commands);
	json_decref(https);
}

/* ---- Questions ------------------------------------------------------------------------------------- */

#define SUMS                                                                                       \
	"sum(events) AS events, sum(failures) AS failures, sum(input_units) AS input_units, "      \
	"sum(output_units) AS output_units"

Test(doors, agree_on_usage_over_time)
{
	agree("series --points 80", "/api/v1/history/series?points=80",
	      "SELECT hour AS time, 3600 AS seconds, " SUMS
	      " FROM usage_by_hour GROUP BY hour ORDER BY hour");
	agree("series --by resource --points 1 --top 20",
	      "/api/v1/history/series?by=resource&points=1&top=20",
	      "SELECT resource, 0 AS others, " SUMS " FROM usage_by_hour GROUP BY resource"
	      " ORDER BY sum(input_units + output_units) DESC, resource");
	agree("series --by category --points 1 --sort events",
	      "/api/v1/history/series?by=category&points=1&sort=events",
	      "SELECT category, " SUMS
	      " FROM usage_by_hour GROUP BY category ORDER BY 2 DESC, category");
	agree("series --points 1 --use-case support --user ann",
	      "/api/v1/history/series?points=1&use-case=support&user=ann",
	      "SELECT count(*) AS events, sum(failed) AS failures, sum(input_units) AS "
	      "input_units, "
	      "sum(output_units) AS output_units FROM event_history WHERE use_case_name = "
	      "'support' AND user_id = 'ann'");
	agree("series --by use-case --top 1 --since 2025-11-25T00:00Z --until 2025-11-26T00:00Z "
	      "--points 24",
	      "/api/v1/history/"
	      "series?by=use-case&top=1&since=2025-11-25T00:00Z&until=2025-11-26T00:00Z&points=24",
	      NULL);
	agree("series --points 1 --sort cost", "/api/v1/history/series?points=1&sort=cost",
	      "SELECT sum(estimated_cost_picousd) / 1e12 AS estimated_cost_usd FROM usage_by_hour");
	agree("usage --limit 0", "/api/v1/history/usage?limit=500", NULL);
	agree("usage --by user --use-case support --resource model-4",
	      "/api/v1/history/usage?by=user&use-case=support&resource=model-4",
	      "SELECT user_id, category, count(*) AS events, sum(failed) AS failures, "
	      "sum(input_units) AS input_units,"
	      " sum(output_units) AS output_units FROM event_history WHERE use_case_name = "
	      "'support' AND"
	      " resource = 'model-4' GROUP BY user_id, category ORDER BY sum(input_units + "
	      "output_units) DESC");
	agree("usage --unpriced --limit 0", "/api/v1/history/usage?show=unpriced", NULL);
}

Test(doors, agree_on_how_instances_differ)
{
	json_t *rows = by_command("use-cases --histogram --limit 0");
	agree("use-cases --histogram --limit 0",
	      "/api/v1/history/use-cases?show=histogram&limit=1000", NULL);
	agree("use-cases --histogram --use-case support --limit 0",
	      "/api/v1/history/use-cases?show=histogram&use-case=support&limit=1000", NULL);
	for (size_t i = 0; i < json_array_size(rows); i++) {
		char sql[512];
		json_t *row = json_array_get(rows, i);
		json_t *alone = json_pack("[O]", row);
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) AS instances, sum(events) AS events, sum(input_units + "
			 "output_units) AS units"
			 " FROM use_case_history WHERE input_units + output_units >= "
			 "%" JSON_INTEGER_FORMAT
			 " AND input_units + output_units < %" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(row, "units_from")),
			 json_integer_value(json_object_get(row, "units_below")));
		sql_agrees(alone, sql);
		json_decref(alone);
	}
	json_decref(rows);
	agree("use-cases --distribution", "/api/v1/history/use-cases?show=distribution",
	      "SELECT use_case_name, instances, units_min, units_median, units_p95, units_max FROM "
	      "use_case_distribution");
	agree("use-cases --steps --limit 0", "/api/v1/history/use-cases?show=steps", NULL);
	agree("use-cases --limit 0", "/api/v1/history/use-cases?limit=7", NULL);
}

#define WAITING                                                                                    \
	"SELECT event, delivery, use_case_name, use_case_id, resource FROM event_history WHERE "   \
	"delivery IN ('waiting', 'deferred', 'held')"

Test(doors, agree_on_what_waits_and_what_was_refused)
{
	agree("waiting --limit 0", "/api/v1/waiting?limit=33", WAITING " ORDER BY event");
	agree("waiting --limit 0 --use-case support", "/api/v1/waiting?limit=7&use-case=support",
	      WAITING " AND use_case_name = 'support' ORDER BY event");
	agree("waiting --limit 0 --user bob --id ticket-12",
	      "/api/v1/waiting?user=bob&id=ticket-12",
	      WAITING " AND user_id = 'bob' AND use_case_id = 'ticket-12' ORDER BY event");
	agree("waiting --limit 0 --since 2025-11-25T00:00Z --until 2025-11-26T00:00Z --resource "
	      "model-4",
	      "/api/v1/"
	      "waiting?limit=5&since=2025-11-25T00:00Z&until=2025-11-26T00:00Z&resource=model-4",
	      WAITING " AND resource = 'model-4' AND event_time >= '2025-11-25' AND event_time < "
		      "'2025-11-26'"
		      " ORDER BY event");
	agree("dead list --limit 0", "/api/v1/dead?limit=9",
	      "SELECT event, use_case_name, resource FROM event_history WHERE delivery = 'dead' "
	      "ORDER BY event DESC");
	agree("dead show 1 2 9", "/api/v1/dead/show?event=1,2,9",
	      "SELECT event, delivery, app_name, provider_response_id FROM event_history WHERE "
	      "event IN (1, 2, 9)");
}

Test(doors, say_what_is_wrong_alike)
{
	struct local_reply reply;
	local_get(&site, "/api/v1/dead/show?event=999999", &reply);
	cr_expect_eq(reply.status, 400, "%s", reply.text);
	cr_expect(strstr(reply.body, "there is no event 999999"), "%s", reply.body);
	local_release(&reply);
	local_get(&site, "/api/v1/dead/show", &reply);
	cr_expect(strstr(reply.body, "say which"), "%s", reply.body);
	local_release(&reply);
	local_get(&site, "/api/v1/waiting?reverse=yes", &reply);
	cr_expect_eq(reply.status, 400, "%s", reply.text);
	local_release(&reply);
	static const struct {
		const char *arguments;
		const char *text;
	} wrong[] = {{"use-cases --distribution --reverse", "takes no --reverse"},
		     {"waiting --reverse", "unrecognized option"},
		     {"series --by hour", "one of: use-case|resource|category"},
		     {"series --points 0", "1 to 300"},
		     {"series --top 21", "1 to 20"},
		     {"series --sort latency", "takes no --sort latency"},
		     {"use-cases --histogram --steps", "two questions"}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *output;
		cr_expect_eq(help_shell(&output, AGENT_PROGRAM " %s 2>&1", wrong[i].arguments), 2);
		cr_expect(strstr(output, wrong[i].text), "%s: %s", wrong[i].arguments, output);
		free(output);
	}
}
