/* The whole sink, when the service is down, busy, somewhere else, or does not want the key or the form. */
#include "sink_stage.h"

TestSuite(payi_sink_trouble, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- A service in trouble ----------------------------------------------------------------------------- */

static char first_body[4096];

static void down_for_3_requests(struct server *self, const struct server_request *request,
				struct server_answer *answer)
{
	if (request->number == 1)
		snprintf(first_body, sizeof(first_body), "%s", request->body);
	if (request->number <= 3) {
		answer->status = 503;
		return;
	}
	if (strcmp(request->body, first_body) == 0)
		first_body[0] = '\0';
	accept_all(self, request, answer);
}

Test(payi_sink_trouble, sends_the_same_again_when_the_service_is_back)
{
	server.script = down_for_3_requests;
	options.in_flight = 1;
	add_events(25);
	open_sink();
	run_until(all_delivered);
	cr_assert_str_eq(first_body, "", "the same body came again");
	cr_assert_eq(server.n_requests, 3 + 3);
	cr_assert_not_null(strstr(error, "503"));
	check_tiling();
}

static void always_down(struct server *self, const struct server_request *request,
			struct server_answer *answer)
{
	(void)self;
	(void)request;
	answer->status = 503;
	snprintf(answer->headers, sizeof(answer->headers), "Retry-After: 3600\r\n");
}

Test(payi_sink_trouble, many_batches_are_no_storm_on_a_service_that_is_down)
{
	server.script = always_down;
	add_events(500);
	open_sink();
	run_until(is_waiting);
	for (int i = 0; i < 100; i++) {
		payi_sink_wake(sink);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	cr_assert_leq(server.n_requests, 4, "one for each that was under way");
	cr_assert_eq(count(WAITING), 500);
}

static int64_t refused_us;

static void busy_for_300_ms(struct server *self, const struct server_request *request,
			    struct server_answer *answer)
{
	if (request->number == 1) {
		refused_us = clock_boot_us();
		answer->status = 429;
		snprintf(answer->headers, sizeof(answer->headers),
			 "Retry-After: 7\r\nretry-after-ms: 300\r\n");
		return;
	}
	cr_assert_geq(clock_boot_us() - refused_us, 300000);
	accept_all(self, request, answer);
}

Test(payi_sink_trouble, waits_as_long_as_the_service_asks)
{
	server.script = busy_for_300_ms;
	add_events(10);
	open_sink();
	run_until(all_delivered);
	cr_assert_lt(clock_boot_us() - refused_us, 5 * SECOND, "milliseconds go before seconds");
}

static void close_kept_connection(struct server *self, const struct server_request *request,
				  struct server_answer *answer)
{
	if (request->number == 2) /* as gateways do with one that was idle */
		answer->status = -1;
	else
		accept_all(self, request, answer);
}

/* The same at once on a fresh one; nobody needs to wait, or to be told. */
Test(payi_sink_trouble, a_kept_connection_that_is_dead_costs_nothing)
{
	server.script = close_kept_connection;
	options.in_flight = 1;
	add_events(20);
	open_sink();
	run_until(all_delivered);
	cr_assert_eq(server.n_requests, 3);
	cr_assert_eq(server.n_connections, 2);
	cr_assert_str_eq(error, "");
	cr_assert_eq(counter_read(&payi_sink_counters(sink)->requests[SINK_END_FAILED]), 0);
}

static void hang_up_twice(struct server *self, const struct server_request *request,
			  struct server_answer *answer)
{
	if (request->number <= 2)
		answer->status = -1;
	else
		accept_all(self, request, answer);
}

Test(payi_sink_trouble, a_connection_that_breaks_costs_nothing)
{
	server.script = hang_up_twice;
	add_events(30);
	open_sink();
	run_until(all_delivered);
	check_tiling();
}

static void redirect(struct server *self, const struct server_request *request,
		     struct server_answer *answer)
{
	(void)request;
	answer->status = 307;
	snprintf(answer->headers, sizeof(answer->headers),
		 "Location: http://127.0.0.1:%d/elsewhere\r\n", self->port);
}

Test(payi_sink_trouble, a_redirect_is_not_followed_but_reported)
{
	server.script = redirect;
	add_events(3);
	open_sink();
	run_until(is_waiting);
	cr_assert_eq(server.n_requests, 1);
	cr_assert_not_null(strstr(error, "307"));
	cr_assert_not_null(strstr(error, "base_url"));
	cr_assert_eq(count(WAITING), 3);
}

static void portal(struct server *self, const struct server_request *request,
		   struct server_answer *answer)
{
	if (request->number == 1)
		snprintf(answer->body, sizeof(answer->body), "<html>Welcome to our hotel</html>");
	else
		accept_all(self, request, answer);
}

Test(payi_sink_trouble, a_success_that_is_not_the_services_is_none)
{
	server.script = portal;
	add_events(3);
	open_sink();
	run_until(all_delivered);
	cr_assert_eq(events[1].n_accepted, 1);
}

static void take_but_break_off(struct server *self, const struct server_request *request,
			       struct server_answer *answer)
{
	accept_all(self, request, answer);
	if (strcmp(request->path, "/api/v1/ingest/bulk") == 0)
		snprintf(answer->body, sizeof(answer->body), "{\"ingest_count\":1");
}

/* Every success breaks off: without look-ups each event would be there many times. */
Test(payi_sink_trouble, a_broken_success_is_not_sent_again_but_looked_up)
{
	server.script = take_but_break_off;
	options.in_flight = 1;
	add_events(20);
	open_sink();
	run_until(all_delivered);
	for (int id = 1; id <= 20; id++)
		cr_assert_eq(events[id].n_accepted, 1);
	cr_assert_eq(server.n_requests, 2 + 20);
	check_tiling();
}

Test(payi_sink_trouble, waits_for_a_service_that_is_not_there_yet)
{
	int port = server.port;
	server_close(&server);
	add_events(3);
	open_sink();
	run_until(is_waiting);
	cr_assert_not_null(strstr(error, "no answer"));
	server = (struct server){.script = accept_all};
	cr_assert_eq(server_open(&server, &loop, port), 0);
	run_until(all_delivered);
}

/* ---- An event that the service fails over --------------------------------------------------------------- */

static int poison, poison_status;

static void fail_over_one(struct server *self, const struct server_request *request,
			  struct server_answer *answer)
{
	if (has_event(request, poison))
		answer->status = poison_status;
	else
		accept_all(self, request, answer);
}

static bool only_poison_waits(void)
{
	return count(DELIVERED) == n_events - 1 && events[poison].state == DEFERRED;
}

Test(payi_sink_trouble, an_event_that_the_service_fails_over_waits_alone)
{
	server.script = fail_over_one;
	poison = 23;
	poison_status = 503;
	add_events(300);
	open_sink();
	run_until(only_poison_waits);
	cr_assert_eq(n_deferrals, 1);
	cr_assert_eq(events[poison].http_status, 503);
	cr_assert_lt(server.n_requests, 30 + 20);
	add_events(100);
	payi_sink_wake(sink);
	run_until(only_poison_waits);
	for (int id = 1; id <= n_events; id++)
		cr_assert_eq(events[id].n_accepted, id != poison);
}

Test(payi_sink_trouble, one_that_breaks_every_connection_waits_alone_as_well)
{
	server.script = fail_over_one;
	poison = 23;
	poison_status = -1;
	add_events(100);
	open_sink();
	run_until(only_poison_waits);
}

/* Nothing else is there to prove that the service works: it says itself that it has broken. */
Test(payi_sink_trouble, it_is_found_in_the_only_batch_there_is)
{
	server.script = fail_over_one;
	options.batch_events = 64;
	poison = 1;
	poison_status = 500;
	add_events(64);
	open_sink();
	run_until(only_poison_waits);
}

/* ---- The key ------------------------------------------------------------------------------------------- */

static void write_key(const char *key)
{
	FILE *file = fopen(key_file, "w");
	cr_assert_not_null(file);
	fprintf(file, "%s\n", key);
	fclose(file);
}

static void use_key_file(const char *key)
{
	close(mkstemp(key_file));
	write_key(key);
	options.api_key = NULL;
	options.api_key_file = key_file;
}

static void take_the_second_key(struct server *self, const struct server_request *request,
				struct server_answer *answer)
{
	if (strstr(request->headers, "xProxy-api-key: secret-2\r\n")) {
		accept_all(self, request, answer);
		return;
	}
	answer->status = 401;
	snprintf(answer->body, sizeof(answer->body),
		 "{\"statusCode\":401,\"message\":\"m\",\"xproxy_error\":"
		 "{\"code\":\"invalid_api_key\",\"message\":\"no such key\"}}");
}

static bool is_key_refused(void)
{
	return strcmp(state, "key refused") == 0;
}

Test(payi_sink_trouble, a_refused_key_holds_everything_until_the_file_has_another)
{
	server.script = take_the_second_key;
	use_key_file("secret-1");
	options.in_flight = 1;
	add_events(30);
	open_sink();
	run_until(is_key_refused);
	cr_assert_not_null(strstr(error, "invalid_api_key"));
	cr_assert_eq(server.n_requests, 2, "in bulk, and one alone");
	write_key("secret-2");
	run_until(all_delivered);
	cr_assert_eq(server.n_requests, 2 + 3);
	check_tiling();
}

static bool is_offline(void)
{
	return strcmp(state, "offline") == 0;
}

Test(payi_sink_trouble, without_a_key_nothing_is_sent_until_there_is_one)
{
	use_key_file("");
	add_events(5);
	open_sink();
	run_until(is_offline);
	payi_sink_wake(sink);
	uv_run(&loop, UV_RUN_NOWAIT);
	cr_assert_eq(server.n_connections, 0);
	cr_assert_eq(count(WAITING), 5);
	write_key("secret-1");
	run_until(all_delivered);
}

/* What is in the file goes into a header: it must be one word. */
Test(payi_sink_trouble, a_key_that_would_be_two_headers_is_no_key)
{
	use_key_file("secret-1\r\nX-Evil: 1");
	open_sink();
	run_until(is_offline);
	cr_assert_not_null(strstr(error, "no key"));
}

/* ---- Accounts without bulk ----------------------------------------------------------------------------- */

static int bulk_status, single_status;

static void no_bulk(struct server *self, const struct server_request *request,
		    struct server_answer *answer)
{
	if (strcmp(request->path, "/api/v1/ingest/bulk") == 0) {
		answer->status = bulk_status;
		return;
	}
	answer->status = single_status;
	if (single_status != 200)
		return;
	int number;
	cr_assert_eq(sscanf(request->path, "/api/v1/ingest?id=event-%d", &number), 1);
	cr_assert(has_event(request, number));
	cr_assert_not_null(strstr(request->headers, "xProxy-UseCase-Name: support\r\n"));
	cr_assert_null(strstr(request->body, "use_case_name"));
	accept_all(self, request, answer);
}

Test(payi_sink_trouble, sends_one_by_one_where_bulk_is_not_there)
{
	server.script = no_bulk;
	bulk_status = 404;
	single_status = 200;
	add_events(30);
	open_sink();
	run_until(all_delivered);
	cr_assert_leq(server.n_requests, 4 + 30, "bulk is not asked for again");
	for (int id = 1; id <= 30; id++)
		cr_assert_eq(events[id].n_accepted, 1);
	check_tiling();
}

Test(payi_sink_trouble, sends_one_by_one_where_bulk_alone_is_forbidden)
{
	server.script = no_bulk;
	bulk_status = 403;
	single_status = 200;
	add_events(10);
	open_sink();
	run_until(all_delivered);
}

/* As a gateway says it: the key is good, but not for bulk. */
Test(payi_sink_trouble, sends_one_by_one_where_the_key_is_not_for_bulk)
{
	server.script = no_bulk;
	bulk_status = 401;
	single_status = 200;
	add_events(10);
	open_sink();
	run_until(all_delivered);
	for (int id = 1; id <= 10; id++)
		cr_assert_eq(events[id].n_accepted, 1);
}

Test(payi_sink_trouble, a_key_that_both_forms_refuse_is_refused)
{
	server.script = no_bulk;
	bulk_status = single_status = 403;
	options.in_flight = 1;
	add_events(10);
	open_sink();
	run_until(is_key_refused);
	cr_assert_eq(server.n_requests, 2);
	cr_assert_eq(count(WAITING), 10);
}

Test(payi_sink_trouble, a_path_that_is_nowhere_is_a_wrong_base_url)
{
	server.script = no_bulk;
	bulk_status = single_status = 404;
	options.in_flight = 1;
	add_events(10);
	open_sink();
	run_until(is_waiting);
	cr_assert_not_null(strstr(error, "base_url"));
	cr_assert_eq(count(WAITING), 10);
}
