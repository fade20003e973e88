/* libpayi: what is in a record, as msgpack-c reads it. */
#include "help/client_fixture.h"
#include "schema/event_fields.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

TestSuite(client_record, .init = client_set_up, .fini = client_tear_down);

/* ---- What is in a record -------------------------------------------------------------------------- */

struct record {
	msgpack_unpacked unpacked;
	int n;
};

/* msgpack-c reads what our encoder wrote: an independent opinion. */
static void unpack(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	(void)lane;
	struct record *record = context;
	size_t offset = 0;
	msgpack_unpacked_init(&record->unpacked);
	cr_assert(msgpack_unpack_next(&record->unpacked, (const char *)payload, bytes, &offset) ==
		  MSGPACK_UNPACK_SUCCESS);
	cr_assert_eq(offset, bytes);
	/* The object points into the copy that is freed: keep one that does not. */
	record->n++;
}

static msgpack_object *field(const msgpack_object *map, uint64_t id)
{
	for (uint32_t i = 0; i < map->via.map.size; i++)
		if (map->via.map.ptr[i].key.via.u64 == id)
			return &map->via.map.ptr[i].val;
	return NULL;
}

static bool is_text(const msgpack_object *object, const char *text)
{
	return object && object->type == MSGPACK_OBJECT_STR &&
	       object->via.str.size == strlen(text) &&
	       memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static bool is_pair(const msgpack_object *array, const char *name, const char *value)
{
	return array->via.array.size == 2 && is_text(&array->via.array.ptr[0], name) &&
	       is_text(&array->via.array.ptr[1], value);
}

static void check_full_event(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	struct record *record = context;
	unpack(record, lane, payload, bytes);
	const msgpack_object *map = &record->unpacked.data;
	cr_assert_eq(map->type, MSGPACK_OBJECT_MAP);
	cr_assert_eq(map->via.map.size, 27, "a field was lost: %u", map->via.map.size);
#define CHECK_TEXT(name, text)                                                                     \
	cr_assert(is_text(field(map, PAYI_FIELD_##name), text), #name " is not " text)
	CHECK_TEXT(category, "system.openai");
	CHECK_TEXT(resource, "gpt-4o");
	CHECK_TEXT(provider_response_id, "msg_1");
	CHECK_TEXT(provider_uri, "https://example.org/v1");
	CHECK_TEXT(provider_request_json, "{\"a\":1}");
	CHECK_TEXT(provider_request_reasoning_json, "{\"b\":2}");
	CHECK_TEXT(use_case_name, "document_summarization");
	CHECK_TEXT(use_case_id, "ticket \xe2\x82\xac 4711");
	CHECK_TEXT(use_case_step, "draft");
	CHECK_TEXT(user_id, "user-1");
	CHECK_TEXT(account_name, "acme");
	CHECK_TEXT(scope, "datazone.us");
	cr_assert_eq(field(map, PAYI_FIELD_event_timestamp_us)->via.u64, 1700000000123456u);
	cr_assert_eq(field(map, PAYI_FIELD_end_to_end_latency_ms)->via.u64, 0u);
	cr_assert_eq(field(map, PAYI_FIELD_time_to_first_token_ms)->via.u64, 128u);
	cr_assert_eq(field(map, PAYI_FIELD_time_to_first_completion_token_ms)->via.u64, 70000u);
	cr_assert_eq(field(map, PAYI_FIELD_http_status_code)->via.u64, 200u);
	cr_assert_eq(field(map, PAYI_FIELD_use_case_version)->via.i64, -2);
	const msgpack_object_map units = field(map, PAYI_FIELD_units)->via.map;
	cr_assert_eq(units.size, 2u);
	cr_assert(is_text(&units.ptr[0].key, "text"));
	cr_assert_eq(units.ptr[0].val.via.array.ptr[0].via.u64, 2147483647u);
	cr_assert_eq(units.ptr[0].val.via.array.ptr[1].via.u64, 0u);
	cr_assert_eq(units.ptr[1].val.via.array.ptr[0].type, MSGPACK_OBJECT_NIL);
	const msgpack_object_map properties = field(map, PAYI_FIELD_properties)->via.map;
	cr_assert(is_text(&properties.ptr[0].key, "env") &&
		  is_text(&properties.ptr[0].val, "prod"));
	cr_assert_eq(properties.ptr[1].val.type, MSGPACK_OBJECT_NIL);
	cr_assert(is_pair(&field(map, PAYI_FIELD_provider_request_headers)->via.array.ptr[0], "h",
			  "1"));
	cr_assert(is_pair(&field(map, PAYI_FIELD_provider_response_headers)->via.array.ptr[1], "h",
			  "2"));
	cr_assert(
		is_pair(&field(map, PAYI_FIELD_provider_response_function_calls)->via.array.ptr[0],
			"f", "{}"));
	const msgpack_object_array limits = field(map, PAYI_FIELD_limit_ids)->via.array;
	cr_assert_eq(limits.size, 2u, "a limit id given twice counts once");
	cr_assert(is_text(&limits.ptr[1], "2580"));
	const msgpack_object_array chunks =
		field(map, PAYI_FIELD_provider_response_json)->via.array;
	cr_assert(chunks.size == 2 && is_text(&chunks.ptr[1], "ende"));
	cr_assert(is_text(&field(map, PAYI_FIELD_request_tags)->via.array.ptr[0], "tag"));
	msgpack_unpacked_destroy(&record->unpacked);
}

static void fill(payi_event *event)
{
	static const payi_units units[] = {{"text", 2147483647, 0},
					   {"vision", PAYI_UNSET_UNITS, 5}};
	static const payi_property properties[] = {{"env", "prod"}, {"nothing", NULL}};
	static const payi_header headers[] = {{"h", "1"}, {"h", "2"}};
	static const payi_function_call calls[] = {{"f", "{}"}};
	static const char *const limits[] = {"2579", "2580", "2579", ""};
	static const char *const tags[] = {"tag"};
	static const char *const chunks[] = {"anfang", "ende"};
	*event = (payi_event)PAYI_EVENT_INIT;
	event->event_timestamp_us = 1700000000123456;
	event->end_to_end_latency_ms = 0;
	event->time_to_first_token_ms = 128;
	event->time_to_first_completion_token_ms = 70000;
	event->http_status_code = 200;
	event->use_case_version = -2;
	event->category = "system.openai";
	event->resource = "gpt-4o";
	event->units = units;
	event->n_units = 2;
	event->provider_response_id = "msg_1";
	event->provider_uri = "https://example.org/v1";
	event->provider_request_json = "{\"a\":1}";
	event->provider_request_reasoning_json = "{\"b\":2}";
	event->provider_response_json = chunks;
	event->n_provider_response_json = 2;
	event->provider_request_headers = headers;
	event->n_provider_request_headers = 2;
	event->provider_response_headers = headers;
	event->n_provider_response_headers = 2;
	event->provider_response_function_calls = calls;
	event->n_provider_response_function_calls = 1;
	event->use_case_name = "document_summarization";
	event->use_case_id = "ticket \xe2\x82\xac 4711";
	event->use_case_step = "draft";
	event->use_case_properties = properties;
	event->n_use_case_properties = 2;
	event->properties = properties;
	event->n_properties = 2;
	event->limit_ids = limits;
	event->n_limit_ids = 4;
	event->request_tags = tags;
	event->n_request_tags = 1;
	event->user_id = "user-1";
	event->account_name = "acme";
	event->scope = "datazone.us";
}

Test(client_record, writes_every_field)
{
	payi_client *client = client_open(0);
	payi_event event;
	fill(&event);
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	struct ring_view view;
	struct record record = {.n = 0};
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, check_full_event, &record), 1);
	ring_view_close(&view);
	payi_client_close(client);
}

struct ids {
	uint8_t (*seen)[16];
	int n;
	int64_t time_us;
};

static void check_generated(void *context, uint32_t lane, const uint8_t *payload, uint32_t bytes)
{
	struct ids *ids = context;
	struct record record = {.n = 0};
	unpack(&record, lane, payload, bytes);
	const msgpack_object *map = &record.unpacked.data;
	const msgpack_object *id = field(map, PAYI_FIELD_provider_response_id);
	cr_assert(id && id->type == MSGPACK_OBJECT_BIN && id->via.bin.size == 16);
	const uint8_t *uuid = (const uint8_t *)id->via.bin.ptr;
	cr_assert_eq(uuid[6] >> 4, 7, "version");
	cr_assert_eq(uuid[8] >> 6, 2, "variant");
	int64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | uuid[i];
	ids->time_us = (int64_t)field(map, PAYI_FIELD_event_timestamp_us)->via.u64;
	cr_assert_eq(ms, ids->time_us / 1000, "the id's time is the event's");
	memcpy(ids->seen[ids->n++], uuid, 16);
	msgpack_unpacked_destroy(&record.unpacked);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

Test(client_record, makes_an_id_and_a_time_where_there_is_none)
{
	enum { N = 1000 };
	payi_client *client = client_open(0);
	const payi_event event = client_small_event();
	for (int i = 0; i < N; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK);
	struct ring_view view;
	struct ids ids = {.seen = malloc(N * 16)};
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, check_generated, &ids), N);
	qsort(ids.seen, N, 16, compare_ids);
	for (int i = 1; i < N; i++)
		cr_assert(memcmp(ids.seen[i - 1], ids.seen[i], 16) != 0, "an id was made twice");
	struct timeval now;
	gettimeofday(&now, NULL);
	cr_assert(now.tv_sec * 1000000 + now.tv_usec - ids.time_us < 60000000);
	free(ids.seen);
	ring_view_close(&view);
	payi_client_close(client);
}
