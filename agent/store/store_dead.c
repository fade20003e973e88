/*
 * Dead letters sent again or dropped, a few at a time: a transaction that did a million would keep the rings
 * waiting.
 */
#include "store/dead.h"
#include "store/sql.h"
#include "store/store_parts.h"

enum { STEP_EVENTS = 500 };

static int bind_text(sqlite3_stmt *select, const char *name, const char *text)
{
	return sqlite3_bind_text(select, sqlite3_bind_parameter_index(select, name), text, -1,
				 SQLITE_STATIC);
}

static int bind_number(sqlite3_stmt *select, const char *name, int64_t number)
{
	return sqlite3_bind_int64(select, sqlite3_bind_parameter_index(select, name), number);
}

/* A condition that the filter has not names no parameter, and so binds none. */
static int bind(sqlite3_stmt *select, const struct store_dead *dead, struct err *err)
{
	struct dead_param params[DEAD_PARAMS];
	dead_filter_params(dead->filter, params);
	int result = bind_text(select, ":sink", dead->sink);
	if (result == SQLITE_OK)
		result = bind_number(select, ":after", dead->after_id);
	if (result == SQLITE_OK)
		result = bind_number(select, ":limit", STEP_EVENTS);
	for (int i = 0; i < DEAD_PARAMS && result == SQLITE_OK; i++) {
		if (sqlite3_bind_parameter_index(select, params[i].name) == 0)
			continue;
		result = params[i].text ? bind_text(select, params[i].name, params[i].text)
					: bind_number(select, params[i].name, params[i].number);
	}
	return result == SQLITE_OK
		       ? 0
		       : sql_error(sqlite3_db_handle(select), err, "cannot bind a value");
}

/* The ids of the next that are meant. */
static int find(struct store *store, const struct store_dead *dead, int64_t ids[STEP_EVENTS],
		int *n, struct err *err)
{
	struct buf sql = BUF_INIT;
	sqlite3_stmt *select = NULL;
	buf_add_str(&sql, "SELECT x.event");
	dead_filter_add(&sql, dead->filter);
	buf_add_str(&sql, " AND x.event > :after ORDER BY x.event LIMIT :limit");
	const char *text = buf_text(&sql);
	int status = sql.failed ? err_set(err, ERR_MEMORY, "out of memory")
				: sql_prepare(store->db, text, &select, err);
	if (!status)
		status = bind(select, dead, err);
	if (!status) {
		for (*n = 0; *n < STEP_EVENTS && sqlite3_step(select) == SQLITE_ROW; ++*n)
			ids[*n] = sqlite3_column_int64(select, 0);
		status = sql_reset(select, err);
	}
	sqlite3_finalize(select);
	buf_release(&sql);
	return status;
}

/* What was dead for want of an id has one asked for again. */
static int retry(struct store *store, const char *sink, int64_t event, int64_t now_us,
		 struct err *err)
{
	const int status = sql_run(store->statement[STORE_DEAD_RETRY], err, SQL_TEXT(sink),
				   SQL_INT(event), SQL_INT(now_us), SQL_END);
	return status ? status
		      : sql_run(store->statement[STORE_HANDLE_AGAIN], err, SQL_INT(event), SQL_END);
}

int store_dead_step(struct store *store, struct store_dead *dead, int64_t now_us, struct err *err)
{
	int64_t ids[STEP_EVENTS];
	int n = 0;
	int status = find(store, dead, ids, &n, err);
	for (int i = 0; i < n && !status; i++) {
		if (dead->action == DEAD_RETRY)
			status = retry(store, dead->sink, ids[i], now_us, err);
		else
			status = sql_run(store->statement[STORE_DEAD_DROP], err,
					 SQL_TEXT(dead->sink), SQL_INT(ids[i]), SQL_INT(now_us),
					 SQL_END);
	}
	if (status)
		return err_wrap(err, "dead letters");
	dead->n += n;
	if (n > 0)
		dead->after_id = ids[n - 1];
	return n == STEP_EVENTS ? STORE_DEAD_MORE : 0;
}
