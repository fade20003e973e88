/*
 * An HTTP server that says what a test tells it to, on 127.0.0.1, on the test's own loop: no thread, so
 * a test sees every request in order and can look at everything without a lock.
 */
#ifndef PAYI_TESTS_SCRIPTED_SERVER_H
#define PAYI_TESTS_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

enum { SERVER_BYTES_MAX = 1 << 20 };

struct server_request {
	int number; /* 1, 2, … in the order of their ends */
	const char *path;
	const char *headers; /* as text, with the request line */
	const char *body;    /* NUL-terminated */
	size_t body_bytes;
};

/* status 0: no answer ever comes; -1: the connection is closed instead. */
struct server_answer {
	int status;
	char headers[256]; /* "Name: value\r\n" … */
	char body[4096];
};

struct server {
	uv_tcp_t listener;
	int port;
	int n_requests;
	int n_connections;
	void (*script)(struct server *server, const struct server_request *request,
		       struct server_answer *answer);
	struct server_connection *connections;
};

struct server_connection {
	uv_tcp_t tcp;
	struct server *server;
	char *in;
	size_t n_in;
	struct server_connection *next;
};

static inline void server_free_connection(uv_handle_t *handle)
{
	struct server_connection *connection = handle->data;
	free(connection->in);
	free(connection);
}

static inline void server_drop(struct server_connection *connection)
{
	struct server_connection **at = &connection->server->connections;
	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	uv_close((uv_handle_t *)&connection->tcp, server_free_connection);
}

static inline void server_wrote(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

static inline void server_send(struct server_connection *connection,
			       const struct server_answer *answer)
{
	size_t max = sizeof(*answer) + 256;
	char *text = malloc(max);
	int n = snprintf(text, max, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n%s",
			 answer->status, strlen(answer->body), answer->headers, answer->body);
	uv_write_t *write = malloc(sizeof(*write));
	write->data = text;
	uv_buf_t buf = uv_buf_init(text, (unsigned)n);
	uv_write(write, (uv_stream_t *)&connection->tcp, &buf, 1, server_wrote);
}

static inline size_t server_content_length(const char *headers)
{
	for (const char *at = headers; at; at = strstr(at, "\r\n"), at = at ? at + 2 : NULL)
		if (strncasecmp(at, "content-length:", 15) == 0)
			return strtoul(at + 15, NULL, 10);
	return 0;
}

/* Takes one request off the connection's bytes, if it is whole; false: nothing more to do now. */
static inline bool server_serve_one(struct server_connection *connection)
{
	struct server *server = connection->server;
	connection->in[connection->n_in] = '\0';
	char *end = strstr(connection->in, "\r\n\r\n");
	if (!end)
		return false;
	char *body = end + 4;
	size_t head_bytes = (size_t)(body - connection->in);
	end[2] = '\0';
	size_t body_bytes = server_content_length(connection->in);
	end[2] = '\r';
	if (connection->n_in < head_bytes + body_bytes)
		return false;
	end[2] = '\0';
	char after = body[body_bytes];
	body[body_bytes] = '\0';
	char path[512] = "";
	sscanf(connection->in, "%*s %511s", path);
	const struct server_request request = {++server->n_requests, path, connection->in, body,
					       body_bytes};
	struct server_answer answer = {.status = 200};
	server->script(server, &request, &answer);
	body[body_bytes] = after;
	connection->n_in -= head_bytes + body_bytes;
	memmove(connection->in, body + body_bytes, connection->n_in);
	if (answer.status > 0)
		server_send(connection, &answer);
	else if (answer.status < 0)
		server_drop(connection);
	return answer.status >= 0;
}

static inline void server_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct server_connection *connection = handle->data;
	*buf = uv_buf_init(connection->in + connection->n_in,
			   (unsigned)(SERVER_BYTES_MAX - connection->n_in));
}

static inline void server_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	struct server_connection *connection = stream->data;
	if (n < 0) {
		server_drop(connection);
		return;
	}
	connection->n_in += (size_t)n;
	while (server_serve_one(connection))
		;
}

static inline void server_accept(uv_stream_t *listener, int status)
{
	struct server *server = listener->data;
	if (status < 0)
		return;
	struct server_connection *connection = calloc(1, sizeof(*connection));
	connection->server = server;
	connection->in = malloc(SERVER_BYTES_MAX + 1);
	connection->next = server->connections;
	server->connections = connection;
	server->n_connections++;
	uv_tcp_init(listener->loop, &connection->tcp);
	connection->tcp.data = connection;
	uv_accept(listener, (uv_stream_t *)&connection->tcp);
	uv_read_start((uv_stream_t *)&connection->tcp, server_buffer, server_read);
}

/* port 0: any; server->port tells which. Returns a libuv error. */
static inline int server_open(struct server *server, uv_loop_t *loop, int port)
{
	struct sockaddr_in address;
	int len = sizeof(address);
	uv_ip4_addr("127.0.0.1", port, &address);
	uv_tcp_init(loop, &server->listener);
	server->listener.data = server;
	int status = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
	if (!status)
		status = uv_listen((uv_stream_t *)&server->listener, 16, server_accept);
	if (!status)
		status = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);
	server->port = (address.sin_port & 0xff) << 8 | address.sin_port >> 8;
	return status;
}

static inline void server_close(struct server *server)
{
	if (uv_is_closing((uv_handle_t *)&server->listener))
		return;
	while (server->connections)
		server_drop(server->connections);
	uv_close((uv_handle_t *)&server->listener, NULL);
}

#endif
