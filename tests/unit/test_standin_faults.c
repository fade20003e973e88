/* The stand-in misbehaves as it is told to, that often, and not otherwise. */
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BULK "/api/v1/ingest/bulk"

static struct standin standin;

static void set_up(void)
{
	cr_assert(standin_start(&standin, NULL) == 0);
}

static void tear_down(void)
{
	cr_assert(standin_stop(&standin) == 0);
}

TestSuite(standin_faults, .init = set_up, .fini = tear_down);

/* ---- Requests ------------------------------------------------------------------------------------- */

/* One event for each id (a word), as a batch. */
static void send_ids(const char *ids, struct standin_reply *reply)
{
	char *body = NULL, id[40];
	size_t body_bytes = 0;
	FILE *to = open_memstream(&body, &body_bytes);
	char before = '[';
	for (int used; sscanf(ids, " %39s%n", id, &used) == 1; ids += used, before = ',')
		fprintf(to,
			"%c{\"category\":\"c\",\"units\":{},\"provider_response_id\":\"%s\","
			"\"limit_ids\":[\"1\",\"%s-limit\"]}",
			before, id, id);
	fputc(']', to);
	fclose(to);
	standin_exchange(&standin, "POST", BULK, "", body, body_bytes, reply);
	free(body);
}

static int status_of_ids(const char *ids)
{
	struct standin_reply reply;
	send_ids(ids, &reply);
	const int status = reply.status;
	standin_reply_release(&reply);
	return status;
}

static int status_of_limits(const char *headers)
{
	struct standin_reply reply;
	standin_exchange(&standin, "GET", "/api/v1/limits", headers, NULL, 0, &reply);
	const int status = reply.status;
	standin_reply_release(&reply);
	return status;
}

static void script(const char *text)
{
	cr_assert(standin_faults(&standin, text) == 0, "%s", text);
}

static int64_t n_accepted(void)
{
	return standin_stat(&standin, "accepted");
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- Instead of an answer ------------------------------------------------------------------------- */

Test(standin_faults, answers_by_rules_in_their_order_and_as_often_as_they_say)
{
	script("[{\"times\":2,\"status\":503},{\"status\":429}]");
	cr_expect(status_of_ids("a") == 503);
	cr_expect(status_of_ids("a") == 503);
	cr_expect(status_of_ids("a") == 429);
	cr_expect(n_accepted() == 0);
	cr_expect(status_of_ids("a") == 200);
	cr_expect(n_accepted() == 1);
	cr_expect(standin_stat(&standin, "faults") == 3);
	cr_expect(standin_stat(&standin, "requests") == 4);
}

Test(standin_faults, sends_the_headers_and_the_body_that_it_is_given)
{
	struct standin_reply reply;
	script("[{\"status\":502,\"headers\":{\"Retry-After\":\"7\",\"content-type\":\"text/"
	       "html\"},"
	       "\"body\":\"<html>no</html>\"},{\"status\":400,\"body\":{\"a\":[1]}},"
	       "{\"headers\":{\"retry-after-ms\":\"5\"}}]");
	send_ids("a", &reply);
	cr_expect(reply.status == 502 && strstr(reply.headers, "Retry-After: 7\r\n"));
	cr_expect(strstr(reply.headers, "text/html") && !strstr(reply.headers, "application/json"));
	cr_expect_str_eq(reply.body, "<html>no</html>");
	standin_reply_release(&reply);
	send_ids("a", &reply);
	cr_expect(reply.status == 400);
	cr_expect_str_eq(reply.body, "{\"a\":[1]}");
	standin_reply_release(&reply);
	send_ids("a", &reply);
	cr_expect(reply.status == 200 && strstr(reply.headers, "retry-after-ms: 5\r\n"));
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 1);
}

Test(standin_faults, loses_the_answer_of_what_it_carried_out)
{
	script("[{\"status\":504,\"processed\":true}]");
	cr_expect(status_of_ids("a") == 504);
	cr_expect(n_accepted() == 1);
}

Test(standin_faults, resets_before_and_after_carrying_out)
{
	struct standin_reply reply;
	script("[{\"action\":\"reset_before\"},{\"action\":\"reset_after\"}]");
	send_ids("a", &reply);
	cr_expect(reply.status == 0 && reply.error == ECONNRESET, "%s", strerror(reply.error));
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 0);
	send_ids("a", &reply);
	cr_expect(reply.status == 0 && reply.error == ECONNRESET, "%s", strerror(reply.error));
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 1);
}

