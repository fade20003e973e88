/*
 * The way from the database to Pay-i, against the stand-in: each event there once, the refused ones
 * kept with their reason, whatever the service does and whoever is killed.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

TestSuite(delivery, .init = service_set_up, .fini = service_tear_down, .timeout = 100);

static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};

static void start_agent(void)
{
	const char *const arguments[] = {base_url, "--batch-age-ms=50", NULL};
	help_agent_start(&site, arguments, with_key);
}

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

static void track_range(payi_client *client, int from, int to)
{
	for (int i = from; i < to; i++) {
		char id[32], use_case_id[32];
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "event-%d", i);
		snprintf(use_case_id, sizeof(use_case_id), "ticket \xe2\x82\xac %d", i % 7);
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		event.provider_response_id = id;
		event.use_case_name = "triage";
		event.use_case_id = use_case_id;
		event.user_id = "user-1";
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
}

struct expected {
	const char *member;
	int64_t number;
};

static bool has_number(void *context)
{
	const struct expected *it = context;
	return standin_stat(&service, it->member) == it->number;
}

static void wait_for(const char *member, int64_t number, double seconds)
{
	struct expected it = {member, number};
	char what[128];
	snprintf(what, sizeof(what), "the service's %s to be %" PRId64 "; it is %" PRId64, member,
		 number, standin_stat(&service, member));
	help_wait(has_number, &it, seconds, what);
}

/* All n events are there; none in another form than first sent. */
static void check_delivered(int n)
{
	wait_for("accepted", n, 40);
	cr_assert_eq(standin_stat(&service, "units.text.input"), (int64_t)n * (n - 1) / 2);
	cr_assert_eq(standin_stat(&service, "units.text.output"), n);
	cr_assert_eq(standin_stat(&service, "refused"), 0);
	cr_assert_eq(standin_stat(&service, "duplicates_different"), 0);
	help_wait_query(&site, "SELECT delivered FROM sinks", n, 20);
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(*) FROM event_history WHERE delivery = 'delivered'"),
		n);
}

Test(delivery, delivers_each_event_once)
{
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 5000);
	payi_client_close(client);
	check_delivered(5000);
	cr_assert_eq(standin_stat(&service, "duplicates_same"), 0);
	cr_assert_eq(standin_stat(&service, "single_requests"), 0);
	cr_assert(standin_stat(&service, "max_items") <= 100);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* What was tracked before there was a key, or an agent at all, goes out when there is one. */
Test(delivery, sends_what_waited_when_a_key_comes)
{
	payi_client *client = open_client();
	track_range(client, 0, 200);
	const char *const arguments[] = {base_url, NULL};
	help_agent_start(&site, arguments, NULL);
	track_range(client, 200, 400);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(standin_stat(&service, "requests"), 0);
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(*) FROM event_history WHERE delivery = 'waiting'"),
		400);
	cr_assert_eq(help_agent_stop(&site), 0);
	start_agent();
	check_delivered(400);
	payi_client_close(client);
}

Test(delivery, keeps_refused_events_with_their_reason)
{
	cr_assert_eq(standin_faults(&service, "[{\"match_id\":\"event-7\",\"item_error\":{\"code\":"
					      "\"invalid_user_id\",\"times\":1000}},"
					      "{\"match_id\":\"event-9\",\"item_error\":{\"code\":"
					      "\"unexpected_error\",\"times\":1}}]"),
		     0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 50);
	payi_client_close(client);
	wait_for("accepted", 49, 30);
	help_wait_query(&site,
			"SELECT count(*) FROM event_history WHERE delivery = 'dead' AND "
			"provider_response_id = 'event-7'",
			1, 10);
	char *code =
		help_query_text(&site, "SELECT code FROM sink_exceptions WHERE state = 'dead'");
	cr_assert(code && strcmp(code, "invalid_user_id") == 0, "%s", code);
	free(code);
	help_wait_query(&site, "SELECT delivered FROM sinks", 49, 20);
}

Test(delivery, sends_again_what_the_service_could_not_take)
{
	cr_assert_eq(
		standin_faults(
			&service,
			"[{\"times\":2,\"status\":503},{\"times\":1,\"action\":\"reset_before\"},"
			"{\"times\":1,\"action\":\"reset_after\"},"
			"{\"times\":1,\"status\":429,\"headers\":{\"retry-after-ms\":\"50\"}}]"),
		0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 300);
	payi_client_close(client);
	check_delivered(300);
}

Test(delivery, halves_a_batch_down_to_the_poisoned_event)
{
	cr_assert_eq(
		standin_faults(&service, "[{\"poison_id\":\"event-33\",\"whole_batch\":true}]"), 0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 100);
	payi_client_close(client);
	wait_for("accepted", 99, 30);
	help_wait_query(&site,
			"SELECT count(*) FROM event_history WHERE delivery = 'dead' AND "
			"provider_response_id = 'event-33'",
			1, 10);
	cr_assert_eq(standin_stat(&service, "duplicates_different"), 0);
}

Test(delivery, uses_single_ingest_where_there_is_no_bulk)
{
	cr_assert_eq(standin_faults(&service, "[{\"bulk_enabled\":false}]"), 0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 60);
	payi_client_close(client);
	wait_for("accepted", 60, 30);
	cr_assert(standin_stat(&service, "single_requests") >= 60);
}

