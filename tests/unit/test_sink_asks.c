/* The whole sink asking the real stand-in for ids and definitions: what is asked, once, and in which order. */
#include "ask_stage.h"

TestSuite(sink_asks, .init = ask_set_up, .fini = ask_tear_down, .timeout = 60);

#define DEFINE_SUPPORT "{\"name\":\"support\",\"description\":\"support\"}"

static void define_support(void)
{
	struct standin_reply reply;
	standin_exchange(&standin, "POST", "/api/v1/use_cases/definitions",
			 "Content-Type: application/json\r\n", DEFINE_SUPPORT,
			 sizeof(DEFINE_SUPPORT) - 1, &reply);
	cr_assert_eq(reply.status, 201);
	standin_reply_release(&reply);
}

/* ---- Ids ---------------------------------------------------------------------------------------------- */

Test(sink_asks, gets_an_id_and_makes_the_definition_where_there_is_none)
{
	const int key = ask_id("support");
	open_asking_sink();
	run_until(nothing_is_asked);
	cr_assert_eq(asked[key].state, ASKED_DONE);
	cr_assert_eq(asked[key].n_settled, 1);
	cr_assert(was_given(asked[key].given_id, "support"));
	expect_described("support", "support");
	cr_assert_eq(standin_stat(&standin, "instances"), 1);
	cr_assert_eq(standin_stat(&standin, "bad_requests"), 0);
	cr_assert_str_eq(error, "");
}

Test(sink_asks, gets_different_ids_for_the_same_name)
{
	const int first = ask_id("support");
	const int second = ask_id("support");
	open_asking_sink();
	run_until(nothing_is_asked);
	cr_assert_str_neq(asked[first].given_id, asked[second].given_id);
	cr_assert_eq(standin_stat(&standin, "instances"), 2);
	cr_assert_eq(standin_stat(&standin, "definitions"), 1);
}

static int looks_before;

/* More than are made while an ask that is not given any more is still remembered. */
static bool has_looked_often(void)
{
	return n_looks >= looks_before + 16;
}

/* The host gives the ask again all the time: first while it is under way, then while it is not committed. */
Test(sink_asks, an_id_is_asked_for_once_however_long_the_commit_takes)
{
	define_support();
	script("[{\"on\":\"instances\",\"hang_ms\":300}]");
	commits_by_hand = true;
	const int key = ask_id("support");
	open_asking_sink();
	run_awake_until(has_looked_often);
	cr_assert_eq(asked[key].n_settled, 1);
	cr_assert_eq(standin_stat(&standin, "instances"), 1);
	commit(key);
	const int another = ask_id("support");
	commits_by_hand = false;
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[another].n_settled, 1);
	cr_assert_eq(standin_stat(&standin, "instances"), 2);
}

static bool held_or_delivered(void)
{
	return count(HELD) + count(DELIVERED) == n_events;
}

Test(sink_asks, events_under_a_handle_go_out_under_its_id_when_that_is_there)
{
	script("[{\"on\":\"instances\",\"hang_ms\":200}]");
	const int key = ask_id("support");
	for (int i = 1; i <= 30; i++) {
		n_events++;
		events[n_events].event = sink_event(
			n_events,
			(struct sink_event_more){.use_case_name = "support",
						 .use_case_id = i % 3 ? "payi-handle-" : "own"});
		handle_of[n_events] = i % 3 ? key : 0;
	}
	open_asking_sink();
	run_until(held_or_delivered);
	cr_assert_eq(count(HELD), 20, "what has its id does not wait for what has not");
	run_until(all_delivered);
	check_tiling();
	cr_assert_eq(standin_stat(&standin, "refused"), 0);
	cr_assert_eq(standin_stat(&standin, "accepted"), 30);
	char *lines = standin_get(&standin, "/control/events");
	int n_given = 0;
	for (const char *at = lines; (at = strstr(at, asked[key].given_id)); at++)
		n_given++;
	cr_assert_eq(n_given, 20);
	free(lines);
}

/* The service made the instance, and the answer was lost: another is made, and the first stays unused. */
Test(sink_asks, a_connection_that_breaks_after_the_work_costs_an_unused_instance)
{
	define_support();
	script("[{\"on\":\"instances\",\"action\":\"reset_after\"}]");
	const int key = ask_id("support");
	open_asking_sink();
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[key].n_settled, 2);
	cr_assert(was_given(asked[key].given_id, "support"));
	cr_assert_eq(standin_stat(&standin, "instances"), 2);
}

