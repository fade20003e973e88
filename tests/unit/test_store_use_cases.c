/* Definitions, instances that are there before their events, and handles: in the tables, and over restarts. */
#include "use_case_fixture.h"

static const char definitions[] =
	"SELECT n.text, d.description, d.defined_us - 1795000000000000, d.state, d.attempts, "
	"d.retry_us,"
	" d.http_status, d.code, d.message, d.settled_us FROM use_case_definitions d"
	" JOIN names n ON n.id = d.use_case_name ORDER BY 1";

static const char instances[] =
	"SELECT u.text, i.use_case_id, t.events, t.first_us - 1795000000000000,"
	" t.last_us - 1795000000000000 FROM instance_totals t JOIN use_case_instances i"
	" ON i.id = t.instance JOIN names u ON u.id = i.use_case_name ORDER BY 1, 2";

static const char handles[] =
	"SELECT substr(i.use_case_id, -1), h.state, h.given_id, h.requested_us - 1795000000000000,"
	" h.given_us, h.attempts, h.retry_us, h.http_status, h.code, h.message"
	" FROM use_case_handles h JOIN use_case_instances i ON i.id = h.instance ORDER BY 1";

static const char books[] =
	"SELECT delivered, waiting, deferred, held, dead, stored = delivered + waiting + deferred"
	" + held + dead FROM sink_books";

/* ---- Definitions ---------------------------------------------------------------------------------- */

static int64_t name_key(struct fixture *fixture)
{
	char *text = fixture_rows(fixture, "SELECT use_case_name FROM use_case_definitions");
	const int64_t key = strtoll(text, NULL, 10);
	free(text);
	return key;
}

static void answer_definition(struct fixture *fixture, enum sink_verdict verdict,
			      const char *description)
{
	answer(fixture,
	       &(struct sink_ask_outcome){.kind = SINK_ASK_DEFINE,
					  .key = name_key(fixture),
					  .verdict = verdict,
					  .description = description,
					  .http_status = verdict == SINK_DELIVERED ? 201 : 400,
					  .retry_us = 77,
					  .code = verdict == SINK_DELIVERED ? NULL : "bad",
					  .message = verdict == SINK_DELIVERED ? NULL : "no"},
	       9);
}

Test(store_use_cases, keeps_the_latest_definition_in_whatever_order_they_come)
{
	static const struct {
		const char *description;
		int64_t time_us;
	} said[] = {{"one", START_US},
		    {"three", START_US + 3},
		    {"two", START_US + 2},
		    {"tie", START_US + 3}};
	static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}};
	for (size_t i = 0; i < 4; i++) {
		struct fixture fixture[1];
		fixture_open(fixture);
		for (int k = 0; k < 4; k++) {
			const int at = orders[i][k];
			tell(fixture, USE_CASE_DEFINE, "triage", said[at].description,
			     said[at].time_us);
			fixture_store_reopen(fixture);
		}
		assert_rows(definitions, "triage|tie|3|waiting|0|0||||\n");
		fixture_close(fixture);
	}
}

Test(store_use_cases, asks_again_only_when_a_description_has_changed)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	tell(fixture, USE_CASE_DEFINE, "triage", "one", START_US);
	answer_definition(fixture, SINK_DEFERRED, "one");
	assert_rows(definitions, "triage|one|0|waiting|1|77|400|bad|no|\n");
	answer_definition(fixture, SINK_DELIVERED, "one");
	assert_rows(definitions, "triage|one|0|told|1|0|201|||9\n");
	tell(fixture, USE_CASE_DEFINE, "triage", "one", START_US + 5);
	assert_rows(definitions, "triage|one|5|told|1|0|201|||9\n");
	tell(fixture, USE_CASE_DEFINE, "triage", "late", START_US + 4);
	assert_rows(definitions, "triage|one|5|told|1|0|201|||9\n");
	tell(fixture, USE_CASE_DEFINE, "triage", "two", START_US + 6);
	assert_rows(definitions, "triage|two|6|waiting|0|0||||\n");
	answer_definition(fixture, SINK_DEAD, "two");
	assert_rows(definitions, "triage|two|6|refused|0|0|400|bad|no|9\n");
	tell(fixture, USE_CASE_DEFINE, "triage", "two", START_US + 7);
	assert_rows(definitions, "triage|two|7|refused|0|0|400|bad|no|9\n");
	fixture_close(fixture);
}

/* While the service was asked for one description the application gave another. */
Test(store_use_cases, keeps_asking_when_the_answer_is_to_an_earlier_description)
{
	static const enum sink_verdict verdicts[] = {SINK_DELIVERED, SINK_DEFERRED, SINK_DEAD};
	struct fixture fixture[1];
	fixture_open(fixture);
	tell(fixture, USE_CASE_DEFINE, "triage", "one", START_US);
	tell(fixture, USE_CASE_DEFINE, "triage", "two", START_US + 1);
	for (int i = 0; i < 3; i++) {
		answer_definition(fixture, verdicts[i], "one");
		assert_rows(definitions, "triage|two|1|waiting|0|0||||\n");
	}
	fixture_close(fixture);
}

