#include "sink/payi/reply.h"

#include "sink/payi/retry_after.h"

#include <criterion/criterion.h>
#include <string.h>

static struct reply reply;

static void parse(const char *body)
{
	reply_parse(&reply, body, strlen(body));
}

static void tear_down(void)
{
	reply_release(&reply);
}

TestSuite(sink_reply, .fini = tear_down);

Test(sink_reply, reads_a_bulk_response_item_by_item)
{
	parse("{\"request_id\":\"r\",\"ingest_timestamp\":\"2026-01-01T00:00:00Z\",\"ingest_"
	      "count\":2,"
	      "\"error_count\":1,\"errors\":[{\"item_index\":1,\"xproxy_result\":{\"message\":"
	      "\"outer\","
	      "\"statusCode\":400,\"xproxy_error\":{\"code\":\"use_case_not_found\",\"message\":"
	      "\"no\"}}}]}");
	cr_assert_not_null(reply.root);
	cr_assert_eq(reply.ingest_count, 2);
	cr_assert_eq(reply.n_errors, 1);
	cr_assert_eq(reply.errors[0].index, 1);
	cr_assert_eq(reply.errors[0].status, 400);
	cr_assert_str_eq(reply.errors[0].code, "use_case_not_found");
	cr_assert_str_eq(reply.errors[0].message, "no");
	cr_assert(reply_errors_within(&reply, 0, 1));
}

Test(sink_reply, reads_an_error_about_the_whole_request)
{
	parse("{\"message\":\"denied\",\"statusCode\":401,\"xproxy_error\":{\"code\":\"invalid_api_"
	      "key\","
	      "\"message\":null}}");
	cr_assert_eq(reply.whole.status, 401);
	cr_assert_str_eq(reply.whole.code, "invalid_api_key");
	cr_assert_str_eq(reply.whole.message, "denied");
	cr_assert_eq(reply.n_errors, 0);
}

Test(sink_reply, reads_what_a_gateway_sends)
{
	parse("{\"statusCode\":503,\"message\":\"try later\"}");
	cr_assert_eq(reply.whole.status, 503);
	cr_assert_null(reply.whole.code);
	cr_assert_str_eq(reply.whole.message, "try later");
}

Test(sink_reply, bears_members_that_are_missing_null_or_of_another_kind)
{
	parse("{\"ingest_count\":\"7\",\"statusCode\":1e3,\"message\":[],\"xproxy_error\":\"x\","
	      "\"errors\":[null,7,{},{\"item_index\":null},{\"item_index\":0,\"xproxy_result\":"
	      "null}]}");
	cr_assert_not_null(reply.root);
	cr_assert_eq(reply.ingest_count, -1);
	cr_assert_eq(reply.n_errors, 5);
	cr_assert_eq(reply.errors[0].index, -1);
	cr_assert_eq(reply.errors[4].index, 0);
	cr_assert_null(reply.errors[4].code);
	cr_assert_not(reply_errors_within(&reply, 0, 4));
}

Test(sink_reply, tells_empty_from_unreadable)
{
	reply_parse(&reply, NULL, 0);
	cr_assert(reply.empty);
	cr_assert_null(reply.root);
	const char *const broken[] = {"<html>502</html>", "{\"ingest_count\":", "[]", "true",
				      "{\"message\":\"\xff\"}"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		parse(broken[i]);
		cr_assert_not(reply.empty);
		cr_assert_null(reply.root, "%s", broken[i]);
		reply_release(&reply);
	}
}

/* Counting from 1, or about another request: nobody can tell which event is meant. */
Test(sink_reply, errors_out_of_bounds_are_not_usable)
{
	parse("{\"errors\":[{\"item_index\":0},{\"item_index\":3}]}");
	cr_assert(reply_errors_within(&reply, 0, 3));
	cr_assert_not(reply_errors_within(&reply, 0, 2));
	reply_release(&reply);
	parse("{\"errors\":[{\"item_index\":-1}]}");
	cr_assert_not(reply_errors_within(&reply, 0, 3));
}

Test(sink_reply, cuts_texts_between_characters)
{
	cr_assert_eq(reply_text_cut("abc", 5), 3);
	cr_assert_eq(reply_text_cut("abcdef", 5), 5);
	cr_assert_eq(reply_text_cut("abcd\xc3\xa9", 5), 4);
	cr_assert_eq(reply_text_cut("ab\xf0\x9f\x98\x80", 5), 2);
}

enum { SECOND = 1000000 };

Test(sink_retry_after, takes_milliseconds_before_seconds)
{
	cr_assert_eq(retry_after_us("1500", "9", "", 0), 1500000);
	cr_assert_eq(retry_after_us("", "9", "", 0), 9 * SECOND);
	cr_assert_eq(retry_after_us("", "0.25", "", 0), SECOND / 4);
	cr_assert_eq(retry_after_us("", "0", "", 0), 0);
	cr_assert_eq(retry_after_us("", "3600", "", 0), INT64_C(3600) * SECOND);
}

Test(sink_retry_after, takes_a_date_by_the_services_own_clock)
{
	const char *at = "Wed, 21 Oct 2026 07:28:30 GMT";
	const char *now = "Wed, 21 Oct 2026 07:28:00 GMT";
	cr_assert_eq(retry_after_us("", at, now, 0), 30 * SECOND);
	cr_assert_eq(retry_after_us("", now, at, 0), 0, "the past means now");
	int64_t wall_us = INT64_C(1792567700) * SECOND; /* 07:28:20 */
	cr_assert_eq(retry_after_us("", at, "", wall_us), 10 * SECOND);
}

Test(sink_retry_after, ignores_what_makes_no_sense_and_bounds_the_rest)
{
	const char *const nonsense[] = {"", "soon", "-5", "inf", "nan", "12 apples"};
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		cr_assert_eq(retry_after_us(nonsense[i], "", "", 0), -1, "%s", nonsense[i]);
	cr_assert_eq(retry_after_us("", "soon", "", 0), -1);
	cr_assert_eq(retry_after_us("", "1e300", "", 0), RETRY_AFTER_MAX_US);
	cr_assert_eq(retry_after_us("", "99999999999999999999", "", 0), RETRY_AFTER_MAX_US);
}

Test(sink_reply, tells_how_a_body_of_any_form_begins)
{
	static const char page[] = "\r\n <html>\n\n<h1>400\0\x1b[2J \xe2\x82\xac</h1>";
	char text[64], small[9];
	cr_expect_str_eq(reply_excerpt(page, sizeof(page) - 1, text, sizeof(text)),
			 "<html> <h1>400 [2J </h1>");
	cr_expect_str_eq(reply_excerpt(page, sizeof(page) - 1, small, sizeof(small)), "<html> <");
	cr_expect_str_eq(reply_excerpt("", 0, text, sizeof(text)), "");
}
