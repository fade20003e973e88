#include "history/history_parts.h"

#include <stdlib.h>

int64_t history_hour(int64_t time_us)
{
	return time_us / HISTORY_HOUR_US - (time_us % HISTORY_HOUR_US < 0);
}

static const struct history_table *table_of(enum history_kind kind)
{
	static const struct history_table *const tables[] = {
		[HISTORY_EVENTS] = &history_events,
		[HISTORY_USE_CASES] = &history_use_cases,
		[HISTORY_USAGE_BY_HOUR] = &history_usage_by_hour,
		[HISTORY_USAGE_BY_DAY] = &history_usage_by_day,
		[HISTORY_USAGE_BY_USER] = &history_usage_by_user,
		[HISTORY_USAGE_BY_STEP] = &history_usage_by_step,
		[HISTORY_USAGE_CHANGES] = &history_usage_changes,
		[HISTORY_USE_CASE_STEPS] = &history_use_case_steps,
		[HISTORY_USE_CASE_USERS] = &history_use_case_users,
		[HISTORY_USE_CASE_DISTRIBUTION] = &history_use_case_distribution,
		[HISTORY_USE_CASE_DEFINITIONS] = &history_use_case_definitions,
		[HISTORY_USE_CASES_ALIKE] = &history_use_cases_alike,
		[HISTORY_USE_CASE_HISTOGRAM] = &history_use_case_histogram,
		[HISTORY_SERIES] = &history_series,
		[HISTORY_SERIES_BY_USE_CASE] = &history_series_by_use_case,
		[HISTORY_SERIES_BY_RESOURCE] = &history_series_by_resource,
		[HISTORY_SERIES_BY_CATEGORY] = &history_series_by_category,
		[HISTORY_WAITING] = &history_waiting,
		[HISTORY_DEAD] = &history_dead,
		[HISTORY_UNPRICED] = &history_unpriced,
		[HISTORY_EVENTS_STORED] = &history_events_stored,
	};
	return tables[kind];
}

const struct history_column *history_columns(enum history_kind kind, int *n)
{
	const struct history_table *table = table_of(kind);
	*n = table->n_columns;
	return table->columns;
}

const char *history_refuses(enum history_kind kind, const struct history_filters *filters)
{
	const bool sorted = filters->sort != HISTORY_SORT_OWN;
	const struct {
		unsigned bit;
		bool set;
		const char *name;
	} rules[] = {
		{HISTORY_KNOWS_USE_CASE, filters->use_case_name != NULL, "use-case"},
		{HISTORY_KNOWS_ID, filters->use_case_id != NULL, "id"},
		{HISTORY_KNOWS_USER, filters->user_id != NULL, "user"},
		{HISTORY_KNOWS_CATEGORY, filters->category != NULL, "category"},
		{HISTORY_KNOWS_RESOURCE, filters->resource != NULL, "resource"},
		{HISTORY_KNOWS_DEATHS, filters->reason != NULL, "reason"},
		{HISTORY_KNOWS_DEATHS, filters->http_status != 0, "status"},
		{HISTORY_KNOWS_DEATHS, filters->n_events > 0, "event"},
		{HISTORY_KNOWS_TIME, filters->since_us != INT64_MIN, "since"},
		{HISTORY_KNOWS_TIME, filters->until_us != INT64_MAX, "until"},
		{HISTORY_KNOWS_ORDER, filters->oldest_first, "reverse"},
		{HISTORY_KNOWS_SORT, sorted, "sort"},
		{HISTORY_KNOWS_SORT_LATENCY, filters->sort == HISTORY_SORT_LATENCY, "sort latency"},
		{HISTORY_KNOWS_SORT_COST, filters->sort == HISTORY_SORT_COST, "sort cost"},
	};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].set && !(table_of(kind)->knows & rules[i].bit))
			return rules[i].name;
	return NULL;
}

/* ---- Windows -------------------------------------------------------------------------------------- */

int history_prepare(struct history *history, struct buf *sql, struct query **query, struct err *err)
{
	int status = 0;
	const char *text = buf_text(sql);
	if (sql->failed)
		status = err_set(err, ERR_MEMORY, "out of memory");
	else
		status = query_prepare(history->db, text, query, err);
	buf_release(sql);
	if (!status)
		history_filter_bind(*query, &history->filters, &history->ids);
	return status;
}

void history_go_on_from(struct history *history, int64_t first_hour, int64_t last_hour)
{
	if (history->filters.oldest_first && first_hour > history->first_hour)
		history->first_hour = first_hour;
	if (!history->filters.oldest_first && last_hour < history->last_hour)
		history->last_hour = last_hour;
}

void history_set_window(struct history *history, int64_t low_us, int64_t high_us)
{
	const struct history_place *after = history->filters.after;
	const bool up = history->filters.oldest_first;
	history->low_us = low_us;
	history->high_us = high_us;
	history->key = up ? INT64_MIN : INT64_MAX;
	history->window_read = false;
	if (!after || (up ? after->time < low_us : after->time > high_us))
		return;
	*(up ? &history->low_us : &history->high_us) = after->time;
	history->key = after->row;
}

void history_add_window(struct buf *sql, const struct history *history, const char *time,
			const char *id)
{
	buf_addf(sql, " AND %s BETWEEN :low AND :high", time);
	if (history->filters.oldest_first)
		buf_addf(sql, " AND (%s > :low OR %s > :key) ORDER BY %s, %s", time, id, time, id);
	else
		buf_addf(sql, " AND (%s < :high OR %s < :key) ORDER BY %s DESC, %s DESC", time, id,
			 time, id);
}

