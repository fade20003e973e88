/*
 * A request, from its headers to its answer:
 *
 *     headers --refused--> answered
 *        |                    ^
 *        v                    |
 *       body --at once--------+
 *        |                    |
 *        +--> SUSPENDED ------+   while a thread of the pool works for it
 *
 * Libmicrohttpd calls request_handle() for each of these steps.
 */
#include "http/server_parts.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct request {
	struct work work; /* the first member: what the pool knows of it */
	struct server *server;
	struct door *door;
	struct MHD_Connection *connection;
	const struct route *route;
	const struct web_file *file; /* there is one of the two */
	struct params params;
	struct response response;
	int64_t deadline_us;
	bool is_suspended;
	bool is_answered;     /* response is what goes out */
	bool is_gone;         /* the connection has ended; only the pool still has the request */
	struct request *next; /* of those that are suspended */
};

/* ---- On a thread of the pool ---------------------------------------------------------------------- */

static bool must_stop(void *context)
{
	const struct request *request = context;
	return clock_boot_us() >= request->deadline_us ||
	       atomic_load_explicit(&request->server->closing, memory_order_relaxed);
}

static bool is_order(const struct request *request)
{
	return strcmp(request->route->method, "POST") == 0;
}

/* What the database said of being stopped is not what the client has to know. */
static void say_if_stopped(struct request *request)
{
	if (request->response.status != MHD_HTTP_SERVICE_UNAVAILABLE || is_order(request) ||
	    !must_stop(request))
		return;
	response_error(&request->response, MHD_HTTP_SERVICE_UNAVAILABLE,
		       "it took too long and was broken off; ask for less: a shorter time, one use "
		       "case, a lower limit");
}

static void on_work(struct work *work)
{
	struct request *request = (struct request *)work;
	struct question question = {
		.params = &request->params, .must_stop = must_stop, .stop_context = request};
	struct err err = {0};
	if (query_db_open(request->server->database, &question.db, &err) == 0)
		query_db_stop_when(question.db, must_stop, request);
	request->route->work(request->server, &question, &request->response, &err);
	query_db_close(question.db);
	say_if_stopped(request);
}

/* ---- Waiting for it ------------------------------------------------------------------------------- */

static void free_request(struct request *request)
{
	params_release(&request->params);
	buf_release(&request->response.body);
	free(request);
}

static void suspend(struct request *request)
{
	struct server *server = request->server;
	request->is_suspended = true;
	request->next = server->suspended;
	server->suspended = request;
	MHD_suspend_connection(request->connection);
}

static void resume(struct request *request)
{
	struct request **at = &request->server->suspended;
	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	request->is_suspended = false;
	MHD_resume_connection(request->connection);
	door_kick(request->door);
}

static void on_worked(struct work *work)
{
	struct request *request = (struct request *)work;
	request->is_answered = true;
	request->work.line = NULL;
	if (request->is_gone)
		free_request(request);
	else if (request->is_suspended)
		resume(request);
}

void request_resume_all(struct server *server)
{
	while (server->suspended)
		resume(server->suspended);
}

static enum MHD_Result begin_work(struct request *request)
{
	request->work.run = on_work;
	request->work.done = on_worked;
	request->deadline_us =
		clock_boot_us() + (is_order(request) ? ORDER_MS_MAX : QUERY_MS_MAX) * INT64_C(1000);
	if (work_post(&request->server->line, &request->work)) {
		suspend(request);
		return MHD_YES;
	}
	request->work.line = NULL;
	request->is_answered = true;
	response_error(&request->response, MHD_HTTP_SERVICE_UNAVAILABLE,
		       "too many requests are waiting; try again");
	return response_send(&request->response, request->connection);
}

