/* libpayi without an agent: what it puts into a ring, and what it refuses. */
#include "help/help.h"
#include "help/ring_view.h"
#include "payi/payi.h"
#include "schema/event_fields.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <msgpack.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(client, .init = set_up, .fini = tear_down);

static payi_client *open_client(size_t ring_bytes)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.ring_bytes = ring_bytes;
	options.app_name = "test";
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static const payi_units text_units[] = {{"text", 1200, 300}};

static payi_event small_event(void)
{
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.units = text_units;
	event.n_units = 1;
	return event;
}

static void check_accounts(const struct ring_view *view, uint64_t records)
{
	uint64_t attempted = 0, refused = 0, dropped = 0;
	for (uint32_t i = 0; i < view->reader.n_lanes; i++) {
		attempted += view->counters.lane[i].attempted;
		refused += view->counters.lane[i].refused;
		dropped += view->counters.lane[i].dropped_full +
			   view->counters.lane[i].dropped_too_big;
	}
	cr_assert_eq(attempted, records + refused + dropped);
}

/* ---- Opening -------------------------------------------------------------------------------------- */

Test(client, opens_a_ring_that_is_whole_and_locked)
{
	payi_client *client = open_client(0);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert(view.alive);
	cr_assert_eq(view.reader.n_lanes, PAYI_RING_LANES);
	cr_assert_eq(view.reader.lane_bytes * PAYI_RING_LANES, PAYI_RING_BYTES);
	cr_assert_str_eq(view.reader.app_name, "test");
	cr_assert_eq(view.reader.pid, (uint64_t)getpid());
	ring_view_close(&view);
	payi_client_close(client);
}

Test(client, leaves_its_events_to_the_agent_when_it_closes)
{
	payi_client *client = open_client(0);
	const payi_event event = small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	payi_client_close(client);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert(!view.alive);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 1);
	ring_view_close(&view);
}

Test(client, refuses_options_that_make_no_sense)
{
	payi_client *client = (payi_client *)&site;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.size = 3;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(client == NULL);
	options.size = sizeof(options) + 8;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_VERSION);
	options.size = sizeof(options);
	options.ring_bytes = 5;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), "ring_bytes is 5"), "%s", payi_last_error());
	options.ring_bytes = 0;
	options.block_ms = -1;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), "block_ms is -1"));
	options.block_ms = 0;
	options.when_full = (payi_when_full)7;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert_eq(help_count_rings(&site), 0);
}

Test(client, refuses_a_directory_that_cannot_hold_rings)
{
	payi_client *client;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.data; /* on a disk */
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	cr_assert(strstr(payi_last_error(), "not on tmpfs"), "%s", payi_last_error());
	options.ring_dir = "/dev/shm/payi-none/such";
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	options.ring_dir = site.rings;
	chmod(site.rings, 0777);
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	cr_assert(strstr(payi_last_error(), "everybody"), "%s", payi_last_error());
}

Test(client, answers_a_null_client)
{
	const payi_event event = small_event();
	cr_assert(payi_track(NULL, &event) == PAYI_ERR_INVALID);
	cr_assert(payi_flush(NULL, 0) == PAYI_ERR_INVALID);
	payi_client_close(NULL);
}

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

