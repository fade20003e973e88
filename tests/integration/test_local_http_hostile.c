/*
 * Hostile clients of the local HTTP: garbage, halves, huge ones, a thousand at once; and the rings are drained as if
 * there were none.
 */
#include "help/local_fixture.h"
#include "payi/payi.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

TestSuite(local_http_hostile, .init = local_set_up, .fini = local_tear_down, .timeout = 100);

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Hostile clients ------------------------------------------------------------------------------ */

/* Tracks and waits until it is stored, again and again; returns the longest wait in seconds. */
static double slowest_flush(payi_client *client, int turns)
{
	double slowest = 0;
	for (int i = 0; i < turns; i++) {
		const double before = now_s();
		local_track(client, i, i + 1);
		const double took = now_s() - before;
		slowest = took > slowest ? took : slowest;
	}
	return slowest;
}

static void send_garbage(int port, int n)
{
	srand(4711);
	for (int i = 0; i < n; i++) {
		char bytes[4096];
		const int fd = i & 1 ? local_connect(&local_site) : local_connect_tcp(port);
		const size_t len = (size_t)(rand() % (int)sizeof(bytes));
		for (size_t k = 0; k < len; k++)
			bytes[k] = (char)(i % 3 ? rand() % 256 : "GET / HTP\r\n:\t"[rand() % 13]);
		local_send(fd, bytes, len);
		if (i % 5 == 0)
			shutdown(fd, SHUT_WR);
		close(fd);
	}
}

Test(local_http_hostile, outlives_garbage)
{
	help_agent_start(&local_site, local_tcp, NULL);
	payi_client *client = local_client();
	send_garbage(local_port(&local_site), 400);
	cr_expect_lt(slowest_flush(client, 20), 2.0);
	free(local_body(&local_site, "/healthz"));
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&local_site), 0);
}

static void send_huge(int port, const char *head, const char *piece, size_t pieces)
{
	const int fd = local_connect_tcp(port);
	struct timeval patience = {.tv_sec = 5};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	local_send(fd, head, strlen(head));
	for (size_t i = 0; i < pieces; i++)
		local_send(fd, piece, strlen(piece));
	cr_expect(local_is_closed_within(fd, 5), "%.40s", head);
	close(fd);
}

Test(local_http_hostile, takes_nothing_huge)
{
	char piece[4097];
	memset(piece, 'a', sizeof(piece) - 1);
	piece[sizeof(piece) - 1] = '\0';
	help_agent_start(&local_site, local_tcp, NULL);
	const int port = local_port(&local_site);
	send_huge(port, "GET /", piece, 100);
	send_huge(port, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", piece, 100);
	send_huge(port,
		  "POST /metrics HTTP/1.1\r\nHost: localhost\r\nX-Payi-Agent: 1\r\n"
		  "Content-Length: 99999999999999999999\r\n\r\n",
		  piece, 100);
	send_huge(port,
		  "POST /metrics HTTP/1.1\r\nHost: localhost\r\nX-Payi-Agent: 1\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n1000\r\n",
		  piece, 100);
	free(local_body(&local_site, "/healthz"));
}

/* The kernel may keep it waiting, or have no room for it. */
static int begin_connect(int port)
{
	const struct sockaddr_in name = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	cr_assert(connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 ||
		  errno == EINPROGRESS);
	return fd;
}

/* A thousand connections that say nothing, half of a request, or a byte now and then. */
Test(local_http_hostile, drains_whoever_hangs_on)
{
	enum { N = 1000, TRICKLING = 20 };
	static int fds[N];
	static const char half[] = "GET /metrics HTTP/1.1\r\nHost: loc";
	struct rlimit files = {4096, 4096};
	setrlimit(RLIMIT_NOFILE, &files);
	help_agent_start(&local_site, local_tcp, NULL);
	payi_client *client = local_client();
	local_track(client, 0, 10);
	const int port = local_port(&local_site);
	for (int i = 0; i < N; i++) {
		fds[i] = begin_connect(port);
		if (i % 3)
			local_send(fds[i], half, sizeof(half) - 1);
	}
	const double before = now_s();
	cr_expect_lt(slowest_flush(client, 50), 2.0);
	free(local_body(&local_site, "/healthz")); /* the Unix socket has places of its own */
	/* They are cut off, also those that send a byte now and then. */
	bool closed = false;
	while (!closed && now_s() - before < 25) {
		for (int i = 0; i < TRICKLING; i++)
			local_send(fds[i], "a", 1);
		closed = local_is_closed_within(fds[1], 0.2);
	}
	cr_expect(closed, "a client trickles for ever");
	cr_expect_lt(now_s() - before, 15.0);
	for (int i = 0; i < N; i++)
		close(fds[i]);
	free(local_body(&local_site, "/healthz"));
	cr_expect_eq(local_status(local_connect_tcp(port),
				  "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
				  "Connection: close\r\n\r\n"),
		     200);
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&local_site), 0);
}

/* Many questions at once: each is answered or told to come again, and storing goes on. */
Test(local_http_hostile, answers_many_questions_without_delay_for_the_rings)
{
	enum { N = 60 };
	int fds[N];
	int answered = 0, later = 0;
	help_agent_start(&local_site, NULL, NULL);
	payi_client *client = local_client();
	local_track(client, 0, 3000);
	for (int i = 0; i < N; i++) {
		static const char request[] =
			"GET /api/v1/history/events?limit=1000 HTTP/1.1\r\nHost: "
			"localhost\r\nConnection: close\r\n\r\n";
		fds[i] = local_connect(&local_site);
		local_send(fds[i], request, sizeof(request) - 1);
	}
	cr_expect_lt(slowest_flush(client, 20), 2.0);
	for (int i = 0; i < N; i++) {
		const int status = local_status(fds[i], "");
		answered += status == 200;
		later += status == 503;
	}
	cr_expect_eq(answered + later, N, "%d and %d", answered, later);
	cr_expect_gt(answered, 0);
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&local_site), 0);
}

/* The agent ends while questions are under way. */
Test(local_http_hostile, ends_in_order_with_questions_under_way)
{
	help_agent_start(&local_site, NULL, NULL);
	payi_client *client = local_client();
	local_track(client, 0, 3000);
	int fds[20];
	for (int i = 0; i < 20; i++) {
		static const char request[] =
			"GET /api/v1/history/usage?id=ticket-1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
		fds[i] = local_connect(&local_site);
		local_send(fds[i], request, sizeof(request) - 1);
	}
	payi_client_close(client);
	cr_assert_eq(help_agent_stop(&local_site), 0);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
}
