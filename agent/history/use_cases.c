/* Use case instances, by when they were last seen. */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"last_seen",       "LAST SEEN",  HISTORY_TIME, 1},
	{"first_seen",      "FIRST SEEN", HISTORY_TIME, 8},
	{"use_case_name",   "USE CASE",   HISTORY_TEXT, 2},
	{"use_case_id",     "ID",         HISTORY_TEXT, 1},
	{"duration_s",      "SECONDS",    HISTORY_INT,  5},
	{"events",          "EVENTS",     HISTORY_INT,  1},
	{"failures",        "FAILED",     HISTORY_INT,  4},
	{"input_units",     "INPUT",      HISTORY_INT,  1},
	{"output_units",    "OUTPUT",     HISTORY_INT,  1},
	{"units",           NULL,         HISTORY_JSON, 0},
	{"steps",           "STEPS",      HISTORY_TEXT, 9},
	{"users",           "USERS",      HISTORY_INT,  7},
	{"latency_mean_ms", "MEAN MS",    HISTORY_REAL, 6},
	{"latency_max_ms",  "MAX MS",     HISTORY_INT,  6},
};

static const char select_page[] =
	" LIMIT :limit)"
	" SELECT h.last_us, h.first_us, h.use_case_name, h.use_case_id, h.duration_s, h.events, h.failures,"
	" h.input_units, h.output_units, h.units, h.steps, h.users, h.latency_mean_ms, h.latency_max_ms,"
	" p.time_us, p.id"
	" FROM page p CROSS JOIN use_case_history h ON h.instance = p.id";
/* clang-format on */

static void add_filters(struct buf *sql, const struct history_filters *filters)
{
	if (filters->use_case_id && filters->use_case_name)
		buf_add_str(sql, " AND t.instance = (SELECT f.id FROM use_case_instances f"
				 " WHERE f.use_case_id = :use_case_id AND f.use_case_name = "
				 ":use_case_name)");
	else if (filters->use_case_id)
		buf_add_str(sql, " AND t.instance IN (SELECT f.id FROM use_case_instances f"
				 " WHERE f.use_case_id = :use_case_id)");
	else if (filters->use_case_name)
		buf_add_str(sql, " AND (SELECT f.use_case_name FROM use_case_instances f"
				 " WHERE f.id = t.instance) = :use_case_name");
	if (filters->user_id)
		buf_add_str(sql, " AND t.instance IN (SELECT f.instance FROM instance_users f"
				 " WHERE f.user_id = :user_id)");
}

/* Instances that were active within the time asked for: begun before its end, seen after its start. */
static int open_use_cases(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, "WITH page AS MATERIALIZED (SELECT t.last_us AS time_us, t.instance AS id"
			  " FROM instance_totals t WHERE t.first_us < :until");
	add_filters(&sql, &history->filters);
	history_add_window(&sql, history, "t.last_us", "t.instance");
	buf_add_str(&sql, select_page);
	buf_add_str(&sql, history->filters.oldest_first ? " ORDER BY p.time_us, p.id"
							: " ORDER BY p.time_us DESC, p.id DESC");
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":until", history->filters.until_us);
	history_set_window(history, history->filters.since_us, INT64_MAX);
	return 0;
}

static int read_use_cases(struct history *history, history_take_fn *take, void *taker,
			  struct err *err)
{
	return history->window_read ? 0 : history_read_window(history, take, taker, err);
}

const struct history_table history_use_cases = {columns, sizeof(columns) / sizeof(columns[0]),
						open_use_cases, read_use_cases};
