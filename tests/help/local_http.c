#include "help/local_http.h"

#include "base/unix_address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES_MAX = 16 << 20 };

int local_connect(const struct help_site *site)
{
	char path[HELP_PATH_BYTES + 16];
	struct unix_address address;
	struct err err;
	snprintf(path, sizeof(path), "%s/agent.sock", site->data);
	cr_assert_eq(unix_address_make(path, &address, &err), 0, "%s", err.text);
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, (const struct sockaddr *)&address.name, sizeof(address.name)), 0,
		     "%s: %s", path, strerror(errno));
	unix_address_release(&address);
	return fd;
}

int local_connect_tcp(int port)
{
	const struct sockaddr_in name = {.sin_family = AF_INET,
					 .sin_port = htons((uint16_t)port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, (const struct sockaddr *)&name, sizeof(name)), 0, "%s",
		     strerror(errno));
	return fd;
}

int local_port(const struct help_site *site)
{
	char *output;
	cr_assert_eq(
		help_shell(&output, "sed -n 's/.*local HTTP listens.* port=//p' '%s'", site->log),
		0);
	const int port = (int)strtol(output, NULL, 10);
	free(output);
	cr_assert_gt(port, 0, "the agent does not say where it listens");
	return port;
}

void local_send(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		bytes += sent;
		n -= (size_t)sent;
	}
}

void local_exchange(int fd, const char *request, struct local_reply *reply)
{
	size_t n = 0;
	ssize_t got;
	local_send(fd, request, strlen(request));
	char *text = malloc(REPLY_BYTES_MAX + 1);
	while (n < REPLY_BYTES_MAX && (got = recv(fd, text + n, REPLY_BYTES_MAX - n, 0)) > 0)
		n += (size_t)got;
	close(fd);
	text[n] = '\0';
	reply->text = realloc(text, n + 1);
	reply->status = strncmp(reply->text, "HTTP/1.1 ", 9) == 0
				? (int)strtol(reply->text + 9, NULL, 10)
				: 0;
	char *end = strstr(reply->text, "\r\n\r\n");
	reply->body = end ? end + 4 : reply->text + n;
}

void local_release(struct local_reply *reply)
{
	free(reply->text);
}

void local_get(const struct help_site *site, const char *path, struct local_reply *reply)
{
	char request[2048];
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	local_exchange(local_connect(site), request, reply);
}

char *local_body(const struct help_site *site, const char *path)
{
	struct local_reply reply;
	local_get(site, path, &reply);
	cr_assert_eq(reply.status, 200, "%s: %s", path, reply.text);
	char *body = strdup(reply.body);
	local_release(&reply);
	return body;
}

bool local_is_closed_within(int fd, double seconds)
{
	char byte[512];
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	while (poll(&poll_fd, 1, (int)(seconds * 1000)) == 1)
		if (recv(fd, byte, sizeof(byte), 0) <= 0)
			return true;
	return false;
}
