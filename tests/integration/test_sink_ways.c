/*
 * How requests travel: packed, with a certificate of the agent's own, by a proxy, over a connection that the
 * other side has given up. The ways that an operator's network may want.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 300 };

TestSuite(sink_ways, .init = service_set_up, .fini = service_tear_down, .timeout = 60);

static void track_events(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < EVENTS; i++) {
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

static void check_delivered(void)
{
	help_wait_query(&site, "SELECT delivered FROM sinks", EVENTS, 30);
	cr_expect_eq(standin_stat(&service, "accepted"), EVENTS);
	cr_expect_eq(standin_stat(&service, "units.text.input"), EVENTS * (EVENTS - 1) / 2);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM sink_exceptions"), 0);
}

static const char *const with_key[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};

/* ---- Packed ---------------------------------------------------------------------------------------- */

static void deliver_packed(const char *script)
{
	static const char config[] = "[payi]\ngzip = yes\n";
	char path[300], flag[320];
	snprintf(path, sizeof(path), "%s/agent.conf", site.data);
	FILE *file = fopen(path, "w");
	cr_assert(file && fputs(config, file) >= 0 && fclose(file) == 0);
	snprintf(flag, sizeof(flag), "--config=%s", path);
	const char *const arguments[] = {base_url, flag, "--batch-age-ms=20", NULL};
	cr_assert_eq(standin_faults(&service, script), 0);
	track_events();
	help_agent_start(&site, arguments, with_key);
	check_delivered();
}

Test(sink_ways, requests_are_packed_where_that_is_set)
{
	deliver_packed("[{\"gzip\":true}]");
	cr_expect_geq(standin_stat(&service, "packed_requests"), 3);
	cr_expect_eq(standin_stat(&service, "bad_requests"), 0);
	cr_expect_lt(standin_stat(&service, "max_bytes"), 8000, "100 events have 15,000 bytes");
}

/* One request of each that was under way is refused, none after that, and nobody needs to be told. */
Test(sink_ways, a_service_that_takes_no_gzip_gets_them_plain)
{
	deliver_packed("[]");
	cr_expect_eq(standin_stat(&service, "packed_requests"), 0);
	const int64_t refused = standin_stat(&service, "bad_requests");
	cr_expect(refused >= 1 && refused <= 4, "%d were refused", (int)refused);
	cr_expect_null(help_query_text(&site, "SELECT last_error FROM sinks"));
}

/* ---- With a certificate ---------------------------------------------------------------------------- */

/* Signed by its own key, for 127.0.0.1. */
static void make_certificate(const char *name)
{
	char *output = NULL;
	cr_assert_eq(help_shell(&output,
				"openssl req -x509 -newkey rsa:2048 -nodes -keyout %s/%s.key -out "
				"%s/%s.pem -days 1 -subj /CN=%s -addext "
				"subjectAltName=IP:127.0.0.1 2>&1",
				site.data, name, site.data, name, name),
		     0, "%s", output);
	free(output);
}

