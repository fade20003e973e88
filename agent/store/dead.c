#include "store/dead.h"

#include <stdlib.h>
#include <string.h>

bool dead_filter_is_set(const struct dead_filter *filter)
{
	return filter->use_case_name || filter->use_case_id || filter->user_id || filter->code ||
	       filter->http_status || filter->since_us != INT64_MIN ||
	       filter->until_us != INT64_MAX || filter->n_events > 0;
}

/* ---- Copies --------------------------------------------------------------------------------------- */

/* The texts stand behind the filter and its events, in one piece of memory. */
static const char *copy_text(const char *text, char **at)
{
	if (!text)
		return NULL;
	const size_t bytes = strlen(text) + 1;
	char *copy = memcpy(*at, text, bytes);
	*at += bytes;
	return copy;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

int dead_filter_copy(const struct dead_filter *from, struct dead_filter **out, struct err *err)
{
	const size_t events_bytes = from->n_events * sizeof(*from->events);
	struct dead_filter *to = malloc(
		sizeof(*to) + events_bytes + text_bytes(from->use_case_name) +
		text_bytes(from->use_case_id) + text_bytes(from->user_id) + text_bytes(from->code));
	if (!to)
		return err_set(err, ERR_MEMORY, "out of memory");
	int64_t *events = (int64_t *)(void *)(to + 1);
	char *at = (char *)events + events_bytes;
	*to = *from;
	if (events_bytes)
		memcpy(events, from->events, events_bytes);
	to->events = events;
	to->use_case_name = copy_text(from->use_case_name, &at);
	to->use_case_id = copy_text(from->use_case_id, &at);
	to->user_id = copy_text(from->user_id, &at);
	to->code = copy_text(from->code, &at);
	*out = to;
	return 0;
}

void dead_filter_free(struct dead_filter *filter)
{
	free(filter);
}

/* ---- SQL ------------------------------------------------------------------------------------------ */

static const char from_dead[] =
	" FROM sink_exceptions x JOIN events e ON e.id = x.event"
	" LEFT JOIN use_case_instances i ON i.id = e.instance"
	" LEFT JOIN names u ON u.id = i.use_case_name"
	" WHERE x.sink = :sink AND x.state = 'dead' AND x.last_us >= :since AND x.last_us < :until";

void dead_filter_add(struct buf *sql, const struct dead_filter *filter)
{
	buf_add_str(sql, from_dead);
	if (filter->use_case_name)
		buf_add_str(sql, " AND u.text = :use_case_name");
	if (filter->use_case_id)
		buf_add_str(sql, " AND (i.use_case_id = :use_case_id OR EXISTS (SELECT 1 FROM "
				 "use_case_handles g"
				 " WHERE g.instance = i.id AND g.given_id = :use_case_id))");
	if (filter->user_id)
		buf_add_str(sql,
			    " AND e.user_id = (SELECT n.id FROM names n WHERE n.text = :user_id)");
	if (filter->code)
		buf_add_str(sql, " AND x.code = :code");
	if (filter->http_status)
		buf_add_str(sql, " AND x.http_status = :http_status");
	for (size_t n = 0; n < filter->n_events; n++) {
		buf_add_str(sql, n ? "," : " AND x.event IN (");
		buf_add_int(sql, filter->events[n]);
	}
	if (filter->n_events > 0)
		buf_add_char(sql, ')');
}

void dead_filter_params(const struct dead_filter *filter, struct dead_param params[DEAD_PARAMS])
{
	const struct dead_param all[DEAD_PARAMS] = {
		{":use_case_name", filter->use_case_name, 0},
		{":use_case_id", filter->use_case_id, 0},
		{":user_id", filter->user_id, 0},
		{":code", filter->code, 0},
		{":http_status", NULL, filter->http_status},
		{":since", NULL, filter->since_us},
		{":until", NULL, filter->until_us},
	};
	memcpy(params, all, sizeof(all));
}