int history_prepare_finder(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, "SELECT h.hour FROM usage_hours h WHERE h.hour BETWEEN :low AND :high");
	history_filter_hours(&sql, &history->filters);
	buf_addf(&sql, " ORDER BY h.hour %s LIMIT 1",
		 history->filters.oldest_first ? "ASC" : "DESC");
	return history_prepare(history, &sql, &history->finder, err);
}

int history_find_hour(struct history *history, int64_t *hour, struct err *err)
{
	if (history->first_hour > history->last_hour)
		return 0;
	query_bind_int(history->finder, ":low", history->first_hour);
	query_bind_int(history->finder, ":high", history->last_hour);
	const int status = query_step(history->finder, err);
	if (status == 1)
		*hour = query_int(history->finder, 0);
	query_reset(history->finder);
	return status;
}

int history_step(struct history *history, history_take_fn *take, void *taker, int *n_seen,
		 struct err *err)
{
	int n_taken = 0;
	int status = 0;
	*n_seen = 0;
	while ((status = query_step(history->page, err)) == 1) {
		++*n_seen;
		if (history->n_skip > 0) {
			history->n_skip--;
			continue;
		}
		if (history->rows_left == 0) {
			history->has_more = true;
			break;
		}
		status = take(taker, history->page);
		if (status < 0)
			break;
		history->rows_left--;
		history->any = true;
		n_taken++;
		if (status == HISTORY_ENOUGH) {
			history->has_more = true;
			break;
		}
	}
	return status < 0 ? status : n_taken;
}

/* Remembers the key of each row before it is given on. */
struct keyed_taker {
	struct history *history;
	history_take_fn *take;
	void *taker;
};

static int take_keyed(void *context, const struct query *row)
{
	const struct keyed_taker *keyed = context;
	struct history *history = keyed->history;
	const int n = query_columns(row);
	if (history->filters.oldest_first)
		history->low_us = query_int(row, n - 2);
	else
		history->high_us = query_int(row, n - 2);
	history->key = query_int(row, n - 1);
	history->place = (struct history_place){query_int(row, n - 2), history->key};
	return keyed->take(keyed->taker, row);
}

int history_read_window(struct history *history, history_take_fn *take, void *taker,
			struct err *err)
{
	/* One more than the limit lets through tells whether there are more. */
	const int64_t limit =
		history->rows_left < HISTORY_PAGE_ROWS ? history->rows_left + 1 : HISTORY_PAGE_ROWS;
	int n_seen = 0;
	query_bind_int(history->page, ":low", history->low_us);
	query_bind_int(history->page, ":high", history->high_us);
	query_bind_int(history->page, ":key", history->key);
	query_bind_int(history->page, ":limit", limit);
	struct keyed_taker keyed = {history, take, taker};
	const int n_taken = history_step(history, take_keyed, &keyed, &n_seen, err);
	query_reset(history->page);
	history->window_read = n_seen < limit;
	return n_taken;
}

/* ---- Sums ----------------------------------------------------------------------------------------- */

const char *history_direction(const struct history *history)
{
	return history->filters.oldest_first ? "ASC" : "DESC";
}

int history_read_once(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	const struct history_place *after = history->filters.after;
	int n_seen = 0;
	if (history->window_read)
		return 0;
	history->window_read = true;
	history->n_skip = after ? after->row : 0;
	history->place.row = history->n_skip;
	/* One more than the limit lets through tells whether there are more. */
	query_bind_int(history->page, ":limit",
		       history->filters.limit ? history->n_skip + history->filters.limit + 1 : -1);
	const int n_taken = history_step(history, take, taker, &n_seen, err);
	query_reset(history->page);
	if (n_taken > 0)
		history->place.row += n_taken;
	return n_taken;
}

/* ---- From opening to closing ---------------------------------------------------------------------- */

int history_open(struct query_db *db, enum history_kind kind, const struct history_filters *filters,
		 struct history **out, struct err *err)
{
	struct history *history = calloc(1, sizeof(*history));
	if (!history)
		return err_set(err, ERR_MEMORY, "out of memory");
	history->db = db;
	history->kind = kind;
	history->filters = *filters;
	history->rows_left = filters->limit ? filters->limit : INT64_MAX - 1;
	history->first_hour = history_hour(filters->since_us);
	history->last_hour = history_hour(filters->until_us - 1);
	int status = history_ids_find(db, filters, &history->ids, err);
	if (!status)
		status = table_of(kind)->open(history, err);
	if (status) {
		history_close(history);
		return status;
	}
	*out = history;
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	query_free(history->page);
	query_free(history->finder);
	free(history);
}

int history_read(struct history *history, history_take_fn *take, void *taker, struct err *err)
{
	if (history->ids.unknown || history->has_more)
		return 0;
	return table_of(history->kind)->read(history, take, taker, err);
}

bool history_period(const struct history *history, int64_t *since_us, int64_t *until_us)
{
	*since_us = history->filters.since_us;
	*until_us = history->filters.until_us;
	return history->in_whole_hours;
}

bool history_has_more(const struct history *history)
{
	return history->has_more;
}

bool history_place(const struct history *history, struct history_place *place)
{
	if (history->any)
		*place = history->place;
	return history->any;
}
