/*
 * The stand-in for the service is the judge in other tests, so it is judged here: that it takes what the
 * documents allow, refuses each thing that they do not, with the right code, and counts without fault.
 */
#include "standin/standin_client.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BULK   "/api/v1/ingest/bulk"
#define SINGLE "/api/v1/ingest?id="

static struct standin standin;

static void set_up(void)
{
	const char *const arguments[] = {"--keep-bodies", NULL};
	cr_assert(standin_start(&standin, arguments) == 0);
}

static void tear_down(void)
{
	cr_assert(standin_stop(&standin) == 0);
}

TestSuite(standin, .init = set_up, .fini = tear_down);

/* ---- Requests ------------------------------------------------------------------------------------- */

/* Sends, checks the status, and returns the answer's JSON (NULL when it is none). */
static json_t *send_json(const char *method, const char *path, const char *headers,
			 const char *body, int status)
{
	struct standin_reply reply;
	standin_exchange(&standin, method, path, headers, body, body ? strlen(body) : 0, &reply);
	cr_assert(reply.status == status, "%s %s with %s: status %d, not %d: %s", method, path,
		  body ? body : "no body", reply.status, status, reply.body);
	json_t *json = json_loads(reply.body, 0, NULL);
	standin_reply_release(&reply);
	return json;
}

static void expect(const char *method, const char *path, const char *body, int status)
{
	json_decref(send_json(method, path, "", body, status));
}

static json_t *bulk(json_t *items, int status)
{
	char *body = json_dumps(items, JSON_COMPACT);
	json_t *answer = send_json("POST", BULK, "", body, status);
	free(body);
	return answer;
}

static int64_t number(const json_t *json, const char *member)
{
	const json_t *value = json_object_get(json, member);
	cr_assert(json_is_integer(value), "%s is no number", member);
	return json_integer_value(value);
}

static const char *code_of(const json_t *api_error)
{
	const json_t *error = json_object_get(api_error, "xproxy_error");
	const char *code = json_string_value(json_object_get(error, "code"));
	return code ? code : "none";
}

/* An event with every field that a bulk item may have. */
static json_t *full_event(const char *id)
{
	json_t *event = json_loads(
		"{\"category\":\"system.anthropic\",\"resource\":\"claude-x\","
		"\"event_timestamp\":\"2026-05-04T12:00:00.123Z\","
		"\"units\":{\"text\":{\"input\":1200,\"output\":300},"
		"\"text_cache_read\":{\"input\":2147483647},\"reasoning\":{}},"
		"\"end_to_end_latency_ms\":1830,\"time_to_first_token_ms\":0,"
		"\"time_to_first_completion_token_ms\":5,\"http_status_code\":200,"
		"\"use_case_name\":\"triage.v-2_x\",\"use_case_id\":\"5b0c é\","
		"\"use_case_step\":\"draft\",\"use_case_version\":3,"
		"\"use_case_properties\":{\"team\":\"a\"},\"properties\":{\"env\":\"prod\"},"
		"\"user_id\":\"u 17\",\"account_name\":\"acme\",\"limit_ids\":[\"2579\",\"2580\"],"
		"\"scope\":\"datazone.us\",\"provider_uri\":\"https://x/\","
		"\"provider_request_json\":\"{}\",\"provider_request_reasoning_json\":\"{}\","
		"\"provider_response_json\":[\"a\",\"b\"],"
		"\"provider_request_headers\":[{\"name\":\"h\",\"value\":\"v\"}],"
		"\"provider_response_headers\":[{\"name\":\"h\",\"value\":null},{\"name\":\"i\"}],"
		"\"provider_response_function_calls\":[{\"name\":\"f\",\"arguments\":\"{}\"}]}",
		0, NULL);
	cr_assert(event);
	json_object_set_new(event, "provider_response_id", json_string(id));
	return event;
}

/* The same with one field set to the value (as JSON), or without it when value is NULL. */
static json_t *event_with(const char *id, const char *field, const char *value)
{
	json_t *event = full_event(id);
	if (value) {
		json_error_t error;
		json_t *json = json_loads(value, JSON_DECODE_ANY, &error);
		cr_assert(json, "%s: %s", value, error.text);
		json_object_set_new(event, field, json);
	} else {
		json_object_del(event, field);
	}
	return event;
}

