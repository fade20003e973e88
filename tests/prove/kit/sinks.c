#define _GNU_SOURCE /* memmem() */
#include "prove/kit/sinks.h"

#include "base/clock.h"
#include "base/log.h"
#include "prove/kit/prove.h"
#include "sink/payi/payi_sink.h"
#include "unit/sink_events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
	AT_ONCE = 48,
	REQUEST_BYTES_MAX = 16 * 1024,
	LATE_MS = 30000,
	ID_BYTES = 32,
};

enum event_state { EVENT_WAITS, EVENT_DEFERRED, EVENT_SETTLED };

struct event_of_case {
	struct sink_event event;
	enum event_state state;
	int32_t attempts;
	uint64_t sent_as; /* of the first time */
};

struct connection;

struct stage {
	bool busy;
	int number;
	struct sinks_case it;
	struct sinks_result result;
	struct event_of_case events[SINKS_EVENTS_MAX + 1]; /* by id */
	char base_url[48];
	uv_tcp_t listener;
	struct connection *connections;
	int n_faults; /* requests that may meet it */
	struct payi_sink *sink;
	uv_timer_t late;
	bool over;
	int n_open; /* of listener, timer, sink */
};

struct connection {
	uv_tcp_t tcp;
	struct stage *stage; /* NULL: of the trap */
	char in[REQUEST_BYTES_MAX + 1];
	int n_in;
	bool closing;
	struct connection *next;
};

static uv_loop_t loop;
static struct stage stages[AT_ONCE];
static uv_tcp_t trap;
static int trap_port, trap_connections;
static int64_t trap_bytes;

static struct {
	void (*make)(void *context, int number, struct sinks_case *it);
	sinks_each_fn *each;
	void *context;
	int next, n;
} running;

static void begin_next(struct stage *stage);

/* ---- The end of a case ---------------------------------------------------------------------------- */

static void end(struct stage *stage);

static void one_less_open(struct stage *stage)
{
	if (--stage->n_open > 0)
		return;
	stage->busy = false;
	running.each(running.context, stage->number, &stage->result);
	begin_next(stage);
}

static void on_handle_closed(uv_handle_t *handle)
{
	one_less_open(handle->data);
}

static void on_sink_stopped(void *context)
{
	struct stage *stage = context;
	payi_sink_free(stage->sink);
	stage->sink = NULL;
	one_less_open(stage);
}

static void drop(struct connection *connection, bool reset);

static void on_end(uv_timer_t *timer)
{
	struct stage *stage = timer->data;
	payi_sink_stop(stage->sink, 0, on_sink_stopped, stage);
	while (stage->connections)
		drop(stage->connections, false);
	uv_close((uv_handle_t *)&stage->listener, on_handle_closed);
	uv_close((uv_handle_t *)&stage->late, on_handle_closed);
}

static void on_late(uv_timer_t *timer)
{
	struct stage *stage = timer->data;
	stage->result.late = true;
	end(stage);
}

/* At the loop's next turn: the sink may be calling just now. */
static void end(struct stage *stage)
{
	if (stage->over)
		return;
	stage->over = true;
	uv_timer_start(&stage->late, on_end, 0, 0);
}

/* ---- The host ------------------------------------------------------------------------------------- */

static int give(struct stage *stage, int64_t after_id, int limit, enum event_state state,
		sink_take_fn *take, void *taker)
{
	int n = 0;
	for (int64_t id = after_id + 1; id <= stage->it.n_events && n < limit; id++) {
		const struct event_of_case *it = &stage->events[id];
		const struct sink_item item = {.id = id,
					       .record = it->event.record,
					       .record_bytes = it->event.bytes,
					       .attempts = it->attempts};
		if (state == EVENT_DEFERRED && it->state != state)
			continue;
		if (!take(taker, &item))
			break;
		n++;
	}
	return n;
}

static int fetch(void *context, int64_t after_id, int limit, sink_take_fn *take, void *taker)
{
	return give(context, after_id, limit, EVENT_WAITS, take, taker);
}