/* ---- Headers -------------------------------------------------------------------------------------- */

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	struct guard_request *asked = context;
	const struct {
		const char *name;
		const char **value;
	} headers[] = {
		{"Host", &asked->host},
		{"Origin", &asked->origin},
		{"Sec-Fetch-Site", &asked->sec_fetch_site},
		{"Sec-Fetch-Mode", &asked->sec_fetch_mode},
		{"Authorization", &asked->authorization},
		{"Content-Type", &asked->content_type},
		{GUARD_HEADER, &asked->own_header},
	};
	(void)kind;
	asked->n_hosts += strcasecmp(name, "Host") == 0;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strcasecmp(name, headers[i].name) == 0)
			*headers[i].value = value ? value : "";
	return MHD_YES;
}

static const char *header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static int refuse(int status, const char *text, const char **why)
{
	*why = text;
	return status;
}

/* Asked beforehand, so that none is ever read. */
static int check_body(struct request *request, const char **why)
{
	const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
	if (header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) ||
	    (length && strspn(length, "0") != strlen(length)))
		return refuse(MHD_HTTP_CONTENT_TOO_LARGE,
			      "a request has no body here: what it asks for is in its parameters",
			      why);
	return 0;
}

static int check_path(const struct request *request, const char *method, bool other_method,
		      const char **why)
{
	const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (request->route || (request->file && reads))
		return 0;
	if (other_method || request->file)
		return refuse(MHD_HTTP_METHOD_NOT_ALLOWED, "this path takes another method", why);
	return refuse(MHD_HTTP_NOT_FOUND,
		      "there is nothing at this path; there are /, /healthz, /readyz, /metrics, "
		      "/api/v1/status, /api/v1/history/events, /api/v1/history/use-cases, "
		      "/api/v1/history/usage, /api/v1/history/series, /api/v1/waiting and "
		      "/api/v1/dead",
		      why);
}

/* 0, or the status of a refusal. */
static int judge(struct request *request, const char *path, const char *method, struct err *err)
{
	struct guard_request asked = {.method = method, .over_tcp = request->door->over_tcp};
	const char *why = NULL;
	bool other_method = false;
	request->route = route_find(path, method, &other_method);
	request->file = web_find(path);
	asked.is_public = request->file || (request->route && request->route->is_health);
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_header, &asked);
	int status = guard_check(&request->server->guard, &asked, &why);
	if (!status)
		status = check_body(request, &why);
	if (!status)
		status = check_path(request, method, other_method, &why);
	if (status)
		err_set(err, ERR_INVALID, "%s", why);
	else if (params_read(request->connection, &request->params, err))
		status = MHD_HTTP_BAD_REQUEST;
	return status;
}

static enum MHD_Result begin(struct door *door, struct MHD_Connection *connection, const char *path,
			     const char *method, void **state)
{
	struct err err;
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return MHD_NO;
	*state = request;
	request->server = door->owner;
	request->door = door;
	request->connection = connection;
	request->response = (struct response){.status = MHD_HTTP_OK, .type = RESPONSE_TEXT};
	door_heard(door, connection);
	const int status = judge(request, path, method, &err);
	if (!status)
		return MHD_YES;
	request->is_answered = true;
	response_error(&request->response, status, err.text);
	return response_send(&request->response, connection);
}

/* ---- libmicrohttpd's calls ------------------------------------------------------------------------ */

enum MHD_Result request_handle(void *context, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *bytes,
			       size_t *n_bytes, void **state)
{
	struct request *request = *state;
	(void)version;
	(void)bytes;
	if (!request)
		return begin(context, connection, path, method, state);
	if (*n_bytes > 0) {
		*n_bytes = 0;
		return MHD_YES;
	}
	if (request->is_answered)
		return response_send(&request->response, connection);
	if (request->file)
		return web_send(request->file, connection);
	if (request->route->work)
		return begin_work(request);
	request->is_answered = true;
	request->route->answer(request->server, &request->response);
	return response_send(&request->response, connection);
}

void request_completed(void *context, struct MHD_Connection *connection, void **state,
		       enum MHD_RequestTerminationCode how)
{
	struct request *request = *state;
	(void)how;
	door_idle(context, connection);
	*state = NULL;
	if (!request)
		return;
	request->is_gone = true;
	if (!request->work.line)
		free_request(request);
}
