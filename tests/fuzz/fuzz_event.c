/* A record's payload: decoded, and if it is good, written as JSON that any reader takes. */
#include "event/event_json.h"
#include "event/use_case.h"
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <string.h>

static void check_json(const struct event *event, enum event_json_for purpose)
{
	struct buf json = BUF_INIT;
	json_error_t error;
	event_json(&json, event, purpose);
	json_t *value = json_loadb((const char *)json.data, json.len,
				   JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	/* Names of properties are the application's: a map may have one twice. */
	if (!value)
		value = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, &error);
	if (!value)
		fprintf(stderr, "%s\n%.*s\n", error.text, (int)json.len, (const char *)json.data);
	fuzz_must(json_is_object(value));
	json_decref(value);
	buf_release(&json);
}

static void check_event(const struct event *event)
{
	uint32_t n = 0;
	fuzz_must(event_has(event, PAYI_FIELD_category));
	struct msgpack in = event_open(event, PAYI_FIELD_units, &n);
	for (uint32_t i = 0; i < n; i++) {
		struct event_units units;
		event_units_next(&in, &units);
		fuzz_must(units.input >= -1 && units.output >= -1);
	}
	check_json(event, EVENT_JSON_FOR_SERVICE);
	check_json(event, EVENT_JSON_FOR_HISTORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event event;
	struct use_case_notice notice;
	char text[EVENT_REASON_BYTES];
	const char *reason = event_decode(&event, data, size, text);
	if (!reason)
		check_event(&event);
	else
		fuzz_must(strlen(reason) > 0 && strlen(reason) < EVENT_REASON_BYTES);
	for (int kind = USE_CASE_DEFINE; kind <= USE_CASE_REQUEST; kind++) {
		reason = use_case_decode(&notice, (enum use_case_kind)kind, data, size, text);
		if (!reason)
			fuzz_must(use_case_name_is_good(notice.name.text, notice.name.len));
	}
	return 0;
}
