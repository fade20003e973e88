/* Events as JSON: read back by jansson, an independent reader. */
#include "event/event_json.h"

#include "help/pack.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *write_and_read(struct pack *pack, enum event_json_for purpose)
{
	struct event event;
	char reason[EVENT_REASON_BYTES];
	struct buf out = BUF_INIT;
	const char *why =
		event_decode(&event, (const uint8_t *)pack->buf.data, pack->buf.size, reason);
	cr_assert(!why, "%s", why);
	event_json(&out, &event, purpose);
	json_error_t error;
	json_t *json = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, &error);
	cr_assert(json, "%s in %.*s", error.text, (int)out.len, (const char *)out.data);
	buf_release(&out);
	return json;
}

static const char *text_of(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void pack_all(struct pack *pack)
{
	pack_init(pack, PACK_REQUIRED + 9);
	pack_required(pack, "id \"1\"\\");
	pack_field_str(pack, PAYI_FIELD_use_case_name, "n");
	pack_field_int(pack, PAYI_FIELD_use_case_version, -3);
	msgpack_pack_int(&pack->to, PAYI_FIELD_properties);
	msgpack_pack_map(&pack->to, 2);
	pack_str(pack, "k\n");
	pack_str(pack, "\x01\x1f\x7f \xe2\x82\xac");
	pack_str(pack, "none");
	pack_str(pack, NULL);
	msgpack_pack_int(&pack->to, PAYI_FIELD_limit_ids);
	msgpack_pack_array(&pack->to, 1);
	pack_str(pack, "2579");
	msgpack_pack_int(&pack->to, PAYI_FIELD_request_tags);
	msgpack_pack_array(&pack->to, 1);
	pack_str(pack, "tag");
	msgpack_pack_int(&pack->to, PAYI_FIELD_provider_response_headers);
	msgpack_pack_array(&pack->to, 2);
	for (int i = 0; i < 2; i++) {
		msgpack_pack_array(&pack->to, 2);
		pack_str(pack, "h");
		pack_str(pack, i ? NULL : "v");
	}
	msgpack_pack_int(&pack->to, PAYI_FIELD_provider_response_function_calls);
	msgpack_pack_array(&pack->to, 1);
	msgpack_pack_array(&pack->to, 2);
	pack_str(pack, "f");
	pack_str(pack, "{}");
	msgpack_pack_int(&pack->to, PAYI_FIELD_provider_response_json);
	msgpack_pack_array(&pack->to, 1);
	pack_str(pack, "{\"x\":1}");
	pack_field_str(pack, PAYI_FIELD_scope, "datazone.us");
}

Test(event_json, writes_a_bulk_item_as_the_service_takes_it)
{
	struct pack pack;
	pack_all(&pack);
	json_t *item = write_and_read(&pack, EVENT_JSON_FOR_SERVICE);
	cr_assert_str_eq(text_of(item, "category"), "c");
	cr_assert_str_eq(text_of(item, "event_timestamp"), "2023-11-14T22:13:20.123Z");
	cr_assert_str_eq(text_of(item, "provider_response_id"), "id \"1\"\\");
	cr_assert_str_eq(text_of(item, "scope"), "datazone.us");
	cr_assert_str_eq(text_of(item, "provider_response_json"), "{\"x\":1}",
			 "a lone chunk is a string");
	cr_assert_eq(json_integer_value(json_object_get(item, "use_case_version")), -3);
	json_t *units = json_object_get(json_object_get(item, "units"), "text");
	cr_assert_eq(json_integer_value(json_object_get(units, "input")), 1);
	cr_assert_eq(json_integer_value(json_object_get(units, "output")), 2);
	json_t *properties = json_object_get(item, "properties");
	cr_assert_eq(json_object_size(properties), 1, "no nulls");
	cr_assert_str_eq(text_of(properties, "k\n"), "\x01\x1f\x7f \xe2\x82\xac");
	cr_assert(!json_object_get(item, "request_tags"), "no longer taken");
	json_t *headers = json_object_get(item, "provider_response_headers");
	cr_assert_str_eq(text_of(json_array_get(headers, 0), "value"), "v");
	cr_assert(!json_object_get(json_array_get(headers, 1), "value"));
	json_t *call = json_array_get(json_object_get(item, "provider_response_function_calls"), 0);
	cr_assert_str_eq(text_of(call, "arguments"), "{}");
	cr_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "limit_ids"), 0)),
			 "2579");
	json_decref(item);
	pack_release(&pack);
}

