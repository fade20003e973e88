#include "bench/quick_server.h"

#include "bench/bench.h"
#include "bench/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20 };

#define ANSWER_BODY                                                                                \
	"{\"request_id\":\"r\",\"ingest_timestamp\":\"2025-01-01T00:00:00Z\",\"errors\":null}"

static bool answer(int socket, const char *status)
{
	char text[256];
	const int n = snprintf(text, sizeof(text),
			       "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
			       "Content-Length: %zu\r\n\r\n%s",
			       status, sizeof(ANSWER_BODY) - 1, ANSWER_BODY);
	return write(socket, text, (size_t)n) == n;
}

/* How many bytes the request has with its body, once its headers are there; 0: not yet. */
static size_t request_bytes(const char *in, size_t *body_at)
{
	const char *end = strstr(in, "\r\n\r\n");
	if (!end)
		return 0;
	size_t body_bytes = 0;
	for (const char *line = in; line < end; line = strstr(line, "\r\n") + 2)
		if (strncasecmp(line, "content-length:", 15) == 0)
			body_bytes = strtoul(line + 15, NULL, 10);
	*body_at = (size_t)(end - in) + 4;
	return *body_at + body_bytes;
}

static bool is_array(const char *body, size_t bytes)
{
	json_t *json = json_loadb(body, bytes, 0, NULL);
	const bool good = json_is_array(json);
	json_decref(json);
	return good;
}

/* One request after the other; larger ones than the buffer end it. */
static void serve(int socket, bool parses)
{
	char *in = malloc(BUFFER_BYTES + 1);
	size_t n = 0;
	size_t wanted = 0;
	size_t body_at = 0;
	ssize_t got;
	while (in && (got = read(socket, in + n, BUFFER_BYTES - n)) > 0) {
		n += (size_t)got;
		in[n] = '\0';
		if (wanted == 0)
			wanted = request_bytes(in, &body_at);
		if (wanted == 0 || n < wanted)
			continue;
		const bool good = !parses || is_array(in + body_at, n - body_at);
		if (!answer(socket, good ? "200 OK" : "400 Bad Request"))
			break;
		n = 0;
		wanted = 0;
	}
	free(in);
}

static void accept_for_ever(int listener, bool parses)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int socket = accept(listener, NULL, NULL);
		if (socket >= 0 && fork() == 0) {
			site_child();
			serve(socket, parses);
			_exit(0);
		}
		close(socket);
	}
}

int quick_server_start(struct quick_server *server, bool parses)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) ||
	    listen(listener, 64) || getsockname(listener, (struct sockaddr *)&address, &len))
		return bench_fail(errno, "cannot listen");
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	fflush(NULL);
	server->pid = fork();
	if (server->pid == 0) {
		site_child();
		accept_for_ever(listener, parses);
	}
	close(listener);
	return server->pid > 0 ? 0 : bench_fail(errno, "cannot fork");
}

void quick_server_stop(struct quick_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}
