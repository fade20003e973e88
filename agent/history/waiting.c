/*
 * Events that are still on their way to the service, the oldest first: not sent yet (waiting), to be sent again
 * (deferred), or held until their use case instance has been given an id. Of those to be sent again, why, and when.
 */
#include "history/history_parts.h"

static const char sink[] = "payi";

/* clang-format off */
static const struct history_column columns[] = {
	{"event",         "EVENT",    HISTORY_INT,  1},
	{"stored_time",   "STORED",   HISTORY_TIME, 1},
	{"delivery",      "DELIVERY", HISTORY_TEXT, 2},
	{"attempts",      "ATTEMPTS", HISTORY_INT,  3},
	{"retry_time",    "RETRY",    HISTORY_TIME, 4},
	{"reason",        "REASON",   HISTORY_TEXT, 3},
	{"http_status",   "STATUS",   HISTORY_INT,  5},
	{"message",       "MESSAGE",  HISTORY_TEXT, 6},
	{"use_case_name", "USE CASE", HISTORY_TEXT, 4},
	{"use_case_id",   "ID",       HISTORY_TEXT, 4},
	{"resource",      "RESOURCE", HISTORY_TEXT, 5},
};

#define EXCEPTIONS(state) \
	" SELECT event FROM (SELECT x.event FROM sink_exceptions x WHERE x.sink = :sink AND x.state = '" state "'" \
	"  AND x.event > :key ORDER BY x.event LIMIT :limit) UNION"

/* Each part gives the first of its own, by an index: a page costs the same, whatever waits. */
static const char select_page[] =
	"WITH page (event) AS MATERIALIZED (" EXCEPTIONS("deferred") EXCEPTIONS("held")
	" SELECT id FROM (SELECT e.id FROM sinks k JOIN events e ON e.id > max(k.position, :key) WHERE k.name = :sink"
	"  AND NOT EXISTS (SELECT 1 FROM sink_settled t WHERE t.sink = :sink AND e.id > t.after_id AND e.id <= t.last_id)"
	"  AND NOT EXISTS (SELECT 1 FROM sink_exceptions x WHERE x.sink = :sink AND x.event = e.id)"
	"  ORDER BY e.id LIMIT :limit)"
	" ORDER BY 1 LIMIT :limit)"
	" SELECT e.id, e.stored_us, coalesce(x.state, 'waiting'), coalesce(x.attempts, 0), nullif(x.retry_us, 0), x.code,"
	" x.http_status, x.message, u.text, i.use_case_id, (SELECT r.text FROM names r WHERE r.id = e.resource), e.id, e.id"
	" FROM page p CROSS JOIN events e ON e.id = p.event"
	" LEFT JOIN sink_exceptions x ON x.sink = :sink AND x.event = e.id"
	" LEFT JOIN use_case_instances i ON i.id = e.instance LEFT JOIN names u ON u.id = i.use_case_name"
	" ORDER BY e.id";
/* clang-format on */

static int open_waiting(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, select_page);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_text(history->page, ":sink", sink);
	history->filters.oldest_first = true; /* it knows no other order */
	history_set_window(history, INT64_MIN, INT64_MAX);
	return 0;
}

static int read_waiting(struct history *history, history_take_fn *take, void *taker,
			struct err *err)
{
	return history->window_read ? 0 : history_read_window(history, take, taker, err);
}

const struct history_table history_waiting = {columns, sizeof(columns) / sizeof(columns[0]), 0,
					      open_waiting, read_waiting};
