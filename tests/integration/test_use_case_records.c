/* What applications say of use cases, from the call to the database, with real processes and kills. */
#include "help/help.h"
#include "help/ring_view.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

TestSuite(use_case_records, .init = set_up, .fini = tear_down, .timeout = 100);

static payi_client *open_client(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.app_name = "use-cases";
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static payi_status track(payi_client *client, const char *use_case_id)
{
	static const payi_units units[] = {{"text", 10, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.use_case_name = "triage";
	event.use_case_id = use_case_id;
	event.end_to_end_latency_ms = 40;
	return payi_track(client, &event);
}

/* What status says of the whole: that the books balance, and that these records were no events. */
static void expect_books(int notices)
{
	char *output;
	char expected[64];
	help_shell(&output, "'%s' status --json --data-dir '%s' --ring-dir '%s'", AGENT_PROGRAM,
		   site.data, site.rings);
	snprintf(expected, sizeof(expected), "\"notices\":%d,", notices);
	cr_expect(strstr(output, "\"balanced\":true"), "%s", output);
	cr_expect(strstr(output, expected), "%s", output);
	free(output);
}

/* The agent is killed in between, again and again: each record counts once, whatever it is. */
Test(use_case_records, count_once_whenever_the_agent_is_killed)
{
	enum { ROUNDS = 6, EACH = 50 };
	char id[PAYI_USE_CASE_ID_MAX];
	char handle[PAYI_USE_CASE_ID_MAX];
	payi_client *client = open_client();
	for (int i = 0; i < ROUNDS; i++) {
		help_agent_start(&site, NULL, NULL);
		for (int k = 0; k < EACH; k++) {
			cr_assert(payi_use_case_define(client, "triage", "Sorts.") == PAYI_OK);
			cr_assert(payi_use_case_create(client, "triage", id) == PAYI_OK);
			cr_assert(payi_use_case_request(client, "triage", handle) == PAYI_OK);
			cr_assert(track(client, id) == PAYI_OK);
			cr_assert(track(client, handle) == PAYI_OK);
		}
		if (i % 2)
			cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
		help_agent_kill(&site);
	}
	help_agent_start(&site, NULL, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	const int64_t n = ROUNDS * EACH;
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM events"), 2 * n);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM instance_totals"), 2 * n);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM instance_totals WHERE events = 1"),
		     2 * n);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM use_case_handles"), n);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM use_case_definitions"), 1);
	cr_expect_eq(help_query_int(&site, "SELECT sum(notices) FROM lanes"), 3 * n);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM rejected_records"), 0);
	cr_expect_eq(help_query_int(&site,
				    "SELECT sum(events) FROM instance_latencies WHERE latency_ms = "
				    "41"),
		     2 * n);
	payi_client_close(client);
	cr_expect_eq(help_agent_stop(&site), 0);
	expect_books(3 * (int)n);
}

/* A process that was handed the handle tracks under it before the one that asked for it has been read. */
Test(use_case_records, knows_a_handle_that_another_process_uses_first)
{
	char handle[PAYI_USE_CASE_ID_MAX];
	payi_client *client = open_client();
	cr_assert(payi_use_case_request(client, "triage", handle) == PAYI_OK);
	const pid_t pid = fork();
	if (pid == 0) {
		payi_client *other = open_client();
		const payi_status status = track(other, handle);
		payi_client_close(other);
		_exit(status == PAYI_OK ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	help_agent_start(&site, NULL, NULL);
	help_wait_query(&site, "SELECT count(*) FROM events", 1, 10);
	help_wait_query(&site, "SELECT sum(notices) FROM lanes", 1, 10);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM use_case_handles"), 1);
	cr_expect_eq(help_query_int(&site, "SELECT events FROM instance_totals"), 1);
	payi_client_close(client);
	cr_expect_eq(help_agent_stop(&site), 0);
	expect_books(1);
}

/* Overwrites a byte of the first record in the one ring of the directory, as a hostile owner could. */
static void scribble(off_t offset, uint8_t byte)
{
	struct ring_view view;
	char path[HELP_PATH_BYTES + 80];
	ring_view_open(&view, site.rings, 0);
	snprintf(path, sizeof(path), "%s/%s", site.rings, view.name);
	ring_view_close(&view);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(pwrite(fd, &byte, 1, PAYI_RING_DATA_AT_MIN + offset) == 1);
	close(fd);
}

/* A record that is not what its type says is kept to be looked at; those behind it count as before. */
Test(use_case_records, keeps_one_that_is_not_valid_and_goes_on)
{
	enum { AT_TYPE = 4 };
	char id[PAYI_USE_CASE_ID_MAX];
	payi_client *client = open_client();
	cr_assert(payi_use_case_create(client, "triage", id) == PAYI_OK);
	cr_assert(payi_use_case_define(client, "triage", "Sorts.") == PAYI_OK);
	cr_assert(track(client, id) == PAYI_OK);
	scribble(AT_TYPE, PAYI_RING_DEFINE);
	help_agent_start(&site, NULL, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM rejected_records"
					   " WHERE reason = 'field 18 does not belong here'"),
		     1);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM events"), 1);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM use_case_definitions"), 1);
	payi_client_close(client);
	cr_expect_eq(help_agent_stop(&site), 0);
	expect_books(1);
}
