#include "standin/http.h"

#include "standin/control.h"
#include "standin/delivery.h"
#include "standin/memory.h"
#include "standin/rfc3339.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
	BODY_BYTES_MAX = 64 << 20, /* larger ones are refused, whatever the script says */
	FIRST_BODY_BYTES = 64 * 1024,
	CONNECTION_BYTES = 256 * 1024, /* of microhttpd's, for headers and a piece of the body */
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct service *service;
	FILE *log;
	bool needs_certificates;
};

/* A request that is coming in. */
struct upload {
	char *body;
	size_t n_bytes, capacity;
	bool too_large;
};

/* ---- Coming in ------------------------------------------------------------------------------------ */

static void add_to_upload(struct upload *upload, const char *bytes, size_t n)
{
	if (upload->too_large || n > BODY_BYTES_MAX - upload->n_bytes) {
		upload->too_large = true;
		return;
	}
	if (upload->capacity - upload->n_bytes < n) {
		size_t capacity = upload->capacity ? upload->capacity * 2 : FIRST_BODY_BYTES;
		if (capacity < upload->n_bytes + n)
			capacity = upload->n_bytes + n;
		upload->body = memory_resized(upload->body, capacity, 1);
		upload->capacity = capacity;
	}
	memcpy(upload->body + upload->n_bytes, bytes, n);
	upload->n_bytes += n;
}

static void release_upload(void *context, struct MHD_Connection *connection, void **state,
			   enum MHD_RequestTerminationCode how)
{
	struct upload *upload = *state;
	(void)context;
	(void)connection;
	(void)how;
	if (upload)
		free(upload->body);
	free(upload);
	*state = NULL;
}

/* What is encoded stays so: request.c takes a path apart first, and decodes its parts then. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

/* ---- Carrying out --------------------------------------------------------------------------------- */

static void log_request(const struct http_server *server, const struct request *request, int status,
			const struct fault *fault)
{
	if (!server->log)
		return;
	char now[RFC3339_BYTES];
	char *rule = fault->rule ? json_dumps(fault->rule, JSON_COMPACT) : NULL;
	rfc3339_write(now, rfc3339_now_us());
	fprintf(server->log, "%s %s %s bytes=%zu status=%d%s%.200s\n", now, request->method,
		request->path, request->body_bytes, status, rule ? " fault=" : "",
		rule ? rule : "");
	free(rule);
}

static void take_fault(struct service *service, const struct request *request, struct fault *fault)
{
	pthread_mutex_lock(&service->lock);
	service->stats.requests++;
	faults_take(&service->faults, service_kind(request), service_now_s(), fault);
	service->stats.faults += fault->rule != NULL;
	pthread_mutex_unlock(&service->lock);
}

static bool is_carried_out(const struct fault *fault)
{
	return fault->action != FAULT_RESET_BEFORE &&
	       (fault->processed || (!fault->status && !fault->raw));
}

static enum MHD_Result serve_with(struct http_server *server, const struct request *request,
				  const struct fault *fault)
{
	struct answer answer = {0};
	if (fault->hang_ms)
		service_wait(server->service, fault->hang_ms);
	if (is_carried_out(fault))
		service_answer(server->service, request, &answer);
	if (fault->status)
		delivery_replace(&answer, fault);
	if (fault->hang_after_ms)
		service_wait(server->service, fault->hang_after_ms);
	log_request(server, request, answer.status, fault);
	if (fault->action == FAULT_RESET_BEFORE || fault->action == FAULT_RESET_AFTER) {
		answer_release(&answer);
		return delivery_reset(request);
	}
	return delivery_send(server->service, request, &answer, fault);
}

static enum MHD_Result serve(struct http_server *server, const struct request *request)
{
	struct fault fault = {0};
	if (control_is_for(request)) {
		struct answer answer = {0};
		control_answer(server->service, request, &answer);
		return delivery_send(server->service, request, &answer, &fault);
	}
	take_fault(server->service, request, &fault);
	const enum MHD_Result result = serve_with(server, request, &fault);
	pthread_mutex_lock(&server->service->lock);
	fault_release(&fault);
	pthread_mutex_unlock(&server->service->lock);
	return result;
}

/* Whether the client has shown a certificate that is trusted. */
static bool is_vouched_for(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned flaws = 1;
	return info && gnutls_certificate_verify_peers2(info->tls_session, &flaws) == 0 &&
	       flaws == 0;
}

/* microhttpd calls once for the headers, then for each piece of the body, and once more at its end. */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *bytes, size_t *n,
			      void **state)
{
	const struct http_server *server = context;
	struct upload *upload = *state;
	(void)version;
	if (!upload && server->needs_certificates && !is_vouched_for(connection))
		return MHD_NO;
	if (!upload) {
		*state = memory_zeroed(1, sizeof(*upload));
		return MHD_YES;
	}
	if (*n > 0) {
		add_to_upload(upload, bytes, *n);
		*n = 0;
		return MHD_YES;
	}
	const struct request request = {connection,   method,          path,
					upload->body, upload->n_bytes, upload->too_large};
	return serve(context, &request);
}

/* ---- Life ----------------------------------------------------------------------------------------- */

struct http_server *http_start(struct service *service, const struct http_options *options)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(options->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, options->tls_certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, options->tls_key},
		{options->tls_clients ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		 options->tls_clients},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	const bool has_tls = options->tls_certificate != NULL;
	struct http_server *server = memory_zeroed(1, sizeof(*server));
	server->service = service;
	server->log = options->log;
	server->needs_certificates = options->tls_clients != NULL;
	server->daemon = MHD_start_daemon(
		MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			(has_tls ? MHD_USE_TLS : 0u),
		options->port, NULL, NULL, handle, server, MHD_OPTION_SOCK_ADDR, &address,
		MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED, release_upload, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_ARRAY,
		has_tls ? tls : none, MHD_OPTION_END);
	if (server->daemon)
		return server;
	free(server);
	return NULL;
}

uint16_t http_port(const struct http_server *server)
{
	return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void http_stop(struct http_server *server)
{
	MHD_stop_daemon(server->daemon);
	free(server);
}
