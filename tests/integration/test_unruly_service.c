/*
 * A service that breaks HTTP itself: answers that are slow, cut, endless, none, or somebody else's. Whatever
 * comes, each event is there once in the end, nothing is in the dead letters, and the agent stays small.
 */
#include "help/service_fixture.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 40, MEMORY_KIB_MAX = 64 * 1024 };

TestSuite(unruly_service, .init = service_set_up, .fini = service_tear_down, .timeout = 60);

static const char *patience = "--timeout-s=1";

static void start_agent(void)
{
	const char *const arguments[] = {base_url, "--batch-age-ms=20", patience, NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	help_agent_start(&site, arguments, environment);
}

static void track_events(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < EVENTS; i++) {
		char id[32];
		const payi_units units[] = {{"text", i, 1}};
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "event-%d", i);
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = units;
		event.n_units = 1;
		event.provider_response_id = id;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	payi_client_close(client);
}

/* Each event is there once, as it was tracked, and the agent knows. */
static void check_delivered(void)
{
	help_wait_query(&site, "SELECT delivered FROM sinks", EVENTS, 30);
	cr_expect_eq(standin_stat(&service, "accepted"), EVENTS);
	cr_expect_eq(standin_stat(&service, "units.text.input"), EVENTS * (EVENTS - 1) / 2);
	cr_expect_eq(standin_stat(&service, "duplicates_different"), 0);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM sink_exceptions"), 0);
}

/* The fault happened, and nothing came of it. */
static void bear(const char *script)
{
	cr_assert_eq(standin_faults(&service, script), 0);
	start_agent();
	track_events();
	check_delivered();
	cr_expect_gt(standin_stat(&service, "faults"), 0);
}

/* Also: what was taken, and cannot be told from the answer, is looked up and not sent again. */
static void bear_without_sending_again(const char *script)
{
	bear(script);
	cr_expect_eq(standin_stat(&service, "duplicates_same"), 0);
}

/* ---- Answers that come slowly, in pieces, or without end ------------------------------------------- */

Test(unruly_service, an_answer_of_a_byte_at_a_time_is_given_up_in_time)
{
	bear_without_sending_again("[{\"on\":\"bulk\",\"action\":\"slow\",\"piece_ms\":100}]");
}

Test(unruly_service, headers_of_a_byte_at_a_time_are_given_up_in_time)
{
	bear("[{\"on\":\"bulk\",\"action\":\"slow\",\"piece_ms\":100,\"raw\":\"HTTP/1.1 200 "
	     "OK\\r\\n"
	     "Server: a slow one indeed\\r\\nContent-Length: 2\\r\\n\\r\\n{}\"}]");
}

Test(unruly_service, a_chunked_answer_is_as_good_as_any)
{
	patience = "--timeout-s=30"; /* so that a slow machine is no error of the service */
	bear_without_sending_again("[{\"times\":-1,\"action\":\"chunked\"}]");
	cr_expect_null(help_query_text(&site, "SELECT last_error FROM sinks"));
}

/* The most memory that the agent ever had. */
static int64_t agent_memory_kib(void)
{
	char *output;
	cr_assert_eq(
		help_shell(&output, "awk '/^VmHWM/ {print $2}' /proc/%d/status", (int)site.agent),
		0);
	const int64_t kib = strtoll(output, NULL, 10);
	free(output);
	return kib;
}

Test(unruly_service, an_answer_of_100_megabytes_takes_no_memory)
{
	bear_without_sending_again("[{\"on\":\"bulk\",\"huge_bytes\":100000000}]");
	const int64_t kib = agent_memory_kib();
	cr_expect(kib > 0 && kib < MEMORY_KIB_MAX, "%" PRId64 " KiB", kib);
}

Test(unruly_service, an_error_of_100_megabytes_takes_no_memory)
{
	bear("[{\"on\":\"bulk\",\"status\":500,\"huge_bytes\":100000000}]");
	const int64_t kib = agent_memory_kib();
	cr_expect(kib > 0 && kib < MEMORY_KIB_MAX, "%" PRId64 " KiB", kib);
}

Test(unruly_service, a_service_that_never_answers_is_asked_again)
{
	bear("[{\"on\":\"bulk\",\"hang_ms\":3000,\"action\":\"reset_before\"}]");
}

/* ---- Answers of the wrong length, or of no form ---------------------------------------------------- */

Test(unruly_service, an_answer_shorter_than_it_says_is_looked_up)
{
	bear_without_sending_again(
		"[{\"on\":\"bulk\",\"processed\":true,\"raw\":\"HTTP/1.1 200 OK\\r\\n"
		"Content-Length: 99\\r\\n\\r\\n{}\"}]");
}

/* What is left over is not taken for the answer to the next request. */
Test(unruly_service, an_answer_longer_than_it_says_is_looked_up)
{
	bear_without_sending_again(
		"[{\"on\":\"bulk\",\"processed\":true,\"raw\":\"HTTP/1.1 200 OK\\r\\n"
		"Content-Length: "
		"5\\r\\n\\r\\n{\\\"ingest_timestamp\\\":\\\"2026-01-01T00:00:00Z\\\"}"
		"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n\"}]");
}

