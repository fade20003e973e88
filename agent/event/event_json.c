#include "event/event_json.h"

#include "base/clock.h"
#include "base/word.h"

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

/* A name is copied with what stands behind it in its array, as that needs no count. */
enum { NAME_BYTES = 40 };

static const struct {
	enum json_type type;
	uint8_t name_len;
	char name[NAME_BYTES]; /* "name": */
	const char *second;    /* of PAIRS: what the value is called */
} fields[PAYI_FIELD_MAX + 1] = {
#define X(id, name, type, json, column)                                                            \
	[id] = {JSON_##type, sizeof("\"" json "\":") - 1, "\"" json "\":",                         \
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

/* Which bytes have one, as the table says it. */
static uint64_t needs_escape(uint64_t word)
{
	return word_passed(word, word_below(word, 0x20) | word_is(word, '"') | word_is(word, '\\') |
					 word_is(word, 0x7f));
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

/* Less than a word. */
static uint8_t *put_rest(uint8_t *to, const char *text, size_t len)
{
	if (len > 0 && !needs_escape(word_load_short(text, len))) {
		word_copy_short(to, text, len);
		return to + len;
	}
	for (size_t i = 0; i < len; i++) {
		const uint8_t byte = (uint8_t)text[i];
		if (escapes[byte])
			to = put_escape(to, byte);
		else
			*to++ = byte;
	}
	return to;
}

/*
 * A word is copied before it is looked at, and what lies behind its first escape is written over. There is room for
 * that: ESCAPED_MAX for each byte.
 */
static uint8_t *put_bytes(uint8_t *to, const char *text, size_t len)
{
	const char *end = text + len;
	while (end - text >= WORD_BYTES) {
		const uint64_t found = needs_escape(word_load(text));
		const size_t n_plain = found ? word_first(found) : WORD_BYTES;
		memcpy(to, text, WORD_BYTES);
		to += n_plain;
		text += n_plain;
		if (found)
			to = put_escape(to, (uint8_t)*text++);
	}
	return put_rest(to, text, (size_t)(end - text));
}

/* In pieces, so that the room asked for at once is bounded however long the text is. */
static void put_long(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < len; i += PIECE) {
		const size_t n = len - i < PIECE ? len - i : PIECE;
		uint8_t *to = buf_reserve(out, n * ESCAPED_MAX);
		if (to)
			out->len += (size_t)(put_bytes(to, text + i, n) - to);
	}
	buf_add_char(out, '"');
}

void event_json_string(struct buf *out, const char *text, size_t len)
{
	if (len > PIECE) {
		put_long(out, text, len);
		return;
	}
	uint8_t *start = buf_reserve(out, len * ESCAPED_MAX + 2);
	if (!start)
		return;
	uint8_t *to = start;
	*to++ = '"';
	to = put_bytes(to, text, len);
	*to++ = '"';
	out->len += (size_t)(to - start);
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
	const int digits = purpose == EVENT_JSON_FOR_SERVICE ? 3 : 6;
	char *to = (char *)buf_reserve(out, CLOCK_TEXT_BYTES + 2);
	if (!to)
		return;
	const size_t len = strlen(clock_text(us, digits, to + 1));
	to[0] = to[1 + len] = '"';
	out->len += len + 2;
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

static void put_name(struct buf *out, uint8_t separator, enum payi_field field)
{
	uint8_t *to = buf_reserve(out, 1 + NAME_BYTES);
	if (!to)
		return;
	*to = separator;
	memcpy(to + 1, fields[field].name, NAME_BYTES);
	out->len += 1u + fields[field].name_len;
}

void event_json(struct buf *out, const struct event *event, enum event_json_for purpose)
{
	uint64_t left = event->present;
	if (purpose == EVENT_JSON_FOR_SERVICE)
		left &= ~((uint64_t)1 << PAYI_FIELD_request_tags); /* no longer taken */
	uint8_t separator = '{';
	for (; left; left &= left - 1) {
		const enum payi_field field = (enum payi_field)__builtin_ctzll(left);
		put_name(out, separator, field);
		separator = ',';
		event_json_field(out, event, field, purpose);
	}
	buf_add_char(out, '}');
}
