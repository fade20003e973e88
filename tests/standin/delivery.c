#include "standin/delivery.h"

#include "standin/memory.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { WHOLE_BYTES = 64 * 1024 };

/* A body that leaves in pieces. */
struct stream {
	struct service *service;
	char *body;
	size_t body_bytes;
	size_t end; /* no byte from here on leaves: the connection breaks off */
	size_t piece_bytes;
	int piece_ms;
};

static ssize_t next_piece(void *context, uint64_t at, char *to, size_t room)
{
	const struct stream *stream = context;
	if (at >= stream->end)
		return stream->end < stream->body_bytes ? MHD_CONTENT_READER_END_WITH_ERROR
							: MHD_CONTENT_READER_END_OF_STREAM;
	if (stream->piece_ms && at > 0)
		service_wait(stream->service, stream->piece_ms);
	size_t n = stream->end - at;
	n = n < stream->piece_bytes ? n : stream->piece_bytes;
	n = n < room ? n : room;
	memcpy(to, stream->body + at, n);
	return (ssize_t)n;
}

static void release_stream(void *context)
{
	struct stream *stream = context;
	free(stream->body);
	free(stream);
}

static struct MHD_Response *stream_response(struct service *service, struct answer *answer,
					    const struct fault *fault)
{
	struct stream *stream = memory_get(sizeof(*stream));
	const bool slow = fault->action == FAULT_SLOW;
	const bool cut = fault->action == FAULT_TRUNCATE;
	*stream = (struct stream){
		.service = service,
		.body = answer->body,
		.body_bytes = answer->body_bytes,
		.end = cut ? answer->body_bytes / 2 : answer->body_bytes,
		.piece_bytes = slow ? (size_t)fault->piece_bytes : WHOLE_BYTES,
		.piece_ms = slow ? fault->piece_ms : 0,
	};
	const uint64_t said =
		fault->action == FAULT_CHUNKED ? MHD_SIZE_UNKNOWN : answer->body_bytes;
	return MHD_create_response_from_callback(said, WHOLE_BYTES, next_piece, stream,
						 release_stream);
}

/* ---- Headers -------------------------------------------------------------------------------------- */

static bool has_header(const json_t *headers, const char *name)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)headers, key,
			    value) if (strcasecmp(key, name) == 0) return true;
	return false;
}

static void add_headers(struct MHD_Response *response, const struct answer *answer,
			const struct fault *fault)
{
	const char *name;
	json_t *value;
	if (!has_header(fault->headers, MHD_HTTP_HEADER_CONTENT_TYPE))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
					answer->content_type ? answer->content_type
							     : "application/json; charset=utf-8");
	json_object_foreach(fault->headers, name, value)
		MHD_add_response_header(response, name, json_string_value(value));
}

/* ---- Raw ------------------------------------------------------------------------------------------ */

static int socket_of(const struct request *request)
{
	return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

/* The socket does not block; a client that has gone ends it. */
static bool send_all(int socket, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t sent = send(socket, bytes, n, MSG_NOSIGNAL);
		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = socket, .events = POLLOUT}, 1, 1000);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static void send_raw(struct service *service, const struct request *request,
		     const struct fault *fault)
{
	const int socket = socket_of(request);
	const size_t length = strlen(fault->raw);
	const bool slow = fault->action == FAULT_SLOW;
	const size_t piece = slow ? (size_t)fault->piece_bytes : length;
	for (size_t at = 0; at < length; at += piece) {
		if (slow && at > 0)
			service_wait(service, fault->piece_ms);
		if (!send_all(socket, fault->raw + at, at + piece < length ? piece : length - at))
			return;
	}
}

/*
 * To dissolve the connection's association (connect() to no address) makes the kernel send a reset at once;
 * closing would say good-bye properly first, as microhttpd does.
 */
enum MHD_Result delivery_reset(const struct request *request)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	connect(socket_of(request), &nowhere, sizeof(nowhere));
	return MHD_NO;
}

/* ---- Answers -------------------------------------------------------------------------------------- */

void delivery_replace(struct answer *answer, const struct fault *fault)
{
	answer_release(answer);
	if (!fault->body) {
		answer_error(answer, fault->status, NULL, "as it was told to");
		return;
	}
	answer->status = fault->status;
	answer->body = memory_text(fault->body);
	answer->body_bytes = strlen(fault->body);
}

/* Blanks before JSON are JSON still. */
static void put_blanks(struct answer *answer, size_t n)
{
	char *body = memory_get(n + answer->body_bytes);
	memset(body, ' ', n);
	memcpy(body + n, answer->body, answer->body_bytes);
	free(answer->body);
	answer->body = body;
	answer->body_bytes += n;
}

enum MHD_Result delivery_send(struct service *service, const struct request *request,
			      struct answer *answer, const struct fault *fault)
{
	if (fault->raw) {
		send_raw(service, request, fault);
		answer_release(answer);
		return MHD_NO;
	}
	if (fault->huge_bytes)
		put_blanks(answer, (size_t)fault->huge_bytes);
	const bool whole = fault->action == FAULT_NONE;
	struct MHD_Response *response =
		whole ? MHD_create_response_from_buffer(answer->body_bytes, answer->body,
							MHD_RESPMEM_MUST_FREE)
		      : stream_response(service, answer, fault);
	answer->body = NULL;
	add_headers(response, answer, fault);
	const enum MHD_Result result =
		MHD_queue_response(request->connection, (unsigned)answer->status, response);
	MHD_destroy_response(response);
	return result;
}
