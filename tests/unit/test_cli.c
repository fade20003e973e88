/* The commands as processes: exit codes, what goes where, status with and without an agent. */
#include "help/help.h"

#include "payi/payi.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct help_site site;

static void begin(void)
{
	help_site_make(&site);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(cli, .init = begin, .fini = end);

/* Runs payi-agent with these arguments; both outputs in one text. */
#define run(output, arguments, ...)                                                                \
	help_shell((output), AGENT_PROGRAM " " arguments " 2>&1", ##__VA_ARGS__)

static void says(const char *arguments, int code, const char *text)
{
	char *output = NULL;
	cr_expect_eq(run(&output, "%s", arguments), code, "%s: %s", arguments, output);
	cr_expect(strstr(output, text), "%s: %s", arguments, output);
	free(output);
}

static json_t *status(int code)
{
	char *output = NULL;
	cr_assert_eq(run(&output, "status --json"), code, "%s", output);
	json_t *json = json_loads(output, 0, NULL);
	cr_assert(json, "%s", output);
	free(output);
	return json;
}

static int64_t number(const json_t *json, const char *part, const char *name)
{
	const json_t *value = json_object_get(json_object_get(json, part), name);
	cr_assert(json_is_integer(value), "%s.%s", part, name);
	return json_integer_value(value);
}

static payi_client *track(int n)
{
	payi_client *client = NULL;
	const payi_units units[] = {{"text", 10, 3}};
	payi_event event = PAYI_EVENT_INIT;
	cr_assert_eq(payi_client_open(NULL, &client), PAYI_OK, "%s", payi_last_error());
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	event.use_case_name = "support";
	event.use_case_id = "t-1";
	for (int i = 0; i < n; i++)
		cr_assert_eq(payi_track(client, &event), PAYI_OK, "%s", payi_last_error());
	return client;
}

Test(cli, exits_with_two_for_wrong_usage)
{
	says("", 2, "Usage: payi-agent COMMAND");
	says("evnts", 2, "there is no command 'evnts'; do you mean `payi-agent events`?");
	says("help usecases", 2, "do you mean `payi-agent use-cases`?");
	says("frobnicate", 2, "`payi-agent help` lists them");
	says("events --frobnicate", 2, "unrecognized option");
	says("events --sinse 2h", 2, "there is no option --sinse; do you mean --since?");
	says("events --id --sinse", 1, "no database"); /* a value, whatever it looks like */
	says("dead retyr", 2, "do you mean `payi-agent dead retry`? There are list, show");
	says("events --since 3y", 2, "30s, 15m, 2h, 7d");
	says("events --since now --until 2h", 2, "--since is not before --until");
	says("events --limit -1", 2, "--limit");
	says("events --format xml", 2, "one of: table|json|jsonl|csv");
	says("status --format xml", 2, "one of: table|json|jsonl|csv");
	says("events --color red", 2, "auto, always or never");
	says("version surplus", 2, "not expected");
	says("events surplus", 2, "not expected");
	says("use-cases --resource gpt-4o", 2, "unrecognized option");
	says("usage --by week", 2, "one of: hour|day|user|step");
	says("config", 2, "sample, check or show");
	says("events --config /nowhere", 2, "/nowhere");
}

Test(cli, has_help_everywhere)
{
	static const char *const commands[] = {"run",   "status", "events", "use-cases", "usage",
					       "track", "doctor", "config", "version",   "sql"};
	says("help", 0, "Exit codes:");
	says("--help", 0, "Commands:");
	says("help dead retry", 0, "Usage: payi-agent dead retry");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char arguments[64];
		snprintf(arguments, sizeof(arguments), "%s --help", commands[i]);
		says(arguments, 0, "Example");
		snprintf(arguments, sizeof(arguments), "help %s", commands[i]);
		says(arguments, 0, "Usage: payi-agent");
	}
}

/* What is a command's own comes before what all have. */
Test(cli, help_ends_with_the_settings)
{
	static const char *const own[] = {"--view", "--interval", "--once", "--format", "--color"};
	char *output = NULL;
	cr_expect_eq(run(&output, "top --help"), 0);
	const char *settings = strstr(output, "Settings, [agent]");
	cr_assert(settings, "%s", output);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		cr_expect(strstr(output, own[i]) && strstr(output, own[i]) < settings, "%s",
			  own[i]);
	free(output);
}

Test(cli, tells_versions)
{
	says("--version", 0, "payi-agent " PAYI_VERSION "\nSQLite 3.");
}

/* One line, one object, one row each; and colour where it was asked for, though this is no terminal. */
Test(cli, tells_the_same_in_every_format)
{
	says("version --format json", 0, "[\n{\"name\":\"payi-agent\",\"version\":\"" PAYI_VERSION);
	says("version --format jsonl", 0, "\n{\"name\":\"SQLite\",\"version\":\"3.");
	says("version --format csv", 0, "name,version,note\r\npayi-agent," PAYI_VERSION ",\r\n");
	says("doctor --no-network --format csv", 0, "about,result,text,advice\r\nsettings,ok,");
	says("doctor --no-network --format json", 0, "\"failed\":0}");
	says("config show --format csv", 0, "section,name,value,origin\r\nagent,data_dir,/");
	says("config show --format jsonl --sync normal", 0,
	     "{\"section\":\"store\",\"name\":\"sync\",\"value\":\"normal\",\"origin\":\"--"
	     "sync\"}");
	says("status --format jsonl", 3, "{\"time\":");
	says("status --color always", 3, "\033[1;31mdoes not run\033[0m");
	says("status", 3, "Agent      does not run;");
}

Test(cli, says_what_to_do_without_a_database)
{
	says("events", 1, "payi-agent run");
	says("use-cases", 1, site.database);
	says("status", 3, "there is none yet");
}

/* An agent opens the file before it makes its tables; who asks in between is told no less. */
Test(cli, status_takes_an_empty_database_for_none)
{
	FILE *file = fopen(site.database, "w");
	cr_assert(file);
	fclose(file);
	says("status", 3, "Agent      does not run");
	json_decref(status(3));
	says("events", 1, "empty as yet");
}

Test(cli, never_shows_a_key)
{
	char *output = NULL;
	setenv("PAYI_API_KEY", "sekrit", 1);
	cr_expect_eq(run(&output, "config show; " AGENT_PROGRAM " status"), 3);
	cr_expect(strstr(output, "api_key = (set, not shown)    # PAYI_API_KEY"), "%s", output);
	cr_expect_not(strstr(output, "sekrit"));
	free(output);
	cr_expect_eq(run(&output, "config show --format json"), 0);
	cr_expect(strstr(output, "\"api_key\",\"value\":\"(set, not shown)\""), "%s", output);
	cr_expect_not(strstr(output, "sekrit"));
	free(output);
}

/* The sample's own advice: print it, check it. */
Test(cli, checks_its_sample)
{
	char *output = NULL;
	cr_expect_eq(run(&output,
			 "config sample >%s/a.conf && " AGENT_PROGRAM
			 " config check --config %s/a.conf",
			 site.data, site.data),
		     0);
	cr_expect(strstr(output, "a.conf: fine"), "%s", output);
	free(output);
}

Test(cli, status_counts_what_waits_in_the_rings_without_an_agent)
{
	payi_client *client = track(5);
	json_t *json = status(3);
	cr_expect(json_is_false(json_object_get(json_object_get(json, "agent"), "running")));
	cr_expect_eq(number(json, "books", "tracked"), 5);
	cr_expect_eq(number(json, "books", "in_rings"), 5);
	cr_expect_eq(number(json, "books", "stored"), 0);
	const json_t *ring = json_array_get(json_object_get(json, "rings"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(ring, "state")), "new");
	cr_expect_gt(json_integer_value(json_object_get(ring, "lag_bytes")), 0);
	json_decref(json);
	payi_client_close(client);
}

Test(cli, status_balances_with_an_agent)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = track(7);
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	json_t *json = status(0);
	cr_expect(json_is_true(json_object_get(json_object_get(json, "agent"), "running")));
	cr_expect(json_is_true(json_object_get(json_object_get(json, "books"), "balanced")));
	cr_expect_eq(number(json, "books", "stored"), 7);
	cr_expect_eq(number(json, "books", "in_rings"), 0);
	const json_t *sink = json_array_get(json_object_get(json, "sinks"), 0);
	cr_expect_eq(json_integer_value(json_object_get(sink, "waiting")), 7);
	const json_t *ring = json_array_get(json_object_get(json, "rings"), 0);
	cr_expect_str_eq(json_string_value(json_object_get(ring, "state")), "live");
	json_decref(json);
	payi_client_close(client);
	cr_expect_eq(help_agent_stop(&site), 0);
	json_decref(status(3));
}