Test(client, writes_every_field)
{
	payi_client *client = open_client(0);
	payi_event event;
	fill(&event);
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	struct ring_view view;
	struct record record = {.n = 0};
	ring_view_open(&view, site.rings, 0);
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

Test(client, makes_an_id_and_a_time_where_there_is_none)
{
	enum { N = 1000 };
	payi_client *client = open_client(0);
	const payi_event event = small_event();
	for (int i = 0; i < N; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK);
	struct ring_view view;
	struct ids ids = {.seen = malloc(N * 16)};
	ring_view_open(&view, site.rings, 0);
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

/* ---- Refusals ------------------------------------------------------------------------------------- */

static void refused(payi_client *client, const payi_event *event, const char *words)
{
	cr_assert(payi_track(client, event) == PAYI_ERR_INVALID, "taken, though: %s", words);
	cr_assert(strstr(payi_last_error(), words), "\"%s\" does not say \"%s\"", payi_last_error(),
		  words);
}

static void refused_units(payi_client *client, const payi_units *units, size_t n, const char *words)
{
	payi_event event = small_event();
	event.units = units;
	event.n_units = n;
	refused(client, &event, words);
}

Test(client, refuses_bad_units_by_name)
{
	payi_client *client = open_client(0);
	refused_units(client, (payi_units[]){{"text", -5, 0}}, 1, "units[0].input is -5");
	refused_units(client, (payi_units[]){{"text", 0, 2147483648}}, 1,
		      "units[0].output is 2147483648");
	refused_units(client, (payi_units[]){{"a", 1, 1}, {"", 1, 1}}, 2, "units[1].type is empty");
	refused_units(client, (payi_units[]){{NULL, 1, 1}}, 1, "units[0].type is empty");
	refused_units(client, (payi_units[]){{"a", 1, 1}, {"a", 1, 1}}, 2, "units[1] repeats 'a'");
	refused_units(client, (payi_units[]){{"\xff", 1, 1}}, 1,
		      "units[0].type is not valid UTF-8");
	refused_units(client, NULL, 1, "units is NULL");
	refused_units(client, text_units, 65, "n_units is 65");
	payi_client_close(client);
}

Test(client, refuses_bad_fields_by_name)
{
	payi_client *client = open_client(0);
	payi_event event = small_event();
	event.category = NULL;
	refused(client, &event, "category is missing");
	event.category = "";
	refused(client, &event, "category is missing");
	event = small_event();
	event.event_timestamp_us = -1;
	refused(client, &event, "event_timestamp_us is -1");
	event = small_event();
	event.resource = "ab\xc3(";
	refused(client, &event, "resource is not valid UTF-8");
	event.resource = "\xed\xa0\x80"; /* a surrogate */
	refused(client, &event, "resource is not valid UTF-8");
	event.resource = "\xc0\xaf"; /* overlong */
	refused(client, &event, "resource is not valid UTF-8");
	char long_text[1026];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[1025] = '\0';
	event.resource = long_text;
	refused(client, &event, "resource is longer than 1024");
	event = small_event();
	event.size = 8;
	refused(client, &event, "event.size is 8");
	refused(client, NULL, "NULL");
	payi_client_close(client);
}

Test(client, refuses_bad_use_cases_by_name)
{
	payi_client *client = open_client(0);
	payi_event event = small_event();
	event.use_case_name = "has space";
	refused(client, &event, "use_case_name is 'has space'");
	event.use_case_name = "0123456789012345678901234567890123456789012345678901234567890123x";
	refused(client, &event, "use_case_name");
	event.use_case_name = NULL;
	event.use_case_id = "x";
	refused(client, &event, "use_case_id is set");
	event.use_case_id = NULL;
	event.use_case_step = "x";
	refused(client, &event, "use_case_step is set");
	event.use_case_step = NULL;
	event.use_case_version = 1;
	refused(client, &event, "use_case_version is set");
	event.use_case_version = PAYI_UNSET;
	event.use_case_properties = (payi_property[]){{"a", "b"}};
	event.n_use_case_properties = 1;
	refused(client, &event, "use_case_properties is set");
	payi_client_close(client);
}

Test(client, refuses_bad_lists_by_name)
{
	payi_client *client = open_client(0);
	payi_event event = small_event();
	event.properties = (payi_property[]){{"a", "1"}, {"b", "2"}, {"a", "3"}};
	event.n_properties = 3;
	refused(client, &event, "properties[2] repeats 'a'");
	event.properties = (payi_property[]){{"a", "\x80"}};
	event.n_properties = 1;
	refused(client, &event, "properties[0].value is not valid UTF-8");
	event = small_event();
	event.limit_ids = (const char *const[]){"1", "2,3"};
	event.n_limit_ids = 2;
	refused(client, &event, "limit_ids[1] is '2,3'");
	event = small_event();
	event.provider_response_headers = (payi_header[]){{"", "x"}};
	event.n_provider_response_headers = 1;
	refused(client, &event, "provider_response_headers[0].name is empty");
	event = small_event();
	event.n_provider_response_json = 1;
	refused(client, &event, "provider_response_json is NULL");
	payi_client_close(client);
}

Test(client, refused_events_leave_nothing_but_a_count)
{
	payi_client *client = open_client(0);
	payi_event event = small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	event.resource = "\xff";
	for (int i = 0; i < 5; i++)
		cr_assert(payi_track(client, &event) == PAYI_ERR_INVALID);
	event.resource = "fine";
	cr_assert(payi_track(client, &event) == PAYI_OK);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	cr_assert(payi_client_stats_get(client, &stats) == PAYI_OK);
	cr_assert_eq(stats.attempted, 7);
	cr_assert_eq(stats.tracked, 2);
	cr_assert_eq(stats.refused, 5);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 2);
	check_accounts(&view, 2);
	ring_view_close(&view);
	payi_client_close(client);
}

/* ---- Room ----------------------------------------------------------------------------------------- */

Test(client, fills_every_lane_then_drops_and_counts)
{
	payi_client *client = open_client(64 * 1024);
	const payi_event event = small_event();
	uint64_t taken = 0, dropped = 0;
	for (int i = 0; i < 5000; i++) {
		const payi_status status = payi_track(client, &event);
		taken += status == PAYI_OK;
		dropped += status == PAYI_ERR_FULL;
	}
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(taken + dropped, 5000);
	cr_assert_eq(stats.tracked, taken);
	cr_assert_eq(stats.dropped_full, dropped);
	cr_assert(stats.ring_bytes_used > stats.ring_bytes * 9 / 10,
		  "one thread can use all lanes");
	cr_assert(strstr(payi_last_error(), "is an agent running"), "%s", payi_last_error());
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), (int)taken);
	check_accounts(&view, taken);
	ring_view_close(&view);
	payi_client_close(client);
}

