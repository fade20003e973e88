/*
 * --format: every command that answers has all four, and the three that are for programs say the same.
 */
#include "cli/cli.h"
#include "help/help.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct help_site site;
static struct standin service;

/* An event that is refused, two that are delivered, one that is to be sent again. */
static void track(void)
{
	static const char *const names[] = {"bad", "good", "good", "later"};
	static const char *const ids[] = {"bad", "good", "=cmd|'/c'!A1", "later"};
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < 4; i++) {
		const payi_units units[] = {{"text", 10 + i, 3}};
		const payi_property properties[] = {{"quoted", "a \"b\", c\r\nd"}};
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		event.use_case_name = names[i];
		event.use_case_id = ids[i];
		event.user_id = "ann, \"the\" user";
		event.use_case_step = "draft";
		event.end_to_end_latency_ms = 100 + i;
		event.properties = properties;
		event.n_properties = 1;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	payi_client_close(client);
}

static void set_up(void)
{
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	char base_url[64];
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
	cr_assert_eq(
		standin_faults(&service,
			       "[{\"match\":{\"use_case_name\":\"bad\"},\"item_error\":{\"code\":"
			       "\"use_case_not_found\",\"message\":\"no, \\\"bad\\\" "
			       "here\",\"status\":400,"
			       "\"times\":100000}},{\"match\":{\"use_case_name\":\"later\"},\"item_"
			       "error\":{"
			       "\"code\":\"unexpected_error\",\"message\":\"later\",\"status\":500,"
			       "\"times\":100000}}]"),
		0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=50", NULL};
	help_agent_start(&site, arguments, with_key);
	track();
	help_wait_query(&site, "SELECT delivered * 100 + dead * 10 + deferred FROM sink_books", 211,
			30);
}

static void tear_down(void)
{
	help_site_remove(&site);
	standin_stop(&service);
}

TestSuite(formats, .init = set_up, .fini = tear_down, .timeout = 100);

static char *run(const char *command, const char *format, int *code)
{
	char *output;
	*code = help_shell(&output, AGENT_PROGRAM " %s --format %s", command, format);
	return output;
}

/* ---- CSV ------------------------------------------------------------------------------------------ */

/* The next field, unquoted, in field; *more: another follows in its row. Returns what is behind it; NULL: it is no CSV. */
static const char *next_field(const char *csv, char *field, bool *more)
{
	const bool quoted = *csv == '"';
	csv += quoted;
	for (; *csv && (quoted || (*csv != ',' && *csv != '\r')); csv++) {
		if (quoted && *csv == '"' && *++csv != '"')
			break;
		*field++ = *csv;
	}
	*field = '\0';
	*more = *csv == ',';
	if (*csv == ',')
		return csv + 1;
	return strncmp(csv, "\r\n", 2) == 0 ? csv + 2 : NULL;
}

/* As an array of objects of strings, by the names in the heading. */
static json_t *parse_csv(const char *command, const char *csv)
{
	json_t *names = json_array();
	json_t *rows = json_array();
	char *field = malloc(strlen(csv) + 1);
	for (bool heading = true; *csv; heading = false) {
		json_t *row = json_object();
		bool more = true;
		for (size_t i = 0; more; i++) {
			csv = next_field(csv, field, &more);
			cr_assert(csv, "%s: no CSV behind \"%s\"", command, field);
			const char *name = json_string_value(json_array_get(names, i));
			if (heading)
				json_array_append_new(names, json_string(field));
			else
				cr_assert(name, "%s: a row is longer than the heading", command);
			if (!heading)
				json_object_set_new(row, name, json_string(field));
		}
		if (!heading) {
			cr_assert_eq(json_object_size(row), json_array_size(names),
				     "%s: a row is short", command);
			json_array_append(rows, row);
		}
		json_decref(row);
	}
	free(field);
	json_decref(names);
	return rows;
}

/* ---- The same in all ------------------------------------------------------------------------------- */

static json_t *parse_lines(const char *command, const char *text)
{
	json_t *rows = json_array();
	while (*text) {
		const size_t n = strcspn(text, "\n");
		json_error_t error;
		json_t *row = json_loadb(text, n, 0, &error);
		cr_assert(json_is_object(row), "%s: no object in a line: %.*s", command, (int)n,
			  text);
		json_array_append_new(rows, row);
		text += n + 1;
	}
	return rows;
}

/* Between two questions time goes on, and agents write their databases. */
static void leave_out_what_moves(json_t *row)
{
	static const char *const names[] = {
		"idle_s",   "time",    "database",          "agent", "sinks", "retry_time",
		"attempts", "message", "last_refused_time", "text"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_del(row, names[i]);
}

static void leave_out(json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		leave_out_what_moves(json_array_get(rows, i));
}

/* A text, but for what CSV does to formulas; a number, yes and no as they are in JSON. */
static void same_value(const char *command, const char *name, const json_t *value, const char *csv)
{
	char *text = json_is_string(value) ? strdup(json_string_value(value))
		     : json_is_null(value) ? strdup("")
					   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	if (!json_is_object(value) && !json_is_array(value) && !json_is_real(value))
		cr_expect_str_eq(csv + (*csv == '\'' && csv[1] == *text), text, "%s: %s", command,
				 name);
	free(text);
}

static void same_rows(const char *command, const json_t *rows, const json_t *csv)
{
	cr_expect_eq(json_array_size(csv), json_array_size(rows),
		     "%s: %zu rows of CSV, %zu of JSON", command, json_array_size(csv),
		     json_array_size(rows));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *of_json = json_array_get(rows, i);
		json_t *of_csv = json_array_get(csv, i);
		const char *name;
		json_t *value;
		cr_expect_eq(json_object_size(of_json), json_object_size(of_csv), "%s", command);
		json_object_foreach(of_json, name, value)
		{
			const char *text = json_string_value(json_object_get(of_csv, name));
			cr_expect(text, "%s: CSV has no %s", command, name);
			if (text)
				same_value(command, name, value, text);
		}
	}
}

/* An object stands for one row, as in JSON lines. */
static json_t *parse_json(const char *command, const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	cr_assert(json, "%s: no JSON: %s", command, text);
	if (json_is_array(json))
		return json;
	json_t *rows = json_array();
	json_array_append_new(rows, json);
	return rows;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* status has a row of CSV for each member of its object, and doctor counts its findings beside them. */
static void check(const char *command, int code)
{
	char *text[4];
	static const char *const names[] = {"table", "json", "jsonl", "csv"};
	for (int i = 0; i < 4; i++) {
		int got;
		text[i] = run(command, names[i], &got);
		cr_expect_eq(got, code, "%s --format %s: exit code %d", command, names[i], got);
	}
	json_t *rows = parse_json(command, text[1]);
	json_t *lines = parse_lines(command, text[2]);
	json_t *csv = parse_csv(command, text[3]);
	if (begins(command, "doctor")) {
		json_t *checks = json_incref(json_object_get(json_array_get(rows, 0), "checks"));
		json_decref(rows);
		rows = checks;
	}
	leave_out(rows);
	leave_out(lines);
	cr_expect_gt(json_array_size(rows), 0, "%s has no rows", command);
	cr_expect(json_equal(rows, lines), "%s:\n%s\n%s", command, text[1], text[2]);
	if (!begins(command, "status")) {
		leave_out(csv);
		same_rows(command, rows, csv);
	}
	json_decref(rows);
	json_decref(lines);
	json_decref(csv);
	for (int i = 0; i < 4; i++)
		free(text[i]);
}

/* ---- Tests ---------------------------------------------------------------------------------------- */

static const char *const asked[] = {
	"status",
	"top --once",
	"events",
	"use-cases",
	"use-cases --steps",
	"use-cases --users",
	"use-cases --distribution",
	"use-cases --histogram",
	"series",
	"series --by use-case",
	"waiting",
	"use-cases --definitions",
	"usage",
	"usage --by user",
	"usage --changes",
	"usage --unpriced",
	"sql 'SELECT event, use_case_id, properties FROM event_history'",
	"dead list",
	"dead show 1",
	"dead show 1 2 3",
	"dead drop --use-case nobody",
	"dead retry --use-case nobody",
	"track </dev/null",
	"ring list",
	"doctor --no-network --base-url=http://127.0.0.1:1",
	"health",
	"health --ready",
	"config sample",
	"config check",
	"config show",
	"version",
};

enum { N_ASKED = sizeof(asked) / sizeof(asked[0]) };

Test(formats, say_the_same)
{
	payi_client *client; /* a ring that is there */
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	help_wait_query(&site, "SELECT count(*) FROM rings WHERE state = 'open'", 1, 30);
	for (int i = 0; i < N_ASKED; i++)
		check(asked[i], 0);
	payi_client_close(client);
}

static bool is_asked(const char *name)
{
	for (int i = 0; i < N_ASKED; i++)
		if (begins(asked[i], name))
			return true;
	return false;
}

/* These have no answer in rows; tail has no end, and is tested beside its own. */
static bool has_no_answer(const char *name)
{
	static const char *const none[] = {"run", "completion", "manual"};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (strcmp(none[i], name) == 0)
			return true;
	return false;
}

Test(formats, are_there_for_every_command)
{
	static const char *const names[] = {
#define X(function, name, summary) name,
		CLI_COMMANDS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *help;
		if (has_no_answer(names[i]))
			continue;
		cr_expect(is_asked(names[i]) || strcmp(names[i], "tail") == 0,
			  "%s is not asked here", names[i]);
		const char *word = strcmp(names[i], "dead") == 0 || strcmp(names[i], "ring") == 0
					   ? "list"
					   : "";
		help_shell(&help, AGENT_PROGRAM " %s %s --help", names[i], word);
		cr_expect(strstr(help, "--format=table|json|jsonl|csv"), "%s: %s", names[i], help);
		free(help);
	}
}

/* A ring with a record in it that no agent has read. */
Test(formats, say_the_same_of_a_ring)
{
	payi_client *client;
	cr_expect_eq(help_agent_stop(&site), 0);
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	char *json, *lines, *csv;
	cr_assert_eq(help_shell(&json, AGENT_PROGRAM " ring dump '' --format json"), 0);
	cr_assert_eq(help_shell(&lines, AGENT_PROGRAM " ring dump '' --format jsonl"), 0);
	cr_assert_eq(help_shell(&csv, AGENT_PROGRAM " ring dump '' --format csv"), 0);
	json_t *rows = parse_json("ring dump", json);
	json_t *of_lines = parse_lines("ring dump", lines);
	json_t *of_csv = parse_csv("ring dump", csv);
	cr_expect_eq(json_array_size(rows), 1, "%s", json);
	cr_expect(json_equal(rows, of_lines), "%s\n%s", json, lines);
	cr_expect_eq(json_array_size(of_csv), 1, "%s", csv);
	json_decref(rows);
	json_decref(of_lines);
	json_decref(of_csv);
	free(json);
	free(lines);
	free(csv);
	payi_client_close(client);
}

/* What a program asks is answered in its form also where the answer is no. */
Test(formats, say_also_what_is_wrong)
{
	char path[HELP_PATH_BYTES + 16];
	char command[2 * HELP_PATH_BYTES];
	snprintf(path, sizeof(path), "%s/bad.conf", site.data);
	FILE *file = fopen(path, "w");
	cr_assert(file);
	fputs("[agent]\nlog_level = loud\n", file);
	fclose(file);
	snprintf(command, sizeof(command), "config check --config '%s' 2>/dev/null", path);
	check(command, 2);
	cr_expect_eq(help_agent_stop(&site), 0);
	check("health 2>/dev/null", 1);
	check("status", 3);
}

/* Status in CSV is its JSON, member by member. */
Test(formats, of_status_have_each_member)
{
	int code;
	char *text = run("status", "csv", &code);
	cr_expect(begins(text, "name,value\r\ntime,"), "%s", text);
	cr_expect(strstr(text, "\r\nbooks.stored,4\r\n"), "%s", text);
	cr_expect(strstr(text, "\r\nbooks.balanced,true\r\n"), "%s", text);
	cr_expect(strstr(text, "\r\nsinks.0.dead,1\r\n"), "%s", text);
	cr_expect(strstr(text, "\r\nagent.running,true\r\n"), "%s", text);
	free(text);
	text = run("dead show 1", "table", &code);
	cr_expect(strstr(text, "tracked.units.text.input"), "%s", text);
	cr_expect(strstr(text, "use_case_not_found"), "%s", text);
	free(text);
}
