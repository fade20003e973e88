#include "store/feed.h"

#include "store/query.h"

#include <stdlib.h>

struct feed {
	struct query_db *db;
	struct query *position;
	struct query *events;
	struct query *deferred;
};

static const char position_sql[] = "SELECT position FROM sinks WHERE name = :sink";

/*
 * Ranges that are settled do not overlap: the last one that begins before an event is the one to ask. The
 * position is asked as well, since it absorbs ranges, also while a sink is behind it: after a restart
 * it may yet have to pass over what was settled ahead before.
 */
static const char events_sql[] =
	"SELECT e.id, e.record, 0 FROM events e"
	" WHERE e.id > max(:after, coalesce((SELECT k.position FROM sinks k WHERE k.name = :sink), "
	"0))"
	" AND NOT EXISTS (SELECT 1 FROM sink_exceptions x WHERE x.sink = :sink AND x.event = e.id)"
	" AND e.id > coalesce((SELECT s.last_id FROM sink_settled s"
	" WHERE s.sink = :sink AND s.after_id < e.id ORDER BY s.after_id DESC LIMIT 1), 0)"
	" ORDER BY e.id LIMIT :limit";

static const char deferred_sql[] =
	"SELECT e.id, e.record, x.attempts FROM sink_exceptions x JOIN events e ON e.id = x.event"
	" WHERE x.sink = :sink AND x.state = 'deferred' AND x.event > :after AND x.retry_us <= :now"
	" ORDER BY x.event LIMIT :limit";

int feed_open(const char *path, const char *sink, struct feed **out, struct err *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	if (!feed)
		return err_set(err, ERR_MEMORY, "out of memory");
	int status = query_db_open(path, &feed->db, err);
	if (!status)
		status = query_prepare(feed->db, position_sql, &feed->position, err);
	if (!status)
		status = query_prepare(feed->db, events_sql, &feed->events, err);
	if (!status)
		status = query_prepare(feed->db, deferred_sql, &feed->deferred, err);
	if (status) {
		feed_close(feed);
		return status;
	}
	query_bind_text(feed->position, ":sink", sink);
	query_bind_text(feed->events, ":sink", sink);
	query_bind_text(feed->deferred, ":sink", sink);
	*out = feed;
	return 0;
}

void feed_close(struct feed *feed)
{
	if (!feed)
		return;
	query_free(feed->position);
	query_free(feed->events);
	query_free(feed->deferred);
	query_db_close(feed->db);
	free(feed);
}

/* A sink that has never settled anything begins at the first event. */
int feed_position(struct feed *feed, int64_t *position, struct err *err)
{
	const int status = query_step(feed->position, err);
	if (status >= 0)
		*position = status ? query_int(feed->position, 0) : 0;
	query_reset(feed->position);
	return status < 0 ? status : 0;
}

static bool give(const struct query *query, sink_take_fn *take, void *taker)
{
	size_t bytes = 0;
	const uint8_t *record = query_blob(query, 1, &bytes);
	const struct sink_item item = {.id = query_int(query, 0),
				       .record = record,
				       .record_bytes = (uint32_t)bytes,
				       .attempts = (int32_t)query_int(query, 2)};
	return take(taker, &item);
}

/* Resetting the query ends its snapshot, so that the WAL can be emptied between two calls. */
static int each(struct query *query, int64_t after_id, int limit, sink_take_fn *take, void *taker,
		struct err *err)
{
	int taken = 0;
	int status = 0;
	query_bind_int(query, ":after", after_id);
	query_bind_int(query, ":limit", limit);
	while ((status = query_step(query, err)) > 0 && give(query, take, taker))
		taken++;
	query_reset(query);
	return status < 0 ? status : taken;
}

int feed_each(struct feed *feed, int64_t after_id, int limit, sink_take_fn *take, void *taker,
	      struct err *err)
{
	return each(feed->events, after_id, limit, take, taker, err);
}

int feed_each_deferred(struct feed *feed, int64_t now_us, int64_t after_id, int limit,
		       sink_take_fn *take, void *taker, struct err *err)
{
	query_bind_int(feed->deferred, ":now", now_us);
	return each(feed->deferred, after_id, limit, take, taker, err);
}