static char *text_of(size_t bytes)
{
	char *text = malloc(bytes + 1);
	memset(text, 'p', bytes);
	text[bytes] = '\0';
	return text;
}

Test(client, takes_an_event_of_a_megabyte_in_a_large_ring)
{
	payi_client *client = open_client(16 * 1024 * 1024);
	payi_event event = small_event();
	char *prompt = text_of(1024 * 1024);
	event.provider_request_json = prompt;
	for (int i = 0; i < 8; i++) /* also across each lane's end */
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 8);
	ring_view_close(&view);
	payi_client_close(client);
	free(prompt);
}

Test(client, tells_too_big_from_full)
{
	payi_client *client = open_client(64 * 1024); /* lanes of 8 KiB */
	payi_event event = small_event();
	char *prompt = text_of(8190); /* fits no lane, by its frame alone */
	event.provider_request_json = prompt;
	cr_assert(payi_track(client, &event) == PAYI_ERR_TOO_BIG);
	prompt[7000] = '\0';
	for (int i = 0; i < 8; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert(payi_track(client, &event) == PAYI_ERR_FULL);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.dropped_too_big, 1);
	cr_assert_eq(stats.dropped_full, 1);
	payi_client_close(client);
	free(prompt);
}

Test(client, waits_for_room_no_longer_than_asked)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.ring_bytes = 32 * 1024;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = 30;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK);
	const payi_event event = small_event();
	payi_status status;
	while ((status = payi_track(client, &event)) == PAYI_OK)
		;
	cr_assert_eq(status, PAYI_ERR_FULL);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.dropped_full, 1, "however often it tried, one drop");
	cr_assert_eq(stats.attempted, stats.tracked + 1);
	payi_client_close(client);
}

Test(client, flush_without_an_agent_times_out)
{
	payi_client *client = open_client(0);
	cr_assert(payi_flush(client, 0) == PAYI_ERR_TIMEOUT || payi_flush(client, 0) == PAYI_OK);
	const payi_event event = small_event();
	payi_track(client, &event);
	cr_assert(payi_flush(client, 20) == PAYI_ERR_TIMEOUT);
	payi_client_close(client);
}

/* ---- Threads, signals, forks, kills ------------------------------------------------------------------ */

enum { THREADS = 12, EVENTS_PER_THREAD = 3000 };

static void *track_many(void *client)
{
	const payi_event event = small_event();
	uintptr_t ok = 0;
	for (int i = 0; i < EVENTS_PER_THREAD; i++)
		ok += payi_track(client, &event) == PAYI_OK;
	return (void *)ok;
}

Test(client, loses_nothing_among_more_threads_than_lanes)
{
	payi_client *client = open_client(16 * 1024 * 1024);
	pthread_t threads[THREADS];
	uint64_t ok = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, track_many, client);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		ok += (uintptr_t)result;
	}
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.tracked, ok);
	cr_assert_eq(stats.attempted, THREADS * EVENTS_PER_THREAD);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), (int)ok);
	check_accounts(&view, ok);
	ring_view_close(&view);
	payi_client_close(client);
}