Test(sink_asks, a_success_without_a_good_id_is_asked_for_again)
{
	define_support();
	script("[{\"on\":\"instances\",\"status\":200,\"body\":\"<html>Welcome</html>\"},"
	       "{\"on\":\"instances\",\"status\":200,\"body\":{\"use_case_id\":\"\"}},"
	       "{\"on\":\"instances\",\"status\":200,\"body\":\"{\\\"use_case_id\\\":"
	       "\\\"\\\\u0000\\\"}\"},"
	       "{\"on\":\"instances\",\"action\":\"truncate\"}]");
	forgets_retry_us = true;
	const int key = ask_id("support");
	open_asking_sink();
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[key].attempts, 4);
	cr_assert(was_given(asked[key].given_id, "support"));
	cr_assert_not_null(strstr(error, "use case support"));
}

/* The rule of names lets it through, but the path would lead elsewhere. */
Test(sink_asks, a_name_that_is_a_way_up_is_refused_here)
{
	const int id = ask_id("..");
	const int definition = ask_define(".", "a dot");
	const int three = ask_id("...");
	open_asking_sink();
	run_until(nothing_is_asked);
	cr_assert_eq(asked[id].state, ASKED_REFUSED);
	cr_assert_str_eq(asked[id].code, "invalid_use_case_name");
	cr_assert_eq(asked[definition].state, ASKED_REFUSED);
	cr_assert_eq(asked[three].state, ASKED_DONE);
	cr_assert_eq(standin_stat(&standin, "requests"), 3);
}

Test(sink_asks, a_refused_id_is_settled_with_the_reason)
{
	script("[{\"on\":\"instances\",\"status\":400,\"body\":{\"message\":\"m\",\"statusCode\":"
	       "400,"
	       "\"xproxy_error\":{\"code\":\"request_processing_error\",\"message\":\"no "
	       "more\"}}}]");
	const int key = ask_id("support");
	open_asking_sink();
	run_until(nothing_is_asked);
	cr_assert_eq(asked[key].state, ASKED_REFUSED);
	cr_assert_eq(asked[key].http_status, 400);
	cr_assert_str_eq(asked[key].code, "request_processing_error");
	cr_assert_str_eq(asked[key].message, "no more");
	cr_assert_not_null(strstr(error, "use case support: status 400"));
}

/* ---- Definitions -------------------------------------------------------------------------------------- */

Test(sink_asks, defines_what_is_new_or_different_and_leaves_the_same_alone)
{
	define_support();
	const int fresh = ask_define("triage", "sorts \"tickets\" \xe2\x82\xac");
	const int changed = ask_define("support", "answers tickets");
	open_asking_sink();
	run_until(nothing_is_asked);
	cr_assert_eq(asked[fresh].state, ASKED_DONE);
	cr_assert_eq(asked[changed].state, ASKED_DONE);
	expect_described("triage", "sorts \"tickets\" \xe2\x82\xac");
	expect_described("support", "answers tickets");
	const int64_t n_requests = standin_stat(&standin, "requests");
	const int same = ask_define("support", "answers tickets");
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[same].state, ASKED_DONE);
	cr_assert_eq(standin_stat(&standin, "requests"), n_requests + 1, "no PUT");
}

/* A service that answers a POST of what is there by 200, or by 409, and a PUT by 204. */
Test(sink_asks, knows_the_other_answers_to_what_is_there_already)
{
	define_support();
	script("[{\"on\":\"definitions\",\"status\":409,\"body\":\"\"},"
	       "{\"on\":\"definitions\",\"status\":204,\"processed\":true,\"body\":\"\"}]");
	ask_define("support", "answers");
	open_asking_sink();
	run_until(nothing_is_asked);
	expect_described("support", "answers");
	script("[{\"on\":\"definitions\",\"status\":200,\"body\":{\"name\":\"support\","
	       "\"description\":\"answers\",\"request_id\":\"1\"}}]");
	const int key = ask_define("support", "answers tickets");
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[key].n_settled, 1);
	expect_described("support", "answers tickets");
}

