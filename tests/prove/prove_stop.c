/*
 * M23. SIGTERM while nobody answers: the agent ends within a second, whatever it is that does not answer, and however much
 * waits; what was tracked is stored. Endpoints that refuse, that never accept, whose name nobody knows, that answer
 * errors, that refuse the key, and that take a request and say nothing. The short share, which other tests run beside, allows
 * for a machine that is busy; who waited for any of these endpoints would wait for longer.
 */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILLERS = 8, EVENTS_MAX = 2000, RING_BYTES = 2 * 1024 * 1024 };

enum endpoint { REFUSES, NEVER_ACCEPTS, NO_NAME, ERRORS, NO_KEY, SILENT, ENDPOINTS };

static const char *const names[] = {"refused",    "never accepted", "no such name",
				    "status 503", "key refused",    "silent"};

static struct place place;
static struct standin service;
static char base_url[80];
static int listener, fillers[FILLERS], port_of_listener;
static int64_t n_events;
static int n_runs;
static double longest_s[ENDPOINTS];

/* ---- Endpoints ------------------------------------------------------------------------------------ */

/* A listener whose queue is full: the kernel drops what else knocks. */
static void open_full_listener(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, bytes) || listen(listener, 0) ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes))
		prove_broken("no listener");
	port_of_listener = ntohs(address.sin_port);
	for (int i = 0; i < FILLERS; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&address, bytes);
	}
}

static void choose(enum endpoint endpoint)
{
	const char *script = "[]";
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	if (endpoint == REFUSES)
		snprintf(base_url, sizeof(base_url), "--base-url=http://127.0.0.1:1");
	else if (endpoint == NEVER_ACCEPTS)
		snprintf(base_url, sizeof(base_url), "--base-url=http://127.0.0.1:%d",
			 port_of_listener);
	else if (endpoint == NO_NAME)
		snprintf(base_url, sizeof(base_url), "--base-url=https://no-such-host.invalid");
	else if (endpoint == ERRORS)
		script = "[{\"times\":-1,\"status\":503}]";
	else if (endpoint == NO_KEY)
		script = "[{\"unauthorized\":true}]";
	else
		script = "[{\"times\":-1,\"hang_ms\":5000,\"action\":\"reset_before\"}]";
	if (standin_faults(&service, script))
		prove_broken("the stand-in refuses %s", script);
}

/* ---- A run ---------------------------------------------------------------------------------------- */

static void track(int n)
{
	payi_client *client = place_client(&place, "stop", RING_BYTES, true);
	const payi_units units[] = {{"text", 1, 1}};
	for (int i = 0; i < n; i++) {
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.units = units;
		event.n_units = 1;
		if (payi_track(client, &event) != PAYI_OK)
			prove_broken("%s", payi_last_error());
	}
	payi_client_close(client);
	n_events += n;
}

/* Stopped at any moment: before the first try, in it, or between two. */
static void run(enum endpoint endpoint)
{
	choose(endpoint);
	place_agent_start(&place);
	track(1 + prove_below(EVENTS_MAX));
	prove_sleep_us(prove_below(400000));
	track(1 + prove_below(100));
	const double began = prove_now_s();
	const int code = place_agent_stop(&place);
	const double took_s = prove_now_s() - began;
	if (took_s > longest_s[endpoint])
		longest_s[endpoint] = took_s;
	if (code != 0)
		prove_finding("%s: the agent ends with %d", names[endpoint], code);
	if (took_s > prove_figure(3, 1))
		prove_finding("%s: the agent ends after %.2f s", names[endpoint], took_s);
	const int64_t stored = place_number(&place, "SELECT count(*) FROM events");
	if (stored != n_events)
		prove_finding("%s: %" PRId64 " of %" PRId64 " events are stored", names[endpoint],
			      stored, n_events);
	n_runs++;
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	if (standin_start(&service, NULL))
		prove_broken("no stand-in");
	open_full_listener();
	place_make(&place);
	place.arguments[0] = base_url;
	place.arguments[1] = "--batch-age-ms=20";
	place.key = STANDIN_KEY;
	for (int i = 0; i < prove_figure(12, 120); i++)
		run((enum endpoint)(i % ENDPOINTS));
	place_remove(&place);
	standin_stop(&service);
	prove_row("M23", "SIGTERM with a dead endpoint: at most 1 s, all is stored",
		  prove_findings() == 0,
		  "%d runs, %" PRId64
		  " events; the longest: refused %.2f s, never accepted %.2f, no "
		  "name %.2f, 503 %.2f, key refused %.2f, silent %.2f",
		  n_runs, n_events, longest_s[REFUSES], longest_s[NEVER_ACCEPTS],
		  longest_s[NO_NAME], longest_s[ERRORS], longest_s[NO_KEY], longest_s[SILENT]);
	return prove_end();
}
