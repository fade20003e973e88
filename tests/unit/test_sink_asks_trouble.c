/* Asks when the service is down, busy, or does not want the key: they and the events share one endpoint. */
#include "ask_stage.h"

TestSuite(sink_asks_trouble, .init = ask_set_up, .fini = ask_tear_down, .timeout = 60);

static int64_t done_us;

static bool is_done_and_when(void)
{
	if (!nothing_is_asked())
		return false;
	done_us = clock_boot_us();
	return true;
}

static bool is_deferred(void)
{
	return asked[1].attempts > 0;
}

/* What the service says of waiting counts for events, too. */
Test(sink_asks_trouble, a_wait_that_the_service_asks_for_counts_for_all)
{
	script("[{\"on\":\"instances\",\"status\":429,\"headers\":{\"retry-after-ms\":\"700\"}}]");
	ask_id("support");
	open_asking_sink();
	run_until(is_deferred);
	const int64_t began_us = clock_boot_us();
	cr_assert_not_null(strstr(error, "use case support: status 429"), "%s", error);
	add_events(1);
	payi_sink_wake(sink);
	run_until(all_delivered);
	cr_assert_geq(clock_boot_us() - began_us, 650000);
	run_awake_until(is_done_and_when);
	cr_assert_geq(done_us - began_us, 650000);
	cr_assert_lt(done_us - began_us, 15 * SECOND);
}

/* Instances may be broken for hours at a service that takes events: these shall not notice. */
Test(sink_asks_trouble, trouble_with_asks_alone_does_not_stop_events)
{
	script("[{\"on\":\"instances\",\"status\":500,\"times\":-1}]");
	for (int i = 0; i < 200; i++)
		ask_id("support");
	add_events(1000);
	options.batch_events = 2;
	options.in_flight = 1;
	open_asking_sink();
	run_awake_until(all_delivered);
	const int64_t n_asks = standin_stat(&standin, "requests") - 500;
	cr_assert_leq(n_asks, 30, "%d requests: they wait for each other", (int)n_asks);
	cr_assert(strcmp(state, "waiting") != 0);
	script("[]");
	forgets_retry_us = true;
	run_awake_until(nothing_is_asked);
	cr_assert_eq(standin_stat(&standin, "instances"), 200);
}

static int64_t began_us;

static bool there_was_time_to_ask(void)
{
	return clock_boot_us() >= began_us + 200000;
}

Test(sink_asks_trouble, nothing_is_asked_while_the_endpoint_is_down)
{
	script("[{\"on\":\"bulk\",\"status\":503,\"headers\":{\"Retry-After\":\"3600\"},"
	       "\"times\":-1}]");
	add_events(1);
	options.in_flight = 1;
	open_asking_sink();
	run_until(is_waiting);
	const int64_t n_requests = standin_stat(&standin, "requests");
	ask_id("support");
	began_us = clock_boot_us();
	run_awake_until(there_was_time_to_ask);
	cr_assert_eq(standin_stat(&standin, "requests"), n_requests);
	cr_assert_eq(asked[1].n_settled, 0);
}

Test(sink_asks_trouble, waits_for_a_service_that_is_not_there_yet)
{
	standin_stop(&standin);
	options.base_url = base_url; /* the scripted server's, which is closed */
	server_close(&server);
	ask_id("support");
	open_asking_sink();
	run_until(is_deferred);
	cr_assert_not_null(strstr(asked[1].message, "onnect"), "%s", asked[1].message);
	cr_assert_eq(asked[1].http_status, 0);
	cr_assert_eq(standin_start(&standin, NULL), 0);
}

/* ---- The key ------------------------------------------------------------------------------------------ */

static void write_key(const char *key)
{
	FILE *file = fopen(key_file, "w");
	cr_assert_not_null(file);
	fprintf(file, "%s\n", key);
	fclose(file);
}

static bool is_key_refused(void)
{
	return strcmp(state, "key refused") == 0;
}

Test(sink_asks_trouble, a_refused_key_holds_asks_until_the_file_has_another)
{
	close(mkstemp(key_file));
	write_key("old-secret");
	options.api_key = NULL;
	options.api_key_file = key_file;
	ask_define("support", "answers");
	open_asking_sink();
	run_until(is_key_refused);
	ask_id("support");
	cr_assert_eq(asked[1].n_settled, 0, "it is not its fault");
	cr_assert_eq(standin_stat(&standin, "unauthorized"), 1);
	write_key(STANDIN_KEY);
	run_awake_until(nothing_is_asked);
	cr_assert_eq(standin_stat(&standin, "unauthorized"), 1);
	cr_assert_eq(count_asked(ASKED_DONE), 2);
	add_events(1);
	payi_sink_wake(sink);
	run_until(all_delivered);
}

static bool is_offline(void)
{
	return strcmp(state, "offline") == 0;
}

Test(sink_asks_trouble, without_a_key_nothing_is_asked)
{
	options.api_key = NULL;
	ask_id("support");
	open_asking_sink();
	run_until(is_offline);
	payi_sink_wake(sink);
	uv_run(&loop, UV_RUN_NOWAIT);
	cr_assert_eq(n_looks, 0);
	cr_assert_eq(standin_stat(&standin, "requests"), 0);
}
