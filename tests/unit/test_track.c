/* payi-agent track, its two halves: objects out of any input, and events out of objects. */
#include "cli/track_input.h"
#include "cli/track_json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Splitting ------------------------------------------------------------------------------------ */

/* What an input gives, in a line: "3:{…} 5!reason ". */
static char *split(int fd)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct track_input input;
	struct track_object object;
	struct err err;
	cr_assert_eq(track_input_open(&input, fd, &err), 0);
	for (;;) {
		const enum track_found found = track_input_next(&input, &object, &err);
		if (found == TRACK_END)
			break;
		cr_assert_neq(found, TRACK_FAILED, "%s", err.text);
		if (found == TRACK_OBJECT)
			fprintf(out, "%d:%.*s ", (int)object.line, (int)object.len, object.text);
		else
			fprintf(out, "%d!%.12s ", (int)object.line, err.text);
	}
	fclose(out);
	track_input_close(&input);
	return text;
}

/* Through a pipe, so many bytes a write: the cuts fall everywhere. */
static char *split_text(const char *text, size_t piece)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		for (size_t at = 0, len = strlen(text); at < len; at += piece)
			if (write(ends[1], text + at, piece < len - at ? piece : len - at) < 0)
				_exit(1);
		_exit(0);
	}
	close(ends[1]);
	char *result = split(ends[0]);
	close(ends[0]);
	return result;
}

static void expect_split(const char *text, const char *expected)
{
	static const size_t pieces[] = {1, 2, 3, 7, 1000};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *result = split_text(text, pieces[i]);
		cr_assert_str_eq(result, expected, "in pieces of %zu: %s", pieces[i], result);
		free(result);
	}
}

Test(track_input, finds_objects_in_lines_and_in_arrays)
{
	expect_split("{\"a\":1}\n{\"b\":2}\n", "1:{\"a\":1} 2:{\"b\":2} ");
	expect_split("[\n {\"a\": {\"x\": [1, {}]}},\n\n {\"b\":2}\n]",
		     "2:{\"a\": {\"x\": [1, {}]}} 4:{\"b\":2} ");
	expect_split("{}{} [{}]\n[{}]", "1:{} 1:{} 1:{} 2:{} ");
	expect_split("", "");
	expect_split(" \n\t\n", "");
}

Test(track_input, is_not_confused_by_what_stands_in_strings)
{
	expect_split("{\"a\":\"}{ \\\" \\\\\"}\n{\"b\":1}",
		     "1:{\"a\":\"}{ \\\" \\\\\"} 2:{\"b\":1} ");
}

Test(track_input, finds_its_feet_again_behind_what_is_broken)
{
	expect_split("garbage {\"x\":1}\n{\"a\":1}\n", "1!there is som 2:{\"a\":1} ");
	expect_split("{\"a\": \"x\n{\"b\":1}\n", "1!the object i 2:{\"b\":1} ");
	expect_split("{\"a\": {\n{\"b\":1}\n", "1!the object i 2:{\"b\":1} ");
	expect_split("{\"a\":1}\n{\"b\":", "1:{\"a\":1} 2!the input en ");
}

/* ---- Reading -------------------------------------------------------------------------------------- */

static payi_event event;
static struct track_json *json;

static void read_event(const char *text)
{
	struct err err;
	track_json_free(json);
	json = NULL;
	cr_assert_eq(track_json_read(text, strlen(text), &json, &event, &err), 0, "%s", err.text);
}