Test(standin_faults, says_anything_on_the_wire)
{
	struct standin_reply reply;
	script("[{\"raw\":\"HTTP/1.1 200 OK\\r\\nContent-Length: 99\\r\\n\\r\\n{}\"},"
	       "{\"raw\":\"nonsense\",\"action\":\"slow\",\"piece_bytes\":3,\"piece_ms\":1}]");
	send_ids("a", &reply);
	cr_expect(reply.status == 200 && !reply.whole);
	cr_expect_str_eq(reply.body, "{}");
	standin_reply_release(&reply);
	send_ids("a", &reply);
	cr_expect(reply.status == 0);
	cr_expect_str_eq(reply.headers, "nonsense");
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 0);
}

/* ---- The true answer, badly delivered ------------------------------------------------------------- */

Test(standin_faults, breaks_off_amid_the_answer)
{
	struct standin_reply reply;
	script("[{\"action\":\"truncate\"}]");
	send_ids("a", &reply);
	cr_expect(reply.status == 200 && !reply.whole && reply.body_bytes > 0);
	cr_expect_null(json_loads(reply.body, 0, NULL));
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 1);
}

Test(standin_faults, answers_drop_by_drop)
{
	struct standin_reply reply;
	script("[{\"action\":\"slow\",\"piece_bytes\":50,\"piece_ms\":10}]");
	const double began = now_s();
	send_ids("a", &reply);
	const double took = now_s() - began;
	cr_expect(reply.whole && reply.body_bytes > 150);
	cr_expect(took >= 0.01 * (double)((reply.body_bytes - 1) / 50), "%f", took);
	standin_reply_release(&reply);
}

Test(standin_faults, answers_in_chunks)
{
	struct standin_reply reply;
	script("[{\"action\":\"chunked\"}]");
	send_ids("a", &reply);
	cr_expect(strstr(reply.headers, "Transfer-Encoding: chunked"));
	cr_expect(reply.body_bytes > 7 &&
		  strcmp(reply.body + reply.body_bytes - 7, "\r\n0\r\n\r\n") == 0);
	standin_reply_release(&reply);
}

Test(standin_faults, answers_hugely)
{
	struct standin_reply reply;
	script("[{\"huge_bytes\":5000000}]");
	send_ids("a", &reply);
	cr_expect(reply.whole && reply.body_bytes > 5000000);
	json_t *json = json_loads(reply.body, 0, NULL);
	cr_expect(json_is_object(json));
	json_decref(json);
	standin_reply_release(&reply);
}

Test(standin_faults, hangs_before_and_after_carrying_out)
{
	script("[{\"hang_ms\":60},{\"hang_after_ms\":60}]");
	for (int i = 0; i < 2; i++) {
		const double began = now_s();
		cr_expect(status_of_ids("a") == 200);
		cr_expect(now_s() - began >= 0.06);
	}
	cr_expect(n_accepted() == 1);
}

Test(standin_faults, stops_at_once_though_a_request_hangs)
{
	const char *const none[] = {NULL};
	struct standin other;
	cr_assert(standin_start(&other, none) == 0);
	cr_assert(standin_faults(&other, "[{\"hang_ms\":600000}]") == 0);
	const pid_t client = fork();
	if (client == 0) {
		struct standin_reply reply;
		standin_exchange(&other, "GET", "/api/v1/limits", "", NULL, 0, &reply);
		_exit(0);
	}
	while (standin_stat(&other, "requests") == 0)
		;
	const double began = now_s();
	cr_expect(standin_stop(&other) == 0);
	cr_expect(now_s() - began < 5);
	waitpid(client, NULL, 0);
}

/* ---- Which requests ------------------------------------------------------------------------------- */

Test(standin_faults, applies_to_the_endpoints_that_a_rule_names)
{
	script("[{\"on\":\"bulk\",\"status\":401,\"times\":5}]");
	cr_expect(status_of_limits("") == 200);
	cr_expect(status_of_ids("a") == 401);
	cr_expect(status_of_limits("") == 200);
}