static void expect_taken(const char *field, const char *value)
{
	standin_reset(&standin);
	json_t *items = json_pack("[o]", event_with("id-1", field, value));
	if (strcmp(field, "use_case_name") == 0 && (!value || strcmp(value, "null") == 0)) {
		json_object_del(json_array_get(items, 0), "use_case_id");
		json_object_del(json_array_get(items, 0), "use_case_step");
		json_object_del(json_array_get(items, 0), "use_case_version");
		json_object_del(json_array_get(items, 0), "use_case_properties");
	}
	json_t *answer = bulk(items, 200);
	cr_assert(number(answer, "ingest_count") == 1, "%s = %s", field, value);
	cr_assert(number(answer, "total_count") == 1 && number(answer, "error_count") == 0);
	cr_assert(standin_stat(&standin, "accepted") == 1);
	json_decref(answer);
	json_decref(items);
}

/* Between two good events the bad one, and it alone, is refused, with its place and the code. */
static void expect_refused(const char *field, const char *value, const char *code)
{
	standin_reset(&standin);
	json_t *bad = event_with("bad", field, value);
	json_t *items = json_pack("[o, o, o]", full_event("good-1"), bad, full_event("good-2"));
	json_t *answer = bulk(items, 200);
	const json_t *errors = json_object_get(answer, "errors");
	cr_assert(json_array_size(errors) == 1, "%s = %s was taken", field, value);
	const json_t *result = json_object_get(json_array_get(errors, 0), "xproxy_result");
	cr_expect_str_eq(code_of(result), code, "%s = %s: %s", field, value, code_of(result));
	cr_expect(number(json_array_get(errors, 0), "item_index") == 1);
	cr_expect(number(result, "statusCode") == 400);
	cr_expect(json_is_string(json_object_get(result, "message")));
	cr_expect(number(answer, "ingest_count") == 2);
	cr_expect(number(answer, "item_error_count") == 1);
	cr_expect(standin_stat(&standin, "accepted") == 2);
	cr_expect(standin_stat(&standin, "refused") == 1);
	json_decref(answer);
	json_decref(items);
}

/* ---- What is taken -------------------------------------------------------------------------------- */

Test(standin, takes_each_form_that_a_field_may_have)
{
	static const char *const GOOD[][2] = {
		{"category", "\"x\""},
		{"resource", NULL},
		{"resource", "null"},
		{"units", "{}"},
		{"units", "{\"text\":{\"input\":0,\"output\":0}}"},
		{"event_timestamp", NULL},
		{"event_timestamp", "null"},
		{"event_timestamp", "\"2024-02-29T23:59:60Z\""},
		{"event_timestamp", "\"1999-12-31T00:00:00.123456789+05:30\""},
		{"end_to_end_latency_ms", "2147483647"},
		{"use_case_version", "-2147483648"},
		{"http_status_code", "299"},
		{"use_case_name", NULL},
		{"use_case_name", "null"},
		{"use_case_name",
		 "\"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-\""},
		{"properties", "{}"},
		{"properties", "{\"k\":\"\"}"},
		{"provider_response_json", "\"{}\""},
		{"provider_response_json", "[]"},
		{"limit_ids", "[]"},
		{"provider_request_headers", "[]"},
	};
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++)
		expect_taken(GOOD[i][0], GOOD[i][1]);
}

Test(standin, keeps_the_whole_body_and_shows_its_essence)
{
	json_t *event = full_event("a/b c");
	json_t *items = json_pack("[O]", event);
	json_decref(bulk(items, 200));
	char *text = standin_get(&standin, "/control/event?id=a%2Fb%20c");
	json_t *kept = json_loads(text, 0, NULL);
	cr_expect(json_equal(kept, event));
	free(text);
	json_decref(kept);
	text = standin_get(&standin, "/control/events?after=0&limit=5");
	json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
	const json_t *units = json_object_get(line, "units");
	cr_expect_str_eq(json_string_value(json_object_get(line, "provider_response_id")), "a/b c");
	cr_expect_str_eq(json_string_value(json_object_get(line, "use_case_id")), "5b0c é");
	cr_expect_str_eq(json_string_value(json_object_get(line, "event_timestamp")),
			 "2026-05-04T12:00:00.123000Z");
	cr_expect(number(json_object_get(units, "text"), "output") == 300);
	cr_expect_null(json_object_get(json_object_get(units, "text_cache_read"), "output"));
	cr_expect(json_object_size(json_object_get(units, "reasoning")) == 0);
	free(text);
	json_decref(line);
	json_decref(items);
	json_decref(event);
}