/* ---- Instances ------------------------------------------------------------------------------------ */

Test(store_use_cases, knows_an_instance_from_its_creation_on)
{
	static const struct sample early = {.time_us = START_US - 5,
					    .use_case_name = "triage",
					    .use_case_id = "7",
					    .latency_ms = 10};
	struct fixture fixture[1];
	fixture_open(fixture);
	tell(fixture, USE_CASE_CREATE, "triage", "7", START_US);
	assert_rows(instances, "triage|7|0|0|0\n");
	assert_rows("SELECT events, first_us = last_us FROM use_case_totals", "0|1\n");
	assert_rows("SELECT use_case_id, events FROM use_case_history", "7|0\n");
	tell(fixture, USE_CASE_CREATE, "triage", "7", START_US + 3);
	fixture_store_reopen(fixture);
	fixture_commit(fixture, &early, 1);
	assert_rows(instances, "triage|7|1|-5|3\n");
	assert_rows("SELECT events, last_us - first_us FROM use_case_totals", "1|8\n");
	assert_rows("SELECT count(*) FROM use_case_handles", "0\n");
	fixture_close(fixture);
}

Test(store_use_cases, leaves_nothing_of_a_notice_after_a_rollback)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	must(store_begin(fixture->store, &fixture->err));
	put_notice(fixture, USE_CASE_DEFINE, "triage", "one", START_US);
	put_notice(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US);
	store_rollback(fixture->store);
	assert_rows("SELECT (SELECT count(*) FROM use_case_definitions)"
		    " + (SELECT count(*) FROM use_case_instances)"
		    " + (SELECT count(*) FROM use_case_handles) + (SELECT count(*) FROM names)",
		    "0\n");
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US);
	assert_rows(handles, "1|waiting||0||0|0|||\n");
	fixture_close(fixture);
}

/* ---- Handles -------------------------------------------------------------------------------------- */

static const struct sample under_handle = {
	.time_us = START_US + 2, .use_case_name = "triage", .use_case_id = HANDLE_1};

Test(store_use_cases, knows_a_handle_by_a_request_or_by_an_event)
{
	for (int order = 0; order < 4; order++) {
		struct fixture fixture[1];
		fixture_open(fixture);
		if (order % 2 == 0)
			tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US + 1);
		fixture_commit(fixture, &under_handle, 1);
		fixture_store_reopen(fixture);
		if (order == 1)
			tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US + 1);
		fixture_commit(fixture, &under_handle, 1);
		assert_rows(handles,
			    order == 3 ? "1|waiting||2||0|0|||\n" : "1|waiting||1||0|0|||\n");
		fixture_close(fixture);
	}
}

Test(store_use_cases, keeps_the_first_id_that_is_given)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US);
	answer(fixture,
	       &(struct sink_ask_outcome){.kind = SINK_ASK_ID,
					  .key = 1,
					  .verdict = SINK_DEFERRED,
					  .retry_us = 55,
					  .http_status = 503,
					  .message = "later"},
	       7);
	assert_rows(handles, "1|waiting||0||1|55|503||later\n");
	fixture_store_reopen(fixture);
	give_id(fixture, 1, "given-1", 8);
	give_id(fixture, 1, "given-2", 9);
	answer(fixture,
	       &(struct sink_ask_outcome){.kind = SINK_ASK_ID, .key = 1, .verdict = SINK_DEAD}, 9);
	assert_rows(handles, "1|given|given-1|0|8|1|0|||\n");
	tell(fixture, USE_CASE_REQUEST, "triage", HANDLE_1, START_US);
	fixture_commit(fixture, &under_handle, 1);
	assert_rows(handles, "1|given|given-1|0|8|1|0|||\n");
	fixture_close(fixture);
}

Test(store_use_cases, finds_the_instance_of_a_handle_by_the_given_id)
{
	static const struct sample samples[] = {
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = "given-1"},
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_1},
		{.time_us = START_US, .use_case_name = "other", .use_case_id = "given-1"},
	};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &under_handle, 1);
	give_id(fixture, 1, "given-1", START_US);
	fixture_commit(fixture, samples, 3);
	fixture_store_reopen(fixture);
	fixture_commit(fixture, samples, 3);
	tell(fixture, USE_CASE_CREATE, "triage", "given-1", START_US + 9);
	assert_rows(instances, "other|given-1|2|0|0\ntriage|" HANDLE_1 "|5|0|9\n");
	fixture_close(fixture);
}