Test(standin_faults, keeps_a_schedule)
{
	script("[{\"from_s\":0,\"until_s\":0.2,\"status\":503},{\"from_s\":3600,\"status\":500}]");
	const double began = now_s();
	int n_refused = 0;
	while (status_of_ids("a") == 503)
		n_refused++;
	cr_expect(n_refused > 1, "%d", n_refused);
	cr_expect(now_s() - began >= 0.19);
	cr_expect(status_of_ids("a") == 200);
}

Test(standin_faults, goes_on_without_end_where_a_rule_has_a_beginning_alone)
{
	script("[{\"from_s\":0,\"status\":503}]");
	for (int i = 0; i < 5; i++)
		cr_expect(status_of_ids("a") == 503);
}

/* ---- Events --------------------------------------------------------------------------------------- */

Test(standin_faults, refuses_single_events_as_often_as_it_is_told)
{
	struct standin_reply reply;
	script("[{\"match_id\":\"evil-1\",\"item_error\":{\"code\":\"unexpected_error\",\"times\":"
	       "2}},"
	       "{\"match\":{\"limit_ids\":\"b-limit\"},\"item_error\":"
	       "{\"code\":\"blocking_limit_not_allowed\"}},"
	       "{\"match_id\":\"bad-*\",\"item_error\":{\"code\":\"x\",\"status\":422,\"message\":"
	       "\"m\"}}]");
	send_ids("a evil-1 b bad-7", &reply);
	json_t *answer = json_loads(reply.body, 0, NULL);
	json_t *errors = json_object_get(answer, "errors");
	static const struct {
		int index, status;
		const char *code;
	} EXPECTED[] = {{1, 500, "unexpected_error"},
			{2, 400, "blocking_limit_not_allowed"},
			{3, 422, "x"}};
	cr_assert(json_array_size(errors) == 3);
	for (size_t i = 0; i < 3; i++) {
		int index = -1, status = -1;
		const char *code = "", *message = "";
		cr_assert(json_unpack(json_array_get(errors, i), "{s:i, s:{s:i, s:s, s:{s:s}}}",
				      "item_index", &index, "xproxy_result", "statusCode", &status,
				      "message", &message, "xproxy_error", "code", &code) == 0);
		cr_expect(index == EXPECTED[i].index && status == EXPECTED[i].status);
		cr_expect_str_eq(code, EXPECTED[i].code);
	}
	json_decref(answer);
	standin_reply_release(&reply);
	cr_expect(status_of_ids("evil-1") == 400);
	cr_expect(status_of_ids("evil-1") == 200);
	cr_expect(status_of_ids("b") == 400);
	cr_expect(n_accepted() == 2);
	cr_expect(standin_stat(&standin, "refused_codes.unexpected_error") == 2);
}

Test(standin_faults, refuses_the_whole_batch_of_a_poisonous_event)
{
	struct standin_reply reply;
	script("[{\"poison_id\":\"p\"},{\"match\":{\"limit_ids\":\"q-limit\"},\"whole_batch\":true}"
	       "]");
	send_ids("a p b", &reply);
	cr_expect(reply.status == 400 && !strstr(reply.body, "item_index") &&
		  !strstr(reply.body, "errors"));
	standin_reply_release(&reply);
	cr_expect(n_accepted() == 0);
	cr_expect(status_of_ids("a b") == 200);
	cr_expect(status_of_ids("p") == 400);
	cr_expect(status_of_ids("c q") == 400);
	cr_expect(n_accepted() == 2);
}

/* ---- Settings ------------------------------------------------------------------------------------- */

Test(standin_faults, keeps_its_settings_until_the_next_script)
{
	script("[{\"max_items\":2}]");
	cr_expect(status_of_ids("a b c") == 413);
	cr_expect(status_of_ids("a b") == 200);
	script("[{\"max_bytes\":100}]");
	cr_expect(status_of_ids("a b") == 413);
	script("[{\"bulk_enabled\":false}]");
	cr_expect(status_of_ids("a") == 404);
	cr_expect(status_of_limits("") == 200);
	script("[{\"unauthorized\":true}]");
	cr_expect(status_of_ids("a") == 401);
	cr_expect(status_of_limits("") == 401);
	script("[]");
	cr_expect(status_of_ids("a b c") == 200);
}

