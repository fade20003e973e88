#include "history/dead.h"

#include "event/event.h"
#include "event/event_json.h"
#include "history/history_parts.h"
#include "history/row_json.h"

static const char sink[] = "payi";

/* ---- The list ------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct history_column columns[] = {
	{"event",                "EVENT",    HISTORY_INT,  1},
	{"refused_time",         "REFUSED",  HISTORY_TIME, 2},
	{"reason",               "REASON",   HISTORY_TEXT, 1},
	{"http_status",          "STATUS",   HISTORY_INT,  4},
	{"message",              "MESSAGE",  HISTORY_TEXT, 3},
	{"attempts",             "ATTEMPTS", HISTORY_INT,  7},
	{"use_case_name",        "USE CASE", HISTORY_TEXT, 5},
	{"use_case_id",          "ID",       HISTORY_TEXT, 5},
	{"resource",             "RESOURCE", HISTORY_TEXT, 6},
	{"provider_response_id", NULL,       HISTORY_TEXT, 0},
};

static const char select_dead[] =
	"SELECT x.event, x.last_us, x.code, x.http_status, x.message, x.attempts, u.text, i.use_case_id,"
	" (SELECT r.text FROM names r WHERE r.id = e.resource), e.provider_response_id, x.event, x.event";
/* clang-format on */

void dead_filter_of(const struct history_filters *filters, struct dead_filter *dead)
{
	*dead = (struct dead_filter){
		.use_case_name = filters->use_case_name,
		.use_case_id = filters->use_case_id,
		.user_id = filters->user_id,
		.code = filters->reason,
		.http_status = filters->http_status,
		.since_us = filters->since_us,
		.until_us = filters->until_us,
		.events = filters->events,
		.n_events = filters->n_events,
	};
}

static int open_dead(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	struct dead_filter filter;
	struct dead_param params[DEAD_PARAMS];
	dead_filter_of(&history->filters, &filter);
	buf_add_str(&sql, select_dead);
	dead_filter_add(&sql, &filter);
	history_add_window(&sql, history, "x.event", "x.event");
	buf_add_str(&sql, " LIMIT :limit");
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	dead_filter_params(&filter, params);
	for (int i = 0; i < DEAD_PARAMS; i++) {
		if (params[i].text)
			query_bind_text(history->page, params[i].name, params[i].text);
		else
			query_bind_int(history->page, params[i].name, params[i].number);
	}
	query_bind_text(history->page, ":sink", sink);
	history_set_window(history, INT64_MIN, INT64_MAX);
	return 0;
}

static int read_dead(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	return history->window_read ? 0 : history_read_window(history, take, taker, err);
}

const struct history_table history_dead = {columns, sizeof(columns) / sizeof(columns[0]),
					   HISTORY_KNOWS_INSTANCES | HISTORY_KNOWS_DEATHS,
					   open_dead, read_dead};

/* ---- One event's story ---------------------------------------------------------------------------- */

/* clang-format off */
static const struct history_column story_columns[] = {
	{"event",                NULL, HISTORY_INT,  0},
	{"delivery",             NULL, HISTORY_TEXT, 0},
	{"reason",               NULL, HISTORY_TEXT, 0},
	{"http_status",          NULL, HISTORY_INT,  0},
	{"message",              NULL, HISTORY_TEXT, 0},
	{"attempts",             NULL, HISTORY_INT,  0},
	{"first_refused_time",   NULL, HISTORY_TIME, 0},
	{"last_refused_time",    NULL, HISTORY_TIME, 0},
	{"retry_time",           NULL, HISTORY_TIME, 0},
	{"discarded_time",       NULL, HISTORY_TIME, 0},
	{"stored_time",          NULL, HISTORY_TIME, 0},
	{"app_name",             NULL, HISTORY_TEXT, 0},
	{"provider_response_id", NULL, HISTORY_TEXT, 0},
	{"tracked",              NULL, HISTORY_JSON, 0},
};

enum {
	STORY_COLUMNS = sizeof(story_columns) / sizeof(story_columns[0]),
	STORY_ROW = STORY_COLUMNS - 1, /* of these as the query gives them; then comes what was tracked, as a record */
};

static const char story[] =
	"SELECT e.id, h.delivery, x.code, x.http_status, x.message, x.attempts, x.first_us, x.last_us, x.retry_us,"
	" x.discarded_us, e.stored_us, h.app_name, e.provider_response_id, e.record"
	" FROM events e JOIN event_history h ON h.event = e.id"
	" LEFT JOIN sink_exceptions x ON x.sink = :sink AND x.event = e.id WHERE e.id = :event";
/* clang-format on */

static void add_story(struct buf *out, const struct query *row)
{
	struct event event;
	char reason[EVENT_REASON_BYTES];
	size_t bytes = 0;
	row_json(out, row, story_columns, STORY_ROW);
	if (out->len > 0)
		out->len--; /* its brace: there is one more member */
	buf_add_str(out, ",\"tracked\":");
	const uint8_t *record = query_blob(row, STORY_ROW, &bytes);
	if (event_decode(&event, record, bytes, reason))
		buf_add_str(out, "null");
	else
		event_json(out, &event, EVENT_JSON_FOR_HISTORY);
	buf_add_char(out, '}');
}

int dead_story(struct query_db *db, int64_t event, struct buf *out, struct err *err)
{
	struct query *row = NULL;
	int status = query_prepare(db, story, &row, err);
	if (status)
		return status;
	query_bind_text(row, ":sink", sink);
	query_bind_int(row, ":event", event);
	status = query_step(row, err);
	if (status == 1)
		add_story(out, row);
	else if (status == 0)
		status = err_set(err, ERR_INVALID, "there is no event %lld", (long long)event);
	query_free(row);
	return status < 0 ? status : 0;
}

const struct history_column *dead_story_columns(int *n)
{
	*n = STORY_COLUMNS;
	return story_columns;
}