/* Whatever their time: nobody waits for minutes here. */
static int fetch_deferred(void *context, int64_t now_us, int64_t after_id, int limit,
			  sink_take_fn *take, void *taker)
{
	(void)now_us;
	return give(context, after_id, limit, EVENT_DEFERRED, take, taker);
}

static void settle_one(struct stage *stage, int64_t id, const struct sink_outcome *outcome)
{
	struct event_of_case *it = &stage->events[id];
	struct sinks_result *result = &stage->result;
	if (it->state == EVENT_SETTLED)
		prove_finding("case %d: event %d is settled twice", stage->number, (int)id);
	it->attempts += outcome && outcome->verdict == SINK_DEFERRED;
	it->state = outcome && sink_waits(outcome->verdict) ? EVENT_DEFERRED : EVENT_SETTLED;
	result->n_delivered += !outcome || outcome->verdict == SINK_DELIVERED;
	if (!outcome || outcome->verdict != SINK_DEAD)
		return;
	result->n_dead++;
	result->http_status = outcome->http_status;
	snprintf(result->code, sizeof(result->code), "%s", outcome->code ? outcome->code : "");
}

static const struct sink_outcome *outcome_of(const struct sink_settlement *settlement, int64_t id)
{
	for (size_t i = 0; i < settlement->n_outcomes; i++)
		if (settlement->outcomes[i].id == id)
			return &settlement->outcomes[i];
	return NULL;
}

static void settle(void *context, const struct sink_settlement *settlement)
{
	struct stage *stage = context;
	for (int64_t id = settlement->after_id + 1; id <= settlement->last_id; id++)
		settle_one(stage, id, outcome_of(settlement, id));
	for (size_t i = 0;
	     settlement->last_id == settlement->after_id && i < settlement->n_outcomes; i++)
		settle_one(stage, settlement->outcomes[i].id, &settlement->outcomes[i]);
	if (stage->result.n_delivered + stage->result.n_dead == stage->it.n_events)
		end(stage);
}

static int fetch_asks(void *context, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker)
{
	(void)context;
	(void)now_us;
	(void)limit;
	(void)take;
	(void)taker;
	return 0;
}

static void settle_ask(void *context, const struct sink_ask_outcome *outcome)
{
	(void)context;
	(void)outcome;
}

static void report(void *context, const struct sink_report *report)
{
	struct stage *stage = context;
	struct sinks_result *result = &stage->result;
	if (report->last_error)
		snprintf(result->error, sizeof(result->error), "%s", report->last_error);
	if (strcmp(report->state, "waiting") != 0 && strcmp(report->state, "key refused") != 0)
		return;
	if (!result->was_held)
		snprintf(result->held_as, sizeof(result->held_as), "%s", report->state);
	result->was_held = true;
	if (!report->last_error || !report->next_try_us)
		prove_finding("case %d: it waits, and does not say why or until when",
			      stage->number);
	if (stage->it.until_held)
		end(stage);
}

/* ---- The service: what it takes --------------------------------------------------------------------- */

static uint64_t hash_of(const char *text, size_t n)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	return hash;
}

/* Calls each() for the events in a body: their numbers, and the text of each, which ends where the next begins. */
static int each_event(struct stage *stage, const char *body,
		      void (*each)(struct stage *stage, int id, const char *text, size_t n))
{
	static const char begin[] = "{\"category\"";
	int n = 0;
	for (const char *at = strstr(body, begin); at; n++) {
		const char *next = strstr(at + 1, begin);
		const char *name = strstr(at, "\"event-");
		const int id = name ? atoi(name + strlen("\"event-")) : 0;
		if (id < 1 || id > stage->it.n_events)
			prove_finding("case %d: an event that was never given is sent",
				      stage->number);
		else if (each)
			each(stage, id, at, next ? (size_t)(next - at - 1) : strcspn(at, "]\n"));
		at = next;
	}
	return n;
}