/* An application had learnt the id elsewhere, and used it before our service call brought it. */
Test(store_use_cases, leaves_an_instance_apart_that_was_there_under_the_given_id)
{
	static const struct sample learnt = {
		.time_us = START_US, .use_case_name = "triage", .use_case_id = "given-1"};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &under_handle, 1);
	fixture_commit(fixture, &learnt, 1);
	give_id(fixture, 1, "given-1", START_US);
	fixture_store_reopen(fixture);
	fixture_commit(fixture, &learnt, 1);
	assert_rows(instances, "triage|given-1|2|0|0\ntriage|" HANDLE_1 "|1|2|2\n");
	fixture_close(fixture);
}

/* ---- Events that are held ------------------------------------------------------------------------- */

Test(store_use_cases, sends_what_was_held_as_soon_as_the_id_is_given)
{
	static const struct sample samples[] = {
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_1},
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_2},
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_1},
		{.time_us = START_US, .use_case_name = "triage", .use_case_id = HANDLE_1},
	};
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, samples, 4);
	settle_up_to(fixture, 0, 3, SINK_HELD, START_US);
	assert_rows(books, "0|1|0|3|0|1\n");
	fixture_store_reopen(fixture);
	give_id(fixture, 1, "given-1", START_US + 5);
	assert_rows(books, "0|1|2|1|0|1\n");
	/* Held by the sink before it knew of the answer: due at once. */
	settle_up_to(fixture, 3, 4, SINK_HELD, START_US + 6);
	assert_rows(books, "0|0|3|1|0|1\n");
	assert_rows("SELECT event, state, attempts, retry_us - 1795000000000000"
		    " FROM sink_exceptions ORDER BY 1",
		    "1|deferred|0|5\n2|held|0|\n3|deferred|0|5\n4|deferred|0|6\n");
	fixture_close(fixture);
}

Test(store_use_cases, gives_up_what_was_held_for_an_id_that_is_refused)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &under_handle, 1);
	fixture_commit(fixture, &under_handle, 1);
	settle_up_to(fixture, 0, 1, SINK_HELD, START_US);
	answer(fixture,
	       &(struct sink_ask_outcome){.kind = SINK_ASK_ID,
					  .key = 1,
					  .verdict = SINK_DEAD,
					  .http_status = 404,
					  .code = "use_case_not_found",
					  .message = "there is no such use case"},
	       START_US);
	settle_up_to(fixture, 1, 2, SINK_HELD, START_US);
	assert_rows(books, "0|0|0|0|2|1\n");
	assert_rows("SELECT DISTINCT state, http_status, code, message, retry_us"
		    " FROM sink_exceptions",
		    "dead|404|use_case_not_found|there is no such use case|\n");
	assert_rows(handles,
		    "1|refused||2||0|0|404|use_case_not_found|there is no such use case\n");
	fixture_close(fixture);
}

/* What was deferred for another reason keeps its attempts, and may come to be held. */
Test(store_use_cases, counts_no_attempt_for_being_held)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	fixture_commit(fixture, &under_handle, 1);
	settle_up_to(fixture, 0, 1, SINK_DEFERRED, START_US);
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store,
			  &(struct sink_settlement){
				  .sink = "payi",
				  .outcomes = &(struct sink_outcome){.id = 1, .verdict = SINK_HELD},
				  .n_outcomes = 1},
			  START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	assert_rows("SELECT state, attempts, retry_us FROM sink_exceptions", "held|1|\n");
	assert_rows(books, "0|0|0|1|0|1\n");
	fixture_close(fixture);
}

/* The one search per answer goes by the instance's events, the one per new instance by the given ids. */
Test(store_use_cases, searches_by_index)
{
	struct fixture fixture[1];
	fixture_open(fixture);
	char *plan =
		fixture_rows(fixture, "EXPLAIN QUERY PLAN UPDATE sink_exceptions SET state = 'dead'"
				      " WHERE state = 'held' AND sink IN (SELECT name FROM sinks)"
				      " AND event IN (SELECT id FROM events WHERE instance = 1)");
	cr_expect(strstr(plan, "events_by_instance") && strstr(plan, "sink=? AND event=?"), "%s",
		  plan);
	free(plan);
	plan = fixture_rows(fixture, "EXPLAIN QUERY PLAN SELECT h.instance FROM use_case_handles h"
				     " JOIN use_case_instances i ON i.id = h.instance"
				     " WHERE h.given_id = 'g' AND i.use_case_name = 1"
				     " ORDER BY h.instance LIMIT 1");
	cr_expect(strstr(plan, "use_case_handles_given") && !strstr(plan, "ORDER BY"), "%s", plan);
	free(plan);
	fixture_close(fixture);
}
