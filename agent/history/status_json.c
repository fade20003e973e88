#include "history/status.h"

#include "base/clock.h"
#include "history/row_json.h"

/* ---- Members: each begins with its comma but the first of an object --------------------------------- */

static void add_name(struct buf *out, const char *name)
{
	const uint8_t last = out->len ? out->data[out->len - 1] : '{';
	buf_addf(out, "%s\"%s\":", last == '{' ? "" : ",", name);
}

static void add_int(struct buf *out, const char *name, int64_t number)
{
	add_name(out, name);
	buf_add_int(out, number);
}

static void add_bool(struct buf *out, const char *name, bool truth)
{
	add_name(out, name);
	buf_add_str(out, truth ? "true" : "false");
}

/* Absent texts, and times that are 0, are null. */
static void add_text(struct buf *out, const char *name, const char *text)
{
	add_name(out, name);
	if (text && *text)
		row_json_string(out, text);
	else
		buf_add_str(out, "null");
}

static void add_time(struct buf *out, const char *name, int64_t time_us)
{
	char text[CLOCK_TEXT_BYTES];
	add_text(out, name, time_us ? clock_text(time_us, 6, text) : NULL);
}

/* ---- Parts ---------------------------------------------------------------------------------------- */

static void add_agent(const struct status_agent *agent, struct buf *out)
{
	add_name(out, "agent");
	buf_add_char(out, '{');
	add_bool(out, "running", agent->runs);
	add_text(out, "who", agent->runs ? agent->who : NULL);
	add_name(out, "heartbeat_age_us");
	if (agent->heartbeat_us < 0)
		buf_add_str(out, "null");
	else
		buf_add_int(out, agent->heartbeat_us);
	add_text(out, "note", agent->note);
	buf_add_char(out, '}');
}

static void add_database(const struct status *status, struct buf *out)
{
	add_name(out, "database");
	buf_add_char(out, '{');
	add_text(out, "path", status->database);
	add_bool(out, "exists", status->has_database);
	add_int(out, "bytes", status->database_bytes);
	add_int(out, "wal_bytes", status->wal_bytes);
	if (*status->wal_holder)
		add_text(out, "wal_holder", status->wal_holder);
	buf_add_char(out, '}');
}

static void add_books(const struct status *status, struct buf *out)
{
	const struct books *books = &status->books;
	add_name(out, "books");
	buf_add_char(out, '{');
	add_int(out, "tracked", books->records + status->in_rings);
	add_int(out, "stored", books->stored);
	add_int(out, "in_rings", status->in_rings);
	add_int(out, "notices", books->notices);
	add_int(out, "rejected", books->rejected);
	add_int(out, "refused", books->refused);
	add_int(out, "dropped_full", books->dropped_full);
	add_int(out, "dropped_too_big", books->dropped_too_big);
	add_int(out, "dropped_busy", books->dropped_busy);
	add_int(out, "interrupted", books->interrupted);
	add_bool(out, "balanced", !status->unbalanced);
	add_text(out, "unbalanced", status->unbalanced);
	buf_add_char(out, '}');
}

static void add_sink(const struct books_sink *sink, struct buf *out)
{
	buf_add_char(out, '{');
	add_text(out, "name", sink->name);
	add_text(out, "state", sink->state);
	add_int(out, "stored", sink->stored);
	add_int(out, "delivered", sink->delivered);
	add_int(out, "waiting", sink->waiting);
	add_int(out, "deferred", sink->deferred);
	add_int(out, "held", sink->held);
	add_int(out, "discarded", sink->discarded);
	add_int(out, "dead", sink->dead);
	add_time(out, "last_success", sink->last_success_us);
	add_text(out, "last_error", sink->last_error);
	add_time(out, "last_error_time", sink->last_error_us);
	add_time(out, "next_try", sink->next_try_us);
	add_time(out, "oldest_waiting", sink->oldest_us);
	buf_add_char(out, '}');
}

static void add_gone(const struct status_gone *gone, struct buf *out)
{
	buf_add_char(out, '{');
	add_text(out, "what", gone->what);
	add_text(out, "reason", gone->reason);
	add_int(out, "n", gone->n);
	add_time(out, "last", gone->last_us);
	buf_add_char(out, '}');
}

static void add_ring(const struct status_ring *ring, struct buf *out)
{
	char name[2 * BOOKS_ID_BYTES + 1];
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < BOOKS_ID_BYTES; i++) {
		name[2 * i] = hex[ring->stored.ring_id[i] >> 4];
		name[2 * i + 1] = hex[ring->stored.ring_id[i] & 15];
	}
	name[sizeof(name) - 1] = '\0';
	buf_add_char(out, '{');
	add_text(out, "ring", name);
	add_text(out, "app_name", ring->stored.app_name);
	add_int(out, "pid", ring->stored.pid);
	add_text(out, "state", status_ring_word(ring));
	add_text(out, "note", *ring->note ? ring->note : ring->stored.reason);
	add_int(out, "lag_bytes", ring->lag_bytes);
	add_int(out, "lag_events", ring->lag_events);
	add_int(out, "records", ring->stored.records);
	add_int(out, "rejected", ring->stored.rejected);
	add_int(out, "refused", ring->stored.refused);
	add_int(out, "dropped_full", ring->stored.dropped_full);
	add_int(out, "dropped_too_big", ring->stored.dropped_too_big);
	add_int(out, "dropped_busy", ring->stored.dropped_busy);
	buf_add_char(out, '}');
}

void status_json(const struct status *status, struct buf *out)
{
	buf_add_char(out, '{');
	add_time(out, "time", status->now_us);
	add_agent(&status->agent, out);
	add_database(status, out);
	add_text(out, "settings_error", status->configuration);
	add_text(out, "ring_dir", status->ring_dir);
	add_books(status, out);
	add_name(out, "sinks");
	buf_add_char(out, '[');
	for (int i = 0; i < status->n_sinks; i++) {
		if (i)
			buf_add_char(out, ',');
		add_sink(&status->sink[i], out);
	}
	buf_add_char(out, ']');
	add_name(out, "retention");
	buf_add_char(out, '[');
	for (int i = 0; i < status->n_gone; i++) {
		if (i)
			buf_add_char(out, ',');
		add_gone(&status->gone[i], out);
	}
	buf_add_char(out, ']');
	add_name(out, "rings");
	buf_add_char(out, '[');
	for (int i = 0; i < status->n_rings; i++) {
		if (i)
			buf_add_char(out, ',');
		add_ring(&status->ring[i], out);
	}
	buf_add_str(out, "]}\n");
}
