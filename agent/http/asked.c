#include "http/asked.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char *text, char stop, int64_t *number, const char **rest)
{
	char *end = NULL;
	errno = 0;
	*number = strtoll(text, &end, 10);
	*rest = end + 1;
	return !errno && end != text && *end == stop;
}

/* An answer never gave others; but who asks may write anything. */
static bool is_possible(bool by_hour, const struct history_place *place)
{
	if (place->row < 0 || place->row > INT64_MAX / 2)
		return false;
	return !by_hour || (place->time > INT32_MIN && place->time < INT32_MAX);
}

int asked_read_cursor(const struct params *params, bool by_hour, struct asked *asked,
		      struct err *err)
{
	const char *text = params_get(params, "cursor");
	struct history_place *place = &asked->place;
	const char *rest = NULL;
	if (!text)
		return 0;
	if (!parse_number(text, '.', &place->time, &rest) ||
	    !parse_number(rest, '\0', &place->row, &rest) || !is_possible(by_hour, place))
		return err_set(err, ERR_INVALID,
			       "cursor is '%.64s'; it must be one that an answer gave", text);
	asked->filters.after = place;
	return 0;
}

/* "12,13,14" */
static int read_events(const struct params *params, struct asked *asked, struct err *err)
{
	const char *text = params_get(params, "event");
	struct history_filters *filters = &asked->filters;
	filters->events = asked->events;
	for (const char *at = text; at && *at;) {
		int64_t *number = &asked->events[filters->n_events];
		const char *rest = NULL;
		if (filters->n_events == DEAD_EVENTS_MAX)
			return err_set(err, ERR_INVALID, "event names more than %d events",
				       DEAD_EVENTS_MAX);
		const bool last = parse_number(at, '\0', number, &rest);
		if ((!last && !parse_number(at, ',', number, &rest)) || *number < 1)
			return err_set(err, ERR_INVALID,
				       "event is '%.64s'; it must be numbers of events, as 12,13",
				       text);
		filters->n_events++;
		at = last ? NULL : rest;
	}
	if (text && !filters->n_events)
		return err_set(err, ERR_INVALID, "event names no event");
	return 0;
}

static int read_sort(const struct params *params, enum history_sort *sort, struct err *err)
{
	static const char *const names[] = {
		[HISTORY_SORT_UNITS] = "units",     [HISTORY_SORT_EVENTS] = "events",
		[HISTORY_SORT_LATENCY] = "latency", [HISTORY_SORT_FAILURES] = "failures",
		[HISTORY_SORT_LAST] = "last",       [HISTORY_SORT_COST] = "cost",
	};
	const char *text = params_get(params, "sort");
	if (!text)
		return 0;
	for (int i = HISTORY_SORT_UNITS; i <= HISTORY_SORT_COST; i++)
		if (strcmp(text, names[i]) == 0) {
			*sort = (enum history_sort)i;
			return 0;
		}
	return err_set(err, ERR_INVALID,
		       "sort is '%.64s'; it must be units, events, latency, failures, last or cost",
		       text);
}

int asked_read(const struct params *params, struct asked *asked, struct err *err)
{
	struct history_filters *filters = &asked->filters;
	*filters = (struct history_filters)HISTORY_FILTERS_INIT;
	filters->use_case_name = params_get(params, "use-case");
	filters->use_case_id = params_get(params, "id");
	filters->user_id = params_get(params, "user");
	filters->category = params_get(params, "category");
	filters->resource = params_get(params, "resource");
	filters->reason = params_get(params, "reason");
	filters->limit = ASKED_ROWS;
	int status = params_when(params, "since", &filters->since_us, err);
	if (!status)
		status = params_when(params, "until", &filters->until_us, err);
	if (!status)
		status = params_int(params, "limit", 1, ASKED_ROWS_MAX, &filters->limit, err);
	if (!status)
		status = params_int(params, "points", 1, HISTORY_POINTS_MAX, &filters->points, err);
	if (!status)
		status = params_int(params, "top", 1, HISTORY_TOP_MAX, &filters->top, err);
	if (!status)
		status = params_int(params, "status", 100, 599, &filters->http_status, err);
	if (!status)
		status = params_bool(params, "reverse", &filters->oldest_first, err);
	if (!status)
		status = read_sort(params, &filters->sort, err);
	if (!status)
		status = read_events(params, asked, err);
	if (!status && filters->since_us >= filters->until_us)
		status = err_set(err, ERR_INVALID, "since is not before until");
	return status;
}
