#define _GNU_SOURCE /* memmem() */
#include "store/feed.h"

#include "schema/use_case_fields.h"
#include "store/price_key.h"
#include "store/query.h"

#include <stdlib.h>
#include <string.h>

#define PRICES_APART_US INT64_C(10000000)

struct feed {
	struct query_db *db;
	struct query *position;
	struct query *newest;
	struct query *events;
	struct query *deferred;
	struct query *handle;
	struct query *definitions;
	struct query *handles;
	struct query *prices;
	bool ask_prices;
	int64_t prices_us; /* the next look for what has no price */
};

static const char newest_sql[] = "SELECT (SELECT max(id) FROM events),"
				 " (SELECT max(id) FROM use_case_instances)";

static const char position_sql[] = "SELECT position FROM sinks WHERE name = :sink";

/*
 * Ranges that are settled do not overlap: the last one that begins before an event is the one to ask. The
 * position is asked as well, since it absorbs ranges, also while a sink is behind it: after a restart
 * it may yet have to pass over what was settled ahead before.
 *
 * As a rule nothing waits, and nothing ahead is settled: each question that would be asked of every event
 * stands behind one that SQLite answers once a fetch, as it names no event.
 */
#define ANY_WAITS                                                                                  \
	"(SELECT EXISTS (SELECT 1 FROM sink_exceptions a WHERE a.sink = :sink"                     \
	" AND a.instance IS NOT NULL))"
#define ANY_EXCEPTIONS                                                                             \
	"(SELECT EXISTS (SELECT 1 FROM sink_exceptions b WHERE b.sink = :sink"                     \
	" AND b.event > :after))"
#define ANY_SETTLED                                                                                \
	"(SELECT EXISTS (SELECT 1 FROM sink_settled c WHERE c.sink = :sink AND c.last_id > "       \
	":after))"

static const char events_sql[] =
	"SELECT e.id, e.record, 0, e.instance,"
	" CASE WHEN " ANY_WAITS " THEN EXISTS (SELECT 1 FROM sink_exceptions w WHERE w.sink = :sink"
	" AND w.instance = e.instance AND w.state IN ('deferred', 'held') AND w.event < e.id)"
	" ELSE 0 END FROM events e"
	" WHERE e.id > max(:after, coalesce((SELECT k.position FROM sinks k WHERE k.name = :sink), "
	"0))"
	" AND (NOT " ANY_EXCEPTIONS " OR NOT EXISTS (SELECT 1 FROM sink_exceptions x"
	" WHERE x.sink = :sink AND x.event = e.id))"
	" AND (NOT " ANY_SETTLED " OR e.id > coalesce((SELECT s.last_id FROM sink_settled s"
	" WHERE s.sink = :sink AND s.after_id < e.id ORDER BY s.after_id DESC LIMIT 1), 0))"
	" ORDER BY e.id LIMIT :limit";

/*
 * No back-off is as long as ten minutes: what is to wait longer, and not for its own time to come, was deferred before
 * the clock was set back, or between its verdict and its commit. By then nobody wants to wait. One that is due waits
 * behind another that is due, too, if that is not after the position any more: it became due when the sweep had passed
 * it, and comes with the next. Each question is one search of the index: an instance may have thousands that wait.
 */
static const char deferred_sql[] =
	"SELECT e.id, e.record, x.attempts, e.instance,"
	" EXISTS (SELECT 1 FROM sink_exceptions w WHERE w.sink = :sink AND w.instance = x.instance"
	" AND w.state = 'held' AND w.event < x.event)"
	" OR EXISTS (SELECT 1 FROM sink_exceptions w WHERE w.sink = :sink AND w.instance = "
	"x.instance"
	" AND w.state = 'deferred' AND w.event <= :after)"
	" OR EXISTS (SELECT 1 FROM sink_exceptions w WHERE w.sink = :sink AND w.instance = "
	"x.instance"
	" AND w.state = 'deferred' AND w.event > :after AND w.event < x.event AND w.retry_us > "
	":now)"
	" FROM sink_exceptions x JOIN events e ON e.id = x.event"
	" WHERE x.sink = :sink AND x.state = 'deferred' AND x.event > :after"
	" AND (x.retry_us <= :now OR x.retry_us > max(:now, e.event_timestamp_us) + 600000000)"
	" ORDER BY x.event LIMIT :limit";

static const char handle_sql[] = "SELECT given_id FROM use_case_handles WHERE instance = :instance";

/*
 * By retry_us and key, as the index has them: what was never asked before comes first, in the order of its coming. What is
 * due later than a sink may want was put off before the clock was set back.
 */
