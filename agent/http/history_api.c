#include "http/history_api.h"

#include "base/clock.h"
#include "history/row_json.h"
#include "http/asked.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { BYTES_MAX = 4 << 20 }; /* a page ends with the row that reaches it */

/* ---- What is asked for ---------------------------------------------------------------------------- */

/* A parameter whose value chooses another kind than its path does. */
struct choice {
	enum history_kind of;
	const char *param;
	const char *value;
	enum history_kind kind;
};

static const struct choice choices[] = {
	{HISTORY_USAGE_BY_HOUR, "by", "hour", HISTORY_USAGE_BY_HOUR},
	{HISTORY_USAGE_BY_HOUR, "by", "day", HISTORY_USAGE_BY_DAY},
	{HISTORY_USAGE_BY_HOUR, "by", "user", HISTORY_USAGE_BY_USER},
	{HISTORY_USAGE_BY_HOUR, "by", "step", HISTORY_USAGE_BY_STEP},
	{HISTORY_USAGE_BY_HOUR, "show", "changes", HISTORY_USAGE_CHANGES},
	{HISTORY_USAGE_BY_HOUR, "show", "unpriced", HISTORY_UNPRICED},
	{HISTORY_USE_CASES, "show", "steps", HISTORY_USE_CASE_STEPS},
	{HISTORY_USE_CASES, "show", "users", HISTORY_USE_CASE_USERS},
	{HISTORY_USE_CASES, "show", "distribution", HISTORY_USE_CASE_DISTRIBUTION},
	{HISTORY_USE_CASES, "show", "definitions", HISTORY_USE_CASE_DEFINITIONS},
	{HISTORY_USE_CASES, "show", "alike", HISTORY_USE_CASES_ALIKE},
	{HISTORY_USE_CASES, "show", "histogram", HISTORY_USE_CASE_HISTOGRAM},
	{HISTORY_SERIES, "by", "use-case", HISTORY_SERIES_BY_USE_CASE},
	{HISTORY_SERIES, "by", "resource", HISTORY_SERIES_BY_RESOURCE},
	{HISTORY_SERIES, "by", "category", HISTORY_SERIES_BY_CATEGORY},
};

enum { N_CHOICES = sizeof(choices) / sizeof(choices[0]) };

static int choose(const struct params *params, const char *param, enum history_kind *kind,
		  struct err *err)
{
	const char *value = params_get(params, param);
	char list[128] = "";
	size_t len = 0;
	if (!value)
		return 0;
	for (int i = 0; i < N_CHOICES; i++) {
		if (choices[i].of != *kind || strcmp(choices[i].param, param) != 0)
			continue;
		if (strcmp(choices[i].value, value) == 0) {
			*kind = choices[i].kind;
			return 0;
		}
		len += (size_t)snprintf(list + len, sizeof(list) - len, " %s", choices[i].value);
	}
	return err_set(err, ERR_INVALID, "%s is '%.64s'; it must be one of:%s", param, value, list);
}

static const char *const *names_of(enum history_kind kind)
{
	static const char *const events[] = {ASKED_FILTERS, "category", "resource", ASKED_PAGE,
					     NULL};
	static const char *const use_cases[] = {ASKED_FILTERS, "sort", "show", ASKED_PAGE, NULL};
	static const char *const usage[] = {ASKED_FILTERS, "category", "resource", "sort",
					    "by",          "show",     ASKED_PAGE, NULL};
	static const char *const dead[] = {ASKED_FILTERS, ASKED_DEAD, ASKED_PAGE, NULL};
	static const char *const series[] = {ASKED_FILTERS, "category",   "resource", "sort",
					     "by",          ASKED_SERIES, NULL};
	static const char *const waiting[] = {ASKED_FILTERS, "category", "resource",
					      "limit",       "cursor",   NULL};
	if (kind == HISTORY_EVENTS)
		return events;
	if (kind == HISTORY_DEAD)
		return dead;
	if (kind == HISTORY_SERIES)
		return series;
	if (kind == HISTORY_WAITING)
		return waiting;
	return kind == HISTORY_USE_CASES ? use_cases : usage;
}

