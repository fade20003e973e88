/* The whole sink: what is sent when, which events are not taken, how it stops. */
#include "sink_stage.h"

#include <jansson.h>

TestSuite(payi_sink, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- The normal way ----------------------------------------------------------------------------------- */

static void check_request(struct server *self, const struct server_request *request,
			  struct server_answer *answer)
{
	cr_assert_str_eq(request->path, "/api/v1/ingest/bulk");
	cr_assert_eq(memcmp(request->headers, "POST ", 5), 0);
	cr_assert_not_null(strstr(request->headers, "xProxy-api-key: secret-1\r\n"));
	cr_assert_not_null(strstr(request->headers, "Content-Type: application/json\r\n"));
	cr_assert_not_null(strstr(request->headers, "User-Agent: payi-agent/0.1.0\r\n"));
	cr_assert_null(strstr(request->body, "secret"));
	json_t *root = json_loads(request->body, 0, NULL);
	cr_assert(json_is_array(root));
	json_decref(root);
	accept_all(self, request, answer);
}

Test(payi_sink, delivers_every_event_once_in_batches)
{
	server.script = check_request;
	add_events(95);
	open_sink();
	run_until(all_delivered);
	check_tiling();
	cr_assert_eq(server.n_requests, 10);
	cr_assert_leq(server.n_connections, 4, "connections are used again");
	for (int id = 1; id <= 95; id++)
		cr_assert_eq(events[id].n_accepted, 1);
	cr_assert_str_eq(error, "");
}

Test(payi_sink, sends_what_comes_later_when_it_is_woken)
{
	open_sink();
	for (int i = 1; i <= 3; i++) {
		add_events(1);
		payi_sink_wake(sink);
		run_until(all_delivered);
		cr_assert_eq(server.n_requests, i);
	}
	check_tiling();
}

Test(payi_sink, an_event_waits_for_company_but_not_for_long)
{
	options.batch_age_ms = 100;
	open_sink();
	int64_t began_us = clock_boot_us();
	for (int i = 0; i < 5; i++) {
		add_events(1);
		payi_sink_wake(sink);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	run_until(all_delivered);
	cr_assert_eq(server.n_requests, 1);
	cr_assert_geq(clock_boot_us() - began_us, 100000);
	check_tiling();
}

Test(payi_sink, a_full_batch_does_not_wait)
{
	options.batch_age_ms = 3600000;
	add_events(20);
	open_sink();
	run_until(all_delivered);
	cr_assert_eq(server.n_requests, 2);
}

/* One full batch, a span of as many as may be under way, and what is left. */
Test(payi_sink, the_end_of_a_backlog_does_not_wait)
{
	options.batch_age_ms = 3600000;
	add_events(10 + 10 * (int)options.in_flight + 3);
	open_sink();
	run_until(all_delivered);
	check_tiling();
}

Test(payi_sink, goes_on_behind_the_position_it_is_given)
{
	struct err err;
	add_events(7);
	for (int id = 1; id <= 5; id++)
		events[id].state = DELIVERED;
	cr_assert_eq(payi_sink_new(&loop, &options, &host, 5, &sink, &err), 0);
	run_until(all_delivered);
	cr_assert_eq(events[5].n_accepted, 0);
	cr_assert_eq(events[6].n_accepted, 1);
}

/* ---- Events that the service does not take ------------------------------------------------------------ */

static void refuse_1_and_delay_5(struct server *self, const struct server_request *request,
				 struct server_answer *answer)
{
	if (request->number > 1) {
		accept_all(self, request, answer);
		return;
	}
	snprintf(answer->body, sizeof(answer->body),
		 "{\"ingest_count\":8,\"errors\":["
		 "{\"item_index\":0,\"xproxy_result\":{\"message\":\"x\",\"statusCode\":400,"
		 "\"xproxy_error\":{\"code\":\"use_case_not_found\",\"message\":\"x\"}}},"
		 "{\"item_index\":4,\"xproxy_result\":{\"message\":\"x\",\"statusCode\":500,"
		 "\"xproxy_error\":{\"code\":\"unexpected_error\",\"message\":\"x\"}}}]}");
}

static bool nine_delivered(void)
{
	return count(DELIVERED) == 9;
}

Test(payi_sink, errors_in_a_success_are_settled_one_by_one)
{
	server.script = refuse_1_and_delay_5;
	add_events(10);
	open_sink();
	run_until(nine_delivered);
	cr_assert_eq(events[1].state, DEAD);
	cr_assert_str_eq(events[1].code, "use_case_not_found");
	cr_assert_eq(events[1].http_status, 400);
	cr_assert_eq(events[5].state, DELIVERED);
	cr_assert_eq(events[5].attempts, 1);
	cr_assert_eq(events[5].n_accepted, 1);
	cr_assert_eq(n_deferrals, 1);
}

static void refuse_whole_for_13(struct server *self, const struct server_request *request,
				struct server_answer *answer)
{
	if (!has_event(request, 13)) {
		accept_all(self, request, answer);
		return;
	}
	answer->status = 400;
	snprintf(answer->body, sizeof(answer->body),
		 "{\"statusCode\":400,\"message\":\"m\",\"xproxy_error\":{\"code\":"
		 "\"request_processing_error\",\"message\":\"validation\"}}");
}

static bool one_dead_and_the_rest_delivered(void)
{
	return count(DEAD) == 1 && count(DELIVERED) == n_events - 1;
}

Test(payi_sink, halves_to_the_poison_event_and_delivers_the_others_once)
{
	server.script = refuse_whole_for_13;
	add_events(40);
	open_sink();
	run_until(one_dead_and_the_rest_delivered);
	cr_assert_eq(events[13].state, DEAD);
	cr_assert_str_eq(events[13].code, "request_processing_error");
	cr_assert_eq(events[13].http_status, 400);
	for (int id = 1; id <= 40; id++)
		cr_assert_eq(events[id].n_accepted, id == 13 ? 0 : 1);
	check_tiling();
}

static void refuse_more_than_1500_bytes(struct server *self, const struct server_request *request,
					struct server_answer *answer)
{
	if (request->body_bytes > 1500)
		answer->status = 413;
	else
		accept_all(self, request, answer);
}

Test(payi_sink, too_large_makes_this_batch_and_later_ones_smaller)
{
	server.script = refuse_more_than_1500_bytes;
	options.in_flight = 1;
	add_events(40);
	open_sink();
	run_until(all_delivered);
	int n_first = server.n_requests;
	add_events(40);
	payi_sink_wake(sink);
	run_until(all_delivered);
	cr_assert_lt(server.n_requests - n_first, n_first);
	check_tiling();
}

static bool all_settled(void)
{
	return count(WAITING) == 0;
}

Test(payi_sink, an_event_ahead_of_its_time_is_put_off)
{
	add_events(2);
	int64_t ahead_us = clock_wall_us() + INT64_C(3600) * SECOND;
	events[1].event = sink_event(1, (struct sink_event_more){.event_timestamp_us = ahead_us});
	open_sink();
	run_until(all_settled);
	cr_assert_eq(events[1].state, DEFERRED);
	cr_assert_eq(events[1].retry_us, ahead_us - INT64_C(300) * SECOND);
	cr_assert_eq(events[2].state, DELIVERED);
	check_tiling();
}

Test(payi_sink, a_record_that_is_no_event_is_dead_and_stops_nothing)
{
	add_events(3);
	events[2].event.record[0] = 0xc1;
	open_sink();
	run_until(one_dead_and_the_rest_delivered);
	cr_assert_eq(events[2].state, DEAD);
	check_tiling();
}

/* ---- Stopping ------------------------------------------------------------------------------------------ */

Test(payi_sink, a_stop_sends_what_waits_for_company)
{
	options.batch_age_ms = 3600000;
	add_events(5);
	open_sink();
	stop_sink(5000);
	cr_assert(all_delivered());
	check_tiling();
}

Test(payi_sink, a_stop_does_not_wait_for_a_service_that_is_known_to_be_down)
{
	server_close(&server);
	add_events(5);
	open_sink();
	run_until(is_waiting);
	int64_t began_us = clock_boot_us();
	stop_sink(60000);
	cr_assert_lt(clock_boot_us() - began_us, SECOND / 2);
	cr_assert_eq(count(WAITING), 5);
}

Test(payi_sink, a_stop_finds_out_soon_that_nobody_is_there)
{
	server_close(&server);
	add_events(5);
	open_sink();
	int64_t began_us = clock_boot_us();
	stop_sink(60000);
	cr_assert_lt(clock_boot_us() - began_us, SECOND);
}

static void never_answer(struct server *self, const struct server_request *request,
			 struct server_answer *answer)
{
	(void)self;
	(void)request;
	answer->status = 0;
}

static bool four_asked(void)
{
	return server.n_requests == 4;
}

Test(payi_sink, a_stop_breaks_off_what_takes_longer_than_it_may)
{
	server.script = never_answer;
	add_events(100);
	open_sink();
	run_until(four_asked);
	int64_t began_us = clock_boot_us();
	stop_sink(200);
	cr_assert_lt(clock_boot_us() - began_us, SECOND);
	cr_assert_eq(count(WAITING), 100);
}

Test(payi_sink, a_second_stop_may_be_shorter)
{
	server.script = never_answer;
	add_events(1);
	open_sink();
	payi_sink_stop(sink, 3600000, on_stopped, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	int64_t began_us = clock_boot_us();
	stop_sink(0);
	cr_assert_lt(clock_boot_us() - began_us, SECOND);
}

/* ---- Settings ------------------------------------------------------------------------------------------ */

static bool is_refused(const char *url)
{
	struct err err = {0};
	options.base_url = url;
	int status = payi_sink_new(&loop, &options, &host, 0, &sink, &err);
	if (status == 0) {
		stop_sink(0);
		stopped = false;
	} else {
		cr_assert_eq(status, ERR_CONFIG);
		cr_assert_null(strstr(err.text, "hunter2"), "a password is not shown");
	}
	return status != 0;
}

Test(payi_sink, the_key_does_not_travel_unencrypted)
{
	const char *const good[] = {"https://api.pay-i.com", "https://x.example/base/",
				    "http://127.0.0.1:8080", "http://127.9.9.9",
				    "http://localhost:1",    "http://[::1]:1"};
	const char *const bad[] = {"http://api.pay-i.com",
				   "http://localhost.example",
				   "http://127.0.0.1.example",
				   "http://[::2]",
				   "http://10.0.0.1",
				   "ftp://127.0.0.1",
				   "https://user:hunter2@x.example",
				   "https://x.example/?q=1",
				   "api.pay-i.com",
				   "",
				   "https://"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_not(is_refused(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(is_refused(bad[i]), "%s", bad[i]);
	options.allow_insecure = true;
	cr_assert_not(is_refused("http://api.pay-i.com"));
}

Test(payi_sink, settings_out_of_range_are_refused)
{
	struct err err;
	options.in_flight = 0;
	cr_assert_eq(payi_sink_new(&loop, &options, &host, 0, &sink, &err), ERR_CONFIG);
	cr_assert_not_null(strstr(err.text, "in_flight"));
	sink = NULL;
}

/* ---- Other options while it runs ---------------------------------------------------------------------- */

static size_t items_in(const struct server_request *request)
{
	json_t *root = json_loads(request->body, 0, NULL);
	const size_t n = json_array_size(root);
	json_decref(root);
	return n;
}

static size_t n_items_max;

static void note_items(struct server *self, const struct server_request *request,
		       struct server_answer *answer)
{
	const size_t n = items_in(request);
	n_items_max = n > n_items_max ? n : n_items_max;
	accept_all(self, request, answer);
}

static void configure(void)
{
	struct err err;
	cr_assert_eq(payi_sink_configure(sink, &options, &err), 0, "%s", err.text);
}

/* Batches of the old size are filled, wait and are under way when the new one comes. */
Test(payi_sink, goes_on_with_batches_of_another_size)
{
	static const int sizes[] = {25, 3, 40, 1, 10};
	server.script = note_items;
	add_events(85);
	open_sink();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		add_events(85);
		payi_sink_wake(sink);
		uv_run(&loop, UV_RUN_NOWAIT);
		options.batch_events = sizes[i];
		configure();
		run_until(all_delivered);
		n_items_max = 0;
		add_events(85);
		payi_sink_wake(sink);
		run_until(all_delivered);
		cr_expect_eq(n_items_max, (size_t)sizes[i], "%zu items for %d", n_items_max,
			     sizes[i]);
	}
	check_tiling();
}

Test(payi_sink, takes_no_options_that_are_wrong)
{
	struct err err;
	open_sink();
	options.batch_events = 0;
	options.api_key = "another";
	cr_assert_eq(payi_sink_configure(sink, &options, &err), ERR_CONFIG);
	server.script = check_request;
	add_events(10);
	payi_sink_wake(sink);
	run_until(all_delivered);
	cr_expect_eq(server.n_requests, 1, "with the old key, and of the old size");
}

static void want_another_key(struct server *self, const struct server_request *request,
			     struct server_answer *answer)
{
	cr_assert_not_null(strstr(request->headers, "xProxy-api-key: secret-2\r\n"));
	accept_all(self, request, answer);
}

static bool is_offline(void)
{
	return strcmp(state, "offline") == 0;
}

Test(payi_sink, takes_another_key_and_none)
{
	open_sink();
	add_events(10);
	payi_sink_wake(sink);
	run_until(all_delivered);
	options.api_key = "secret-2";
	configure();
	server.script = want_another_key;
	add_events(10);
	payi_sink_wake(sink);
	run_until(all_delivered);
	options.api_key = "";
	configure();
	add_events(10);
	payi_sink_wake(sink);
	run_until(is_offline);
	cr_expect_eq(server.n_requests, 2);
}

static bool has_asked(void)
{
	return server.n_requests > 0;
}

/* Else run_until() would say so: it has less patience. */
Test(payi_sink, stopping_does_not_wait_for_who_has_never_answered)
{
	server.script = never_answer;
	options.timeout_s = 600;
	add_events(10);
	open_sink();
	run_until(has_asked);
	stop_sink(600 * 1000);
	cr_assert_eq(count(WAITING), 10);
}