/* ---- What is refused ------------------------------------------------------------------------------ */

Test(standin, refuses_each_field_that_is_wrong)
{
	static const char ANY[] = "request_processing_error",
			  TIME[] = "invalid_ingest_event_timestamp",
			  NAME[] = "invalid_use_case_name", NEED[] = "required_field_missing";
	static const char *const BAD[][3] = {
		{"category", NULL, NEED},
		{"category", "null", ANY},
		{"category", "\"\"", ANY},
		{"category", "7", ANY},
		{"units", NULL, NEED},
		{"units", "null", ANY},
		{"units", "[]", ANY},
		{"units", "{\"text\":5}", ANY},
		{"units", "{\"text\":null}", ANY},
		{"units", "{\"\":{\"input\":1}}", ANY},
		{"units", "{\"text\":{\"input\":-1}}", ANY},
		{"units", "{\"text\":{\"input\":2147483648}}", ANY},
		{"units", "{\"text\":{\"input\":1.0}}", ANY},
		{"units", "{\"text\":{\"input\":\"1\"}}", ANY},
		{"units", "{\"text\":{\"output\":null}}", ANY},
		{"units", "{\"text\":{\"input\":1,\"other\":1}}", ANY},
		{"provider_response_id", NULL, NEED},
		{"provider_response_id", "\"\"", ANY},
		{"provider_response_id", "12", ANY},
		{"resource", "1", ANY},
		{"event_timestamp", "1714824000", ANY},
		{"event_timestamp", "\"\"", TIME},
		{"event_timestamp", "\"2026-05-04\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00\"", TIME},
		{"event_timestamp", "\"2026-05-04 12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00.Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00Zx\"", TIME},
		{"event_timestamp", "\"2026-02-29T12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-13-01T12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-00-01T12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-00T12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-0:T12:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:60:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:61Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00+24:00\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00+02:60\"", TIME},
		{"event_timestamp", "\"2026-05-04T24:00:00Z\"", TIME},
		{"event_timestamp", "\"2026-05-04T12:00:00+0200\"", TIME},
		{"event_timestamp", "\"9998-05-04T12:00:00Z\"", TIME},
		{"end_to_end_latency_ms", "\"5\"", ANY},
		{"end_to_end_latency_ms", "2147483648", ANY},
		{"time_to_first_token_ms", "1.5", ANY},
		{"time_to_first_completion_token_ms", "true", ANY},
		{"http_status_code", "\"200\"", ANY},
		{"use_case_version", "\"3\"", ANY},
		{"use_case_name", "\"\"", NAME},
		{"use_case_name", "\"a b\"", NAME},
		{"use_case_name", "\"é\"", NAME},
		{"use_case_name", "\"a/b\"", NAME},
		{"use_case_name",
		 "\"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_\"", NAME},
		{"use_case_name", "5", ANY},
		{"use_case_name", NULL, ANY}, /* an id, but no name to belong to */
		{"use_case_id", "\"\"", ANY},
		{"use_case_id", "17", ANY},
		{"use_case_step", "[]", ANY},
		{"user_id", "17", ANY},
		{"account_name", "{}", ANY},
		{"scope", "1", ANY},
		{"resource_scope", "\"datazone\"", ANY},
		{"provider_uri", "1", ANY},
		{"provider_request_json", "{}", ANY},
		{"provider_request_reasoning_json", "{}", ANY},
		{"provider_response_json", "{}", ANY},
		{"provider_response_json", "[1]", ANY},
		{"provider_request_headers", "{}", ANY},
		{"provider_request_headers", "[{\"name\":\"\",\"value\":\"v\"}]", ANY},
		{"provider_request_headers", "[{\"value\":\"v\"}]", ANY},
		{"provider_response_headers", "[{\"name\":\"h\",\"value\":1}]", ANY},
		{"provider_response_headers", "[{\"name\":\"h\",\"arguments\":\"\"}]", ANY},
		{"provider_response_function_calls", "[{\"name\":\"\",\"arguments\":\"{}\"}]", ANY},
		{"provider_response_function_calls", "[{\"name\":\"f\",\"arguments\":{}}]", ANY},
		{"provider_response_function_calls", "[\"f\"]", ANY},
		{"properties", "[]", ANY},
		{"properties", "{\"k\":null}", ANY},
		{"properties", "{\"k\":1}", ANY},
		{"properties", "{\"\":\"v\"}", ANY},
		{"use_case_properties", "{\"k\":null}", ANY},
		{"limit_ids", "\"2579\"", ANY},
		{"limit_ids", "[2579]", ANY},
		{"limit_ids", "[\"\"]", ANY},
		{"limit_ids", "[\"a\",\"b\",\"a\"]", "duplicate_limit_id"},
		{"request_tags", "[\"t\"]", ANY},
		{"event_timestamp_us", "1", ANY},
		{"Category", "\"x\"", ANY},
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		expect_refused(BAD[i][0], BAD[i][1], BAD[i][2]);
}

Test(standin, bounds_a_use_case_id_by_characters_not_bytes)
{
	char id[2 * 1025 + 3] = "\"";
	for (size_t i = 0; i < 1024; i++)
		memcpy(id + 1 + 2 * i, "é", 2);
	memcpy(id + 1 + 2 * 1024, "\"", 2);
	expect_taken("use_case_id", id);
	memcpy(id + 1 + 2 * 1024, "x\"", 3);
	expect_refused("use_case_id", id, "request_processing_error");
}

static void expect_time(const char *written, const char *in_utc)
{
	json_t *items = json_pack("[o]", full_event("a"));
	json_object_set_new(json_array_get(items, 0), "event_timestamp", json_string(written));
	standin_reset(&standin);
	json_decref(bulk(items, 200));
	char *text = standin_get(&standin, "/control/events");
	json_t *line = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
	cr_expect_str_eq(json_string_value(json_object_get(line, "event_timestamp")), in_utc, "%s",
			 written);
	json_decref(line);
	json_decref(items);
	free(text);
}

Test(standin, reads_times_in_any_zone)
{
	expect_time("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z");
	expect_time("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z");
	expect_time("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00.000000Z");
	expect_time("2024-01-01t00:30:00.1234569+23:59", "2023-12-31T00:31:00.123456Z");
	expect_time("2023-03-01T00:00:00.5+00:00", "2023-03-01T00:00:00.500000Z");
	expect_time("0001-01-01T00:00:00z", "0001-01-01T00:00:00.000000Z");
}

static const char *time_from_now(char text[40], int seconds)
{
	const time_t then = time(NULL) + seconds;
	struct tm tm;
	gmtime_r(&then, &tm);
	strftime(text, 40, "\"%Y-%m-%dT%H:%M:%SZ\"", &tm);
	return text;
}

Test(standin, refuses_times_more_than_five_minutes_ahead)
{
	char text[40];
	expect_taken("event_timestamp", time_from_now(text, 290));
	expect_refused("event_timestamp", time_from_now(text, 310),
		       "invalid_ingest_event_timestamp");
	cr_expect(standin_stat(&standin, "refused_codes.invalid_ingest_event_timestamp") == 1);
}

Test(standin, counts_events_without_an_id)
{
	expect_refused("provider_response_id", NULL, "required_field_missing");
	cr_expect(standin_stat(&standin, "missing_ids") == 1);
	expect_refused("category", NULL, "required_field_missing");
	cr_expect(standin_stat(&standin, "missing_ids") == 0);
}

Test(standin, answers_400_with_the_same_body_when_every_event_fails)
{
	json_t *items = json_pack("[o, i]", event_with("a", "units", NULL), 7);
	json_t *answer = bulk(items, 400);
	cr_expect(number(answer, "ingest_count") == 0);
	cr_expect(json_array_size(json_object_get(answer, "errors")) == 2);
	cr_expect(standin_stat(&standin, "refused") == 2);
	json_decref(answer);
	json_decref(items);
}

Test(standin, refuses_requests_that_are_wrong_as_a_whole)
{
	static const struct {
		const char *headers, *body;
		int status;
		const char *code;
	} BAD[] = {
		{"", "", 400, "invalid_json"},
		{"", "{}", 400, "request_processing_error"},
		{"", "[]", 400, "request_processing_error"},
		{"", "[{}", 400, "invalid_json"},
		{"", "[{}] x", 400, "invalid_json"},
		{"", "[{\"category\":\"a\",\"category\":\"b\"}]", 400, "invalid_json"},
		{"", "[{\"category\":\"\xff\"}]", 400, "invalid_json"},
		{"", "[{\"category\":\"\xed\xa0\x80\"}]", 400, "invalid_json"},
		{"", "[{\"category\":\"\\ud800\"}]", 400, "invalid_json"},
		{"Content-Type: text/plain\r\n", "[{}]", 415, "none"},
		{"Content-Type: application/jsonl\r\n", "[{}]", 415, "none"},
		{"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "[{}]", 415,
		 "none"},
		{"xProxy-api-key: wrong\r\n", "[{}]", 401, "invalid_api_key"},
		{"xProxy-api-key: standin-key2\r\n", "[{}]", 401, "invalid_api_key"},
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		json_t *answer =
			send_json("POST", BULK, BAD[i].headers, BAD[i].body, BAD[i].status);
		cr_expect_str_eq(code_of(answer), BAD[i].code, "row %zu: %s", i, code_of(answer));
		cr_expect(number(answer, "statusCode") == BAD[i].status);
		json_decref(answer);
	}
	cr_expect(standin_stat(&standin, "unauthorized") == 2);
	cr_expect(standin_stat(&standin, "bad_requests") == 12);
	cr_expect(standin_stat(&standin, "accepted") == 0);
}

Test(standin, takes_a_content_type_with_a_charset)
{
	json_t *items = json_pack("[o]", full_event("a"));
	char *body = json_dumps(items, 0);
	json_decref(send_json("POST", BULK, "Content-Type: application/json; charset=utf-8\r\n",
			      body, 200));
	free(body);
	json_decref(items);
}

Test(standin, knows_no_other_paths_and_methods)
{
	expect("GET", BULK, NULL, 405);
	expect("POST", "/api/v1/ingest/bulk/", "[]", 404);
	expect("POST", "/api/v1/ingest/bulk-upsert", "[]", 404);
	expect("GET", "/", NULL, 404);
	expect("GET", "/control/nothing", NULL, 404);
	expect("GET", "/api/v1/limits", NULL, 200);
}

/* ---- Duplicates, sums ----------------------------------------------------------------------------- */

Test(standin, tells_duplicates_with_the_same_body_from_others)
{
	json_t *items = json_pack("[o]", full_event("a"));
	json_decref(bulk(items, 200));
	json_decref(bulk(items, 200));
	cr_expect(standin_stat(&standin, "duplicates_same") == 1);
	char *line = standin_get(&standin, "/control/events");
	cr_expect(strstr(line, "\"sends\":2"), "%s", line);
	free(line);
	json_t *units = json_object_get(json_array_get(items, 0), "units");
	json_object_set_new(json_object_get(units, "text"), "input", json_integer(1));
	json_decref(bulk(items, 200));
	cr_expect(standin_stat(&standin, "accepted") == 1);
	cr_expect(standin_stat(&standin, "duplicates_same") == 1);
	cr_expect(standin_stat(&standin, "duplicates_different") == 1);
	cr_expect(standin_stat(&standin, "units.text.input") == 1200, "the first body counts");
	json_decref(items);
}

Test(standin, finds_the_same_body_in_another_order_and_spelling)
{
	expect("POST", BULK,
	       "[{\"category\":\"c\",\"units\":{\"a\":{\"input\":1},\"b\":{\"output\":2}},"
	       "\"provider_response_id\":\"x\",\"user_id\":\"\\u00e9\"}]",
	       200);
	expect("POST", BULK,
	       "[ {\"user_id\":\"é\", \"provider_response_id\":\"x\", \"units\":"
	       "{\"b\":{\"output\":2},\"a\":{\"input\":1}},\"category\":\"c\"} ]",
	       200);
	cr_expect(standin_stat(&standin, "duplicates_same") == 1);
	expect("POST", BULK,
	       "[{\"category\":\"c\",\"units\":{\"a\":{\"output\":1},\"b\":{\"input\":2}},"
	       "\"provider_response_id\":\"x\",\"user_id\":\"é\"}]",
	       200);
	cr_expect(standin_stat(&standin, "duplicates_different") == 1);
}

Test(standin, knows_an_event_by_its_category_and_id)
{
	json_t *items = json_pack("[o, o, o]", full_event("a"),
				  event_with("a", "category", "\"b\""), full_event("a"));
	json_decref(bulk(items, 200));
	cr_expect(standin_stat(&standin, "accepted") == 2);
	cr_expect(standin_stat(&standin, "duplicates_same") == 1);
	json_decref(items);
}

Test(standin, sums_units_beyond_32_bits_over_many_events)
{
	enum { EVENTS = 3000 };
	json_t *items = json_array();
	for (int i = 0; i < EVENTS; i++) {
		char id[20];
		snprintf(id, sizeof(id), "event-%d", i);
		json_array_append_new(items, full_event(id));
	}
	json_decref(bulk(items, 200));
	cr_expect(standin_stat(&standin, "accepted") == EVENTS);
	cr_expect(standin_stat(&standin, "units.text.input") == EVENTS * INT64_C(1200));
	cr_expect(standin_stat(&standin, "units.text_cache_read.input") ==
		  EVENTS * INT64_C(2147483647));
	cr_expect(standin_stat(&standin, "units.text_cache_read.output") == 0);
	cr_expect(standin_stat(&standin, "max_items") == EVENTS);
	json_decref(bulk(items, 200));
	cr_expect(standin_stat(&standin, "accepted") == EVENTS);
	cr_expect(standin_stat(&standin, "duplicates_same") == EVENTS);
	cr_expect(standin_stat(&standin, "units.text.input") == EVENTS * INT64_C(1200));
	json_decref(items);
}

/* ---- Single ingest -------------------------------------------------------------------------------- */

#define SMALL                                                                                      \
	"{\"category\":\"c\",\"units\":{\"text\":{\"input\":1}},\"provider_response_id\":\"s 1\"}"

Test(standin, takes_a_single_event_with_its_headers)
{
	json_t *answer = send_json("POST", SINGLE "s%201",
				   "xProxy-Limit-IDs: 1 , ,2\r\nxProxy-User-ID: u~\r\n"
				   "xProxy-UseCase-Name: n\r\nxProxy-UseCase-ID: i\r\n"
				   "xProxy-UseCase-Version: 2\r\nxProxy-UseCase-Step: s\r\n"
				   "xProxy-Account-Name: a\r\nxProxy-Resource-Scope: global\r\n"
				   "xProxy-Logging-Disable: True\r\n",
				   SMALL, 200);
	const json_t *result = json_object_get(answer, "xproxy_result");
	cr_expect(json_is_string(json_object_get(answer, "request_id")));
	cr_expect(json_is_string(json_object_get(answer, "event_timestamp")));
	cr_expect(json_is_false(json_object_get(result, "duplicate_request")));
	cr_expect_str_eq(json_string_value(json_object_get(result, "use_case_id")), "i");
	json_decref(answer);
	expect("POST", BULK,
	       "[{\"category\":\"c\",\"units\":{\"text\":{\"input\":1}},\"provider_response_id\":"
	       "\"s 1\","
	       "\"limit_ids\":[\"1\",\"2\"],\"user_id\":\"u~\",\"use_case_name\":\"n\",\"use_case_"
	       "id\":"
	       "\"i\",\"use_case_version\":2,\"use_case_step\":\"s\",\"account_name\":\"a\","
	       "\"scope\":\"global\"}]",
	       200);
	cr_expect(standin_stat(&standin, "duplicates_same") == 1, "both forms are one event");
	cr_expect(standin_stat(&standin, "single_requests") == 1);
	cr_expect(standin_stat(&standin, "bulk_requests") == 1);
}

Test(standin, says_when_a_single_event_was_known)
{
	expect("POST", SINGLE "s+1", SMALL, 200);
	json_t *answer = send_json("POST", SINGLE "s%201", "", SMALL, 200);
	const json_t *result = json_object_get(answer, "xproxy_result");
	cr_expect(json_is_true(json_object_get(result, "duplicate_request")));
	json_decref(answer);
}

Test(standin, refuses_single_events_that_are_wrong)
{
	static const char *const BAD[][4] = {
		{"", "/api/v1/ingest", SMALL, "request_processing_error"},
		{"", SINGLE "other", SMALL, "request_processing_error"},
		{"", SINGLE "s%2", SMALL, "request_processing_error"},
		{"", SINGLE "s%2G1", SMALL, "request_processing_error"},
		{"", SINGLE "a", "[]", "request_processing_error"},
		{"", SINGLE "a", "{\"category\":\"c\",\"units\":{}}", "required_field_missing"},
		{"", SINGLE "a",
		 "{\"category\":\"c\",\"units\":{},\"provider_response_id\":\"a\",\"user_id\":"
		 "\"u\"}",
		 "request_processing_error"},
		{"xProxy-UseCase-Name: a b\r\n", SINGLE "s%201", SMALL, "invalid_use_case_name"},
		{"xProxy-UseCase-ID: i\r\n", SINGLE "s%201", SMALL, "request_processing_error"},
		{"xProxy-UseCase-Name: n\r\nxProxy-UseCase-Version: two\r\n", SINGLE "s%201", SMALL,
		 "request_processing_error"},
		{"xProxy-UseCase-Name: n\r\nxProxy-UseCase-Version:\r\n", SINGLE "s%201", SMALL,
		 "request_processing_error"},
		{"xProxy-UseCase-Name: n\r\nxProxy-UseCase-Version: 2x\r\n", SINGLE "s%201", SMALL,
		 "request_processing_error"},
		{"xProxy-User-ID: \xc3\xa9\r\n", SINGLE "s%201", SMALL, "request_processing_error"},
		{"xProxy-User-ID: a\r\nxProxy-User-ID: b\r\n", SINGLE "s%201", SMALL,
		 "request_processing_error"},
		{"xProxy-Limit-IDs: 1,1\r\n", SINGLE "s%201", SMALL, "duplicate_limit_id"},
		{"xProxy-Logging-Disable: true\r\n", SINGLE "s%201", SMALL,
		 "request_processing_error"},
		{"xProxy-Request-Tags: t\r\n", SINGLE "s%201", SMALL, "request_processing_error"},
		{"xProxy-Use-Case: t\r\n", SINGLE "s%201", SMALL, "request_processing_error"},
	};
	enum { ROWS = sizeof(BAD) / sizeof(BAD[0]) };
	for (size_t i = 0; i < ROWS; i++) {
		json_t *answer = send_json("POST", BAD[i][1], BAD[i][0], BAD[i][2], 400);
		cr_expect_str_eq(code_of(answer), BAD[i][3], "row %zu: %s", i, code_of(answer));
		json_decref(answer);
	}
	cr_expect(standin_stat(&standin, "accepted") == 0);
	cr_expect(standin_stat(&standin, "refused") == ROWS);
}

Test(standin, refuses_in_a_single_body_what_has_a_header)
{
	static const char *const FIELDS[] = {"use_case_name",    "use_case_id", "use_case_step",
					     "use_case_version", "user_id",     "account_name",
					     "limit_ids",        "scope",       "request_tags"};
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++) {
		json_t *event = json_loads(SMALL, 0, NULL);
		json_t *full = full_event("s 1");
		json_t *value = json_object_get(full, FIELDS[i]);
		json_object_set(event, FIELDS[i], value ? value : full);
		char *body = json_dumps(event, 0);
		json_t *answer = send_json("POST", SINGLE "s%201", "", body, 400);
		cr_expect(strstr(json_string_value(json_object_get(answer, "message")), "header"),
			  "%s", FIELDS[i]);
		json_decref(answer);
		json_decref(full);
		json_decref(event);
		free(body);
	}
}

