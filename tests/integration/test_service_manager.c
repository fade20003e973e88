/*
 * What a real agent tells the service manager, heard on a real socket: ready not before the rings were looked at,
 * alive while it gets on, a word on how it stands, and how it takes a new configuration.
 */
#include "help/local_http.h"
#include "payi/payi.h"
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct help_site site;
static int manager = -1;
static char socket_path[HELP_PATH_BYTES + 16];
static char notify_variable[HELP_PATH_BYTES + 32];
static char config_path[HELP_PATH_BYTES + 16];
static char config_flag[HELP_PATH_BYTES + 32];
static const char *const with_config[] = {config_flag, NULL};

static void listen_at(const struct sockaddr_un *address, socklen_t len)
{
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert(manager >= 0 && bind(manager, (const struct sockaddr *)address, len) == 0);
}

static void listen_at_path(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(socket_path, sizeof(socket_path), "%s/notify", site.data);
	memcpy(address.sun_path, socket_path, strlen(socket_path));
	listen_at(&address, sizeof(address));
	snprintf(notify_variable, sizeof(notify_variable), "NOTIFY_SOCKET=%s", socket_path);
}

static void listen_at_abstract_name(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "payi-test-%ld",
			       (long)getpid());
	listen_at(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
	snprintf(notify_variable, sizeof(notify_variable), "NOTIFY_SOCKET=@%s",
		 address.sun_path + 1);
}

