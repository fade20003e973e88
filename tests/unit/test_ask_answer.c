/* What an answer means to an ask: the table, and what a success must hold. */
#include "sink/payi/ask_answer.h"

#include "sink/payi/ask.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct ask_answer answer;

static void tear_down(void)
{
	ask_answer_release(&answer);
}

TestSuite(ask_answer, .fini = tear_down);

static enum ask_verdict read_hinted(enum ask_step step, int status, const char *body,
				    enum outcome_hint hint)
{
	const struct http_answer http = {.status = status,
					 .error = status ? NULL : "reset",
					 .body = body,
					 .body_bytes = strlen(body),
					 .retry_after_us = -1,
					 .hint = hint};
	ask_answer_release(&answer);
	ask_answer_read(&answer, step, "as it is", &http);
	return answer.verdict;
}

static enum ask_verdict read_answer(enum ask_step step, int status, const char *body)
{
	return read_hinted(step, status, body, OUTCOME_HINT_NONE);
}

static const char *error_of(const char *code)
{
	static char body[200];
	snprintf(body, sizeof(body),
		 "{\"message\":\"m\",\"statusCode\":400,\"xproxy_error\":{\"code\":\"%s\","
		 "\"message\":\"because\"}}",
		 code);
	return body;
}

/* D done, N next, L later, T trouble, K key, X dead; in the order of the steps. */
Test(ask_answer, each_step_reads_an_answer_as_the_documents_have_it)
{
	static const struct {
		int status;
		const char *code;
		const char *verdicts; /* give, make, give again, define, update */
	} rows[] = {
		{0, "", "TTTTT"},
		{302, "", "TTTTT"},
		{400, "", "XXXXX"},
		{400, "invalid_use_case_name", "XXXXX"},
		{400, "invalid_use_case_description", "XXXXX"},
		{400, "request_processing_error", "XXXXX"},
		{400, "unexpected_error", "LLLLL"},
		{400, "use_case_not_found", "NLLLL"},
		{400, "use_case_already_exists", "XNXNX"},
		{400, "invalid_api_key", "KKKKK"},
		{401, "", "KKKKK"},
		{402, "", "TTTTT"},
		{403, "", "XXXXX"},
		{404, "", "NTLTL"},
		{404, "use_case_not_found", "NLLLL"},
		{405, "", "TTTTT"},
		{407, "", "TTTTT"},
		{408, "", "TTTTT"},
		{409, "", "LNLNL"},
		{409, "use_case_already_exists", "XNXNX"},
		{413, "", "XXXXX"},
		{415, "", "TTTTT"},
		{422, "", "XXXXX"},
		{429, "", "TTTTT"},
		{500, "", "TTTTT"},
		{503, "unexpected_error", "TTTTT"},
		{700, "", "TTTTT"},
	};
	static const char letters[] = {[ASK_DONE] = 'D',    [ASK_NEXT] = 'N', [ASK_LATER] = 'L',
				       [ASK_TROUBLE] = 'T', [ASK_KEY] = 'K',  [ASK_DEAD] = 'X'};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int step = ASK_GIVE; step <= ASK_UPDATE; step++) {
			const char *body = rows[i].code[0] ? error_of(rows[i].code) : "";
			const char got =
				letters[read_answer((enum ask_step)step, rows[i].status, body)];
			cr_expect_eq(got, rows[i].verdicts[step], "%d %s, step %d: %c",
				     rows[i].status, rows[i].code, step, got);
		}
}

Test(ask_answer, the_services_word_on_retries_overrules)
{
	cr_expect_eq(read_hinted(ASK_GIVE, 400, "", OUTCOME_HINT_RETRY), ASK_LATER);
	cr_expect_eq(read_hinted(ASK_GIVE, 503, "", OUTCOME_HINT_STOP), ASK_DEAD);
	cr_expect_eq(read_hinted(ASK_GIVE, 409, "", OUTCOME_HINT_STOP), ASK_DEAD);
	cr_expect_eq(read_hinted(ASK_DEFINE, 409, "", OUTCOME_HINT_STOP), ASK_NEXT);
	cr_expect_eq(read_hinted(ASK_GIVE, 401, "", OUTCOME_HINT_STOP), ASK_KEY);
	cr_expect_eq(read_hinted(ASK_GIVE, 0, "", OUTCOME_HINT_STOP), ASK_TROUBLE);
}

/* It may have said that the use case is there already. */
Test(ask_answer, half_of_a_refusal_refuses_nothing)
{
	static const char half[] = "{\"message\":\"m\",\"statusCode\":400,\"xproxy_err";
	const struct http_answer http = {.status = 400,
					 .body = half,
					 .body_bytes = strlen(half),
					 .body_cut = true,
					 .retry_after_us = -1};
	ask_answer_read(&answer, ASK_DEFINE, "as it is", &http);
	cr_assert_eq(answer.verdict, ASK_LATER);
}

Test(ask_answer, a_refusal_comes_with_the_services_words)
{
	cr_expect_eq(read_answer(ASK_DEFINE, 400, error_of("invalid_use_case_name")), ASK_DEAD);
	cr_expect_str_eq(answer.code, "invalid_use_case_name");
	cr_expect_str_eq(answer.message, "because");
	cr_expect_eq(read_answer(ASK_GIVE, 0, ""), ASK_TROUBLE);
	cr_expect_str_eq(answer.message, "reset");
}

