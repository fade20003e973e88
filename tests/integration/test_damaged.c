/*
 * An agent and a damaged database: it sets it aside or refuses, as it was told, at the start and while it
 * runs; and the rings keep what comes meanwhile.
 */
#include "help/help.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(damaged, .init = set_up, .fini = tear_down, .timeout = 100);

static payi_client *open_client(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = 30000;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static void track(payi_client *client, int n, const char *prompt)
{
	const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.provider_request_json = prompt;
	for (int i = 0; i < n; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
}

#define shell(command, path)                                                                       \
	do {                                                                                       \
		char *output_;                                                                     \
		cr_assert_eq(help_shell(&output_, command, path), 0, "%s", output_);               \
		free(output_);                                                                     \
	} while (0)

static int count_set_aside(void)
{
	char *output;
	help_shell(&output, "ls '%s' | grep -c '^payi.db.corrupt-[0-9TZ]*$'", site.data);
	const int n = (int)strtol(output, NULL, 10);
	free(output);
	return n;
}

static void expect_in_log(const char *text)
{
	char *log;
	help_shell(&log, "cat '%s'", site.log);
	cr_assert(strstr(log, text), "%s is not in\n%s", text, log);
	free(log);
}

Test(damaged, is_set_aside_at_the_start_and_a_new_one_is_begun)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client();
	track(client, 10, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_agent_stop(&site), 0);
	shell("test ! -e '%s-wal'", site.database); /* the last connection has emptied it */
	shell("dd if=/dev/urandom of='%s' bs=8192 seek=2 count=30 conv=notrunc 2>&1",
	      site.database);
	track(client, 5, NULL);
	help_agent_start(&site, NULL, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	track(client, 3, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), 8);
	cr_assert_eq(count_set_aside(), 1);
	expect_in_log("set aside");
	expect_in_log("payi.db.corrupt-");
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&site), 0);
}

Test(damaged, is_left_as_it_is_when_told_so_and_the_rings_wait)
{
	payi_client *client = open_client();
	track(client, 5, NULL);
	shell("printf 'this is no database, but a letter to a friend' > '%s'", site.database);
	shell("cp '%s' /dev/shm/payi-letter", site.database);
	char *output;
	const int code = help_shell(&output,
				    "'%s' run --data-dir '%s' --ring-dir '%s' "
				    "--corrupt-database=refuse 2>&1",
				    AGENT_PROGRAM, site.data, site.rings);
	cr_assert_eq(code, 1);
	cr_assert(strstr(output, "not a database") && strstr(output, site.database), "%s", output);
	free(output);
	shell("cmp '%s' /dev/shm/payi-letter", site.database);
	unlink("/dev/shm/payi-letter");
	cr_assert_eq(count_set_aside(), 0);
	help_agent_start(&site, NULL, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), 5);
	payi_client_close(client);
}

/* A newer agent's is no damage: it is never set aside, and the text says what to do. */
Test(damaged, a_newer_one_is_refused)
{
	payi_client *client = open_client();
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(help_agent_stop(&site), 0);
	track(client, 5, NULL);
	shell("sqlite3 '%s' 'PRAGMA user_version = 77'", site.database);
	char *output;
	const int code = help_shell(&output, "'%s' run --data-dir '%s' --ring-dir '%s' 2>&1",
				    AGENT_PROGRAM, site.data, site.rings);
	cr_assert_eq(code, 1);
	cr_assert(strstr(output, "newer payi-agent") && strstr(output, "use the newer one"), "%s",
		  output);
	free(output);
	cr_assert_eq(count_set_aside(), 0);
	cr_assert_eq(help_count_rings(&site), 1, "the ring keeps its events");
	payi_client_close(client);
}

/* An older copy of the database was put back: what the rings gave back since is lost, and counted; no more. */
Test(damaged, an_older_copy_is_gone_on_from)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client();
	track(client, 10, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_agent_stop(&site), 0);
	shell("cp '%s' /dev/shm/payi-older", site.database);
	help_agent_start(&site, NULL, NULL);
	track(client, 20000, NULL); /* more than the lane holds */
	cr_assert(payi_flush(client, 30000) == PAYI_OK);
	cr_assert_eq(help_agent_stop(&site), 0);
	shell("mv /dev/shm/payi-older '%s'", site.database);
	track(client, 3, NULL);
	help_agent_start(&site, NULL, NULL);
	track(client, 4, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), 17);
	cr_assert_eq(help_query_int(&site, "SELECT sum(sequence - rejected) FROM lanes"), 17);
	cr_assert_eq(help_query_int(&site, "SELECT sum(attempted) FROM lanes"), 20017);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM rings WHERE state = 'open'"), 1);
	payi_client_close(client);
}

/*
 * More than is read whole at the start, so that the damage is met where it lies: by the reader, on the
 * way to the service. The agent begins a new life by itself, and does not miss what is tracked meanwhile.
 */
Test(damaged, is_set_aside_while_the_agent_runs)
{
	enum { EVENTS = 26000, PROMPT = 3000 };
	char prompt[PROMPT];
	memset(prompt, 'q', sizeof(prompt) - 1);
	prompt[PROMPT - 1] = '\0';
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client();
	track(client, EVENTS, prompt);
	cr_assert(payi_flush(client, 60000) == PAYI_OK);
	cr_assert_eq(help_agent_stop(&site), 0);
	shell("test $(stat -c %%s '%s') -gt 70000000", site.database);
	shell("dd if=/dev/zero of='%s' bs=8192 seek=200 count=6000 conv=notrunc 2>&1",
	      site.database);
	struct standin service;
	char base_url[80];
	cr_assert_eq(standin_start(&service, NULL), 0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	const char *const arguments[] = {base_url, "--batch-age-ms=50", NULL};
	const char *const key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	help_agent_start(&site, arguments, key);
	for (int i = 0; i < 20; i++) {
		track(client, 10, NULL);
		cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	}
	help_wait_query(&site, "SELECT count(*) < 26000 FROM event_history", 1, 20);
	track(client, 10, NULL);
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(count_set_aside(), 1);
	expect_in_log("begun");
	help_wait_query(&site,
			"SELECT delivered = (SELECT last_event_id FROM agent_state) FROM sinks", 1,
			20);
	cr_assert_eq(help_agent_stop(&site), 0, "the new life ends as any");
	payi_client_close(client);
	standin_stop(&service);
}
