#include "history/filters.h"

static int find_name(struct query *query, const char *text, int64_t *id, bool *unknown,
		     struct err *err)
{
	if (!text)
		return 0;
	query_bind_text(query, ":text", text);
	const int status = query_step(query, err);
	if (status == 1)
		*id = query_int(query, 0);
	else if (status == 0)
		*unknown = true;
	query_reset(query);
	return status < 0 ? status : 0;
}

#define INSTANCES_OF_ID                                                                            \
	"SELECT f.id FROM use_case_instances f WHERE f.use_case_id = :use_case_id"                 \
	" UNION SELECT g.instance FROM use_case_handles g WHERE g.given_id = :use_case_id"

/* Mostly it is one, and then events lie in its index in the order in which they are asked for. */
static int find_instance(struct query_db *db, const struct history_filters *filters,
			 struct history_ids *ids, struct err *err)
{
	struct query *query = NULL;
	if (!filters->use_case_id || ids->unknown)
		return 0;
	int status =
		query_prepare(db,
			      "SELECT count(*), max(i.id) FROM use_case_instances i WHERE i.id IN "
			      "(" INSTANCES_OF_ID ") AND :use_case_name IN (0, i.use_case_name)",
			      &query, err);
	if (status)
		return status;
	history_filter_bind(query, filters, ids);
	status = query_step(query, err);
	if (status == 1) {
		ids->unknown = query_int(query, 0) == 0;
		ids->instance = query_int(query, 0) == 1 ? query_int(query, 1) : 0;
	}
	query_free(query);
	return status < 0 ? status : 0;
}

int history_ids_find(struct query_db *db, const struct history_filters *filters,
		     struct history_ids *ids, struct err *err)
{
	struct query *query = NULL;
	*ids = (struct history_ids){0};
	int status = query_prepare(db, "SELECT id FROM names WHERE text = :text", &query, err);
	if (status)
		return status;
	status = find_name(query, filters->use_case_name, &ids->use_case_name, &ids->unknown, err);
	if (!status)
		status = find_name(query, filters->user_id, &ids->user_id, &ids->unknown, err);
	if (!status)
		status = find_name(query, filters->category, &ids->category, &ids->unknown, err);
	if (!status)
		status = find_name(query, filters->resource, &ids->resource, &ids->unknown, err);
	query_free(query);
	return status ? status : find_instance(db, filters, ids, err);
}

const char *history_ids_unknown(struct query_db *db, const struct history_filters *filters)
{
	const struct {
		const char *name;
		const char *text;
	} texts[] = {{"use case", filters->use_case_name},
		     {"user", filters->user_id},
		     {"category", filters->category},
		     {"resource", filters->resource}};
	struct query *query = NULL;
	struct err ignored;
	const char *found = NULL;
	if (query_prepare(db, "SELECT id FROM names WHERE text = :text", &query, &ignored))
		return NULL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && !found; i++) {
		int64_t id = 0;
		bool unknown = false;
		if (find_name(query, texts[i].text, &id, &unknown, &ignored) == 0 && unknown)
			found = texts[i].name;
	}
	query_free(query);
	return found;
}

/*
 * The unary + hides a column from the planner: without statistics it might take the user's index where the
 * id leaves a handful of events.
 */
void history_filter_events(struct buf *sql, const struct history_filters *filters,
			   const struct history_ids *ids)
{
	if (ids->instance)
		buf_add_str(sql, " AND e.instance = :instance");
	else if (filters->use_case_id)
		buf_add_str(sql, " AND e.instance IN (" INSTANCES_OF_ID ")");
	if (filters->use_case_name && !ids->instance)
		buf_add_str(sql, " AND (SELECT f.use_case_name FROM use_case_instances f"
				 " WHERE f.id = e.instance) = :use_case_name");
	if (filters->user_id)
		buf_add_str(sql, filters->use_case_id ? " AND +e.user_id = :user_id"
						      : " AND e.user_id = :user_id");
	if (filters->category)
		buf_add_str(sql, " AND e.category = :category");
	if (filters->resource)
		buf_add_str(sql, " AND e.resource = :resource");
}

void history_filter_instances(struct buf *sql, const struct history_filters *filters,
			      const struct history_ids *ids)
{
	if (ids->instance)
		buf_add_str(sql, " AND i.id = :instance");
	else if (filters->use_case_id)
		buf_add_str(sql, " AND i.id IN (" INSTANCES_OF_ID ")");
	if (filters->use_case_name)
		buf_add_str(sql, " AND i.use_case_name = :use_case_name");
	if (filters->user_id)
		buf_add_str(sql, " AND i.id IN (SELECT f.instance FROM instance_users f"
				 " WHERE f.user_id = :user_id)");
}

void history_filter_totals(struct buf *sql, const struct history_filters *filters,
			   const struct history_ids *ids, bool led)
{
	if (ids->instance)
		buf_add_str(sql, " AND t.instance = :instance");
	else if (filters->use_case_id)
		buf_add_str(sql, " AND t.instance IN (" INSTANCES_OF_ID ")");
	if (filters->use_case_name)
		buf_add_str(sql, " AND t.use_case_name = :use_case_name");
	if (filters->user_id && led)
		buf_add_str(sql, " AND EXISTS (SELECT 1 FROM instance_users f"
				 " WHERE f.instance = t.instance AND f.user_id = :user_id)");
	else if (filters->user_id)
		buf_add_str(sql, " AND t.instance IN (SELECT f.instance FROM instance_users f"
				 " WHERE f.user_id = :user_id)");
}

void history_filter_hours(struct buf *sql, const struct history_filters *filters)
{
	if (filters->use_case_name)
		buf_add_str(sql, " AND h.use_case_name = :use_case_name");
	if (filters->category)
		buf_add_str(sql, " AND h.category = :category");
	if (filters->resource)
		buf_add_str(sql, " AND h.resource = :resource");
}

void history_filter_bind(struct query *query, const struct history_filters *filters,
			 const struct history_ids *ids)
{
	query_bind_int(query, ":use_case_name", ids->use_case_name);
	query_bind_int(query, ":user_id", ids->user_id);
	query_bind_int(query, ":category", ids->category);
	query_bind_int(query, ":resource", ids->resource);
	query_bind_int(query, ":instance", ids->instance);
	if (filters->use_case_id)
		query_bind_text(query, ":use_case_id", filters->use_case_id);
}