static void take_event(struct stage *stage, int id, const char *text, size_t n)
{
	struct event_of_case *it = &stage->events[id];
	const uint64_t hash = hash_of(text, n);
	stage->result.taken[id - 1]++;
	if (it->sent_as && it->sent_as != hash)
		stage->result.differs = true;
	it->sent_as = hash;
}

static enum sinks_kind kind_of(const char *head)
{
	if (strncmp(head, "POST /api/v1/ingest/bulk ", 25) == 0)
		return SINKS_BULK;
	if (strncmp(head, "POST /api/v1/ingest?", 20) == 0)
		return SINKS_SINGLE;
	return strncmp(head, "GET /api/v1/requests/provider/", 30) == 0 ? SINKS_LOOKUP
									: SINKS_OTHER;
}

static bool is_there(const struct stage *stage, const char *head)
{
	const char *name = strstr(head, "/event-");
	const int id = name ? atoi(name + strlen("/event-")) : 0;
	return id >= 1 && id <= stage->it.n_events && stage->result.taken[id - 1] > 0;
}

/* The true answer, whole; carried_out: and does what was asked. */
static int answer_truly(struct stage *stage, enum sinks_kind kind, const char *head,
			const char *body, bool carried_out, char *text, size_t size)
{
	char said[200];
	const int n = each_event(stage, body, NULL);
	int status = 200;
	if (kind == SINKS_LOOKUP && !is_there(stage, head)) {
		status = 404;
		snprintf(said, sizeof(said), "{\"message\":\"no such\",\"statusCode\":404}");
	} else if (kind == SINKS_LOOKUP) {
		snprintf(said, sizeof(said), "{\"xproxy_result\":{\"request_id\":\"1\"}}");
	} else {
		if (carried_out)
			each_event(stage, body, take_event);
		snprintf(said, sizeof(said),
			 "{\"request_id\":\"1\",\"ingest_timestamp\":\"2026-01-01T00:00:00Z\","
			 "\"ingest_count\":%d,\"errors\":null}",
			 n);
	}
	return snprintf(text, size,
			"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			status, strlen(said), said);
}

/* ---- The service: connections ----------------------------------------------------------------------- */

static void free_connection(uv_handle_t *handle)
{
	free(handle->data);
}

static void drop(struct connection *connection, bool reset)
{
	struct connection **at = &connection->stage->connections;
	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	connection->closing = true;
	if (!reset || uv_tcp_close_reset(&connection->tcp, free_connection))
		uv_close((uv_handle_t *)&connection->tcp, free_connection);
}

static void on_wrote(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
	free(write);
}

/* The socket's buffer takes it at once, if it is not large. */
static void say(struct connection *connection, const char *text, int n)
{
	uv_buf_t now = uv_buf_init((char *)(uintptr_t)text, (unsigned)n);
	const int written = n > 0 ? uv_try_write((uv_stream_t *)&connection->tcp, &now, 1) : 0;
	if (written == n)
		return;
	uv_write_t *write = malloc(sizeof(*write));
	const int rest = n - (written > 0 ? written : 0);
	char *copy = malloc((size_t)rest);
	if (!write || !copy)
		prove_broken("out of memory");
	memcpy(copy, text + (n - rest), (size_t)rest);
	write->data = copy;
	uv_buf_t later = uv_buf_init(copy, (unsigned)rest);
	uv_write(write, (uv_stream_t *)&connection->tcp, &later, 1, on_wrote);
}

static bool meets_fault(const struct stage *stage, enum sinks_kind kind)
{
	const struct sinks_fault *fault = &stage->it.fault;
	const int number = stage->n_faults + 1;
	return (!fault->bulk_only || kind == SINKS_BULK) && number >= fault->from_request &&
	       number < fault->from_request + fault->times;
}

static void note_request(struct stage *stage, enum sinks_kind kind, int n_events, int bytes)
{
	struct sinks_result *result = &stage->result;
	if (result->n_requests < SINKS_REQUESTS_MAX)
		result->requests[result->n_requests] =
			(struct sinks_request){kind, clock_boot_us(), n_events, bytes};
	result->n_requests++;
}

/* Returns whether the connection goes on. */
static bool answer(struct connection *connection, enum sinks_kind kind, const char *head,
		   const char *body)
{
	struct stage *stage = connection->stage;
	const struct sinks_fault *fault = &stage->it.fault;
	const bool wrong = meets_fault(stage, kind);
	char text[1024];
	stage->n_faults += !fault->bulk_only || kind == SINKS_BULK;
	int n = answer_truly(stage, kind, head, body, !wrong || fault->carried_out, text,
			     sizeof(text));
	stage->result.answer_bytes = n;
	const char *said = text;
	if (wrong && fault->answer) {
		said = fault->answer;
		n = (int)strlen(said);
	}
	const bool cut = wrong && fault->write_bytes < SINKS_ALL;
	say(connection, said, cut && fault->write_bytes < n ? fault->write_bytes : n);
	if (cut)
		drop(connection, fault->reset);
	return !cut;
}

static int content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");
	return at ? atoi(at + strlen("\r\ncontent-length:")) : 0;
}

