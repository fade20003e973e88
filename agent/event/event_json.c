#include "event/event_json.h"

#include "base/clock.h"

#include <string.h>

enum json_type {
	JSON_STR,
	JSON_ID,
	JSON_I32,
	JSON_TIME,
	JSON_UNITS,
	JSON_PROPS,
	JSON_PAIRS,
	JSON_LIST,
	JSON_CHUNKS
};

static const struct {
	enum json_type type;
	const char *name;   /* "name": */
	const char *second; /* of PAIRS: what the value is called */
} fields[PAYI_FIELD_MAX + 1] = {
#define X(id, name, type, json, column)                                                            \
	[id] = {JSON_##type, "\"" json "\":",                                                      \
		(id) == PAYI_FIELD_provider_response_function_calls ? "arguments" : "value"},
	PAYI_EVENT_FIELDS(X)
#undef X
};

/* ---- Strings -------------------------------------------------------------------------------------- */

/* What a byte needs in a JSON string: 0 nothing, 'u' the \u form, else the letter behind the backslash. */
static const char escapes[256] = {
	['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
	['\t'] = 't', [0x00] = 'u',  [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
	[0x05] = 'u', [0x06] = 'u',  [0x07] = 'u', [0x0b] = 'u', [0x0e] = 'u', [0x0f] = 'u',
	[0x10] = 'u', [0x11] = 'u',  [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
	[0x16] = 'u', [0x17] = 'u',  [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u',
	[0x1c] = 'u', [0x1d] = 'u',  [0x1e] = 'u', [0x1f] = 'u', [0x7f] = 'u',
};

/* Eight bytes of which none needs an escape: all from 0x20 up, no quote, no backslash, no DEL, all ASCII. */
static bool is_plain(const char *text)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t word;
	memcpy(&word, text, sizeof(word));
	const uint64_t quote = word ^ ones * '"';
	const uint64_t backslash = word ^ ones * '\\';
	const uint64_t found =
		(word - ones * 0x20) | (quote - ones) | (backslash - ones) | (word + ones) | word;
	return (found & ones * 0x80) == 0;
}

static uint8_t *put_escape(uint8_t *to, uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	*to++ = '\\';
	*to++ = (uint8_t)escapes[byte];
	if (escapes[byte] != 'u')
		return to;
	*to++ = '0';
	*to++ = '0';
	*to++ = (uint8_t)hex[byte >> 4];
	*to++ = (uint8_t)hex[byte & 15];
	return to;
}

enum { PIECE = 4096, ESCAPED_MAX = 6 };

/* In pieces, so that the room asked for at once is bounded however long the text is. */
static void put_piece(struct buf *out, const char *text, size_t len)
{
	uint8_t *start = buf_reserve(out, len * ESCAPED_MAX);
	if (!start)
		return;
	uint8_t *to = start;
	for (size_t i = 0; i < len;) {
		if (len - i >= 8 && is_plain(text + i)) {
			memcpy(to, text + i, 8);
			to += 8;
			i += 8;
			continue;
		}
		const uint8_t byte = (uint8_t)text[i++];
		if (escapes[byte])
			to = put_escape(to, byte);
		else
			*to++ = byte;
	}
	out->len += (size_t)(to - start);
}

void event_json_string(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < len; i += PIECE)
		put_piece(out, text + i, len - i < PIECE ? len - i : PIECE);
	buf_add_char(out, '"');
}

static void put_text(struct buf *out, struct msgpack_text text)
{
	event_json_string(out, text.text, text.len);
}

/* ---- Values --------------------------------------------------------------------------------------- */

static void put_side(struct buf *out, const char *name, int64_t units, bool *first)
{
	if (units < 0)
		return;
	if (!*first)
		buf_add_char(out, ',');
	*first = false;
	buf_add_str(out, name);
	buf_add_int(out, units);
}

static void put_units(struct buf *out, const struct event *event, enum payi_field field)
{
	uint32_t n = 0;
	struct msgpack in = event_open(event, field, &n);
	buf_add_char(out, '{');
	for (uint32_t i = 0; i < n; i++) {
		struct event_units units;
		bool first = true;
		event_units_next(&in, &units);
		if (i)
			buf_add_char(out, ',');
		put_text(out, units.type);
		buf_add(out, ":{", 2);
		put_side(out, "\"input\":", units.input, &first);
		put_side(out, "\"output\":", units.output, &first);
		buf_add_char(out, '}');
	}
	buf_add_char(out, '}');
}

/* A value that may be nil; text.text is NULL then. */
static struct msgpack_text next_value(struct msgpack *in)
{
	struct msgpack_text value = {NULL, 0};
	if (!msgpack_skip_nil(in))
		msgpack_read_str(in, &value);
	return value;
}

static void put_value(struct buf *out, struct msgpack_text value)
{
	if (value.text)
		put_text(out, value);
	else
		buf_add(out, "null", 4);
}

static void put_props(struct buf *out, const struct event *event, enum payi_field field, bool nulls)
{
	uint32_t n = 0;
	bool first = true;
	struct msgpack in = event_open(event, field, &n);
	buf_add_char(out, '{');
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text name;
		msgpack_read_str(&in, &name);
		const struct msgpack_text value = next_value(&in);
		if (!value.text && !nulls)
			continue;
		if (!first)
			buf_add_char(out, ',');
		first = false;
		put_text(out, name);
		buf_add_char(out, ':');
		put_value(out, value);
	}
	buf_add_char(out, '}');
}

static void put_pairs(struct buf *out, const struct event *event, enum payi_field field, bool nulls)
{
	uint32_t n = 0, sides;
	struct msgpack in = event_open(event, field, &n);
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text name;
		msgpack_read_array(&in, &sides);
		msgpack_read_str(&in, &name);
		const struct msgpack_text value = next_value(&in);
		buf_add_str(out, i ? ",{\"name\":" : "{\"name\":");
		put_text(out, name);
		if (value.text || nulls) {
			buf_add(out, ",\"", 2);
			buf_add_str(out, fields[field].second);
			buf_add(out, "\":", 2);
			put_value(out, value);
		}
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

/* LIST and CHUNKS; a lone chunk is a plain string. */
static void put_list(struct buf *out, const struct event *event, enum payi_field field,
		     bool lone_is_plain)
{
	uint32_t n = 0;
	struct msgpack in = event_open(event, field, &n);
	const bool plain = lone_is_plain && n == 1;
	if (!plain)
		buf_add_char(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text item;
		msgpack_read_str(&in, &item);
		if (i)
			buf_add_char(out, ',');
		put_text(out, item);
	}
	if (!plain)
		buf_add_char(out, ']');
}

static void put_time(struct buf *out, int64_t us, enum event_json_for purpose)
{
	char text[CLOCK_TEXT_BYTES];
	clock_text(us, purpose == EVENT_JSON_FOR_SERVICE ? 3 : 6, text);
	buf_add_char(out, '"');
	buf_add_str(out, text);
	buf_add_char(out, '"');
}

void event_json_field(struct buf *out, const struct event *event, enum payi_field field,
		      enum event_json_for purpose)
{
	const struct event_field *value = &event->field[field];
	const bool nulls = purpose == EVENT_JSON_FOR_HISTORY;
	switch (fields[field].type) {
	case JSON_STR:
	case JSON_ID:
		event_json_string(out, value->text, value->len);
		break;
	case JSON_I32:
		buf_add_int(out, value->number);
		break;
	case JSON_TIME:
		put_time(out, value->number, purpose);
		break;
	case JSON_UNITS:
		put_units(out, event, field);
		break;
	case JSON_PROPS:
		put_props(out, event, field, nulls);
		break;
	case JSON_PAIRS:
		put_pairs(out, event, field, nulls);
		break;
	case JSON_LIST:
		put_list(out, event, field, false);
		break;
	case JSON_CHUNKS:
		put_list(out, event, field, true);
		break;
	}
}

void event_json(struct buf *out, const struct event *event, enum event_json_for purpose)
{
	uint64_t left = event->present;
	if (purpose == EVENT_JSON_FOR_SERVICE)
		left &= ~((uint64_t)1 << PAYI_FIELD_request_tags); /* no longer taken */
	char separator = '{';
	for (unsigned id = 1; id <= PAYI_FIELD_MAX; id++) {
		if (!(left >> id & 1))
			continue;
		buf_add_char(out, separator);
		separator = ',';
		buf_add_str(out, fields[id].name);
		event_json_field(out, event, (enum payi_field)id, purpose);
	}
	buf_add_char(out, '}');
}