static const char definitions_sql[] =
	"SELECT d.use_case_name, n.text, d.attempts, d.description FROM use_case_definitions d"
	" JOIN names n ON n.id = d.use_case_name"
	" WHERE d.state = 'waiting' AND (d.retry_us <= :now OR d.retry_us > :now + :far)"
	" ORDER BY d.retry_us, d.use_case_name LIMIT :limit";

static const char handles_sql[] =
	"SELECT h.instance, n.text, h.attempts FROM use_case_handles h"
	" JOIN use_case_instances i ON i.id = h.instance JOIN names n ON n.id = i.use_case_name"
	" WHERE h.state = 'waiting' AND (h.retry_us <= :now OR h.retry_us > :now + :far)"
	" ORDER BY h.retry_us, h.instance LIMIT :limit";

/* Of what was used in the last two days, what was never asked for, or so long ago that it is time again. */
static const char prices_sql[] =
	"SELECT h.category, h.resource, c.text, r.text, coalesce(a.attempts, 0)"
	" FROM (SELECT DISTINCT category, resource FROM usage_hours"
	" WHERE hour >= :now / 3600000000 - 48 AND resource <> 0) h"
	" JOIN names c ON c.id = h.category JOIN names r ON r.id = h.resource"
	" LEFT JOIN price_asks a ON a.category = h.category AND a.resource = h.resource"
	" WHERE coalesce(a.retry_us, 0) <= :now ORDER BY a.retry_us, 1, 2 LIMIT :limit";

static int prepare(struct feed *feed, struct err *err)
{
	const struct {
		const char *sql;
		struct query **query;
	} queries[] = {{position_sql, &feed->position}, {newest_sql, &feed->newest},

		       {events_sql, &feed->events},     {deferred_sql, &feed->deferred},
		       {handle_sql, &feed->handle},     {definitions_sql, &feed->definitions},
		       {handles_sql, &feed->handles},   {prices_sql, &feed->prices}};
	int status = 0;
	for (size_t i = 0; !status && i < sizeof(queries) / sizeof(queries[0]); i++)
		status = query_prepare(feed->db, queries[i].sql, queries[i].query, err);
	return status;
}

static int name_sink(struct feed *feed, const char *sink, struct err *err)
{
	struct query *const queries[] = {feed->position, feed->events, feed->deferred};
	int status = 0;
	for (size_t i = 0; !status && i < sizeof(queries) / sizeof(queries[0]); i++) {
		query_bind_text(queries[i], ":sink", sink);
		status = query_check(queries[i], err);
	}
	return status;
}

int feed_open(const char *path, const char *sink, struct feed **out, struct err *err)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	if (!feed)
		return err_set(err, ERR_MEMORY, "out of memory");
	int status = query_db_open(path, &feed->db, err);
	if (!status)
		status = prepare(feed, err);
	if (!status)
		status = name_sink(feed, sink, err);
	if (status) {
		feed_close(feed);
		return status;
	}
	*out = feed;
	return 0;
}