static void refused(const char *text, const char *words)
{
	struct err err;
	struct track_json *none = NULL;
	cr_assert_neq(track_json_read(text, strlen(text), &none, &event, &err), 0, "taken: %s",
		      text);
	cr_assert(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
}

Test(track_json, reads_every_field)
{
	read_event(
		"{\"category\":\"c\",\"resource\":\"r\",\"units\":{\"text\":{\"input\":1,"
		"\"output\":2},\"v\":{\"output\":null}},"
		"\"event_timestamp\":\"2026-11-23T12:00:00.5+01:00\",\"end_to_end_latency_ms\":0,"
		"\"time_to_first_token_ms\":5,\"time_to_first_completion_token_ms\":6,\"http_"
		"status_code\":200,"
		"\"provider_response_id\":\"id\",\"provider_uri\":\"u\",\"provider_request_json\":"
		"\"q\","
		"\"provider_request_reasoning_json\":\"w\",\"provider_response_json\":[\"1\",\"2\"]"
		","
		"\"provider_request_headers\":[{\"name\":\"h\",\"value\":\"v\"}],\"provider_"
		"response_headers\":[{\"name\":\"h\"}],"
		"\"provider_response_function_calls\":[{\"name\":\"f\",\"arguments\":\"{}\"}],"
		"\"use_case_name\":\"n\",\"use_case_id\":\"i\",\"use_case_step\":\"s\",\"use_case_"
		"version\":3,"
		"\"use_case_properties\":{\"a\":\"b\"},\"properties\":{\"c\":\"d\"},\"limit_ids\":["
		"\"1\",\"2\"],"
		"\"request_tags\":[\"t\"],\"user_id\":\"u\",\"account_name\":\"a\",\"scope\":"
		"\"global\"}");
	cr_assert_str_eq(event.category, "c");
	cr_assert_eq(event.n_units, 2);
	cr_assert_eq(event.units[0].output, 2);
	cr_assert_eq(event.units[1].input, PAYI_UNSET_UNITS);
	cr_assert_eq(event.units[1].output, PAYI_UNSET_UNITS);
	cr_assert_eq(event.event_timestamp_us, 1795431600500000);
	cr_assert_eq(event.end_to_end_latency_ms, 0);
	cr_assert_eq(event.time_to_first_completion_token_ms, 6);
	cr_assert_eq(event.n_provider_response_json, 2);
	cr_assert_str_eq(event.provider_request_headers[0].value, "v");
	cr_assert_null(event.provider_response_headers[0].value);
	cr_assert_str_eq(event.provider_response_function_calls[0].arguments, "{}");
	cr_assert_eq(event.use_case_version, 3);
	cr_assert_str_eq(event.properties[0].value, "d");
	cr_assert_str_eq(event.limit_ids[1], "2");
	cr_assert_str_eq(event.request_tags[0], "t");
	cr_assert_str_eq(event.scope, "global");
	track_json_free(json);
}

Test(track_json, takes_what_the_python_sdk_writes_offline)
{
	read_event("{\"category\":\"c\",\"units\":{},\"resource\":null,\"resource_scope\":"
		   "\"datazone\",\"limit_ids\":\"1, 2 ,,3\","
		   "\"event_timestamp\":\"2026-11-23 "
		   "12:00:00.123456+00:00\",\"provider_response_json\":\"one\","
		   "\"properties\":{\"t\":true,\"f\":false,\"i\":7,\"r\":0.1,\"w\":2.0,\"e\":1e300,"
		   "\"n\":null,\"s\":\"x\"}}");
	static const char *const values[] = {"True", "False",  "7",  "0.1",
					     "2.0",  "1e+300", NULL, "x"};
	cr_assert_eq(event.n_properties, 8);
	for (size_t i = 0; i < 8; i++)
		if (values[i])
			cr_assert_str_eq(event.properties[i].value, values[i]);
		else
			cr_assert_null(event.properties[i].value);
	cr_assert_str_eq(event.scope, "datazone");
	cr_assert_eq(event.n_limit_ids, 3);
	cr_assert_str_eq(event.limit_ids[1], "2");
	cr_assert_eq(event.n_provider_response_json, 1);
	cr_assert_null(event.resource);
	cr_assert_eq(event.http_status_code, PAYI_UNSET);
	track_json_free(json);
}

Test(track_json, refuses_by_name)
{
	refused("{\"category\":\"c\"}", "units is missing");
	refused("{\"category\":5,\"units\":{}}", "category is not a string");
	refused("{\"category\":\"c\",\"units\":{\"t\":{\"input\":1.5}}}",
		"units.t.input is not a whole number");
	refused("{\"category\":\"c\",\"units\":{\"t\":{\"input\":-5}}}", "units.t.input is -5");
	refused("{\"category\":\"c\",\"units\":{\"t\":{\"output\":2147483648}}}",
		"units.t.output is 2147483648");
	refused("{\"category\":\"c\",\"units\":{\"t\":7}}", "units.t is not an object");
	refused("{\"category\":\"c\",\"units\":{\"t\":{\"in\":7}}}",
		"units.t holds something beside");
	refused("{\"category\":\"c\",\"units\":{},\"http_status_code\":\"200\"}",
		"http_status_code is not a whole number");
	refused("{\"category\":\"c\",\"units\":{},\"http_status_code\":3000000000}",
		"http_status_code is 3000000000");
	refused("{\"category\":\"c\",\"units\":{},\"event_timestamp\":\"yesterday\"}",
		"event_timestamp is not a time");
	refused("{\"category\":\"c\",\"units\":{},\"propertys\":{}}", "did you mean properties?");
	refused("{\"category\":\"c\",\"unts\":{}}", "did you mean units?");
	refused("{\"category\":\"c\",\"units\":{},\"zzz\":1}", "'zzz' is not a field");
	refused("{\"category\":\"c\",\"category\":\"d\",\"units\":{}}", "duplicate");
	refused("{\"category\":\"a\\u0000b\",\"units\":{}}", "not valid JSON");
	refused("{\"category\":\"c\",\"units\":{},\"limit_ids\":[1]}",
		"limit_ids[0] is not a string");
	refused("{\"category\":\"c\",\"units\":{},\"properties\":{\"a\":[]}}",
		"properties: a property's value");
	refused("{\"category\":\"c\",\"units\":{},\"provider_request_headers\":[{\"value\":\"x\"}]"
		"}",
		"provider_request_headers[0]");
}

Test(track_json, takes_whole_numbers_however_they_are_written)
{
	read_event("{\"category\":\"c\",\"units\":{\"t\":{\"input\":7.0,\"output\":1e3}},\"use_"
		   "case_version\":null}");
	cr_assert_eq(event.units[0].input, 7);
	cr_assert_eq(event.units[0].output, 1000);
	cr_assert_eq(event.use_case_version, PAYI_UNSET);
	track_json_free(json);
}
