#include "history/views.h"

#include <string.h>

/* The database names more than these after an update; what is listed here comes first, in this order. */
static const struct {
	const char *name;
	const char *about;
} known[] = {
	{"event_history", "one row per event"},
	{"event_units", "one row per event and unit type"},
	{"use_case_history", "one row per use case instance, over all its events"},
	{"use_cases", "one row per use case: its definition, and sums"},
	{"use_case_steps", "one row per use case and step"},
	{"use_case_users", "one row per use case and user"},
	{"use_case_distribution", "one row per use case: how its instances differ"},
	{"usage_by_hour", "one row per hour, use case, category and resource; outlives the events"},
	{"usage_changes_by_hour", "likewise, beside the hour before"},
	{"usage_changes_by_day", "one row per day of UTC and so on, beside the day before"},
	{"usage_hour_list", "one row per hour that has usage"},
	{"price_list", "one row per category, resource, unit type and the days that a price is of"},
	{"unpriced_usage",
	 "one row per hour and so on, and unit type, of what no price is known for"},
	{"sink_books", "one row per sink: what was delivered, and what waits"},
};

enum { N_KNOWN = sizeof(known) / sizeof(known[0]), NAMES_MAX = 64, NAME_BYTES = 64 };

static const char *about_of(const char *name)
{
	for (int i = 0; i < N_KNOWN; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].about;
	return "";
}

/* Its columns; 0: there is no such view. */
static int read_columns(struct query *query, const char *view, struct buf *columns, struct err *err)
{
	int n = 0;
	int status;
	buf_clear(columns);
	query_bind_text(query, ":view", view);
	while ((status = query_step(query, err)) == 1) {
		buf_add_str(columns, query_text(query, 0));
		buf_add_char(columns, '\0');
		n++;
	}
	query_reset(query);
	return status < 0 ? status : n;
}

/* Names are read before any is told, as no snapshot shall be open while somebody listens. */
static int read_names(struct query_db *db, char (*names)[NAME_BYTES], struct err *err)
{
	struct query *query = NULL;
	int n = 0;
	int status = query_prepare(
		db, "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name", &query,
		err);
	if (status)
		return status;
	while ((status = query_step(query, err)) == 1) {
		const char *name = query_text(query, 0);
		if (n < NAMES_MAX && !*about_of(name) && strlen(name) < NAME_BYTES)
			memcpy(names[n++], name, strlen(name) + 1);
	}
	query_free(query);
	return status < 0 ? status : n;
}

int views_each(struct query_db *db, int (*tell)(void *context, const struct view *view),
	       void *context, struct err *err)
{
	char others[NAMES_MAX][NAME_BYTES];
	struct query *query = NULL;
	struct buf columns = BUF_INIT;
	const int n = read_names(db, others, err);
	int status =
		n < 0 ? n
		      : query_prepare(db, "SELECT name FROM pragma_table_info(:view) ORDER BY cid",
				      &query, err);
	for (int i = 0; i < N_KNOWN + n && status >= 0; i++) {
		const char *name = i < N_KNOWN ? known[i].name : others[i - N_KNOWN];
		status = read_columns(query, name, &columns, err);
		const struct view view = {name, about_of(name), buf_text(&columns)};
		if (status > 0)
			status = tell(context, &view);
	}
	query_free(query);
	buf_release(&columns);
	return status < 0 ? status : 0;
}
