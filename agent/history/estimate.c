#include "history/estimate.h"

#include "history/history_parts.h"

static bool has_time(const struct history_filters *filters)
{
	return filters->since_us != INT64_MIN || filters->until_us != INT64_MAX;
}

/*
 * Events by hours, as the rollups have them; these outlive the events, of which there are no more than ids between the first
 * and the last. What an instance has in all is known, too.
 */
static bool add_events(struct buf *sql, const struct history_filters *filters,
		       const struct history_ids *ids)
{
	buf_add_str(sql, "SELECT min((SELECT max(id) - min(id) + 1 FROM events), ");
	if (filters->use_case_id) {
		buf_add_str(sql, "(SELECT sum(t.events) FROM use_case_instances i"
				 " JOIN instance_totals t ON t.instance = i.id WHERE true");
		history_filter_instances(sql, filters, ids);
	} else {
		buf_add_str(sql, "(SELECT sum(h.events) FROM usage_hours h WHERE h.hour BETWEEN "
				 ":low AND :high");
		history_filter_hours(sql, filters);
	}
	buf_add_str(sql, "))");
	return !filters->user_id &&
	       !(filters->use_case_id &&
		 (has_time(filters) || filters->resource || filters->category));
}

static bool add_instances(struct buf *sql, const struct history_filters *filters,
			  const struct history_ids *ids)
{
	buf_add_str(sql, "SELECT count(*) FROM use_case_instances i WHERE true");
	history_filter_instances(sql, filters, ids);
	return !has_time(filters);
}

static int ask(struct query_db *db, struct buf *sql, const struct history_filters *filters,
	       const struct history_ids *ids, int64_t *rows, struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(db, buf_text(sql), &query, err);
	if (status)
		return status;
	history_filter_bind(query, filters, ids);
	query_bind_int(query, ":low", history_hour(filters->since_us));
	query_bind_int(query, ":high", history_hour(filters->until_us - 1));
	status = query_step(query, err);
	if (status == 1)
		*rows = query_int(query, 0);
	query_free(query);
	return status < 0 ? status : 0;
}

int history_estimate(struct query_db *db, enum history_kind kind,
		     const struct history_filters *filters, int64_t *rows, struct err *err)
{
	struct history_ids ids;
	struct buf sql = BUF_INIT;
	bool known = false;
	*rows = 0;
	int status = history_ids_find(db, filters, &ids, err);
	if (!status && !ids.unknown && kind == HISTORY_EVENTS)
		known = add_events(&sql, filters, &ids);
	else if (!status && !ids.unknown && kind == HISTORY_USE_CASES)
		known = add_instances(&sql, filters, &ids);
	if (known)
		status = ask(db, &sql, filters, &ids, rows, err);
	buf_release(&sql);
	if (filters->limit && *rows > filters->limit)
		*rows = filters->limit;
	return status;
}
