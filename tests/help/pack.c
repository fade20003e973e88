#include "help/pack.h"

#include <stdlib.h>
#include <string.h>

void pack_init(struct pack *pack, uint32_t n_fields)
{
	msgpack_sbuffer_init(&pack->buf);
	msgpack_packer_init(&pack->to, &pack->buf, msgpack_sbuffer_write);
	msgpack_pack_map(&pack->to, n_fields);
}

void pack_release(struct pack *pack)
{
	msgpack_sbuffer_destroy(&pack->buf);
}

void pack_str(struct pack *pack, const char *text)
{
	if (!text) {
		msgpack_pack_nil(&pack->to);
		return;
	}
	msgpack_pack_str(&pack->to, strlen(text));
	msgpack_pack_str_body(&pack->to, text, strlen(text));
}

void pack_field_str(struct pack *pack, enum payi_field field, const char *text)
{
	msgpack_pack_int(&pack->to, (int)field);
	pack_str(pack, text);
}

void pack_field_int(struct pack *pack, enum payi_field field, int64_t number)
{
	msgpack_pack_int(&pack->to, (int)field);
	msgpack_pack_int64(&pack->to, number);
}

void pack_field_units(struct pack *pack, const char *type, int64_t input, int64_t output)
{
	msgpack_pack_int(&pack->to, PAYI_FIELD_units);
	msgpack_pack_map(&pack->to, 1);
	pack_str(pack, type);
	msgpack_pack_array(&pack->to, 2);
	msgpack_pack_int64(&pack->to, input);
	msgpack_pack_int64(&pack->to, output);
}

void pack_required(struct pack *pack, const char *id)
{
	pack_field_str(pack, PAYI_FIELD_category, "c");
	pack_field_units(pack, "text", 1, 2);
	pack_field_int(pack, PAYI_FIELD_event_timestamp_us, 1700000000123456);
	pack_field_str(pack, PAYI_FIELD_provider_response_id, id);
}

const char *pack_decode(const struct pack *pack, struct event *event)
{
	static char reason[EVENT_REASON_BYTES];
	uint8_t *copy = malloc(pack->buf.size ? pack->buf.size : 1);
	memcpy(copy, pack->buf.data, pack->buf.size);
	const char *why = event_decode(event, copy, pack->buf.size, reason);
	free(copy);
	return why;
}
