#include "bench/quick_server.h"

#include "bench/bench.h"
#include "bench/site.h"

#include <arpa/inet.h>
#include <errno.h>
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

/* Ready for write(); returns its length. */
static size_t make_answer(char answer[256])
{
	return (size_t)snprintf(answer, 256,
				"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				"Content-Length: %zu\r\n\r\n%s",
				sizeof(ANSWER_BODY) - 1, ANSWER_BODY);
}

/* How many bytes the request has with its body, once its headers are there; 0: not yet. */
static size_t request_bytes(const char *in)
{
	const char *end = strstr(in, "\r\n\r\n");
	if (!end)
		return 0;
	size_t body_bytes = 0;
	for (const char *line = in; line < end; line = strstr(line, "\r\n") + 2)
		if (strncasecmp(line, "content-length:", 15) == 0)
			body_bytes = strtoul(line + 15, NULL, 10);
	return (size_t)(end - in) + 4 + body_bytes;
}

/* Bodies are read and forgotten: of a request only its beginning is kept. */
static void serve(int socket)
{
	char answer[256];
	const size_t answer_bytes = make_answer(answer);
	char *in = malloc(BUFFER_BYTES + 1);
	size_t n = 0;
	size_t wanted = 0;
	ssize_t got;
	while (in &&
	       (got = read(socket, in + (n < BUFFER_BYTES / 2 ? n : 0), BUFFER_BYTES / 2)) > 0) {
		n += (size_t)got;
		if (wanted == 0) {
			in[n < BUFFER_BYTES ? n : BUFFER_BYTES] = '\0';
			wanted = request_bytes(in);
		}
		if (wanted == 0 || n < wanted)
			continue;
		n = 0;
		wanted = 0;
		if (write(socket, answer, answer_bytes) < 0)
			break;
	}
	free(in);
}

static void accept_for_ever(int listener)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int socket = accept(listener, NULL, NULL);
		if (socket >= 0 && fork() == 0) {
			site_child();
			serve(socket);
			_exit(0);
		}
		close(socket);
	}
}

int quick_server_start(struct quick_server *server)
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
		accept_for_ever(listener);
	}
	close(listener);
	return server->pid > 0 ? 0 : bench_fail(errno, "cannot fork");
}

void quick_server_stop(struct quick_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}