Test(delivery, uses_single_ingest_where_the_key_is_not_for_bulk)
{
	cr_assert_eq(standin_faults(&service, "[{\"bulk_enabled\":false,\"bulk_status\":401}]"), 0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 60);
	payi_client_close(client);
	check_delivered(60);
}

/* Taken, but the answer breaks off, is cut short, or is no JSON: looked up, and there once. */
Test(delivery, asks_after_events_whose_answer_broke)
{
	cr_assert_eq(standin_faults(&service,
				    "[{\"on\":\"bulk\",\"action\":\"truncate\"},"
				    "{\"on\":\"bulk\",\"status\":200,\"processed\":true,\"body\":"
				    "\"<html>OK</html>\"},"
				    "{\"on\":\"bulk\",\"status\":200,\"body\":\"{\\\"ingest\"}]"),
		     0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 120);
	payi_client_close(client);
	check_delivered(120);
	cr_assert_eq(standin_stat(&service, "duplicates_same"), 0);
}

/* A restart sends again what was not settled; here the service refuses what it has. */
Test(delivery, settles_duplicates_that_the_service_refuses)
{
	cr_assert_eq(standin_faults(&service, "[{\"duplicate_status\":409},{\"times\":3,"
					      "\"action\":\"reset_after\"}]"),
		     0);
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 250);
	payi_client_close(client);
	wait_for("accepted", 250, 40);
	help_wait_query(&site, "SELECT delivered FROM sinks", 250, 40);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM sink_exceptions"), 0);
}

/* The number of the next event in the text, and its ticket's; *at behind it. False: there is none. */
static bool next_taken(const char **at, int *event, int *ticket)
{
	const char *id = strstr(*at, "\"event-");
	if (!id)
		return false;
	const char *line = id;
	while (line > *at && line[-1] != '\n')
		line--;
	*event = (int)strtol(id + strlen("\"event-"), NULL, 10);
	*ticket = *event % 7;
	const char *end = strchr(line, '\n');
	*at = end ? end + 1 : id + strlen(id);
	return true;
}

/* The service lists what it took in the order in which it did. */
static void check_order(void)
{
	char *lines = standin_get(&service, "/control/events?limit=100000");
	int last[7] = {-1, -1, -1, -1, -1, -1, -1};
	int event, ticket;
	cr_assert_not_null(lines);
	for (const char *at = lines; next_taken(&at, &event, &ticket); last[ticket] = event)
		cr_assert_gt(event, last[ticket]);
	free(lines);
}

/* Several requests at once, some slow, some lost before or after they were carried out. */
Test(delivery, keeps_the_order_of_each_use_case_instance)
{
	cr_assert_eq(standin_faults(&service,
				    "[{\"times\":3,\"hang_ms\":300},{\"times\":2,\"status\":503},"
				    "{\"times\":3,\"action\":\"reset_after\"},"
				    "{\"times\":4,\"hang_after_ms\":200},"
				    "{\"times\":2,\"action\":\"reset_before\"},"
				    "{\"times\":2,\"action\":\"truncate\"}]"),
		     0);
	payi_client *client = open_client();
	track_range(client, 0, 4000);
	start_agent();
	track_range(client, 4000, 6000);
	payi_client_close(client);
	check_delivered(6000);
	check_order();
}

/* Killed at random while it sends: what was under way is sent again with the same ids, and nothing is missing. */
Test(delivery, survives_kills_of_the_agent_while_it_sends)
{
	srand(4713);
	payi_client *client = open_client();
	int tracked = 0;
	for (int i = 0; i < 12; i++) {
		start_agent();
		track_range(client, tracked, tracked + 400);
		tracked += 400;
		nanosleep(&(struct timespec){.tv_nsec = rand() % 80000000}, NULL);
		help_agent_kill(&site);
	}
	start_agent();
	check_delivered(tracked);
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* The service is gone: the agent still ends within its flush time, and loses nothing. */
Test(delivery, stops_in_time_with_a_dead_endpoint)
{
	const char *const arguments[] = {"--base-url=http://127.0.0.1:1", NULL};
	help_agent_start(&site, arguments, with_key);
	payi_client *client = open_client();
	track_range(client, 0, 500);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert_eq(help_agent_stop(&site), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert(after.tv_sec - before.tv_sec <= 6);
	start_agent();
	check_delivered(500);
	payi_client_close(client);
}

/* The key is in no log, no status and no database. */
Test(delivery, keeps_the_key_to_itself)
{
	start_agent();
	payi_client *client = open_client();
	track_range(client, 0, 50);
	payi_client_close(client);
	check_delivered(50);
	char *output; /* the names of the files that it is in; what grep says of a socket is not asked for */
	help_shell(&output, "grep -a -l -D skip '" STANDIN_KEY "' '%s'/* '%s'/* '%s'", site.data,
		   site.rings, site.log);
	cr_assert_str_empty(output, "%s", output);
	free(output);
	cr_assert_neq(help_shell(&output,
				 "tr '\\0' ' ' < /proc/%d/cmdline | grep '" STANDIN_KEY "'",
				 (int)site.agent),
		      0);
	free(output);
}