/* Changes are those between two moments; the later one is now, unless it is said. */
static int complete_changes(struct history_filters *filters, struct err *err)
{
	const int64_t now_us = clock_wall_us();
	if (filters->since_us == INT64_MIN || filters->since_us >= now_us)
		return err_set(err, ERR_INVALID, "changes need a since that is past");
	if (filters->until_us == INT64_MAX)
		filters->until_us = now_us;
	return 0;
}

static int read_question(const struct params *params, enum history_kind *kind, struct asked *asked,
			 struct err *err)
{
	const bool is_series = *kind == HISTORY_SERIES;
	int status = params_check(params, names_of(*kind), err);
	if (!status)
		status = choose(params, "by", kind, err);
	if (!status)
		status = choose(params, "show", kind, err);
	if (!status)
		status = asked_read(params, asked, err);
	if (is_series)
		asked->filters.limit = 0; /* points and top are its bounds */
	const bool by_hour = *kind == HISTORY_USAGE_BY_HOUR || *kind == HISTORY_USAGE_BY_DAY;
	if (!status)
		status = asked_read_cursor(params, by_hour, asked, err);
	if (!status && *kind == HISTORY_USAGE_CHANGES)
		status = complete_changes(&asked->filters, err);
	const char *what = status ? NULL : history_refuses(*kind, &asked->filters);
	if (what)
		status = err_set(err, ERR_INVALID, "what is asked for takes no %s", what);
	return status;
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

struct page {
	const struct history_column *columns;
	int n_columns;
	struct buf *out;
	bool any;
};

static int take_row(void *context, const struct query *row)
{
	struct page *page = context;
	if (page->any)
		buf_add_str(page->out, ",\n");
	page->any = true;
	row_json(page->out, row, page->columns, page->n_columns);
	return page->out->len >= BYTES_MAX ? HISTORY_ENOUGH : 0;
}

static void add_cursor(const struct history *history, struct buf *out)
{
	struct history_place place;
	if (history_has_more(history) && history_place(history, &place))
		buf_addf(out, "\"%" PRId64 ".%" PRId64 "\"", place.time, place.row);
	else
		buf_add_str(out, "null");
}

/* What is compared: mostly what was asked for. */
static void add_period(const struct history *history, struct buf *out)
{
	char text[CLOCK_TEXT_BYTES];
	int64_t since_us, until_us;
	history_period(history, &since_us, &until_us);
	buf_addf(out, ",\"since\":\"%s\"", clock_text(since_us, 6, text));
	buf_addf(out, ",\"until\":\"%s\"", clock_text(until_us, 6, text));
	buf_addf(out, ",\"before\":\"%s\"", clock_text(2 * since_us - until_us, 6, text));
}

static int write_page(struct query_db *db, enum history_kind kind,
		      const struct history_filters *filters, struct buf *out, struct err *err)
{
	struct page page = {.out = out};
	struct history *history = NULL;
	int n = 0;
	page.columns = history_columns(kind, &page.n_columns);
	const int status = history_open(db, kind, filters, &history, err);
	if (status)
		return status;
	buf_add_str(out, "{\"rows\":[");
	while ((n = history_read(history, take_row, &page, err)) > 0)
		;
	buf_add_str(out, "],\"cursor\":");
	add_cursor(history, out);
	if (kind == HISTORY_USAGE_CHANGES)
		add_period(history, out);
	buf_add_str(out, "}\n");
	history_close(history);
	return n;
}

int history_api(struct query_db *db, enum history_kind kind, const struct params *params,
		struct buf *out, struct err *err)
{
	struct asked asked;
	const int status = read_question(params, &kind, &asked, err);
	return status ? status : write_page(db, kind, &asked.filters, out, err);
}