static bool serve_one(struct connection *connection)
{
	connection->in[connection->n_in] = '\0';
	char *head_end = strstr(connection->in, "\r\n\r\n");
	if (!head_end)
		return false;
	const int head_bytes = (int)(head_end + 4 - connection->in);
	const int bytes = head_bytes + content_length(connection->in);
	if (connection->n_in < bytes)
		return false;
	char *body = strndup(connection->in + head_bytes, (size_t)(bytes - head_bytes));
	const enum sinks_kind kind = kind_of(connection->in);
	note_request(connection->stage, kind, each_event(connection->stage, body, NULL), bytes);
	const bool goes_on = answer(connection, kind, connection->in, body);
	free(body);
	if (!goes_on)
		return false;
	connection->n_in -= bytes;
	memmove(connection->in, connection->in + bytes, (size_t)connection->n_in);
	return true;
}

/* Not one byte more than the fault reads. */
static int room_of(const struct connection *connection)
{
	const int room = REQUEST_BYTES_MAX - connection->n_in;
	const struct stage *stage = connection->stage;
	const int left = stage->it.fault.read_bytes - connection->n_in;
	return meets_fault(stage, SINKS_BULK) && left < room ? left : room;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct connection *connection = handle->data;
	(void)suggested;
	*buf = uv_buf_init(connection->in + connection->n_in, (unsigned)room_of(connection));
}

static void break_off(struct connection *connection)
{
	struct stage *stage = connection->stage;
	stage->n_faults++;
	note_request(stage, SINKS_OTHER, 0, connection->n_in);
	drop(connection, stage->it.fault.reset);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct connection *connection = stream->data;
	(void)buf;
	if (n < 0) {
		drop(connection, false);
		return;
	}
	connection->n_in += (int)n;
	if (n > 0 && meets_fault(connection->stage, SINKS_BULK) &&
	    connection->n_in == connection->stage->it.fault.read_bytes) {
		break_off(connection);
		return;
	}
	while (!connection->closing && serve_one(connection))
		;
}

static struct connection *new_connection(uv_stream_t *listener)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		prove_broken("out of memory");
	uv_tcp_init(&loop, &connection->tcp);
	connection->tcp.data = connection;
	uv_accept(listener, (uv_stream_t *)&connection->tcp);
	return connection;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct stage *stage = listener->data;
	if (status < 0)
		return;
	struct connection *connection = new_connection(listener);
	connection->stage = stage;
	connection->next = stage->connections;
	stage->connections = connection;
	if (meets_fault(stage, SINKS_BULK) && stage->it.fault.read_bytes == 0)
		break_off(connection);
	else
		uv_read_start((uv_stream_t *)&connection->tcp, on_room, on_read);
}

/* ---- The trap --------------------------------------------------------------------------------------- */

static void on_trap_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n > 0)
		trap_bytes += n;
	else if (n < 0)
		uv_close((uv_handle_t *)stream, free_connection);
	((struct connection *)stream->data)->n_in = 0;
}

