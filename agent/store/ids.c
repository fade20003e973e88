#include "store/ids.h"

#include "store/id_cache.h"
#include "store/sql.h"

#include <stdlib.h>

struct ids {
	struct id_cache *cache;
	sqlite3 *db;
	sqlite3_stmt *alias; /* NULL where there is none */
	bool any_alias;      /* else the look-up is saved: most databases have none */
	sqlite3_stmt *insert;
	sqlite3_stmt *select;
	uint8_t *marks; /* a bit for each id up to marked_to; NULL: none are kept */
	int64_t marked_to;
};

const struct ids_spec ids_of_names = {
	.insert = "INSERT INTO names (text) VALUES (?2) ON CONFLICT DO NOTHING",
	.select = "SELECT id FROM names WHERE text = ?2",
	.cached = 16384, /* users are the only names that may be more */
	.cached_bytes = 1 << 20,
};

/*
 * An instance is found by its own id, or by the one that the service has given for its handle. Its own comes
 * first: where both were there when the id was given, they stay apart.
 */
const struct ids_spec ids_of_instances = {
	.alias = "SELECT h.instance FROM use_case_handles h"
		 " JOIN use_case_instances i ON i.id = h.instance"
		 " WHERE h.given_id = ?2 AND i.use_case_name = ?1 AND NOT EXISTS (SELECT 1"
		 " FROM use_case_instances o WHERE o.use_case_name = ?1 AND o.use_case_id = ?2)"
		 " ORDER BY h.instance LIMIT 1",
	.any_alias = "SELECT EXISTS (SELECT 1 FROM use_case_handles WHERE given_id IS NOT NULL)",
	.insert = "INSERT INTO use_case_instances (use_case_name, use_case_id)"
		  " VALUES (?1, nullif(?2, '')) ON CONFLICT DO NOTHING",
	.select = "SELECT id FROM use_case_instances"
		  " WHERE use_case_name = ?1 AND use_case_id IS nullif(?2, '')",
	.cached = 65536, /* those of the last seconds at full load, of the last hours otherwise */
	.cached_bytes = 3 << 20,
};

static int prepare_alias(struct ids *ids, const struct ids_spec *spec, struct err *err)
{
	int64_t any = 0;
	int status = sql_prepare(ids->db, spec->alias, &ids->alias, err);
	if (!status)
		status = sql_number(ids->db, spec->any_alias, &any, err);
	ids->any_alias = any != 0;
	return status;
}

int ids_open(sqlite3 *db, const struct ids_spec *spec, struct ids **out, struct err *err)
{
	uint64_t seed = 0;
	struct ids *ids = calloc(1, sizeof(*ids));
	if (!ids)
		return err_set(err, ERR_MEMORY, "out of memory");
	sqlite3_randomness(sizeof(seed), &seed);
	ids->db = db;
	ids->cache = id_cache_new(spec->cached, spec->cached_bytes, seed);
	int status = ids->cache ? 0 : err_set(err, ERR_MEMORY, "out of memory");
	if (!status && spec->alias)
		status = prepare_alias(ids, spec, err);
	if (!status)
		status = sql_prepare(db, spec->insert, &ids->insert, err);
	if (!status)
		status = sql_prepare(db, spec->select, &ids->select, err);
	if (status) {
		ids_close(ids);
		return status;
	}
	*out = ids;
	return 0;
}

void ids_close(struct ids *ids)
{
	if (!ids)
		return;
	sqlite3_finalize(ids->alias);
	sqlite3_finalize(ids->insert);
	sqlite3_finalize(ids->select);
	id_cache_free(ids->cache);
	free(ids->marks);
	free(ids);
}

static int select_id(sqlite3_stmt *select, const struct sql_value values[], int64_t *id,
		     struct err *err)
{
	const int status = sql_bind_values(select, err, values);
	if (status)
		return status;
	if (sqlite3_step(select) == SQLITE_ROW)
		*id = sqlite3_column_int64(select, 0);
	return sql_reset(select, err);
}

/* What is not in memory is new, as a rule: so INSERT comes first, and is a no-op for a row that is there. */
static int find_or_add(struct ids *ids, const struct sql_value values[], int64_t *id,
		       struct err *err)
{
	int status = ids->any_alias ? select_id(ids->alias, values, id, err) : 0;
	if (status || *id)
		return status;
	status = sql_run_values(ids->insert, err, values);
	if (status)
		return status;
	if (sqlite3_changes(ids->db) == 1) {
		*id = sqlite3_last_insert_rowid(ids->db);
		return 0;
	}
	return select_id(ids->select, values, id, err);
}

int ids_find(struct ids *ids, int64_t number, const char *text, size_t len, int64_t *id,
	     struct err *err)
{
	*id = id_cache_get(ids->cache, number, text, len);
	if (*id)
		return 0;
	const struct sql_value values[] = {SQL_INT(number), SQL_STR(text, len), SQL_END};
	const int status = find_or_add(ids, values, id, err);
	if (!status)
		id_cache_put(ids->cache, number, text, len, *id);
	if (!status && ids->marks)
		ids_mark(ids, *id);
	return status;
}

void ids_alias_given(struct ids *ids)
{
	ids->any_alias = true;
}

bool ids_knows(const struct ids *ids, int64_t number, const char *text, size_t len)
{
	return id_cache_get(ids->cache, number, text, len) != 0;
}

void ids_forget(struct ids *ids)
{
	id_cache_clear(ids->cache);
}

/* ---- Marks ---------------------------------------------------------------------------------------- */

int ids_marks_begin(struct ids *ids, int64_t last, struct err *err)
{
	ids_marks_end(ids);
	ids->marks = calloc(1, (size_t)last / 8 + 1);
	if (!ids->marks)
		return err_set(err, ERR_MEMORY, "out of memory");
	ids->marked_to = last;
	ids_forget(ids);
	return 0;
}

void ids_marks_end(struct ids *ids)
{
	free(ids->marks);
	ids->marks = NULL;
}

bool ids_marks_on(const struct ids *ids)
{
	return ids->marks != NULL;
}

void ids_mark(struct ids *ids, int64_t id)
{
	if (id > 0 && id <= ids->marked_to)
		ids->marks[id / 8] |= (uint8_t)(1 << id % 8);
}

bool ids_is_marked(const struct ids *ids, int64_t id)
{
	return id <= 0 || id > ids->marked_to || (ids->marks[id / 8] >> id % 8 & 1) != 0;
}