Test(standin_faults, refuses_what_is_known_when_told_to)
{
	script("[{\"duplicate_status\":409},{\"partial_status\":400}]");
	cr_expect(status_of_ids("a") == 200);
	cr_expect(status_of_ids("a b") == 400);
	cr_expect(n_accepted() == 2);
	cr_expect(standin_stat(&standin, "duplicates_same") == 1);
}

Test(standin_faults, has_a_wrong_clock_when_told_to)
{
	char body[200], now[40];
	const time_t then = time(NULL);
	struct tm tm;
	gmtime_r(&then, &tm);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	const int n = snprintf(body, sizeof(body),
			       "[{\"category\":\"c\",\"units\":{},\"provider_response_id\":\"a\","
			       "\"event_timestamp\":\"%s\"}]",
			       now);
	struct standin_reply reply;
	script("[{\"clock_offset_s\":-400}]");
	standin_exchange(&standin, "POST", BULK, "", body, (size_t)n, &reply);
	cr_expect(reply.status == 400 && strstr(reply.body, "invalid_ingest_event_timestamp"));
	standin_reply_release(&reply);
	script("[]");
	standin_exchange(&standin, "POST", BULK, "", body, (size_t)n, &reply);
	cr_expect(reply.status == 200);
	standin_reply_release(&reply);
}

Test(standin_faults, changes_its_key_until_it_is_reset)
{
	script("[{\"key\":\"new\"}]");
	cr_expect(status_of_limits("") == 401);
	cr_expect(status_of_limits("xProxy-api-key: new\r\n") == 200);
	script("[]");
	cr_expect(status_of_limits("xProxy-api-key: new\r\n") == 200);
	standin_reset(&standin);
	cr_expect(status_of_limits("") == 200);
}

/* ---- Scripts -------------------------------------------------------------------------------------- */

/* A misspelt rule that is passed over would make a test that proves nothing. */
Test(standin_faults, refuses_scripts_that_it_does_not_understand_and_keeps_the_old)
{
	static const char *const BAD[] = {
		"",
		"{}",
		"[{}]",
		"[7]",
		"[{\"stauts\":503}]",
		"[{\"status\":\"503\"}]",
		"[{\"status\":99}]",
		"[{\"times\":0,\"status\":503}]",
		"[{\"action\":\"explode\"}]",
		"[{\"action\":\"slow\",\"piece_bytes\":0}]",
		"[{\"match_id\":\"a\",\"match\":{\"user_id\":\"u\"},\"whole_batch\":true}]",
		"[{\"on\":\"bulkk\",\"status\":503}]",
		"[{\"hang_ms\":-1}]",
		"[{\"headers\":7}]",
		"[{\"headers\":{\"a\":7}}]",
		"[{\"max_itmes\":7}]",
		"[{\"max_items\":7,\"status\":503}]",
		"[{\"item_error\":{\"code\":\"x\"}}]",
		"[{\"match_id\":\"a\"}]",
		"[{\"match_id\":\"a\",\"item_error\":{}}]",
		"[{\"match_id\":\"a\",\"item_error\":{\"code\":\"x\",\"time\":1}}]",
		"[{\"match\":{\"user_id\":7},\"whole_batch\":true}]",
	};
	script("[{\"status\":503}]");
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		struct standin_reply reply;
		standin_exchange(&standin, "POST", "/control/faults", "", BAD[i], strlen(BAD[i]),
				 &reply);
		cr_expect(reply.status == 400, "%s: %d", BAD[i], reply.status);
		standin_reply_release(&reply);
	}
	cr_expect(status_of_ids("a") == 503);
	cr_expect(status_of_ids("a") == 200);
}

Test(standin_faults, forgets_everything_at_a_reset)
{
	cr_expect(status_of_ids("a") == 200);
	script("[{\"status\":503,\"times\":9}]");
	cr_expect(status_of_ids("b") == 503);
	standin_reset(&standin);
	cr_expect(n_accepted() == 0 && standin_stat(&standin, "requests") == 0);
	cr_expect(status_of_ids("a") == 200);
	cr_expect(n_accepted() == 1 && standin_stat(&standin, "duplicates_same") == 0);
}