static void on_trap_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct connection *connection = handle->data;
	(void)suggested;
	*buf = uv_buf_init(connection->in, REQUEST_BYTES_MAX);
}

static void on_trapped(uv_stream_t *listener, int status)
{
	if (status < 0)
		return;
	trap_connections++;
	uv_read_start((uv_stream_t *)&new_connection(listener)->tcp, on_trap_room, on_trap_read);
}

int sinks_trap_port(void)
{
	return trap_port;
}

int64_t sinks_trap_bytes(void)
{
	return trap_bytes;
}

int sinks_trap_connections(void)
{
	return trap_connections;
}

/* ---- Running ---------------------------------------------------------------------------------------- */

static int listen_on_any(uv_tcp_t *listener, uv_connection_cb on_any)
{
	struct sockaddr_in address;
	int bytes = sizeof(address);
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&loop, listener);
	if (uv_tcp_bind(listener, (const struct sockaddr *)&address, 0) ||
	    uv_listen((uv_stream_t *)listener, 16, on_any) ||
	    uv_tcp_getsockname(listener, (struct sockaddr *)&address, &bytes))
		prove_broken("cannot listen on 127.0.0.1");
	return ntohs(address.sin_port);
}

static void open_sink(struct stage *stage)
{
	const struct payi_sink_options options = {.base_url = stage->base_url,
						  .api_key = "a-key",
						  .batch_events = stage->it.batch_events,
						  .batch_bytes = 1 << 19,
						  .batch_age_ms = 0,
						  .in_flight = 1,
						  .timeout_s = 2};
	const struct sink_host host = {.context = stage,
				       .fetch = fetch,
				       .fetch_deferred = fetch_deferred,
				       .settle = settle,
				       .fetch_asks = fetch_asks,
				       .settle_ask = settle_ask,
				       .report = report};
	struct err err;
	if (payi_sink_new(&loop, &options, &host, 0, &stage->sink, &err))
		prove_broken("no sink: %s", err.text);
}

static void begin_next(struct stage *stage)
{
	if (running.next == running.n)
		return;
	*stage = (struct stage){.busy = true, .number = running.next++, .n_open = 3};
	stage->it = (struct sinks_case){.n_events = 3,
					.batch_events = 3,
					.fault = {.from_request = 1,
						  .times = 1,
						  .read_bytes = SINKS_ALL,
						  .write_bytes = SINKS_ALL}};
	running.make(running.context, stage->number, &stage->it);
	for (int id = 1; id <= stage->it.n_events; id++)
		stage->events[id].event = sink_event(id, (struct sink_event_more){0});
	const int port = listen_on_any(&stage->listener, on_connection);
	snprintf(stage->base_url, sizeof(stage->base_url), "http://127.0.0.1:%d", port);
	uv_timer_init(&loop, &stage->late);
	stage->listener.data = stage;
	stage->late.data = stage;
	uv_timer_start(&stage->late, on_late, LATE_MS, 0);
	open_sink(stage);
}

void sinks_run(int n, void (*make)(void *context, int number, struct sinks_case *it),
	       sinks_each_fn *each, void *context)
{
	running.make = make;
	running.each = each;
	running.context = context;
	running.next = 0;
	running.n = n;
	for (int i = 0; i < AT_ONCE; i++)
		begin_next(&stages[i]);
	for (bool busy = true; busy;) {
		uv_run(&loop, UV_RUN_ONCE);
		busy = false;
		for (int i = 0; i < AT_ONCE; i++)
			busy |= stages[i].busy;
	}
}

void sinks_open(void)
{
	log_setup(LOG_ERROR + 1, LOG_LOGFMT); /* what is refused here is no news */
	if (uv_loop_init(&loop))
		prove_broken("no loop");
	trap_port = listen_on_any(&trap, on_trapped);
}

void sinks_close(void)
{
	uv_close((uv_handle_t *)&trap, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
}
