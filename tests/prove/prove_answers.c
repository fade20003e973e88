/*
 * M14. What the service, or whoever answers in its place, may say: each status with each kind of body and header, and what is
 * no HTTP at all. For each the documented class: the sink must do what that class says, and every event must be
 * there in the end, or dead with the status that it was refused by. Nobody else is told the key: what redirects
 * name gets no byte.
 */
#include "prove/kit/prove.h"
#include "prove/kit/sinks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EVENTS = 3, ROWS_MAX = 600, ANSWER_BYTES = 2048 };

enum fate {
	TAKEN,     /* delivered, and asked no more */
	LOOKED_UP, /* each is looked up; sent again only if it is not there */
	AGAIN,     /* the same again, later */
	REFUSED,   /* narrowed down; each is dead, with the status */
	SMALLER,   /* the same again in smaller requests */
	HELD,      /* waits for a person, and asks seldom */
	KEY,       /* likewise, and says that it is the key */
	SINGLY,    /* one by one */
};

static const char *const fate_names[] = {"taken",   "looked up", "again", "refused",
					 "smaller", "held",      "key",   "singly"};

struct row {
	enum fate fate;
	int status;
	int wait_ms;      /* at least, until the next request */
	bool carried_out; /* before the answer */
	bool closes;
	char answer[ANSWER_BYTES];
};

static struct row rows[ROWS_MAX];
static int n_rows;
static int n_of_fate[SINGLY + 1];

/* ---- The rows: by status -------------------------------------------------------------------------- */

/* From the service's documents and those of HTTP; not from the sink's table. */
static enum fate fate_of(int status)
{
	if (status < 400)
		return HELD;
	if (status >= 500)
		return AGAIN;
	switch (status) {
	case 401:
	case 403:
		return KEY;
	case 402: /* pay first */
	case 404: /* of bulk and of single ingest: this is no Pay-i */
	case 405:
	case 406:
	case 407: /* a proxy's */
	case 410:
	case 411:
	case 415:
	case 426:
	case 451:
		return HELD;
	case 408:
	case 409:
	case 421:
	case 425:
	case 429:
		return AGAIN;
	case 413:
		return SMALLER;
	default:
		return REFUSED;
	}
}

static struct row *add_row(enum fate fate, int status)
{
	if (n_rows == ROWS_MAX)
		prove_broken("too many rows");
	rows[n_rows] = (struct row){.fate = fate, .status = status};
	return &rows[n_rows++];
}

static struct row *add_answer(enum fate fate, int status, const char *headers, const char *body)
{
	struct row *row = add_row(fate, status);
	snprintf(row->answer, sizeof(row->answer),
		 "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
		 headers, body);
	return row;
}

static const char *const error_bodies[] = {
	"",
	"<html><head><title>an error</title></head><body>of a gateway</body></html>",
	"{\"message\":\"of a gateway\",\"statusCode\":1}",
	"{\"message\":\"m\",\"statusCode\":400,\"xproxy_error\":{\"code\":\"not_known_yet\","
	"\"message\":\"m\"}}",
	"{\"errors\":",
};

enum { ERROR_BODIES = sizeof(error_bodies) / sizeof(error_bodies[0]) };

static void add_errors(void)
{
	static const int statuses[] = {400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410,
				       411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423,
				       424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502,
				       503, 504, 505, 507, 508, 511, 520, 599};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		for (int j = 0; j < ERROR_BODIES; j++)
			add_answer(fate_of(statuses[i]), statuses[i], "", error_bodies[j]);
}

static void add_redirects(void)
{
	static const int statuses[] = {300, 301, 302, 303, 305, 307, 308};
	char header[100];
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		snprintf(header, sizeof(header),
			 "Location: http://127.0.0.1:%d/api/v1/ingest/bulk\r\n", sinks_trap_port());
		add_answer(HELD, statuses[i], header, "");
		snprintf(header, sizeof(header), "Location: //localhost:%d/\r\n",
			 sinks_trap_port());
		add_answer(HELD, statuses[i], header, "<html>moved</html>");
		add_answer(HELD, statuses[i], "", "");
	}
}

/* A success says what was taken, or it is none. */
static void add_successes(void)
{
	static const int statuses[] = {200, 201, 202, 207};
	static const char *const said[] = {
		"{\"request_id\":\"1\",\"ingest_timestamp\":\"2026-01-01T00:00:00Z\","
		"\"ingest_count\":3}",
		"{\"request_id\":\"1\",\"ingest_count\":3,\"errors\":null,\"new\":{\"x\":[1]}}",
		"{\"request_id\":\"1\",\"ingest_count\":3,\"errors\":[],\"total_count\":3}",
		"  {\"ingest_count\" : 3}\n",
		"{\"request_id\":\"1\",\"xproxy_result\":{\"duplicate_request\":true}}",
	};
	static const char *const not_said[] = {
		"",
		"<html>welcome to the hotel</html>",
		"{\"ingest_count\":",
		"{}",
		"null",
		"[]",
		"\"ok\"",
		"{\"status\":\"ok\"}",
		"{\"request_id\":\"1\"}}",
		"{\"ingest_count\":0}",
		"{\"request_id\":\"1\",\"ingest_count\":2}",
	};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (size_t j = 0; j < sizeof(said) / sizeof(said[0]); j++)
			add_answer(TAKEN, statuses[i], "", said[j])->carried_out = true;
		for (size_t j = 0; j < sizeof(not_said) / sizeof(not_said[0]); j++) {
			add_answer(LOOKED_UP, statuses[i], "", not_said[j])->carried_out = true;
			add_answer(LOOKED_UP, statuses[i], "", not_said[j]);
		}
	}
	add_answer(LOOKED_UP, 204, "", "")->carried_out = true;
}