Test(cli, lists_what_was_tracked)
{
	char *output = NULL;
	help_agent_start(&site, NULL, NULL);
	payi_client *client = track(3);
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	payi_client_close(client);
	cr_expect_eq(run(&output, "events --use-case support --since 1h --format jsonl | wc -l"),
		     0);
	cr_expect_eq(strtol(output, NULL, 10), 3, "%s", output);
	free(output);
	says("events --use-case nobody", 0, "nothing was found");
	says("events --limit 2", 0, "more rows than --limit 2");
	says("use-cases --id t-1 --format csv", 0, ",support,t-1,0,3,0,30,9,");
	says("usage --by day --format json", 0, "\"events\":3,");
	says("events --use-case suport", 0,
	     "there never was such a use case; do you mean support?");
	says("events --user nobody", 0, "nothing was found: there never was such a user");
}

Test(cli, says_when_its_output_was_not_all_written)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " config sample 2>&1 >/dev/full"), 1);
	cr_expect(strstr(output, "No space left"), "%s", output);
	free(output);
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " version --format csv 2>&1 >/dev/full"), 1);
	cr_expect(strstr(output, "No space left"), "%s", output);
	free(output);
}

/* Also where the signal that a closed pipe brings is ignored, as below systemd and Python. */
Test(cli, says_nothing_to_nobody)
{
	char *output = NULL;
	cr_expect_eq(
		help_shell(
			&output,
			"trap '' PIPE; cd %s && mkfifo pipe && { true <pipe & } && exec 4>pipe && "
			"wait; " AGENT_PROGRAM " version --format csv 2>&1 >&4",
			site.data),
		1);
	cr_expect_str_eq(output, "");
	free(output);
}
