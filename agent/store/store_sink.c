/*
 * What sinks have settled. Per sink one position, up to which all is settled; the batches that ended before
 * an earlier one did, as ranges ahead of it; and the few events that were not delivered, one row each.
 */
#include "store/sql.h"
#include "store/store_parts.h"

#include <string.h>

static int find_number(sqlite3_stmt *statement, int64_t *number, struct err *err)
{
	*number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	return sql_reset(statement, err);
}

/* ---- Events that were not delivered, or were at last ---------------------------------------------- */

/* *n_delivered goes up when the event was among the exceptions: then no range counts it. */
static int settle_delivered(struct store *store, const char *sink,
			    const struct sink_outcome *outcome, int64_t *n_delivered,
			    struct err *err)
{
	const struct sink_cost *cost = &outcome->cost;
	const int status = sql_run(store->statement[STORE_EXCEPTION_CUT], err, SQL_TEXT(sink),
				   SQL_INT(outcome->id), SQL_END);
	if (!status)
		*n_delivered += sqlite3_changes(store->db);
	if (status || !cost->said)
		return status;
	return sql_run(store->statement[STORE_COST_PUT], err, SQL_INT(outcome->id),
		       SQL_INT(cost->input), SQL_INT(cost->output), SQL_INT(cost->total), SQL_END);
}

/* attempts: how many this makes, 0 or 1. */
static int put_exception(struct store *store, const char *sink, const struct sink_outcome *outcome,
			 int attempts, int64_t now_us, struct err *err)
{
	static const char *const states[] = {[SINK_DELIVERED] = "delivered",
					     [SINK_DEFERRED] = "deferred",
					     [SINK_DEAD] = "dead",
					     [SINK_HELD] = "held",
					     [SINK_BEHIND] = "held"};
	const bool deferred = outcome->verdict == SINK_DEFERRED;
	const bool waits = sink_waits(outcome->verdict);
	return sql_run(store->statement[STORE_EXCEPTION_PUT], err, SQL_TEXT(sink),
		       SQL_INT(outcome->id), SQL_TEXT(states[outcome->verdict]), SQL_INT(attempts),
		       deferred ? SQL_INT(outcome->retry_us) : SQL_TEXT(NULL),
		       sql_int_or_null(outcome->http_status), SQL_TEXT(outcome->code),
		       SQL_TEXT(outcome->message), SQL_INT(now_us),
		       sql_int_or_null(waits ? outcome->instance : 0), SQL_END);
}

/*
 * The sink holds an event for want of an id. By now the service may have given it, or refused it for good:
 * the transaction that said so has dealt with the events that were held then, and this one comes after it.
 */
static struct sink_outcome outcome_of_handle(sqlite3_stmt *handle, const struct sink_outcome *held,
					     int64_t now_us)
{
	const int64_t event = held->id;
	const int64_t instance = held->instance;
	const bool found = sqlite3_step(handle) == SQLITE_ROW;
	const char *state = found ? (const char *)sqlite3_column_text(handle, 0) : "given";
	if (strcmp(state, "waiting") == 0)
		return (struct sink_outcome){
			.id = event, .instance = instance, .verdict = SINK_HELD};
	if (strcmp(state, "given") == 0)
		return (struct sink_outcome){.id = event,
					     .instance = instance,
					     .verdict = SINK_DEFERRED,
					     .retry_us = now_us};
	return (struct sink_outcome){.id = event,
				     .verdict = SINK_DEAD,
				     .http_status = sqlite3_column_int(handle, 1),
				     .code = (const char *)sqlite3_column_text(handle, 2),
				     .message = (const char *)sqlite3_column_text(handle, 3)};
}

static int settle_held(struct store *store, const char *sink, const struct sink_outcome *held,
		       int64_t now_us, struct err *err)
{
	sqlite3_stmt *handle = store->statement[STORE_HANDLE_OF_EVENT];
	int status = sql_bind(handle, err, SQL_INT(held->id), SQL_END);
	if (status)
		return status;
	const struct sink_outcome outcome = outcome_of_handle(handle, held, now_us);
	status = put_exception(store, sink, &outcome, 0, now_us, err);
	const int finished = sql_reset(handle, err); /* not before: its texts are the outcome's */
	return status ? status : finished;
}

/* ---- Order ---------------------------------------------------------------------------------------- */

/* An event is settled for good: those that wait behind it come, some at a time, when no other is to come first. */
static int release_behind(struct store *store, const char *sink, int64_t instance, int64_t now_us,
			  struct err *err)
{
	return instance ? sql_run(store->statement[STORE_BEHIND_RELEASE], err, SQL_TEXT(sink),
				  SQL_INT(instance), SQL_INT(now_us), SQL_END)
			: 0;
}

static int find_waiting(struct store *store, const char *sink, const struct sink_outcome *behind,
			int64_t *found, struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_WAITING_BEFORE];
	const int status = sql_bind(find, err, SQL_TEXT(sink), SQL_INT(behind->instance),
				    SQL_INT(behind->id), SQL_END);
	return status ? status : find_number(find, found, err);
}

static int find_deferred(struct store *store, const char *sink, int64_t instance, int64_t *found,
			 struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_DEFERRED_OF];
	const int status = sql_bind(find, err, SQL_TEXT(sink), SQL_INT(instance), SQL_END);
	return status ? status : find_number(find, found, err);
}

/*
 * What it waited behind may have gone by now: then it is its turn. Of those that wait one must be on its way, or none would
 * ever go: if this was the one, it is the first one's turn.
 */