/* ---- The rows: by header -------------------------------------------------------------------------- */

static void add_wait(int status, const char *header, int wait_ms)
{
	add_answer(AGAIN, status, header, "")->wait_ms = wait_ms;
}

static void add_waits(void)
{
	static const int statuses[] = {408, 429, 500, 502, 503, 504};
	char date[100];
	const time_t then = time(NULL) + 60;
	struct tm tm;
	strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
		 gmtime_r(&(time_t){then - 1}, &tm));
	strftime(date + strlen(date), sizeof(date) - strlen(date),
		 "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &tm));
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		add_wait(statuses[i], "Retry-After: 1\r\n", 1000);
		add_wait(statuses[i], "retry-after-ms: 700\r\n", 700);
		add_wait(statuses[i], "Retry-After: 9\r\nretry-after-ms: 300\r\n", 300);
		add_wait(statuses[i], "retry-after: 0.5\r\n", 500);
		add_wait(statuses[i], date, 1000);
		add_wait(statuses[i], "Retry-After: soon\r\n", 0);
		add_wait(statuses[i], "Retry-After: -5\r\n", 0);
		add_wait(statuses[i], "X-Should-Retry: true\r\n", 0);
		add_wait(statuses[i], "X-Should-Retry: false\r\nRetry-After: 1\r\n", 1000);
	}
}

/* A refusal that may pass is none; "false" makes nothing worse that is a refusal already. */
static void add_hints(void)
{
	static const int statuses[] = {400, 412, 422, 424};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		add_answer(AGAIN, statuses[i], "x-should-retry: true\r\n", error_bodies[3]);
		add_answer(REFUSED, statuses[i], "x-should-retry: false\r\n", error_bodies[3]);
		add_answer(REFUSED, statuses[i], "x-should-retry: perhaps\r\n", error_bodies[3]);
	}
	add_answer(TAKEN, 200, "x-should-retry: false\r\n", "{\"ingest_count\":3}")->carried_out =
		true;
	add_answer(KEY, 401, "x-should-retry: true\r\n", "");
}

/* ---- The rows: by wire ---------------------------------------------------------------------------- */

static void add_wire(enum fate fate, bool carried_out, const char *answer)
{
	struct row *row = add_row(fate, 0);
	snprintf(row->answer, sizeof(row->answer), "%s", answer);
	row->carried_out = carried_out;
	row->closes = true;
}