static void start_careful_service(void)
{
	char certificate[300], key[300], clients[300];
	make_certificate("server");
	make_certificate("agent");
	snprintf(certificate, sizeof(certificate), "%s/server.pem", site.data);
	snprintf(key, sizeof(key), "%s/server.key", site.data);
	snprintf(clients, sizeof(clients), "%s/agent.pem", site.data);
	const char *const arguments[] = {"--tls-cert",    certificate, "--tls-key", key,
					 "--tls-clients", clients,     NULL};
	standin_stop(&service);
	cr_assert_eq(standin_start(&service, arguments), 0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
}

static void start_agent_with(const char *certificate, const char *key)
{
	char ca_file[300], cert_flag[320], key_flag[320];
	snprintf(ca_file, sizeof(ca_file), "--ca-file=%s/server.pem", site.data);
	snprintf(cert_flag, sizeof(cert_flag), "--client-cert=%s/%s", site.data, certificate);
	snprintf(key_flag, sizeof(key_flag), "--client-key=%s/%s", site.data, key);
	const char *const arguments[] = {
		base_url, ca_file, "--batch-age-ms=20", *certificate ? cert_flag : NULL,
		key_flag, NULL};
	help_agent_start(&site, arguments, with_key);
}

/* What the service's own accounts say cannot be asked by one without a certificate. */
static void wait_delivered(void)
{
	help_wait_query(&site, "SELECT delivered FROM sinks", EVENTS, 30);
}

Test(sink_ways, a_service_that_wants_a_certificate_is_shown_one)
{
	start_careful_service();
	track_events();
	start_agent_with("", "");
	help_wait_query(&site,
			"SELECT count(*) FROM sinks WHERE state = 'waiting' AND delivered = 0"
			" AND last_error IS NOT NULL",
			1, 20);
	cr_assert_eq(help_agent_stop(&site), 0);
	start_agent_with("agent.pem", "agent.key");
	wait_delivered();
}

Test(sink_ways, certificate_and_key_may_be_one_file)
{
	char *output = NULL;
	start_careful_service();
	cr_assert_eq(help_shell(&output, "cd %s && cat agent.pem agent.key > both.pem", site.data),
		     0);
	free(output);
	track_events();
	char ca_file[300], cert_flag[320];
	snprintf(ca_file, sizeof(ca_file), "--ca-file=%s/server.pem", site.data);
	snprintf(cert_flag, sizeof(cert_flag), "--client-cert=%s/both.pem", site.data);
	const char *const arguments[] = {base_url, ca_file, "--batch-age-ms=20", cert_flag, NULL};
	help_agent_start(&site, arguments, with_key);
	wait_delivered();
}

/* It cannot be asked for on a terminal: that would stop the agent. It is said, and nothing is lost. */
Test(sink_ways, a_key_under_a_passphrase_is_said_to_be_of_no_use)
{
	char *output = NULL;
	start_careful_service();
	cr_assert_eq(help_shell(&output,
				"openssl rsa -aes128 -passout pass:secret -in %s/agent.key -out "
				"%s/locked.key 2>&1",
				site.data, site.data),
		     0, "%s", output);
	free(output);
	track_events();
	start_agent_with("agent.pem", "locked.key");
	help_wait_query(&site,
			"SELECT count(*) FROM sinks WHERE state = 'waiting'"
			" AND last_error LIKE '%private key%'",
			1, 20);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* ---- By a proxy ------------------------------------------------------------------------------------ */

/* Takes one connection, and reads what the other side says first. */
struct listener {
	int fd;
	int port;
	pthread_t thread;
	char said[512];
};

static void *listen_once(void *context)
{
	struct listener *it = context;
	struct pollfd wait = {.fd = it->fd, .events = POLLIN};
	if (poll(&wait, 1, 20000) != 1)
		return NULL;
	const int fd = accept(it->fd, NULL, NULL);
	const ssize_t n = read(fd, it->said, sizeof(it->said) - 1);
	it->said[n > 0 ? n : 0] = '\0';
	close(fd);
	return NULL;
}

static void start_listener(struct listener *it)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	*it = (struct listener){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	cr_assert_eq(bind(it->fd, (struct sockaddr *)&address, bytes), 0);
	cr_assert_eq(listen(it->fd, 1), 0);
	cr_assert_eq(getsockname(it->fd, (struct sockaddr *)&address, &bytes), 0);
	it->port = ntohs(address.sin_port);
	cr_assert_eq(pthread_create(&it->thread, NULL, listen_once, it), 0);
}

/* The proxy sees where to, and nothing of the key: that is for the one behind TLS. */
Test(sink_ways, a_proxy_of_the_environment_is_asked_for_a_tunnel)
{
	struct listener proxy;
	char variable[64];
	start_listener(&proxy);
	snprintf(variable, sizeof(variable), "https_proxy=http://127.0.0.1:%d", proxy.port);
	const char *const arguments[] = {"--base-url=https://service.example", "--batch-age-ms=20",
					 NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, variable, NULL};
	track_events();
	help_agent_start(&site, arguments, environment);
	pthread_join(proxy.thread, NULL);
	cr_expect_eq(strncmp(proxy.said, "CONNECT service.example:443 HTTP/1.1\r\n", 38), 0, "%s",
		     proxy.said);
	cr_expect_null(strstr(proxy.said, STANDIN_KEY));
	close(proxy.fd);
}

/* No proxy can reach this host as it is meant, and none shall have the key in plain text. */
Test(sink_ways, a_service_on_this_host_is_reached_without_the_proxy)
{
	static const char variable[] = "http_proxy=http://127.0.0.1:1";
	const char *const arguments[] = {base_url, "--batch-age-ms=20", NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, variable, NULL};
	track_events();
	help_agent_start(&site, arguments, environment);
	check_delivered();
}
