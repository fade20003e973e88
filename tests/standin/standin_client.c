#include "standin/standin_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 16 };

/* ---- The process ---------------------------------------------------------------------------------- */

static void exec_standin(const char *const *arguments, int output, pid_t parent)
{
	const char *program = getenv("STANDIN_PROGRAM");
	const char *argv[ARGUMENTS_MAX + 1] = {program ? program : STANDIN_PROGRAM};
	for (int n = 1; arguments && *arguments && n < ARGUMENTS_MAX; n++)
		argv[n] = *arguments++;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* the parent was gone before the line above */
	dup2(output, STDOUT_FILENO);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "standin_start: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Reads the program's first line, which says where it listens. */
static int read_url(struct standin *standin, int input)
{
	char line[80];
	FILE *from = fdopen(input, "r");
	const bool said = fgets(line, sizeof(line), from) &&
			  sscanf(line, "listening on %39s", standin->url) == 1;
	fclose(from);
	const char *port = said ? strrchr(standin->url, ':') : NULL;
	standin->port = port ? (int)strtol(port + 1, NULL, 10) : 0;
	return standin->port > 0 ? 0 : -1;
}

int standin_start(struct standin *standin, const char *const *arguments)
{
	int ends[2];
	const pid_t parent = getpid();
	*standin = (struct standin){0};
	if (pipe(ends) != 0)
		return -1;
	standin->pid = fork();
	if (standin->pid == 0) {
		close(ends[0]);
		exec_standin(arguments, ends[1], parent);
	}
	close(ends[1]);
	if (standin->pid > 0 && read_url(standin, ends[0]) == 0)
		return 0;
	fputs("standin_start: the stand-in did not start\n", stderr);
	if (standin->pid > 0)
		standin_stop(standin);
	return -1;
}

int standin_stop(struct standin *standin)
{
	int status = 0;
	kill(standin->pid, SIGTERM);
	while (waitpid(standin->pid, &status, 0) < 0 && errno == EINTR)
		;
	standin->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- One exchange --------------------------------------------------------------------------------- */

static int connect_to(const struct standin *standin)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)standin->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (to >= 0 && connect(to, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return to;
	if (to >= 0)
		close(to);
	return -1;
}

static bool send_all(int to, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t sent = send(to, bytes, n, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return false;
		bytes += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

static bool send_request(int to, const char *method, const char *path, const char *headers,
			 const char *body, size_t body_bytes)
{
	char *head = NULL;
	size_t head_bytes = 0;
	FILE *out = open_memstream(&head, &head_bytes);
	fprintf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n", method, path);
	if (!strstr(headers, "xProxy-api-key:"))
		fputs("xProxy-api-key: " STANDIN_KEY "\r\n", out);
	if (body && !strstr(headers, "Content-Type:"))
		fputs("Content-Type: application/json\r\n", out);
	fprintf(out, "Content-Length: %zu\r\n%s\r\n", body ? body_bytes : 0, headers);
	fclose(out);
	const bool sent =
		send_all(to, head, head_bytes) && (!body || send_all(to, body, body_bytes));
	free(head);
	return sent;
}

/* Reads until the other side closes; returns errno, or 0. */
static int read_all(int from, char **text, size_t *length)
{
	FILE *to = open_memstream(text, length);
	char part[16384];
	ssize_t n;
	int error = 0;
	while ((n = recv(from, part, sizeof(part), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			error = errno;
			break;
		}
		fwrite(part, 1, (size_t)n, to);
	}
	fclose(to);
	return error;
}

static bool is_whole(const struct standin_reply *reply)
{
	static const char NAME[] = "\r\nContent-Length: ";
	for (const char *at = reply->headers; *at; at++)
		if (strncasecmp(at, NAME, sizeof(NAME) - 1) == 0)
			return strtoull(at + sizeof(NAME) - 1, NULL, 10) == reply->body_bytes;
	return true;
}

static void take_apart(char *text, size_t length, struct standin_reply *reply)
{
	char *gap = strstr(text, "\r\n\r\n");
	const size_t head = gap ? (size_t)(gap - text) + 4 : length;
	reply->headers = strndup(text, head);
	reply->body_bytes = length - head;
	reply->body = malloc(reply->body_bytes + 1);
	if (!reply->headers || !reply->body)
		abort();
	memcpy(reply->body, text + head, reply->body_bytes);
	reply->body[reply->body_bytes] = '\0';
	if (gap && strncmp(text, "HTTP/1.1 ", 9) == 0)
		reply->status = (int)strtol(text + 9, NULL, 10);
	reply->whole = gap && is_whole(reply);
}

void standin_exchange(const struct standin *standin, const char *method, const char *path,
		      const char *headers, const char *body, size_t body_bytes,
		      struct standin_reply *reply)
{
	char *text = NULL;
	size_t length = 0;
	const int connection = connect_to(standin);
	*reply = (struct standin_reply){0};
	if (connection < 0 || !send_request(connection, method, path, headers, body, body_bytes))
		reply->error = errno;
	if (connection >= 0) {
		const int error = read_all(connection, &text, &length);
		reply->error = reply->error ? reply->error : error;
		close(connection);
	}
	take_apart(text ? text : (char[]){""}, length, reply);
	free(text);
}

void standin_reply_release(struct standin_reply *reply)
{
	free(reply->headers);
	free(reply->body);
	*reply = (struct standin_reply){0};
}

/* ---- Questions and orders ------------------------------------------------------------------------- */

char *standin_get(const struct standin *standin, const char *path)
{
	struct standin_reply reply;
	standin_exchange(standin, "GET", path, "", NULL, 0, &reply);
	char *body = reply.status == 200 ? reply.body : NULL;
	if (body)
		reply.body = NULL;
	else
		fprintf(stderr, "standin_get: %s: status %d %s\n", path, reply.status, reply.body);
	standin_reply_release(&reply);
	return body;
}

static int order(const struct standin *standin, const char *path, const char *body)
{
	struct standin_reply reply;
	standin_exchange(standin, "POST", path, "", body, strlen(body), &reply);
	const int status = reply.status;
	if (status != 200)
		fprintf(stderr, "standin: POST %s: status %d %s\n", path, status, reply.body);
	standin_reply_release(&reply);
	return status == 200 ? 0 : -1;
}

int standin_faults(const struct standin *standin, const char *script)
{
	return order(standin, "/control/faults", script);
}

int standin_reset(const struct standin *standin)
{
	return order(standin, "/control/reset", "");
}

int64_t standin_stat(const struct standin *standin, const char *member)
{
	char *text = standin_get(standin, "/control/stats");
	json_t *stats = text ? json_loads(text, 0, NULL) : NULL;
	const json_t *at = stats;
	while (at && *member) {
		const size_t length = strcspn(member, ".");
		at = json_object_getn(at, member, length);
		member += length + (member[length] == '.');
	}
	const int64_t value = json_integer_value(at);
	json_decref(stats);
	free(text);
	return value;
}