static void expect_id(const char *id, bool good)
{
	char body[5000];
	snprintf(body, sizeof(body), "{\"use_case_id\":%s,\"use_case_name\":\"n\"}", id);
	const enum ask_verdict verdict = read_answer(ASK_GIVE, 200, body);
	cr_expect_eq(verdict, good ? ASK_DONE : ASK_LATER, "%.60s: %s", id, answer.message);
	cr_expect_eq(answer.given_id != NULL, good);
}

/* n characters between quotes. */
static const char *long_id(int n, const char *character)
{
	static char text[4200];
	char *to = text;
	*to++ = '"';
	for (int i = 0; i < n; i++)
		to += snprintf(to, 4, "%s", character);
	snprintf(to, 2, "\"");
	return text;
}

Test(ask_answer, an_id_is_a_text_that_the_history_can_hold)
{
	expect_id("\"5b0c7e9a-1111-4222-8333-944455556666\"", true);
	expect_id("\"ticket \xe2\x82\xac 7\"", true);
	expect_id(long_id(1024, "x"), true);
	expect_id(long_id(1025, "x"), false);
	expect_id(long_id(512, "\xc3\xa9"), true);
	expect_id(long_id(513, "\xc3\xa9"), false);
	expect_id("\"\"", false);
	expect_id("\"a\\u0000b\"", false);
	expect_id("17", false);
	expect_id("null", false);
	expect_id("[\"a\"]", false);
	expect_id("{\"a\":\"b\"}", false);
}

/* A portal, a gateway, or half of an answer: not the service, so the others had better wait, too. */
Test(ask_answer, a_success_that_is_not_the_services_is_trouble)
{
	static const char *const bodies[] = {
		"<html>Welcome</html>",       "{\"use_case_id\":\"a",         "[\"a\"]", "\"a\"",
		"{\"use_case_id\":\"\xff\"}", "{\"use_case_id\":\"\\ud800\"}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (int step = ASK_GIVE; step <= ASK_UPDATE; step++)
			cr_expect_eq(read_answer((enum ask_step)step, 200, bodies[i]), ASK_TROUBLE,
				     "%s, step %d", bodies[i], step);
}

Test(ask_answer, a_definition_is_done_when_the_service_has_this_one)
{
	cr_expect_eq(read_answer(ASK_DEFINE, 201, ""), ASK_DONE);
	cr_expect_eq(read_answer(ASK_DEFINE, 201, "{\"description\":\"as it is\"}"), ASK_DONE);
	cr_expect_eq(read_answer(ASK_DEFINE, 200, "{\"description\":\"as it is\"}"), ASK_DONE);
	cr_expect_eq(read_answer(ASK_DEFINE, 200, "{\"description\":\"as it was\"}"), ASK_NEXT);
	cr_expect_eq(read_answer(ASK_DEFINE, 200, "{}"), ASK_NEXT);
	cr_expect_eq(read_answer(ASK_DEFINE, 200, ""), ASK_NEXT);
	cr_expect_eq(read_answer(ASK_UPDATE, 204, ""), ASK_DONE);
	cr_expect_eq(read_answer(ASK_UPDATE, 200, "{\"description\":\"as it is\"}"), ASK_DONE);
	cr_expect_eq(read_answer(ASK_MAKE, 201, "{\"description\":\"n\"}"), ASK_NEXT);
	cr_expect_eq(read_answer(ASK_GIVE, 200, ""), ASK_LATER);
}

static const char *page_of(const char *cursor)
{
	static char body[400];
	snprintf(body, sizeof(body),
		 "{\"cursor\":%s,\"items\":[{\"category\":\"c\",\"resource\":\"r\",\"units\":{"
		 "\"text\":{"
		 "\"input_price\":1}}}]}",
		 cursor);
	return body;
}

Test(ask_answer, prices_go_on_as_long_as_there_is_a_cursor)
{
	struct ask ask = {0};
	const struct sink_ask what = {
		.kind = SINK_ASK_PRICES, .use_case_name = "c", .description = "r"};
	cr_assert(ask_begin(&ask, &what));
	cr_expect_eq(read_answer(ASK_PRICES, 200, page_of("\"n & 2\"")), ASK_NEXT);
	cr_assert(ask_turn_page(&ask, &answer));
	cr_expect_null(answer.prices, "it waits for the rest");
	cr_expect_str_eq(buf_text(&ask.cursor), "n & 2");
	cr_expect_eq(read_answer(ASK_PRICES, 200, page_of("\"\"")), ASK_DONE);
	cr_assert(ask_turn_page(&ask, &answer));
	cr_assert_not_null(answer.prices);
	cr_expect_eq(answer.prices->n, 2);
	cr_expect_eq(ask.cursor.len, 0);

	cr_expect_eq(read_answer(ASK_PRICES, 200, page_of("\"2\"")), ASK_NEXT);
	cr_assert(ask_turn_page(&ask, &answer));
	ask_restart(&ask); /* for another key, say: from the first page on */
	cr_expect_eq(ask.cursor.len, 0);
	cr_expect_eq(read_answer(ASK_PRICES, 200, page_of("null")), ASK_DONE);
	cr_assert(ask_turn_page(&ask, &answer));
	cr_expect_eq(answer.prices->n, 1);
	ask_release(&ask);
}
