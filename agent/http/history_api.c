#include "http/history_api.h"

#include "history/row_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS = 100,
	ROWS_MAX = 1000,
	BYTES_MAX = 4 << 20, /* a page ends with the row that reaches it */
};

/* ---- Parameters ----------------------------------------------------------------------------------- */

/* What a kind does not know is not in its list. */
static const char *const *names_of(enum history_kind kind)
{
	static const char *const events[] = {"use-case", "id",     "user",  "category",
					     "resource", "since",  "until", "limit",
					     "reverse",  "cursor", NULL};
	static const char *const use_cases[] = {"use-case", "id",      "user",   "since", "until",
						"limit",    "reverse", "cursor", NULL};
	static const char *const usage[] = {"use-case", "id",     "user",  "category",
					    "resource", "since",  "until", "limit",
					    "reverse",  "cursor", "by",    NULL};
	if (kind == HISTORY_EVENTS)
		return events;
	return kind == HISTORY_USE_CASES ? use_cases : usage;
}

static int read_kind(const struct params *params, enum history_kind *kind, struct err *err)
{
	const char *by = params_get(params, "by");
	if (by && strcmp(by, "day") == 0)
		*kind = HISTORY_USAGE_BY_DAY;
	else if (by && strcmp(by, "hour") != 0)
		return err_set(err, ERR_INVALID, "by is '%.64s'; it must be hour or day", by);
	return 0;
}

static bool parse_number(const char *text, char stop, int64_t *number, const char **rest)
{
	char *end = NULL;
	errno = 0;
	*number = strtoll(text, &end, 10);
	*rest = end + 1;
	return !errno && end != text && *end == stop;
}

/* An answer never gave others, of usage: but who asks may write anything. */
static bool is_possible(enum history_kind kind, const struct history_place *place)
{
	if (kind == HISTORY_EVENTS || kind == HISTORY_USE_CASES)
		return true;
	return place->time > INT32_MIN && place->time < INT32_MAX && place->row >= 0 &&
	       place->row < INT32_MAX;
}

static int read_cursor(const struct params *params, enum history_kind kind,
		       struct history_place *place, struct history_filters *filters,
		       struct err *err)
{
	const char *text = params_get(params, "cursor");
	const char *rest = NULL;
	if (!text)
		return 0;
	if (!parse_number(text, '.', &place->time, &rest) ||
	    !parse_number(rest, '\0', &place->row, &rest) || !is_possible(kind, place))
		return err_set(err, ERR_INVALID,
			       "cursor is '%.64s'; it must be one that an answer gave", text);
	filters->after = place;
	return 0;
}

static int read_filters(const struct params *params, struct history_filters *filters,
			struct err *err)
{
	filters->use_case_name = params_get(params, "use-case");
	filters->use_case_id = params_get(params, "id");
	filters->user_id = params_get(params, "user");
	filters->category = params_get(params, "category");
	filters->resource = params_get(params, "resource");
	filters->limit = ROWS;
	int status = params_when(params, "since", &filters->since_us, err);
	if (!status)
		status = params_when(params, "until", &filters->until_us, err);
	if (!status)
		status = params_int(params, "limit", 1, ROWS_MAX, &filters->limit, err);
	if (!status)
		status = params_bool(params, "reverse", &filters->oldest_first, err);
	if (!status && filters->since_us >= filters->until_us)
		status = err_set(err, ERR_INVALID, "since is not before until");
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
	buf_add_str(out, "}\n");
	history_close(history);
	return n;
}

int history_api(struct query_db *db, enum history_kind kind, const struct params *params,
		struct buf *out, struct err *err)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	struct history_place place = {0};
	int status = params_check(params, names_of(kind), err);
	if (!status)
		status = read_kind(params, &kind, err);
	if (!status)
		status = read_filters(params, &filters, err);
	if (!status)
		status = read_cursor(params, kind, &place, &filters, err);
	return status ? status : write_page(db, kind, &filters, out, err);
}