Test(unruly_service, interim_answers_are_not_the_answer)
{
	bear("[{\"on\":\"bulk\",\"raw\":\"HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 102 Processing"
	     "\\r\\n\\r\\nHTTP/1.1 103 Early Hints\\r\\n\\r\\nHTTP/1.1 503 Busy\\r\\n"
	     "Content-Length: 0\\r\\n\\r\\n\"},"
	     "{\"on\":\"bulk\",\"raw\":\"HTTP/1.1 100 Continue\\r\\n\\r\\n\"}]");
}

Test(unruly_service, what_is_no_http_is_an_error_like_any)
{
	bear("[{\"raw\":\"nonsense\"},{\"raw\":\"HTTP/1.1 999999 What\\r\\n\\r\\n\"}]");
}

Test(unruly_service, a_proxys_page_is_no_verdict_on_the_events)
{
	bear("[{\"status\":502,\"headers\":{\"Content-Type\":\"text/html\"},\"body\":"
	     "\"<html><body><h1>502 Bad Gateway</h1></body></html>\"}]");
}

/* ---- TLS ------------------------------------------------------------------------------------------- */

/* A certificate that its own key has signed, for 127.0.0.1 or for somebody else. */
static void start_tls_service(const char *subject, char certificate[300])
{
	char key[300], *output = NULL;
	snprintf(certificate, 300, "%s/c.pem", site.data);
	snprintf(key, sizeof(key), "%s/k.pem", site.data);
	cr_assert_eq(help_shell(&output,
				"openssl req -x509 -newkey rsa:2048 -nodes -keyout %s -out %s "
				"-days 1 -subj /CN=other -addext subjectAltName=%s 2>&1",
				key, certificate, subject),
		     0, "%s", output);
	free(output);
	const char *const arguments[] = {"--tls-cert", certificate, "--tls-key", key, NULL};
	standin_stop(&service);
	cr_assert_eq(standin_start(&service, arguments), 0);
}

static void start_trusting_agent(const char *url, const char *certificate)
{
	char base[80], ca_file[320];
	snprintf(base, sizeof(base), "--base-url=%s", url);
	snprintf(ca_file, sizeof(ca_file), "--ca-file=%s", certificate);
	const char *const arguments[] = {base, "--batch-age-ms=20",
					 *certificate ? ca_file : "--timeout-s=1", NULL};
	const char *const environment[] = {"PAYI_API_KEY=" STANDIN_KEY, NULL};
	help_agent_start(&site, arguments, environment);
}

/* Says why, and holds everything. */
static void check_held(const char *why)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM sinks WHERE state = 'waiting' AND delivered = 0"
		 " AND last_error LIKE '%%%s%%'",
		 why);
	help_wait_query(&site, sql, 1, 20);
	cr_expect_eq(help_query_int(&site, "SELECT count(*) FROM sink_exceptions"), 0);
}

/* Nothing is sent to whom nobody has vouched for; once somebody has, everything is. */
Test(unruly_service, a_certificate_of_unknown_authority_holds_everything_until_it_is_trusted)
{
	char certificate[300];
	start_tls_service("IP:127.0.0.1", certificate);
	track_events();
	start_trusting_agent(service.url, "");
	check_held("certificate");
	cr_assert_eq(help_agent_stop(&site), 0);
	start_trusting_agent(service.url, certificate);
	help_wait_query(&site, "SELECT delivered FROM sinks", EVENTS, 20);
}

Test(unruly_service, another_hosts_certificate_holds_everything)
{
	char certificate[300];
	start_tls_service("DNS:other", certificate);
	track_events();
	start_trusting_agent(service.url, certificate);
	check_held("certificate");
}

Test(unruly_service, a_handshake_with_what_speaks_no_tls_holds_everything)
{
	char url[64];
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", service.port);
	track_events();
	start_trusting_agent(url, "");
	check_held("SSL");
	cr_expect_eq(standin_stat(&service, "requests"), 0);
}

/* ---- Connections that break, or are refused -------------------------------------------------------- */

Test(unruly_service, a_reset_before_or_after_the_work_costs_nothing)
{
	bear("[{\"action\":\"reset_before\"},{\"action\":\"reset_after\"}]");
}

/* Somebody who looks meanwhile sees what is wrong, since when, and when it is tried next. */
Test(unruly_service, refused_connections_are_told_and_end_by_themselves)
{
	char port[24];
	snprintf(port, sizeof(port), "--port=%d", service.port);
	standin_stop(&service);
	start_agent();
	track_events();
	help_wait_query(&site,
			"SELECT count(*) FROM sinks WHERE state = 'waiting' AND next_try_us > 0"
			" AND last_error_us > 0 AND last_error LIKE '%127.0.0.1%'",
			1, 20);
	const char *const arguments[] = {port, NULL};
	cr_assert_eq(standin_start(&service, arguments), 0);
	check_delivered();
}
