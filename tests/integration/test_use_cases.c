/*
 * Handles and definitions, from applications to the service: each handle gets one id, every event goes out
 * under its own, nothing ever under a handle, whoever is killed in between.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 3, HANDLES = 4, ROUNDS = 3, EVENTS = 10, NAME_BYTES = 48 };

#define COUNT_GIVEN "SELECT count(DISTINCT given_id) FROM use_case_handles WHERE state = 'given'"

TestSuite(use_cases, .init = service_set_up, .fini = service_tear_down, .timeout = 100);

static void start_agent(void)
{
	static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	const char *const arguments[] = {base_url, "--batch-age-ms=20", NULL};
	help_agent_start(&site, arguments, with_key);
}

static void kill_agent_and_start_another(void)
{
	help_agent_kill(&site);
	start_agent();
}

static payi_client *open_client(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static payi_status track(payi_client *client, const char *id, const char *name, const char *handle)
{
	const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	event.provider_response_id = id;
	event.use_case_name = name;
	event.use_case_id = handle;
	return payi_track(client, &event);
}

/* ---- What the service has ----------------------------------------------------------------------------- */

struct expected {
	const char *member;
	int64_t number;
};

static bool has_number(void *context)
{
	const struct expected *it = context;
	return standin_stat(&service, it->member) == it->number;
}

static void wait_for(const char *member, int64_t number)
{
	struct expected it = {member, number};
	char what[128];
	snprintf(what, sizeof(what), "the service's %s to be %lld", member, (long long)number);
	help_wait(has_number, &it, 60, what);
}

/* Calls each() with every event that the service took. */
static void each_event(void (*each)(const json_t *event, void *context), void *context)
{
	char *lines = standin_get(&service, "/control/events?limit=100000");
	for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		json_t *event = json_loads(line, 0, NULL);
		cr_assert_not_null(event);
		each(event, context);
		json_decref(event);
	}
	free(lines);
}

static bool is_described(void *context)
{
	const struct expected *it = context;
	struct standin_reply reply;
	standin_exchange(&service, "GET", "/api/v1/use_cases/definitions/triage", "", NULL, 0,
			 &reply);
	const bool found = strstr(reply.body, it->member) != NULL;
	standin_reply_release(&reply);
	return found;
}

/* As JSON has it. */
static void wait_for_description(const char *text)
{
	struct expected it = {.member = text};
	help_wait(is_described, &it, 20, text);
}

static void check_nothing_under_a_handle(void)
{
	cr_assert_eq(standin_stat(&service, "refused_codes.unresolved_handle"), 0);
	cr_assert_eq(standin_stat(&service, "refused"), 0);
	cr_assert_eq(standin_stat(&service, "bad_requests"), 0);
	cr_assert_eq(standin_stat(&service, "duplicates_different"), 0);
}

/* ---- Several processes, and an agent that is killed ------------------------------------------------------ */

/* One application: asks for its ids, and tracks under them in rounds. Ends by _exit(), as no test. */
static void application(int number, int wait_fd)
{
	char handles[HANDLES][PAYI_USE_CASE_ID_MAX], id[NAME_BYTES], go;
	payi_client *client = open_client();
	bool good = true;
	for (int h = 0; h < HANDLES; h++)
		good &= payi_use_case_request(client, h % 2 ? "triage" : "search", handles[h]) ==
			PAYI_OK;
	for (int round = 0; round < ROUNDS; round++) {
		good &= read(wait_fd, &go, 1) == 1;
		for (int i = 0; i < HANDLES * EVENTS; i++) {
			const int h = i % HANDLES;
			snprintf(id, sizeof(id), "%d-%d-%d-%d", number, h, round, i);
			good &= track(client, id, h % 2 ? "triage" : "search", handles[h]) ==
				PAYI_OK;
		}
	}
	payi_client_close(client);
	_exit(good ? 0 : 1);
}

static void start_applications(pid_t pids[PROCESSES], int *go_fd)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		cr_assert(pids[i] >= 0);
		if (pids[i] == 0)
			application(i, ends[0]);
	}
	close(ends[0]);
	*go_fd = ends[1];
}

/* The id under which the first event of each (process, handle) came: that of all its others. */
struct ids {
	char of[PROCESSES][HANDLES][64];
	int n[PROCESSES][HANDLES];
	json_t *given; /* by the service: id -> name */
};

static void check_event(const json_t *event, void *context)
{
	struct ids *ids = context;
	int process, handle;
	const char *id = json_string_value(json_object_get(event, "use_case_id"));
	const char *name = json_string_value(json_object_get(event, "use_case_name"));
	const char *response = json_string_value(json_object_get(event, "provider_response_id"));
	cr_assert_eq(sscanf(response, "%d-%d-", &process, &handle), 2);
	char *known = ids->of[process][handle];
	if (ids->n[process][handle]++ == 0)
		snprintf(known, sizeof(ids->of[0][0]), "%s", id);
	cr_assert_str_eq(id, known, "%s is under another id", response);
	cr_assert_str_eq(json_string_value(json_object_get(ids->given, id)), name);
}

