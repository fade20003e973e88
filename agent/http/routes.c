#include "http/server_parts.h"

#include "base/exposition.h"
#include "history/dead.h"
#include "history/status.h"
#include "http/asked.h"
#include "http/history_api.h"

#include <string.h>

/* ---- At once -------------------------------------------------------------------------------------- */

static void answer_health(struct server *server, struct response *response)
{
	(void)server;
	buf_add_str(&response->body, "alive\n");
}

static void answer_ready(struct server *server, struct response *response)
{
	const char *why = server->host.not_ready(server->host.context);
	if (why)
		response->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	buf_addf(&response->body, "%s\n", why ? why : "ready");
}

/* ---- By the database ------------------------------------------------------------------------------ */

static void fail(struct response *response, const struct err *err)
{
	const bool asked_wrongly = err->code == ERR_INVALID;
	response_error(response,
		       asked_wrongly ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE,
		       err->text);
}

/* What runs is told even while the database cannot be read: then of all times it is wanted. */
static void answer_metrics(struct server *server, const struct question *question,
			   struct response *response, struct err *err)
{
	struct status status;
	(void)status_gather(server->database, server->ring_dir, question->db, &status, err);
	response->type = EXPOSITION_CONTENT_TYPE;
	server->host.metrics(server->host.context, &status, &response->body);
	status_release(&status);
}

static void answer_status(struct server *server, const struct question *question,
			  struct response *response, struct err *err)
{
	struct status status = {0};
	response->type = RESPONSE_JSON;
	if (!question->db ||
	    status_gather(server->database, server->ring_dir, question->db, &status, err))
		fail(response, err);
	else
		status_json(&status, &response->body);
	status_release(&status);
}

static void answer_history(enum history_kind kind, const struct question *question,
			   struct response *response, struct err *err)
{
	response->type = RESPONSE_JSON;
	if (!question->db ||
	    history_api(question->db, kind, question->params, &response->body, err))
		fail(response, err);
}

static void answer_events(struct server *server, const struct question *question,
			  struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_EVENTS, question, response, err);
}

static void answer_use_cases(struct server *server, const struct question *question,
			     struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_USE_CASES, question, response, err);
}

static void answer_usage(struct server *server, const struct question *question,
			 struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_USAGE_BY_HOUR, question, response, err);
}

static void answer_series(struct server *server, const struct question *question,
			  struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_SERIES, question, response, err);
}

/* ---- What waits, and dead letters ------------------------------------------------------------------ */

static void answer_waiting(struct server *server, const struct question *question,
			   struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_WAITING, question, response, err);
}

static void answer_dead(struct server *server, const struct question *question,
			struct response *response, struct err *err)
{
	(void)server;
	answer_history(HISTORY_DEAD, question, response, err);
}

/* Events whole, dead or not. There is no more than was asked for, and so no cursor. */
static int add_stories(const struct question *question, const struct asked *asked, struct buf *out,
		       struct err *err)
{
	int status = 0;
	buf_add_str(out, "{\"rows\":[");
	for (size_t i = 0; i < asked->filters.n_events && !status; i++) {
		buf_add_str(out, i ? ",\n" : "");
		status = dead_story(question->db, asked->filters.events[i], out, err);
	}
	buf_add_str(out, "],\"cursor\":null}\n");
	return status;
}

static void answer_story(struct server *server, const struct question *question,
			 struct response *response, struct err *err)
{
	static const char *const names[] = {"event", NULL};
	struct asked asked;
	(void)server;
	response->type = RESPONSE_JSON;
	if (!question->db) {
		fail(response, err);
		return;
	}
	int status = params_check(question->params, names, err);
	if (!status)
		status = asked_read(question->params, &asked, err);
	if (!status && !asked.filters.n_events)
		status = err_set(err, ERR_INVALID, "say which: event=12,13");
	if (!status)
		status = add_stories(question, &asked, &response->body, err);
	if (status)
		fail(response, err);
}

static int read_order(const struct params *params, struct asked *asked, struct dead_filter *filter,
		      struct err *err)
{
	static const char *const names[] = {ASKED_FILTERS, ASKED_DEAD, "all", NULL};
	bool all = false;
	int status = params_check(params, names, err);
	if (!status)
		status = params_bool(params, "all", &all, err);
	if (!status)
		status = asked_read(params, asked, err);
	if (status)
		return status;
	dead_filter_of(&asked->filters, filter);
	if (!all && !dead_filter_is_set(filter))
		return err_set(err, ERR_INVALID, "say which: by a filter, or all=yes");
	return 0;
}

static void answer_order(struct server *server, enum dead_action action,
			 const struct question *question, struct response *response,
			 struct err *err)
{
	struct asked asked;
	struct dead_filter filter;
	const struct server_order order = {action, &filter, question->must_stop,
					   question->stop_context};
	int64_t n = 0;
	response->type = RESPONSE_JSON;
	if (read_order(question->params, &asked, &filter, err) ||
	    server->host.order(server->host.context, &order, &n, err))
		fail(response, err);
	else
		buf_addf(&response->body, "{\"events\":%lld}\n", (long long)n);
}

static void answer_retry(struct server *server, const struct question *question,
			 struct response *response, struct err *err)
{
	answer_order(server, DEAD_RETRY, question, response, err);
}

static void answer_drop(struct server *server, const struct question *question,
			struct response *response, struct err *err)
{
	answer_order(server, DEAD_DROP, question, response, err);
}

/* ---- The table ------------------------------------------------------------------------------------ */

static const struct route routes[] = {
	{"/healthz", "GET", answer_health, NULL, true},
	{"/readyz", "GET", answer_ready, NULL, true},
	{"/metrics", "GET", NULL, answer_metrics, false},
	{"/api/v1/status", "GET", NULL, answer_status, false},
	{"/api/v1/history/events", "GET", NULL, answer_events, false},
	{"/api/v1/history/use-cases", "GET", NULL, answer_use_cases, false},
	{"/api/v1/history/usage", "GET", NULL, answer_usage, false},
	{"/api/v1/history/series", "GET", NULL, answer_series, false},
	{"/api/v1/waiting", "GET", NULL, answer_waiting, false},
	{"/api/v1/dead", "GET", NULL, answer_dead, false},
	{"/api/v1/dead/show", "GET", NULL, answer_story, false},
	{"/api/v1/dead/retry", "POST", NULL, answer_retry, false},
	{"/api/v1/dead/drop", "POST", NULL, answer_drop, false},
};

const struct route *route_find(const char *path, const char *method, bool *other_method)
{
	const char *asked = strcmp(method, "HEAD") == 0 ? "GET" : method;
	*other_method = false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		if (strcmp(routes[i].method, asked) == 0)
			return &routes[i];
		*other_method = true;
	}
	return NULL;
}