Test(event_json, keeps_everything_for_the_history)
{
	struct pack pack;
	pack_all(&pack);
	json_t *item = write_and_read(&pack, EVENT_JSON_FOR_HISTORY);
	cr_assert_str_eq(text_of(item, "event_timestamp"), "2023-11-14T22:13:20.123456Z");
	cr_assert(json_is_null(json_object_get(json_object_get(item, "properties"), "none")));
	cr_assert_eq(json_array_size(json_object_get(item, "request_tags")), 1);
	json_decref(item);
	pack_release(&pack);
}

Test(event_json, writes_several_chunks_as_a_list_and_absent_units_not_at_all)
{
	struct pack pack;
	pack_init(&pack, PACK_REQUIRED + 1);
	pack_field_str(&pack, PAYI_FIELD_category, "c");
	msgpack_pack_int(&pack.to, PAYI_FIELD_units);
	msgpack_pack_map(&pack.to, 2);
	pack_str(&pack, "a");
	msgpack_pack_array(&pack.to, 2);
	msgpack_pack_nil(&pack.to);
	msgpack_pack_int(&pack.to, 0);
	pack_str(&pack, "b");
	msgpack_pack_array(&pack.to, 2);
	msgpack_pack_nil(&pack.to);
	msgpack_pack_nil(&pack.to);
	pack_field_int(&pack, PAYI_FIELD_event_timestamp_us, 0);
	pack_field_str(&pack, PAYI_FIELD_provider_response_id, "x");
	msgpack_pack_int(&pack.to, PAYI_FIELD_provider_response_json);
	msgpack_pack_array(&pack.to, 2);
	pack_str(&pack, "1");
	pack_str(&pack, "");
	json_t *item = write_and_read(&pack, EVENT_JSON_FOR_SERVICE);
	json_t *a = json_object_get(json_object_get(item, "units"), "a");
	cr_assert(!json_object_get(a, "input") && json_is_integer(json_object_get(a, "output")),
		  "0 is not absent");
	cr_assert_eq(json_object_size(json_object_get(json_object_get(item, "units"), "b")), 0);
	cr_assert_eq(json_array_size(json_object_get(item, "provider_response_json")), 2);
	cr_assert_str_eq(text_of(item, "event_timestamp"), "1970-01-01T00:00:00.000Z");
	json_decref(item);
	pack_release(&pack);
}

/* In memory of its own, so that a step beyond its end is seen. */
static void check_string(const char *text)
{
	const size_t len = strlen(text);
	char *alone = malloc(len);
	struct buf out = BUF_INIT;
	memcpy(alone, text, len);
	event_json_string(&out, alone, len);
	json_t *json = json_loadb((const char *)out.data, out.len, JSON_DECODE_ANY, NULL);
	cr_assert(json && strcmp(json_string_value(json), text) == 0, "%s: %.*s", text,
		  (int)out.len, (const char *)out.data);
	json_decref(json);
	buf_release(&out);
	free(alone);
}

/* Every byte that may stand in text, in every place relative to the eight-byte steps, and another escape with it. */
Test(event_json, escapes_what_needs_it_wherever_it_stands)
{
	for (int byte = 1; byte < 128; byte++) {
		for (size_t len = 1; len < 20; len++) {
			for (size_t at = 0; at < len; at++) {
				char text[24];
				memset(text, 'x', len);
				text[len] = '\0';
				text[at] = (char)byte;
				check_string(text);
				text[(size_t)byte % len] = '"';
				check_string(text);
			}
		}
	}
}

Test(event_json, writes_long_texts_whole)
{
	enum { N = 300000 };
	char *text = malloc(N + 1);
	for (int i = 0; i < N; i++)
		text[i] = (char)(i % 97 == 0 ? '"' : 'a' + i % 26);
	text[N] = '\0';
	struct buf out = BUF_INIT;
	event_json_string(&out, text, N);
	json_t *json = json_loadb((const char *)out.data, out.len, JSON_DECODE_ANY, NULL);
	cr_assert(json && strcmp(json_string_value(json), text) == 0);
	json_decref(json);
	buf_release(&out);
	free(text);
}