static void check_ids(void)
{
	struct ids ids = {0};
	char *instances = standin_get(&service, "/control/instances");
	ids.given = json_loads(instances, 0, NULL);
	each_event(check_event, &ids);
	for (int i = 0; i < PROCESSES * HANDLES; i++) {
		cr_assert_eq(ids.n[i / HANDLES][i % HANDLES], ROUNDS * EVENTS);
		for (int j = 0; j < i; j++)
			cr_assert_str_neq(ids.of[i / HANDLES][i % HANDLES],
					  ids.of[j / HANDLES][j % HANDLES]);
	}
	json_decref(ids.given);
	free(instances);
}

Test(use_cases, each_handle_has_one_id_whoever_is_killed)
{
	pid_t pids[PROCESSES];
	int go_fd, status;
	cr_assert_eq(standin_faults(&service, "[{\"on\":\"instances\",\"action\":\"reset_after\"},"
					      "{\"on\":\"instances\",\"hang_ms\":50,\"times\":6},"
					      "{\"on\":\"definitions\",\"status\":503},"
					      "{\"on\":\"instances\",\"status\":500,\"times\":2}]"),
		     0);
	start_agent();
	start_applications(pids, &go_fd);
	for (int round = 0; round < ROUNDS; round++) {
		cr_assert_eq(write(go_fd, "gogo", PROCESSES), PROCESSES);
		kill_agent_and_start_another();
	}
	for (int i = 0; i < PROCESSES; i++)
		cr_assert(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	close(go_fd);
	wait_for("accepted", PROCESSES * HANDLES * ROUNDS * EVENTS);
	kill_agent_and_start_another();
	help_wait_query(&site, COUNT_GIVEN, PROCESSES * HANDLES, 30);
	check_nothing_under_a_handle();
	check_ids();
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM use_case_handles"),
		     PROCESSES * HANDLES);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* ---- One handle, for days --------------------------------------------------------------------------------- */

Test(use_cases, a_handle_is_good_when_it_comes_back)
{
	char handle[PAYI_USE_CASE_ID_MAX];
	payi_client *client = open_client();
	cr_assert_eq(payi_use_case_request(client, "triage", handle), PAYI_OK);
	cr_assert_eq(track(client, "offline", "triage", handle), PAYI_OK);
	start_agent();
	wait_for("accepted", 1);
	cr_assert_eq(track(client, "at once", "triage", handle), PAYI_OK);
	wait_for("accepted", 2);
	kill_agent_and_start_another();
	cr_assert_eq(track(client, "later", "triage", handle), PAYI_OK);
	wait_for("accepted", 3);
	payi_client_close(client);
	cr_assert_eq(standin_stat(&service, "instances"), 1);
	check_nothing_under_a_handle();
}

/* ---- Refusals --------------------------------------------------------------------------------------------- */

Test(use_cases, events_under_a_refused_handle_are_dead_letters_with_the_reason)
{
	char handle[PAYI_USE_CASE_ID_MAX];
	cr_assert_eq(
		standin_faults(
			&service,
			"[{\"on\":\"instances\",\"status\":400,\"body\":{\"message\":\"m\","
			"\"statusCode\":400,\"xproxy_error\":{\"code\":\"invalid_use_case_name\","
			"\"message\":\"not this one\"}}}]"),
		0);
	payi_client *client = open_client();
	start_agent();
	cr_assert_eq(payi_use_case_request(client, "triage", handle), PAYI_OK);
	cr_assert_eq(track(client, "before", "triage", handle), PAYI_OK);
	cr_assert_eq(track(client, "other", "triage", "7"), PAYI_OK);
	help_wait_query(&site, "SELECT count(*) FROM use_case_handles WHERE state = 'refused'", 1,
			20);
	cr_assert_eq(track(client, "after", "triage", handle), PAYI_OK);
	payi_client_close(client);
	help_wait_query(&site,
			"SELECT count(*) FROM event_history WHERE delivery = 'dead'"
			" AND provider_response_id IN ('before', 'after')",
			2, 20);
	wait_for("accepted", 1);
	check_nothing_under_a_handle();
}

/* ---- Definitions ------------------------------------------------------------------------------------------ */

Test(use_cases, definitions_are_told_and_told_again_when_they_change)
{
	payi_client *client = open_client();
	cr_assert_eq(payi_use_case_define(client, "triage", "Sorts tickets"), PAYI_OK);
	start_agent();
	wait_for_description("\"Sorts tickets\"");
	const int64_t n_requests = standin_stat(&service, "requests");
	for (int i = 0; i < 10; i++)
		cr_assert_eq(payi_use_case_define(client, "triage", "Sorts tickets"), PAYI_OK);
	help_agent_kill(&site);
	cr_assert_eq(payi_use_case_define(client, "triage", "Sorts \"all\""), PAYI_OK);
	start_agent();
	wait_for_description("Sorts \\\"all\\\"");
	payi_client_close(client);
	help_wait_query(&site, "SELECT count(*) FROM use_case_definitions WHERE state = 'told'", 1,
			20);
	cr_assert_eq(standin_stat(&service, "definitions"), 1);
	cr_assert_eq(standin_stat(&service, "bad_requests"), 0);
	cr_assert_geq(standin_stat(&service, "requests"), n_requests + 2);
}