static payi_client *signal_client;
static volatile sig_atomic_t signal_ok, signal_other;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	const payi_event event = small_event();
	if (payi_track(signal_client, &event) == PAYI_OK)
		signal_ok++;
	else
		signal_other++;
}

Test(client, may_be_called_from_a_signal_handler_that_interrupts_it)
{
	signal_client = open_client(64 * 1024 * 1024);
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	const struct itimerval often = {{0, 100}, {0, 100}};
	setitimer(ITIMER_REAL, &often, NULL);
	const payi_event event = small_event();
	int ok = 0;
	for (int i = 0; i < 200000; i++)
		ok += payi_track(signal_client, &event) == PAYI_OK;
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	cr_assert_eq(ok, 200000);
	cr_assert(signal_ok > 0);
	cr_assert_eq(signal_other, 0);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), ok + signal_ok);
	ring_view_close(&view);
	payi_client_close(signal_client);
}

Test(client, gives_a_forked_child_a_ring_of_its_own)
{
	payi_client *client = open_client(0);
	const payi_event event = small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	const pid_t child = fork();
	if (child == 0) {
		const bool ok = payi_track(client, &event) == PAYI_OK &&
				payi_track(client, &event) == PAYI_OK;
		payi_client_close(client);
		_exit(ok ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert(payi_track(client, &event) == PAYI_OK);
	cr_assert_eq(help_count_rings(&site), 2);
	int records = 0, alive = 0;
	for (int i = 0; i < 2; i++) {
		struct ring_view view;
		ring_view_open(&view, site.rings, i);
		const int n = ring_view_each(&view, NULL, NULL);
		cr_assert_eq(n, 2, "two in each");
		records += n;
		alive += view.alive;
		ring_view_close(&view);
	}
	cr_assert_eq(records, 4);
	cr_assert_eq(alive, 1);
	payi_client_close(client);
}

Test(client, a_child_does_not_keep_its_dead_parents_ring_alive)
{
	int ready[2], go[2];
	cr_assert(pipe(ready) == 0 && pipe(go) == 0);
	const pid_t parent = fork();
	if (parent == 0) {
		payi_client *client = open_client(0);
		const payi_event event = small_event();
		payi_track(client, &event);
		if (fork() == 0) { /* lives on, and never tracks */
			char byte;
			if (read(go[0], &byte, 1) != 1)
				_exit(1);
			_exit(0);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	char byte;
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	waitpid(parent, NULL, 0);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	cr_assert(!view.alive, "the grandchild keeps the lock");
	ring_view_close(&view);
	cr_assert_eq(write(go[1], "g", 1), 1);
}

/* Random kills: whatever the moment, every record that is visible is whole, and the accounts hold. */
Test(client, a_kill_leaves_whole_records_and_exact_accounts, .timeout = 60)
{
	for (int round = 0; round < 60; round++) {
		int go[2];
		cr_assert(pipe(go) == 0);
		const pid_t child = fork();
		if (child == 0) {
			payi_client *client = open_client(8 * 1024 * 1024);
			const payi_event event = small_event();
			if (write(go[1], "g", 1) != 1)
				_exit(1);
			for (;;)
				payi_track(client, &event);
		}
		char byte;
		cr_assert_eq(read(go[0], &byte, 1), 1);
		nanosleep(&(struct timespec){.tv_nsec = rand() % 2000000}, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(go[0]);
		close(go[1]);
		struct ring_view view;
		ring_view_open(&view, site.rings, 0);
		cr_assert(!view.alive);
		const uint64_t records = (uint64_t)ring_view_each(&view, NULL, NULL);
		uint64_t attempted = 0, dropped = 0;
		for (uint32_t i = 0; i < view.reader.n_lanes; i++) {
			attempted += view.counters.lane[i].attempted;
			dropped += view.counters.lane[i].dropped_full;
		}
		cr_assert(attempted - records - dropped <= 1, "in flight: %lld",
			  (long long)(attempted - records - dropped));
		char path[HELP_PATH_BYTES + 80];
		snprintf(path, sizeof(path), "%s/%s", site.rings, view.name);
		ring_view_close(&view);
		unlink(path);
	}
}