static int settle_behind(struct store *store, const char *sink, const struct sink_outcome *behind,
			 int64_t now_us, struct err *err)
{
	struct sink_outcome outcome = *behind;
	int64_t before = 0;
	int64_t on_its_way = 1;
	int status = find_waiting(store, sink, behind, &before, err);
	if (status)
		return status;
	if (!before) {
		outcome.verdict = SINK_DEFERRED;
		outcome.retry_us = now_us;
	}
	status = put_exception(store, sink, &outcome, 0, now_us, err);
	if (!status)
		status = find_deferred(store, sink, behind->instance, &on_its_way, err);
	if (!status && !on_its_way)
		status = release_behind(store, sink, behind->instance, now_us, err);
	return status;
}

/* How the outcomes of a settlement add up. */
struct tally {
	int64_t delivered; /* that were exceptions before */
	int64_t others;    /* that were not delivered */
	int64_t gone; /* of these, those that are not there any more: retention has discarded them */
};

static int is_gone(struct store *store, int64_t event, bool *gone, struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_EVENT_IS];
	int64_t found = 0;
	int status = sql_bind(find, err, SQL_INT(event), SQL_END);
	if (!status)
		status = find_number(find, &found, err);
	*gone = !status && !found;
	return status;
}

static int settle_outcome(struct store *store, const char *sink, const struct sink_outcome *outcome,
			  int64_t now_us, struct tally *tally, struct err *err)
{
	const bool delivered = outcome->verdict == SINK_DELIVERED;
	bool gone = false;
	int status = delivered ? 0 : is_gone(store, outcome->id, &gone, err);
	tally->others += !delivered;
	if (gone) {
		tally->gone++;
		return release_behind(store, sink, outcome->instance, now_us, err);
	}
	if (status)
		return status;
	switch (outcome->verdict) { /* gcov: no other */
	case SINK_HELD:
		return settle_held(store, sink, outcome, now_us, err);
	case SINK_BEHIND:
		return settle_behind(store, sink, outcome, now_us, err);
	case SINK_DEFERRED:
		return put_exception(store, sink, outcome, 1, now_us, err);
	case SINK_DEAD:
		status = put_exception(store, sink, outcome, 1, now_us, err);
		break;
	case SINK_DELIVERED:
		status = settle_delivered(store, sink, outcome, &tally->delivered, err);
		break;
	}
	return status ? status : release_behind(store, sink, outcome->instance, now_us, err);
}

static int settle_outcomes(struct store *store, const struct sink_settlement *settlement,
			   int64_t now_us, struct tally *tally, struct err *err)
{
	int status = 0;
	for (size_t i = 0; !status && i < settlement->n_outcomes; i++)
		status = settle_outcome(store, settlement->sink, &settlement->outcomes[i], now_us,
					tally, err);
	return status;
}

/* ---- The position --------------------------------------------------------------------------------- */

/* Each turn takes at least one range, so it ends. */
int store_absorb(struct store *store, const char *sink, int64_t *position, struct err *err)
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
	return status ? status : store_absorb(store, settlement->sink, position, err);
}

/* How many of a range are not settled yet. */
static int count_open(struct store *store, const struct sink_settlement *settlement,
		      int64_t position, int64_t *n, struct err *err)
{
	sqlite3_stmt *among = store->statement[STORE_SETTLED_AMONG];
	const int64_t after = settlement->after_id > position ? settlement->after_id : position;
	int64_t settled = 0;
	int status = sql_bind(among, err, SQL_TEXT(settlement->sink), SQL_INT(after),
			      SQL_INT(settlement->last_id), SQL_END);
	if (!status)
		status = find_number(among, &settled, err);
	*n = settlement->last_id > after ? settlement->last_id - after - settled : 0;
	return status;
}

/*
 * More than were open have come to an end: retention had discarded the others while they were under way, and counted
 * them so. What the service has of them was delivered, after all; what it did not take stays discarded.
 */
static int settle_discarded(struct store *store, const char *sink, int64_t n_more,
			    const struct tally *tally, struct err *err)
{
	const int64_t n = n_more - tally->gone;
	return n <= 0 ? 0
		      : sql_run(store->statement[STORE_DISCARDED_TAKE], err, SQL_TEXT(sink),
				SQL_INT(n), SQL_END);
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
	int64_t n_open = 0;
	struct tally tally = {0};
	int status = find_position(store, settlement->sink, &position, err);
	if (!status)
		status = settle_outcomes(store, settlement, now_us, &tally, err);
	if (!status && settlement->last_id > settlement->after_id) {
		tally.delivered += settlement->n_delivered;
		status = count_open(store, settlement, position, &n_open, err);
		if (!status)
			status = settle_range(store, settlement, &position, err);
		if (!status)
			status = settle_discarded(store, settlement->sink,
						  settlement->n_delivered + tally.others - n_open,
						  &tally, err);
	}
	if (!status)
		status = sql_run(store->statement[STORE_SINK_MOVE], err, SQL_TEXT(settlement->sink),
				 SQL_INT(position), SQL_INT(tally.delivered), SQL_END);
	return status;
}

int store_settle(struct store *store, const struct sink_settlement *settlement, int64_t now_us,
		 struct err *err)
{
	const int status = settle(store, settlement, now_us, err);
	return status ? err_wrap(err, "settlement of sink %s", settlement->sink) : 0;
}

int store_sink_report(struct store *store, const char *sink, const struct sink_report *report,
		      struct err *err)
{
	int status = sql_run(store->statement[STORE_SINK_ADD], err, SQL_TEXT(sink), SQL_END);
	if (!status)
		status = sql_run(store->statement[STORE_SINK_REPORT], err, SQL_TEXT(sink),
				 SQL_TEXT(report->state), SQL_TEXT(report->last_error),
				 sql_int_or_null(report->last_error_us),
				 sql_int_or_null(report->last_success_us),
				 sql_int_or_null(report->next_try_us), SQL_END);
	return status ? err_wrap(err, "report of sink %s", sink) : 0;
}
