/*
 * What sinks have settled. Per sink one position, up to which all is settled; the batches that ended before
 * an earlier one did, as ranges ahead of it; and the few events that were not delivered, one row each.
 */
#include "store/sql.h"
#include "store/store_parts.h"

static int find_number(sqlite3_stmt *statement, int64_t *number, struct err *err)
{
	*number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	return sql_finish(statement, err);
}

/* ---- Events that were not delivered, or were at last ---------------------------------------------- */

/* *n_delivered goes up when the event was among the exceptions: then no range counts it. */
static int settle_delivered(struct store *store, const char *sink, int64_t event,
			    int64_t *n_delivered, struct err *err)
{
	const int status = sql_run(store->statement[STORE_EXCEPTION_CUT], err, SQL_TEXT(sink),
				   SQL_INT(event), SQL_END);
	if (!status)
		*n_delivered += sqlite3_changes(store->db);
	return status;
}

static int settle_exception(struct store *store, const char *sink,
			    const struct sink_outcome *outcome, int64_t now_us, struct err *err)
{
	const bool deferred = outcome->verdict == SINK_DEFERRED;
	return sql_run(store->statement[STORE_EXCEPTION_PUT], err, SQL_TEXT(sink),
		       SQL_INT(outcome->id), SQL_TEXT(deferred ? "deferred" : "dead"),
		       deferred ? SQL_INT(outcome->retry_us) : SQL_TEXT(NULL),
		       outcome->http_status ? SQL_INT(outcome->http_status) : SQL_TEXT(NULL),
		       SQL_TEXT(outcome->code), SQL_TEXT(outcome->message), SQL_INT(now_us),
		       SQL_END);
}

static int settle_outcomes(struct store *store, const struct sink_settlement *settlement,
			   int64_t now_us, int64_t *n_delivered, struct err *err)
{
	int status = 0;
	for (size_t i = 0; !status && i < settlement->n_outcomes; i++) {
		const struct sink_outcome *outcome = &settlement->outcomes[i];
		if (outcome->verdict == SINK_DELIVERED)
			status = settle_delivered(store, settlement->sink, outcome->id, n_delivered,
						  err);
		else
			status = settle_exception(store, settlement->sink, outcome, now_us, err);
	}
	return status;
}

/* ---- The position --------------------------------------------------------------------------------- */

/* The position goes on over all ranges that now join it; each turn takes at least one, so it ends. */
static int absorb(struct store *store, const char *sink, int64_t *position, struct err *err)
{
	sqlite3_stmt *next = store->statement[STORE_SETTLED_NEXT];
	for (;;) {
		int64_t last = 0;
		int status = sql_bind(next, err, SQL_TEXT(sink), SQL_INT(*position), SQL_END);
		if (!status)
			status = find_number(next, &last, err);
		if (status)
			return status;
		if (last <= *position)
			break;
		*position = last;
	}
	return sql_run(store->statement[STORE_SETTLED_CUT], err, SQL_TEXT(sink), SQL_INT(*position),
		       SQL_END);
}

/*
 * The range is written first, and then absorbed like any other: one way for both orders. After a restart
 * a batch may lie around ranges that were settled ahead before; those are part of it now.
 */
static int settle_range(struct store *store, const struct sink_settlement *settlement,
			int64_t *position, struct err *err)
{
	const struct sql_value range[] = {SQL_TEXT(settlement->sink), SQL_INT(settlement->after_id),
					  SQL_INT(settlement->last_id), SQL_END};
	int status = sql_run_values(store->statement[STORE_SETTLED_WITHIN], err, range);
	if (!status)
		status = sql_run_values(store->statement[STORE_SETTLED_PUT], err, range);
	return status ? status : absorb(store, settlement->sink, position, err);
}

static int find_position(struct store *store, const char *sink, int64_t *position, struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_SINK_FIND];
	int status = sql_run(store->statement[STORE_SINK_ADD], err, SQL_TEXT(sink), SQL_END);
	if (!status)
		status = sql_bind(find, err, SQL_TEXT(sink), SQL_END);
	return status ? status : find_number(find, position, err);
}

static int settle(struct store *store, const struct sink_settlement *settlement, int64_t now_us,
		  struct err *err)
{
	int64_t position = 0;
	int64_t n_delivered = 0;
	int status = find_position(store, settlement->sink, &position, err);
	if (!status)
		status = settle_outcomes(store, settlement, now_us, &n_delivered, err);
	if (!status && settlement->last_id > settlement->after_id) {
		n_delivered += settlement->n_delivered;
		status = settle_range(store, settlement, &position, err);
	}
	if (!status)
		status = sql_run(store->statement[STORE_SINK_MOVE], err, SQL_TEXT(settlement->sink),
				 SQL_INT(position), SQL_INT(n_delivered), SQL_END);
	return status;
}

int store_settle(struct store *store, const struct sink_settlement *settlement, int64_t now_us,
		 struct err *err)
{
	const int status = settle(store, settlement, now_us, err);
	return status ? err_wrap(err, "settlement of sink %s", settlement->sink) : 0;
}

static struct sql_value time_or_null(int64_t time_us)
{
	return time_us ? SQL_INT(time_us) : SQL_TEXT(NULL);
}

int store_sink_report(struct store *store, const char *sink, const struct sink_report *report,
		      struct err *err)
{
	int status = sql_run(store->statement[STORE_SINK_ADD], err, SQL_TEXT(sink), SQL_END);
	if (!status)
		status = sql_run(store->statement[STORE_SINK_REPORT], err, SQL_TEXT(sink),
				 SQL_TEXT(report->state), SQL_TEXT(report->last_error),
				 time_or_null(report->last_error_us),
				 time_or_null(report->last_success_us),
				 time_or_null(report->next_try_us), SQL_END);
	return status ? err_wrap(err, "report of sink %s", sink) : 0;
}
