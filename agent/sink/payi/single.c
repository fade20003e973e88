#include "sink/payi/single.h"

#include "event/event_json.h"
#include "sink/payi/url.h"

#include <stdbool.h>
#include <string.h>

#define BIT(field) (UINT64_C(1) << (field))

/* Fields that are headers here; request_tags are no longer taken in either place. */
static const uint64_t not_in_body = BIT(PAYI_FIELD_use_case_name) | BIT(PAYI_FIELD_use_case_id) |
				    BIT(PAYI_FIELD_use_case_step) |
				    BIT(PAYI_FIELD_use_case_version) | BIT(PAYI_FIELD_limit_ids) |
				    BIT(PAYI_FIELD_user_id) | BIT(PAYI_FIELD_account_name) |
				    BIT(PAYI_FIELD_scope) | BIT(PAYI_FIELD_request_tags);

void single_query(struct buf *out, const struct event *event)
{
	const struct event_field *id = &event->field[PAYI_FIELD_provider_response_id];
	buf_add_str(out, "?id=");
	url_add_encoded(out, id->text, id->len);
}

/*
 * What gateways let through in a header: visible ASCII and blanks. Any other character becomes one '?';
 * so no line break can begin a header of its own.
 */
static void add_header_text(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte >= ' ' && byte <= '~')
			buf_add_char(out, (char)byte);
		else if ((byte & 0xC0) != 0x80) /* the first byte of a character */
			buf_add_char(out, '?');
	}
}

static void add_text_header(struct buf *out, const struct event *event, enum payi_field field,
			    const char *name)
{
	const struct event_field *value = &event->field[field];
	if (!event_has(event, field) || value->len == 0)
		return;
	buf_add_str(out, name);
	add_header_text(out, value->text, value->len);
	buf_add_char(out, '\0');
}

static void add_limit_ids(struct buf *out, const struct event *event)
{
	if (!event_has(event, PAYI_FIELD_limit_ids))
		return;
	uint32_t n;
	struct msgpack in = event_open(event, PAYI_FIELD_limit_ids, &n);
	struct msgpack_text id;
	if (n == 0)
		return;
	buf_add_str(out, "xProxy-Limit-IDs: ");
	for (uint32_t i = 0; i < n && msgpack_read_str(&in, &id); i++) {
		if (i > 0)
			buf_add_char(out, ',');
		add_header_text(out, id.text, id.len);
	}
	buf_add_char(out, '\0');
}

void single_headers(struct buf *out, const struct event *event)
{
	add_text_header(out, event, PAYI_FIELD_use_case_name, "xProxy-UseCase-Name: ");
	add_text_header(out, event, PAYI_FIELD_use_case_id, "xProxy-UseCase-ID: ");
	add_text_header(out, event, PAYI_FIELD_use_case_step, "xProxy-UseCase-Step: ");
	add_text_header(out, event, PAYI_FIELD_user_id, "xProxy-User-ID: ");
	add_text_header(out, event, PAYI_FIELD_account_name, "xProxy-Account-Name: ");
	add_text_header(out, event, PAYI_FIELD_scope, "xProxy-Resource-Scope: ");
	if (event_has(event, PAYI_FIELD_use_case_version)) {
		buf_add_str(out, "xProxy-UseCase-Version: ");
		buf_add_int(out, event->field[PAYI_FIELD_use_case_version].number);
		buf_add_char(out, '\0');
	}
	add_limit_ids(out, event);
}

static void add_member(struct buf *out, const struct event *event, enum payi_field field,
		       const char *name, bool *first)
{
	if (!event_has(event, field) || (not_in_body & BIT(field)))
		return;
	buf_add_char(out, *first ? '{' : ',');
	*first = false;
	buf_add_char(out, '"');
	buf_add_str(out, name);
	buf_add_str(out, "\":");
	event_json_field(out, event, field, EVENT_JSON_FOR_SERVICE);
}

void single_body(struct buf *out, const struct event *event)
{
	bool first = true;
#define X(id, name, type, json, column) add_member(out, event, PAYI_FIELD_##name, json, &first);
	PAYI_EVENT_FIELDS(X)
#undef X
	buf_add_char(out, '}'); /* there was a category: event_decode() demands it */
}