Test(sink_asks, a_refused_definition_is_settled_with_the_reason)
{
	script("[{\"on\":\"definitions\",\"status\":400,\"body\":{\"message\":\"m\",\"statusCode\":"
	       "400,"
	       "\"xproxy_error\":{\"code\":\"invalid_use_case_description\",\"message\":\"no\"}}},"
	       "{\"on\":\"definitions\",\"status\":403}]");
	options.in_flight = 1;
	const int bad = ask_define("support", "bad");
	open_asking_sink();
	run_until(nothing_is_asked);
	const int forbidden = ask_define("triage", "forbidden");
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[bad].state, ASKED_REFUSED);
	cr_assert_str_eq(asked[bad].code, "invalid_use_case_description");
	cr_assert_eq(asked[forbidden].state, ASKED_REFUSED);
	cr_assert_eq(asked[forbidden].http_status, 403);
	cr_assert_eq(standin_stat(&standin, "definitions"), 0);
}

static bool is_settled_once(void)
{
	return asked[1].n_settled == 1;
}

Test(sink_asks, a_definition_that_changes_while_it_is_asked_for_is_asked_for_again)
{
	commits_by_hand = true;
	const int key = ask_define("support", "as it was");
	open_asking_sink();
	run_until(is_settled_once);
	snprintf(asked[key].description, sizeof(asked[key].description), "as it is");
	commit(key);
	commits_by_hand = false;
	run_awake_until(nothing_is_asked);
	cr_assert_eq(asked[key].n_settled, 2);
	expect_described("support", "as it is");
}

/* ---- Many --------------------------------------------------------------------------------------------- */

static int done_with_events;

static bool everything_is_done(void)
{
	if (done_with_events == 0 && all_delivered())
		done_with_events = count_asked(ASKED_DONE);
	return all_delivered() && nothing_is_asked();
}

Test(sink_asks, many_asks_and_many_events_do_not_starve_each_other)
{
	enum { IDS = 1000, DEFINITIONS = 100 };
	define_support();
	for (int i = 0; i < IDS; i++)
		ask_id("support");
	for (int i = 0; i < DEFINITIONS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "case-%d", i);
		ask_define(name, "one of many");
	}
	add_events(1000);
	options.batch_events = 2;
	open_asking_sink();
	run_awake_until(everything_is_done);
	cr_assert_geq(done_with_events, 20, "asks went on beside the events");
	cr_assert_lt(done_with_events, IDS, "events went on beside the asks");
	cr_assert_eq(standin_stat(&standin, "instances"), IDS);
	cr_assert_eq(standin_stat(&standin, "definitions"), DEFINITIONS + 1);
	cr_assert_eq(count_asked(ASKED_DONE), IDS + DEFINITIONS);
	check_tiling();
}

static int n_ids_waiting;

static bool definitions_are_done(void)
{
	n_ids_waiting = 0;
	for (int key = 1; key < n_asked; key++) {
		if (asked[key].state != ASKED_WAITING)
			continue;
		if (asked[key].kind == SINK_ASK_DEFINE)
			return false;
		n_ids_waiting++;
	}
	return true;
}

Test(sink_asks, a_definition_goes_between_ids)
{
	define_support();
	script("[{\"on\":\"instances\",\"hang_ms\":10,\"times\":-1}]");
	ask_define("triage", "between");
	for (int i = 0; i < 150; i++)
		ask_id("support");
	open_asking_sink();
	run_until(definitions_are_done);
	cr_assert_gt(n_ids_waiting, 100);
}

/* ---- Stopping ----------------------------------------------------------------------------------------- */

static bool is_sending(void)
{
	return strcmp(state, "sending") == 0;
}

Test(sink_asks, stopping_takes_the_answers_that_come_in_time_and_asks_no_more)
{
	define_support();
	script("[{\"on\":\"instances\",\"hang_ms\":200,\"times\":100}]");
	for (int i = 0; i < 50; i++)
		ask_id("support");
	open_asking_sink();
	run_until(is_sending);
	stop_sink(5000);
	cr_assert_eq(count_asked(ASKED_DONE), 4, "those that were under way");
	cr_assert_eq(standin_stat(&standin, "instances"), 4);
}

Test(sink_asks, stopping_does_not_wait_for_an_answer_that_does_not_come)
{
	define_support();
	script("[{\"on\":\"instances\",\"hang_ms\":20000,\"times\":100}]");
	ask_id("support");
	open_asking_sink();
	run_until(is_sending);
	const int64_t began_us = clock_boot_us();
	stop_sink(200);
	cr_assert_lt(clock_boot_us() - began_us, 5 * SECOND);
	cr_assert_eq(asked[1].n_settled, 0, "it stays with the host");
}