void feed_close(struct feed *feed)
{
	if (!feed)
		return;
	query_free(feed->position);
	query_free(feed->newest);
	query_free(feed->events);
	query_free(feed->deferred);
	query_free(feed->handle);
	query_free(feed->definitions);
	query_free(feed->handles);
	query_free(feed->prices);
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

int feed_newest(struct feed *feed, int64_t *event, int64_t *instance, struct err *err)
{
	const int status = query_step(feed->newest, err);
	if (status > 0) {
		*event = query_int(feed->newest, 0);
		*instance = query_int(feed->newest, 1);
	}
	query_reset(feed->newest);
	return status < 0 ? status : 0;
}

/* ---- Events --------------------------------------------------------------------------------------- */

/*
 * Most events are under no handle, and pay for handles only this search: one that is carries the prefix in
 * its record, so an event without need not be looked up. (With it, somewhere in its texts, it may still be under none.)
 */
static bool may_be_under_handle(const struct sink_item *item)
{
	static const char prefix[] = PAYI_HANDLE_PREFIX;
	return memmem(item->record, item->record_bytes, prefix, sizeof(prefix) - 1) != NULL;
}

static int find_given_id(struct feed *feed, int64_t instance, struct sink_item *item,
			 struct err *err)
{
	query_bind_int(feed->handle, ":instance", instance);
	const int status = query_step(feed->handle, err);
	if (status > 0) {
		item->use_case_id = query_text(feed->handle, 0);
		item->unresolved = !item->use_case_id;
	}
	return status < 0 ? status : 0;
}

/* 1: taken; 0: not; negative: an error. */
static int give(struct feed *feed, const struct query *query, sink_take_fn *take, void *taker,
		struct err *err)
{
	size_t bytes = 0;
	const uint8_t *record = query_blob(query, 1, &bytes);
	struct sink_item item = {.id = query_int(query, 0),
				 .record = record,
				 .record_bytes = (uint32_t)bytes,
				 .attempts = (int32_t)query_int(query, 2),
				 .instance = query_int(query, 3),
				 .behind = query_int(query, 4) != 0};
	if (!may_be_under_handle(&item))
		return take(taker, &item);
	int status = find_given_id(feed, query_int(query, 3), &item, err);
	if (!status)
		status = take(taker, &item);
	query_reset(feed->handle); /* not before: the id is its text */
	return status;
}

/* Resetting the query ends its snapshot, so that the WAL can be emptied between two calls. */
static int each(struct feed *feed, struct query *query, int64_t after_id, int limit,
		sink_take_fn *take, void *taker, struct err *err)
{
	int taken = 0;
	int status = 0;
	query_bind_int(query, ":after", after_id);
	query_bind_int(query, ":limit", limit);
	while ((status = query_step(query, err)) > 0 &&
	       (status = give(feed, query, take, taker, err)) > 0)
		taken++;
	query_reset(query);
	return status < 0 ? status : taken;
}

int feed_each(struct feed *feed, int64_t after_id, int limit, sink_take_fn *take, void *taker,
	      struct err *err)
{
	return each(feed, feed->events, after_id, limit, take, taker, err);
}

int feed_each_deferred(struct feed *feed, int64_t now_us, int64_t after_id, int limit,
		       sink_take_fn *take, void *taker, struct err *err)
{
	query_bind_int(feed->deferred, ":now", now_us);
	return each(feed, feed->deferred, after_id, limit, take, taker, err);
}

/* ---- Asks ----------------------------------------------------------------------------------------- */

static bool give_ask(const struct query *query, enum sink_ask_kind kind, sink_take_ask_fn *take,
		     void *taker)
{
	const struct sink_ask ask = {.kind = kind,
				     .key = query_int(query, 0),
				     .use_case_name = query_text(query, 1),
				     .description =
					     kind == SINK_ASK_DEFINE ? query_text(query, 3) : NULL,
				     .attempts = (int32_t)query_int(query, 2)};
	return take(taker, &ask);
}

/* *open: the taker takes more. */
static int each_ask(struct query *query, enum sink_ask_kind kind, int64_t now_us, int limit,
		    sink_take_ask_fn *take, void *taker, bool *open, struct err *err)
{
	int taken = 0;
	int status = 0;
	query_bind_int(query, ":now", now_us);
	query_bind_int(query, ":far", SINK_ASK_WAIT_MAX_US);
	query_bind_int(query, ":limit", limit);
	while ((status = query_step(query, err)) > 0 &&
	       (*open = give_ask(query, kind, take, taker)))
		taken++;
	query_reset(query);
	return status < 0 ? status : taken;
}

void feed_ask_prices(struct feed *feed, bool ask)
{
	feed->ask_prices = ask;
}

/* Nothing waits for prices, and the look costs more than the others: so it is taken seldom. */
static int each_price_ask(struct feed *feed, int64_t now_us, int limit, sink_take_ask_fn *take,
			  void *taker, struct err *err)
{
	int taken = 0;
	int status = 0;
	if (!feed->ask_prices || limit <= 0 ||
	    (now_us < feed->prices_us && now_us >= feed->prices_us - PRICES_APART_US))
		return 0;
	feed->prices_us = now_us + PRICES_APART_US;
	query_bind_int(feed->prices, ":now", now_us);
	query_bind_int(feed->prices, ":limit", limit);
	while ((status = query_step(feed->prices, err)) > 0) {
		const struct query *row = feed->prices;
		const struct sink_ask ask = {.kind = SINK_ASK_PRICES,
					     .key = price_key(query_int(row, 0), query_int(row, 1)),
					     .use_case_name = query_text(row, 2),
					     .description = query_text(row, 3),
					     .attempts = (int32_t)query_int(row, 4)};
		if (!take(taker, &ask))
			break;
		taken++;
	}
	query_reset(feed->prices);
	return status < 0 ? status : taken;
}

int feed_asks(struct feed *feed, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker,
	      struct err *err)
{
	bool open = true;
	const int handles = each_ask(feed->handles, SINK_ASK_ID, now_us, limit - limit / 4, take,
				     taker, &open, err);
	if (handles < 0 || !open)
		return handles;
	const int definitions = each_ask(feed->definitions, SINK_ASK_DEFINE, now_us,
					 limit - handles, take, taker, &open, err);
	if (definitions < 0 || !open)
		return definitions < 0 ? definitions : handles + definitions;
	const int prices =
		each_price_ask(feed, now_us, limit - handles - definitions, take, taker, err);
	return prices < 0 ? prices : handles + definitions + prices;
}
