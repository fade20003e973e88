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
	{"retry_time",    "RETRY",    HISTORY_TIME, HISTORY_RANK_IF_ANY + 1},
	{"reason",        "REASON",   HISTORY_TEXT, HISTORY_RANK_IF_ANY},
	{"http_status",   "STATUS",   HISTORY_INT,  HISTORY_RANK_IF_ANY + 2},
	{"message",       "MESSAGE",  HISTORY_TEXT, HISTORY_RANK_IF_ANY + 3},
	{"use_case_name", "USE CASE", HISTORY_TEXT, 4},
	{"use_case_id",   "ID",       HISTORY_TEXT, 4},
	{"resource",      "RESOURCE", HISTORY_TEXT, 5},
};

/* Each part gives the first of its own, by an index: a page costs the same, whatever waits (and is not filtered). */
static const char exceptions[] =
	" SELECT event FROM (SELECT x.event FROM sink_exceptions x CROSS JOIN events e ON e.id = x.event"
	"  WHERE x.sink = :sink AND x.state = '%s' AND x.event > :key";

static const char untried[] =
	" SELECT id FROM (SELECT e.id FROM sinks k JOIN events e ON e.id > max(k.position, :key) WHERE k.name = :sink"
	"  AND NOT EXISTS (SELECT 1 FROM sink_settled t WHERE t.sink = :sink AND e.id > t.after_id AND e.id <= t.last_id)"
	"  AND NOT EXISTS (SELECT 1 FROM sink_exceptions x WHERE x.sink = :sink AND x.event = e.id)";

static const char all_of_them[] =
	" ORDER BY 1 LIMIT :limit)"
	" SELECT e.id, e.stored_us, coalesce(x.state, 'waiting'), coalesce(x.attempts, 0), nullif(x.retry_us, 0), x.code,"
	" x.http_status, x.message, u.text, i.use_case_id, (SELECT r.text FROM names r WHERE r.id = e.resource), e.id, e.id"
	" FROM page p CROSS JOIN events e ON e.id = p.event"
	" LEFT JOIN sink_exceptions x ON x.sink = :sink AND x.event = e.id"
	" LEFT JOIN use_case_instances i ON i.id = e.instance LEFT JOIN names u ON u.id = i.use_case_name"
	" ORDER BY e.id";
/* clang-format on */

/* The unary + keeps SQLite from taking the time's index, and all that it finds, for what is asked for by number. */
static void add_filters(struct buf *sql, const struct history *history)
{
	const struct history_filters *filters = &history->filters;
	history_filter_events(sql, filters, &history->ids);
	if (filters->since_us != INT64_MIN)
		buf_add_str(sql, " AND +e.event_timestamp_us >= :since");
	if (filters->until_us != INT64_MAX)
		buf_add_str(sql, " AND +e.event_timestamp_us < :until");
}

static void add_exceptions(struct buf *sql, const struct history *history, const char *state)
{
	buf_addf(sql, exceptions, state);
	add_filters(sql, history);
	buf_add_str(sql, " ORDER BY x.event LIMIT :limit) UNION");
}

static int open_waiting(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, "WITH page (event) AS MATERIALIZED (");
	add_exceptions(&sql, history, "deferred");
	add_exceptions(&sql, history, "held");
	buf_add_str(&sql, untried);
	add_filters(&sql, history);
	buf_add_str(&sql, " ORDER BY e.id LIMIT :limit)");
	buf_add_str(&sql, all_of_them);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_text(history->page, ":sink", sink);
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	history->filters.oldest_first = true; /* it knows no other order */
	history_set_window(history, INT64_MIN, INT64_MAX);
	return 0;
}

static int read_waiting(struct history *history, history_take_fn *take, void *taker,
			struct err *err)
{
	return history->window_read ? 0 : history_read_window(history, take, taker, err);
}

const struct history_table history_waiting = {columns, sizeof(columns) / sizeof(columns[0]),
					      HISTORY_KNOWS_EVENTS & ~(unsigned)HISTORY_KNOWS_ORDER,
					      open_waiting, read_waiting};
