/*
 * What applications say of use cases beside their events, and what the service answers.
 *
 * Both go into the transaction under way, and that is all there is to being right after a kill: a notice is
 * in the tables exactly if the ring's position is behind it, and an answer exactly if its events are no longer
 * held. Whatever is asked or told again, by an agent that was killed before its commit, finds what the
 * tables say and changes nothing that is settled. Nor does it matter in which order notices and events come:
 * of definitions the latest stands, and of instances only minima, maxima and sums are kept.
 */
#include "store/sql.h"
#include "store/store_parts.h"

/* ---- Notices -------------------------------------------------------------------------------------- */

/*
 * The latest stands, and of two of the same time the larger description, so that order never matters. Only
 * a description that is another than the one before is for the service.
 */
static int define(struct store *store, const struct use_case_notice *notice, int64_t name,
		  struct err *err)
{
	const struct sql_value values[] = {
		SQL_INT(name), SQL_STR(notice->description.text, notice->description.len),
		SQL_INT(notice->time_us), SQL_END};
	const int status = sql_run_values(store->statement[STORE_DEFINITION_SEEN], err, values);
	return status ? status
		      : sql_run_values(store->statement[STORE_DEFINITION_PUT], err, values);
}

static int create(struct store *store, const struct use_case_notice *notice, int64_t name,
		  struct err *err)
{
	struct rollups_event instance = {.use_case_name = name,
					 .handle = notice->kind == USE_CASE_REQUEST};
	const int status = ids_find(store->instances, name, notice->id.text, notice->id.len,
				    &instance.instance, err);
	return status ? status
		      : rollups_add_instance(store->rollups, &instance, notice->time_us, err);
}

int store_use_case_put(struct store *store, const struct use_case_notice *notice, struct err *err)
{
	int64_t name = 0;
	int status = ids_find(store->names, 0, notice->name.text, notice->name.len, &name, err);
	if (!status)
		status = notice->kind == USE_CASE_DEFINE ? define(store, notice, name, err)
							 : create(store, notice, name, err);
	return status ? err_wrap(err, "use case") : 0;
}

/* ---- Answers -------------------------------------------------------------------------------------- */

/* Asked for one description while another took its place: the other is yet to be asked for. */
static int settle_definition(struct store *store, const struct sink_ask_outcome *outcome,
			     int64_t now_us, struct err *err)
{
	const bool later = outcome->verdict == SINK_DEFERRED;
	const char *state = later                                ? "waiting"
			    : outcome->verdict == SINK_DELIVERED ? "told"
								 : "refused";
	return sql_run(store->statement[STORE_DEFINITION_SETTLE], err, SQL_INT(outcome->key),
		       SQL_TEXT(outcome->description), SQL_TEXT(state),
		       sql_int_or_null(later ? 0 : now_us), SQL_INT(later),
		       SQL_INT(later ? outcome->retry_us : 0),
		       sql_int_or_null(outcome->http_status), SQL_TEXT(outcome->code),
		       SQL_TEXT(outcome->message), SQL_END);
}

/* The events that were held for it: to be sent at once, or never. */
static int end_held(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
		    struct err *err)
{
	sqlite3_stmt *end = store->statement[STORE_HELD_END];
	if (outcome->verdict == SINK_DELIVERED)
		return sql_run(end, err, SQL_INT(outcome->key), SQL_TEXT("deferred"),
			       SQL_INT(now_us), SQL_TEXT(NULL), SQL_TEXT(NULL), SQL_TEXT(NULL),
			       SQL_INT(now_us), SQL_END);
	return sql_run(end, err, SQL_INT(outcome->key), SQL_TEXT("dead"), SQL_TEXT(NULL),
		       sql_int_or_null(outcome->http_status), SQL_TEXT(outcome->code),
		       SQL_TEXT(outcome->message), SQL_INT(now_us), SQL_END);
}

/* The first answer stands; of a second one nothing is changed. */
static int settle_handle(struct store *store, const struct sink_ask_outcome *outcome,
			 int64_t now_us, struct err *err)
{
	const bool later = outcome->verdict == SINK_DEFERRED;
	const bool given = outcome->verdict == SINK_DELIVERED;
	const int status = sql_run(
		store->statement[STORE_HANDLE_SETTLE], err, SQL_INT(outcome->key),
		SQL_TEXT(given ? outcome->given_id : NULL),
		SQL_TEXT(later   ? "waiting"
			 : given ? "given"
				 : "refused"),
		sql_int_or_null(given ? now_us : 0), SQL_INT(later),
		SQL_INT(later ? outcome->retry_us : 0), sql_int_or_null(outcome->http_status),
		SQL_TEXT(outcome->code), SQL_TEXT(outcome->message), SQL_END);
	if (status || later || sqlite3_changes(store->db) == 0)
		return status;
	if (given)
		ids_alias_given(store->instances);
	return end_held(store, outcome, now_us, err);
}

static int settle_ask(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
		      struct err *err)
{
	switch (outcome->kind) { /* gcov: no other */
	case SINK_ASK_DEFINE:
		return settle_definition(store, outcome, now_us, err);
	case SINK_ASK_ID:
		return settle_handle(store, outcome, now_us, err);
	case SINK_ASK_PRICES:
		break;
	}
	return store_settle_prices(store, outcome, now_us, err);
}

int store_settle_ask(struct store *store, const struct sink_ask_outcome *outcome, int64_t now_us,
		     struct err *err)
{
	const int status = settle_ask(store, outcome, now_us, err);
	return status ? err_wrap(err, "answer of the service") : 0;
}
