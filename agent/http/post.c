#include "http/post.h"

#include "base/unix_address.h"
#include "http/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_S = 40, BODY_BYTES_MAX = 1 << 20 };

void post_add_param(struct buf *path, const char *name, const char *value)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	buf_add_char(path, strchr(buf_text(path), '?') ? '&' : '?');
	buf_addf(path, "%s=", name);
	for (; *value; value++) {
		if (strchr(plain, *value))
			buf_add_char(path, *value);
		else
			buf_addf(path, "%%%02X", (unsigned)(unsigned char)*value);
	}
}

static int connect_to(const char *socket_path, int patience_s, int *out, struct err *err)
{
	const struct timeval patience = {.tv_sec = patience_s};
	struct unix_address address;
	int status = unix_address_make(socket_path, &address, err);
	if (status)
		return status;
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (const struct sockaddr *)&address.name, sizeof(address.name)))
		status = err_errno(err, "cannot reach the agent at %s", socket_path);
	unix_address_release(&address);
	if (status && fd >= 0)
		close(fd);
	*out = fd;
	return status;
}

static int send_all(int fd, const char *text, size_t n, struct err *err)
{
	while (n > 0) {
		const ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return err_errno(err, "cannot ask the agent");
		text += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

static int receive_all(int fd, struct buf *answer, struct err *err)
{
	char part[4096];
	ssize_t n;
	while ((n = recv(fd, part, sizeof(part), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "the agent has not answered");
		if (answer->len + (size_t)n > BODY_BYTES_MAX)
			return err_set(err, ERR_INVALID, "the agent's answer is too long");
		buf_add(answer, part, (size_t)n);
	}
	return 0;
}

static int read_answer(const struct buf *answer, int *status, struct buf *body, struct err *err)
{
	static const char version[] = "HTTP/1.1 ";
	const char *text = (const char *)answer->data;
	const char *end = answer->len ? strstr(text, "\r\n\r\n") : NULL;
	if (!end || strncmp(text, version, sizeof(version) - 1) != 0)
		return err_set(err, ERR_INVALID, "the agent's answer makes no sense");
	*status = (int)strtol(text + sizeof(version) - 1, NULL, 10);
	buf_add_str(body, end + 4);
	return 0;
}

static int exchange(int fd, const struct buf *request, int *status, struct buf *body,
		    struct err *err)
{
	struct buf answer = BUF_INIT;
	int done = send_all(fd, (const char *)request->data, request->len, err);
	if (!done)
		done = receive_all(fd, &answer, err);
	(void)buf_text(&answer);
	if (!done && answer.failed)
		done = err_set(err, ERR_MEMORY, "out of memory");
	if (!done)
		done = read_answer(&answer, status, body, err);
	buf_release(&answer);
	return done;
}

static int ask(const char *socket_path, int patience_s, const struct buf *request, int *status,
	       struct buf *body, struct err *err)
{
	int fd = -1;
	if (request->failed)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int failed = connect_to(socket_path, patience_s, &fd, err);
	if (failed)
		return failed;
	const int done = exchange(fd, request, status, body, err);
	close(fd);
	return done;
}

int post_to_agent(const char *socket_path, const char *path, int *status, struct buf *body,
		  struct err *err)
{
	struct buf request = BUF_INIT;
	buf_addf(&request,
		 "POST %s HTTP/1.1\r\nHost: localhost\r\n" GUARD_HEADER ": 1\r\n"
		 "Content-Length: 0\r\nConnection: close\r\n\r\n",
		 path);
	const int done = ask(socket_path, ANSWER_S, &request, status, body, err);
	buf_release(&request);
	return done;
}

int get_from_agent(const char *socket_path, const char *path, int patience_s, int *status,
		   struct buf *body, struct err *err)
{
	struct buf request = BUF_INIT;
	buf_addf(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
	const int done = ask(socket_path, patience_s, &request, status, body, err);
	buf_release(&request);
	return done;
}
