/*
 * Retention in an agent that drains and sends, and is killed in the midst of it: each event is at the service once,
 * what is gone is counted, and the books balance.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIVES = 4, EVENTS_PER_LIFE = 1500, BODY_BYTES = 3000 };

TestSuite(retention_kills, .init = service_set_up, .fini = service_tear_down, .timeout = 200);

static void start_agent(const char *further)
{
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	const char *const arguments[] = {base_url, "--batch-age-ms=20", "--max-mb=1", further,
					 NULL};
	help_agent_start(&site, arguments, with_key);
}

static void track(int from, int n)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	char body[BODY_BYTES + 1];
	memset(body, 'x', BODY_BYTES);
	body[BODY_BYTES] = '\0';
	options.ring_dir = site.rings;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = 30000;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = from; i < from + n; i++) {
		char id[32];
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "event-%d", i);
		event.category = "system.openai";
		event.units = units;
		event.n_units = 1;
		event.provider_response_id = id;
		event.provider_request_json = body;
		event.use_case_name = "triage";
		event.use_case_id = "TICKET-1"; /* summaries stay: few */
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	payi_client_close(client);
}

static const char taken[] = "SELECT coalesce(sum(n), 0) FROM retention_counts";

static bool has_taken_more(void *context)
{
	return help_query_int(&site, taken) > *(const int64_t *)context;
}

/* Lives that each end as soon as retention has taken something; the last one goes on. */
static void live_and_die(const char *further)
{
	for (int life = 0; life < LIVES; life++) {
		int64_t before = life ? help_query_int(&site, taken) : 0;
		start_agent(further);
		track(life * EVENTS_PER_LIFE, EVENTS_PER_LIFE);
		help_wait(has_taken_more, &before, 60, "retention to take something");
		help_agent_kill(&site);
	}
	start_agent(further);
}

static void check_books(void)
{
	char *output;
	cr_assert_eq(help_shell(&output, "%s status --json --data-dir=%s --ring-dir=%s",
				help_agent_program(), site.data, site.rings),
		     0);
	cr_assert(strstr(output, "\"balanced\":true"), "%s", output);
	free(output);
}

Test(retention_kills, nothing_that_waits_is_lost)
{
	const int n = LIVES * EVENTS_PER_LIFE;
	live_and_die(NULL);
	help_wait_query(&site, "SELECT delivered FROM sink_books", n, 60);
	cr_assert_eq(standin_stat(&service, "accepted"), n);
	cr_assert_eq(standin_stat(&service, "units.text.input"), (int64_t)n * (n - 1) / 2);
	cr_assert_eq(standin_stat(&service, "duplicates_different"), 0);
	cr_assert_eq(help_query_int(&site, "SELECT stored FROM sink_books"), n);
	cr_assert_eq(help_query_int(&site, "SELECT sum(events) FROM usage_hours"), n);
	help_wait_query(
		&site,
		"SELECT page_count * page_size <= 1048576 FROM pragma_page_count, pragma_page_size",
		1, 60);
	check_books();
	char *sound = help_query_text(&site, "PRAGMA integrity_check");
	cr_assert_str_eq(sound, "ok");
	free(sound);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* The service takes nothing for a while: what waits goes, as the operator has said, and is counted. */
Test(retention_kills, what_is_discarded_is_counted)
{
	const int n = LIVES * EVENTS_PER_LIFE;
	cr_assert_eq(standin_faults(&service, "[{\"times\":1000000,\"status\":503}]"), 0);
	live_and_die("--drop-undelivered");
	cr_assert_eq(standin_faults(&service, "[]"), 0);
	help_wait_query(&site, "SELECT stored = delivered + discarded FROM sink_books", 1, 90);
	const int64_t discarded = help_query_int(&site, "SELECT discarded FROM sink_books");
	cr_assert(discarded > 0 && discarded < n, "%" PRId64, discarded);
	cr_assert_eq(help_query_int(&site, "SELECT stored FROM sink_books"), n);
	cr_assert_geq(
		help_query_int(&site,
			       "SELECT sum(n) FROM retention_counts WHERE what = 'undelivered'"),
		discarded);
	cr_assert_geq(standin_stat(&service, "accepted"),
		      help_query_int(&site, "SELECT delivered FROM sink_books"));
	check_books();
	cr_assert_eq(help_agent_stop(&site), 0);
}