static void write_config(const char *text)
{
	FILE *file = fopen(config_path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void set_up(void)
{
	help_site_make(&site);
	snprintf(config_path, sizeof(config_path), "%s/agent.conf", site.data);
	snprintf(config_flag, sizeof(config_flag), "--config=%s", config_path);
	write_config("");
}

static void tear_down(void)
{
	if (manager >= 0)
		close(manager);
	help_site_remove(&site);
}

TestSuite(service_manager, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- What is heard ---------------------------------------------------------------------------------- */

/* The next message; "" after so many milliseconds of silence. */
static const char *hear(int ms)
{
	static char message[2048];
	struct pollfd ready = {.fd = manager, .events = POLLIN};
	message[0] = '\0';
	if (poll(&ready, 1, ms) == 1) {
		const ssize_t n = recv(manager, message, sizeof(message) - 1, 0);
		message[n > 0 ? n : 0] = '\0';
	}
	return message;
}

/* Passes over other messages; all of those go by in a moment. */
static const char *hear_of(const char *what)
{
	for (int i = 0; i < 200; i++) {
		const char *message = hear(20000);
		cr_assert(*message, "waited in vain for %s", what);
		if (strstr(message, what))
			return message;
	}
	cr_assert(0, "much was said, and nothing of %s", what);
	return "";
}

static bool log_has(const char *text)
{
	char *output;
	const int code = help_shell(&output, "grep -q -- '%s' '%s'", text, site.log);
	free(output);
	return code == 0;
}

static void start(const char *watchdog)
{
	const char *const environment[] = {notify_variable, watchdog, NULL};
	help_agent_start(&site, with_config, environment);
}

/* ---- Ready, alive, stopping -------------------------------------------------------------------------- */

static void track_without_agent(int n)
{
	payi_client *client;
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < n; i++) {
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	payi_client_close(client);
}

/* Without waiting for anything but what it tells. */
static void start_unseen(void)
{
	site.agent = fork();
	if (site.agent != 0)
		return;
	setenv("NOTIFY_SOCKET", strchr(notify_variable, '=') + 1, 1);
	execl(help_agent_program(), "payi-agent", "run", config_flag, (char *)NULL);
	_exit(127);
}

/*
 * Ready means that the database is open and the rings that were there are looked at, not that a process runs; what
 * they hold takes a while to store.
 */
Test(service_manager, hears_that_it_is_ready_when_it_stores)
{
	listen_at_path();
	track_without_agent(20000);
	start_unseen();
	hear_of("READY=1");
	cr_expect_gt(help_query_int(&site, "SELECT count(*) FROM events"), 0);
	const char *status = hear_of("STATUS=");
	cr_expect(strstr(status, "drains and stores; events since the start: "), "%s", status);
	cr_expect_not(strstr(status, "start: 0 stored"), "%s", status);
	cr_expect(strstr(status, "the sink is"), "%s", status);
}

Test(service_manager, is_told_by_an_abstract_name_too)
{
	listen_at_abstract_name();
	start(NULL);
	hear_of("READY=1");
	help_agent_stop(&site);
	hear_of("STOPPING=1");
}

/* The watchdog's time passes three times over, at the least. */
Test(service_manager, hears_that_it_lives_as_often_as_it_wants)
{
	listen_at_path();
	start("WATCHDOG_USEC=300000");
	hear_of("READY=1");
	for (int i = 0; i < 10; i++)
		hear_of("WATCHDOG=1");
	kill(site.agent, SIGSTOP);
	while (*hear(1000))
		;
	kill(site.agent, SIGCONT);
	hear_of("WATCHDOG=1");
}

Test(service_manager, hears_nothing_of_a_watchdog_that_is_anothers)
{
	listen_at_path();
	const char *const environment[] = {notify_variable, "WATCHDOG_USEC=200000",
					   "WATCHDOG_PID=1", NULL};
	help_agent_start(&site, with_config, environment);
	hear_of("READY=1");
	for (const char *message; *(message = hear(1000));)
		cr_expect_not(strstr(message, "WATCHDOG"), "%s", message);
}

Test(service_manager, is_asked_for_time_by_an_agent_that_stops)
{
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	cr_expect_eq(help_agent_stop(&site), 0);
	cr_expect(strstr(hear_of("STOPPING=1"), "EXTEND_TIMEOUT_USEC="));
	hear_of("EXTEND_TIMEOUT_USEC=15000000"); /* the five seconds of the flush, and ten */
}

Test(service_manager, that_cannot_be_reached_stops_nobody)
{
	snprintf(notify_variable, sizeof(notify_variable), "NOTIFY_SOCKET=/nowhere/notify");
	start(NULL);
	cr_expect(log_has("cannot tell the service manager"));
	cr_expect_eq(help_agent_stop(&site), 0);
}

/* ---- A new configuration ----------------------------------------------------------------------------- */

static void reload(void)
{
	kill(site.agent, SIGHUP);
	const char *began = strstr(hear_of("RELOADING=1"), "MONOTONIC_USEC=");
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	cr_assert(began);
	const long long at = atoll(began + strlen("MONOTONIC_USEC="));
	cr_expect(at > 0 && at <= (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	hear_of("READY=1");
}

static void metric_is(const char *line)
{
	char *body = local_body(&site, "/metrics");
	cr_expect(strstr(body, line), "no %s in\n%s", line, body);
	free(body);
}

static void status_says(const char *text, bool says)
{
	char *output;
	help_shell(&output, AGENT_PROGRAM " status 2>/dev/null");
	cr_expect_eq(strstr(output, text) != NULL, says, "%s: %s", text, output);
	free(output);
}

Test(service_manager, has_a_new_configuration_taken)
{
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	metric_is("payi_agent_config_last_reload_success 1\n");
	write_config("[agent]\nlog_level = error\n[payi]\nbatch_events = 7\nca_file = /new.pem\n");
	reload();
	cr_expect(log_has("at the next start. settings=ca_file"));
	metric_is("payi_agent_config_reloads_total{result=\"accepted\"} 1\n");
	metric_is("payi_agent_config_last_reload_success 1\n");
	cr_expect(log_has("changed=\"log_level batch_events\"$"));
	write_config("[agent]\nlog_level = error\n[payi]\nbatch_events = 8\n");
	reload();
	cr_expect_not(log_has("changed=batch_events$"), "the level is error now");
	status_says("NOT IN FORCE", false);
}

Test(service_manager, has_a_wrong_configuration_refused_whole)
{
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	write_config("[agent]\nlog_level = error\n[payi]\nbatch_evnets = 7\n");
	reload();
	cr_expect(log_has("stays in force"));
	cr_expect(log_has("agent.conf:4: .*did you mean batch_events"));
	metric_is("payi_agent_config_last_reload_success 0\n");
	metric_is("payi_agent_config_reloads_total{result=\"rejected\"} 1\n");
	status_says("did you mean batch_events", true);
	cr_expect(strstr(hear_of("STATUS="), "did you mean batch_events"));

	write_config("[http]\nhttp_listen = everywhere\n");
	reload();
	cr_expect(log_has("http_listen is .*everywhere"), "what only a start would find is found");
	write_config("[agent]\nlog_level = info\n");
	reload();
	cr_expect(log_has("was read again"), "the level is still info");
	metric_is("payi_agent_config_last_reload_success 1\n");
	status_says("NOT IN FORCE", false);
}

/* Whoever looks after a bad edit is told how the agent runs on, and what is wrong with what it did not take. */
Test(service_manager, has_a_status_also_where_the_configuration_is_wrong)
{
	char *output;
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	write_config("[agent]\nlog_level = error\n[payi]\nbatch_evnets = 7\n");
	reload();
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " status %s 2>&1", config_flag), 0, "%s",
		     output);
	cr_expect(strstr(output, "agent.conf:4"), "%s", output);
	cr_expect(strstr(output, "Agent      runs"), "%s", output);
	cr_expect(strstr(output, "NOT IN FORCE"), "%s", output);
	free(output);
	cr_expect_eq(
		help_shell(&output, AGENT_PROGRAM " health --ready %s 2>/dev/null", config_flag),
		0);
	cr_expect_str_eq(output, "ready\n");
	free(output);
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " events %s 2>&1", config_flag), 2);
	free(output);
}

static void track_large(int n)
{
	static char body[4000];
	payi_client *client;
	memset(body, 'x', sizeof(body) - 1);
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < n; i++) {
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = &(const payi_units){"text", i, 1};
		event.n_units = 1;
		event.provider_request_json = body;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	payi_client_close(client);
}

/* The storage thread goes by other limits from one transaction to the next. */
Test(service_manager, has_events_let_go_that_were_to_be_kept)
{
	write_config("[retention]\nmax_mb = 0\n");
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	track_large(600);
	help_wait_query(&site, "SELECT count(*) FROM events", 600, 20);
	write_config("[retention]\nmax_mb = 1\ndrop_undelivered = yes\n");
	reload();
	cr_expect(log_has("changed=\"max_mb drop_undelivered\""));
	help_wait_query(&site, "SELECT count(*) < 500 FROM events", 1, 30);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* The key that works is left alone until somebody says that there is another. */
Test(service_manager, has_another_key_taken)
{
	struct standin standin;
	char key_path[HELP_PATH_BYTES + 16], config[1024];
	cr_assert_eq(standin_start(&standin, NULL), 0);
	snprintf(key_path, sizeof(key_path), "%s/key", site.data);
	write_text(key_path, STANDIN_KEY "\n");
	snprintf(config, sizeof(config),
		 "[payi]\nbase_url = %s\napi_key_file = %s\nbatch_age_ms = 1\n", standin.url,
		 key_path);
	write_config(config);
	listen_at_path();
	start(NULL);
	hear_of("READY=1");
	track_without_agent(1);
	help_wait_query(&site, "SELECT delivered FROM sinks", 1, 20);
	write_text(key_path, "two\n");
	cr_assert_eq(standin_faults(&standin, "[{\"key\":\"two\"}]"), 0);
	reload();
	track_without_agent(1);
	help_wait_query(&site, "SELECT delivered FROM sinks", 2, 20);
	metric_is("payi_agent_sink_requests_total{outcome=\"key_refused\"} 0\n");
	standin_stop(&standin);
}
