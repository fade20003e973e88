/* Records of events as an application's library packs them, for the tests of the sink; by msgpack-c. */
#ifndef PAYI_TESTS_SINK_EVENTS_H
#define PAYI_TESTS_SINK_EVENTS_H

#include "schema/event_fields.h"

#include <msgpack.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SINK_EVENT_BYTES = 4096 };
#define SINK_EVENT_TIME_US INT64_C(1780000000000000) /* in 2026 */

struct sink_event {
	uint8_t record[SINK_EVENT_BYTES];
	uint32_t bytes;
};

/* Fields beside category and units; NULL or 0 where absent. */
struct sink_event_more {
	const char *id;             /* NULL: "event-<number>" */
	int64_t event_timestamp_us; /* 0: SINK_EVENT_TIME_US */
	const char *use_case_name;
	const char *use_case_id;
	int32_t use_case_version;
	const char *user_id;
	const char *account_name;
	const char *limit_ids[2];
	const char *property;
	const char *request_json;
};

static inline void sink_event_text(msgpack_packer *to, int field, const char *text)
{
	if (!text)
		return;
	msgpack_pack_int(to, field);
	msgpack_pack_str_with_body(to, text, strlen(text));
}

static inline void sink_event_units(msgpack_packer *to)
{
	msgpack_pack_int(to, PAYI_FIELD_units);
	msgpack_pack_map(to, 1);
	msgpack_pack_str_with_body(to, "text", 4);
	msgpack_pack_array(to, 2);
	msgpack_pack_int(to, 12);
	msgpack_pack_int(to, 34);
}

static inline void sink_event_limits(msgpack_packer *to, const char *const limit_ids[2])
{
	msgpack_pack_int(to, PAYI_FIELD_limit_ids);
	msgpack_pack_array(to, limit_ids[1] ? 2 : 1);
	for (int i = 0; i < 2 && limit_ids[i]; i++)
		msgpack_pack_str_with_body(to, limit_ids[i], strlen(limit_ids[i]));
}

static inline void sink_event_property(msgpack_packer *to, const char *value)
{
	msgpack_pack_int(to, PAYI_FIELD_properties);
	msgpack_pack_map(to, 1);
	msgpack_pack_str_with_body(to, "p", 1);
	msgpack_pack_str_with_body(to, value, strlen(value));
}

static inline struct sink_event sink_event(int64_t number, struct sink_event_more more)
{
	char id[32];
	snprintf(id, sizeof(id), "event-%lld", (long long)number);
	msgpack_sbuffer out;
	msgpack_sbuffer_init(&out);
	msgpack_packer to;
	msgpack_packer_init(&to, &out, msgpack_sbuffer_write);
	msgpack_pack_map(&to, 4u + (more.use_case_name != NULL) + (more.use_case_id != NULL) +
				      (more.use_case_version != 0) + (more.user_id != NULL) +
				      (more.account_name != NULL) + (more.limit_ids[0] != NULL) +
				      (more.property != NULL) + (more.request_json != NULL));
	sink_event_text(&to, PAYI_FIELD_category, "system.openai");
	sink_event_units(&to);
	msgpack_pack_int(&to, PAYI_FIELD_event_timestamp_us);
	msgpack_pack_int64(&to,
			   more.event_timestamp_us ? more.event_timestamp_us : SINK_EVENT_TIME_US);
	sink_event_text(&to, PAYI_FIELD_provider_response_id, more.id ? more.id : id);
	sink_event_text(&to, PAYI_FIELD_provider_request_json, more.request_json);
	sink_event_text(&to, PAYI_FIELD_use_case_name, more.use_case_name);
	sink_event_text(&to, PAYI_FIELD_use_case_id, more.use_case_id);
	if (more.use_case_version) {
		msgpack_pack_int(&to, PAYI_FIELD_use_case_version);
		msgpack_pack_int(&to, more.use_case_version);
	}
	if (more.property)
		sink_event_property(&to, more.property);
	if (more.limit_ids[0])
		sink_event_limits(&to, more.limit_ids);
	sink_event_text(&to, PAYI_FIELD_user_id, more.user_id);
	sink_event_text(&to, PAYI_FIELD_account_name, more.account_name);
	struct sink_event event = {.bytes = (uint32_t)out.size};
	memcpy(event.record, out.data, out.size <= SINK_EVENT_BYTES ? out.size : 0);
	msgpack_sbuffer_destroy(&out);
	return event;
}

#endif