Test(standin, gives_the_time_of_a_single_event_back)
{
	json_t *answer =
		send_json("POST", SINGLE "a", "",
			  "{\"category\":\"c\",\"units\":{},\"provider_response_id\":\"a\","
			  "\"event_timestamp\":\"2024-01-01T02:00:00+02:00\"}",
			  200);
	cr_expect_str_eq(json_string_value(json_object_get(answer, "event_timestamp")),
			 "2024-01-01T00:00:00.000000Z");
	json_decref(answer);
}

/* ---- Lookup --------------------------------------------------------------------------------------- */

Test(standin, answers_whether_an_event_is_known)
{
	json_t *items = json_pack("[o]", event_with("a/b", "category", "\"c d\""));
	expect("GET", "/api/v1/requests/provider/c%20d/a%2Fb/result", NULL, 404);
	json_decref(bulk(items, 200));
	json_t *answer =
		send_json("GET", "/api/v1/requests/provider/c%20d/a%2Fb/result", "", NULL, 200);
	cr_expect(json_is_object(json_object_get(answer, "xproxy_result")));
	expect("GET", "/api/v1/requests/provider/c/a%2Fb/result", NULL, 404);
	expect("GET", "/api/v1/requests/provider/c%20d/a/b/result", NULL, 404);
	json_decref(answer);
	json_decref(items);
}