static void add_wires(void)
{
	add_wire(TAKEN, true,
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		 "9\r\n{\"ingest_\r\n9\r\ncount\":3}\r\n0\r\n\r\n");
	add_wire(TAKEN, true, "HTTP/1.0 200 OK\r\n\r\n{\"ingest_count\":3}");
	add_wire(TAKEN, true,
		 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n"
		 "{\"ingest_count\":3}");
	add_wire(TAKEN, true,
		 "HTTP/1.1 103 Early\r\nRetry-After: 99\r\n\r\nHTTP/1.1 200 OK\r\n"
		 "Content-Length: 18\r\n\r\n{\"ingest_count\":3}");
	add_wire(LOOKED_UP, true,
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n12\r\n{\"ingest_count\":3}\r\n");
	add_wire(LOOKED_UP, true,
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{\"ingest_count\":3}");
	add_wire(LOOKED_UP, true,
		 "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"ingest_count\":3}");
	add_wire(LOOKED_UP, true,
		 "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"ingest_count\":3}");
	add_wire(AGAIN, true, "");
	add_wire(LOOKED_UP, true, "HTTP/1.1 200 OK\r\nContent-Len");
	add_wire(AGAIN, true, "HTTP/1.1 100 Continue\r\n\r\n");
	add_wire(AGAIN, true, "SSH-2.0-OpenSSH_9.2\r\n");
	add_wire(AGAIN, true, "nonsense\r\n\r\n");
	add_wire(AGAIN, false, "HTTP/9.9 200 OK\r\n\r\n{\"ingest_count\":3}");
}

/* ---- What must come of it ------------------------------------------------------------------------- */

static void make_case(void *context, int number, struct sinks_case *it)
{
	const struct row *row = &rows[number];
	(void)context;
	it->n_events = EVENTS;
	it->batch_events = EVENTS;
	it->fault.answer = row->answer;
	it->fault.carried_out = row->carried_out;
	if (row->closes)
		it->fault.write_bytes = ANSWER_BYTES;
	if (row->fate == REFUSED)
		it->fault.times = SINKS_ALL;
	else if (row->fate == KEY ||
		 (row->fate == HELD && row->status >= 404 && row->status <= 405))
		it->fault.times = 2; /* of both forms: of bulk alone it would be another class */
}

static int count_kind(const struct sinks_result *result, enum sinks_kind kind)
{
	int n = 0;
	for (int i = 0; i < result->n_requests && i < SINKS_REQUESTS_MAX; i++)
		n += result->requests[i].kind == kind;
	return n;
}

static int ms_between(const struct sinks_result *result, int i)
{
	return (int)((result->requests[i + 1].at_us - result->requests[i].at_us) / 1000);
}

static bool each_taken(const struct sinks_result *result, int least, int most)
{
	for (int i = 0; i < EVENTS; i++)
		if (result->taken[i] < least || result->taken[i] > most)
			return false;
	return !result->differs && result->n_delivered == EVENTS && result->n_dead == 0;
}

/* Seldom: not before two seconds, and as what it is. */
static bool was_held_as(const struct sinks_result *result, const char *state, int at)
{
	return result->was_held && strcmp(result->held_as, state) == 0 &&
	       ms_between(result, at) >= 1900 && each_taken(result, 1, 1);
}

static bool is_right(const struct row *row, const struct sinks_result *result)
{
	const int n = result->n_requests;
	const bool both_forms = n > 1 && result->requests[1].kind == SINKS_SINGLE;
	switch (row->fate) {
	case TAKEN:
		return n == 1 && each_taken(result, 1, 1);
	case LOOKED_UP:
		return count_kind(result, SINKS_LOOKUP) > 0 && each_taken(result, 1, 1);
	case AGAIN:
		return result->requests[1].kind == SINKS_BULK &&
		       ms_between(result, 0) >= row->wait_ms &&
		       each_taken(result, 1, row->carried_out ? 2 : 1);
	case REFUSED:
		return result->n_dead == EVENTS && result->http_status == row->status && n <= 8;
	case SMALLER:
		return result->requests[1].n_events < EVENTS && each_taken(result, 1, 1);
	case HELD:
		return was_held_as(result, "waiting", both_forms);
	case KEY:
		return both_forms && was_held_as(result, "key refused", 1);
	case SINGLY:
		return count_kind(result, SINKS_SINGLE) == EVENTS && each_taken(result, 1, 1);
	}
	return false;
}

static void check(void *context, int number, const struct sinks_result *result)
{
	const struct row *row = &rows[number];
	(void)context;
	n_of_fate[row->fate]++;
	if (!result->late && is_right(row, result))
		return;
	prove_finding(
		"'%.60s' ... '%.60s' must be %s%s: %d requests (%d bulk, %d single, %d look-ups, "
		"%d ms), %d delivered, %d dead by %d, held as '%s'%s; %s",
		row->answer,
		strstr(row->answer, "\r\n\r\n") ? strstr(row->answer, "\r\n\r\n") + 4 : "",
		fate_names[row->fate], row->carried_out ? ", it was carried out" : "",
		result->n_requests, count_kind(result, SINKS_BULK),
		count_kind(result, SINKS_SINGLE), count_kind(result, SINKS_LOOKUP),
		ms_between(result, 0), result->n_delivered, result->n_dead, result->http_status,
		result->held_as, result->late ? ", not over" : "", result->error);
}

/* Bulk alone is refused, for good. */
static void make_single(void *context, int number, struct sinks_case *it)
{
	make_case(context, number, it);
	it->fault.bulk_only = true;
	it->fault.times = SINKS_ALL;
}

static void run_singly(void)
{
	static const int statuses[] = {401, 403, 404, 405};
	n_rows = 0;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		for (int j = 0; j < ERROR_BODIES; j++)
			add_answer(SINGLY, statuses[i], "", error_bodies[j]);
	sinks_run(n_rows, make_single, check, NULL);
}

int main(int argc, char **argv)
{
	int n = 0;
	prove_begin(argc, argv);
	sinks_open();
	add_errors();
	add_redirects();
	add_successes();
	add_waits();
	add_hints();
	add_wires();
	sinks_run(n_rows, make_case, check, NULL);
	run_singly();
	for (int i = 0; i <= SINGLY; i++)
		n += n_of_fate[i];
	if (sinks_trap_connections() > 0)
		prove_finding("a redirect was followed");
	sinks_close();
	prove_row(
		"M14", "at least 150 answers, each does what its class says; no second listener",
		n >= 150 && prove_findings() == 0,
		"%d answers: %d taken, %d looked up, %d again, %d refused, %d smaller, %d held, %d "
		"key, %d singly; %lld bytes elsewhere",
		n, n_of_fate[TAKEN], n_of_fate[LOOKED_UP], n_of_fate[AGAIN], n_of_fate[REFUSED],
		n_of_fate[SMALLER], n_of_fate[HELD], n_of_fate[KEY], n_of_fate[SINGLY],
		(long long)sinks_trap_bytes());
	return prove_end();
}
