/*
 * Decoding is driven by the table of fields: each id has a type, a bound for its strings, and a name for
 * the reason; each type has one reader. Nothing is copied, and nothing is believed.
 */
#include "event/event.h"

#include "event/use_case.h"
#include "event/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum type {
	TYPE_NONE,
	TYPE_STR,
	TYPE_ID,
	TYPE_I32,
	TYPE_TIME,
	TYPE_UNITS,
	TYPE_PROPS,
	TYPE_PAIRS,
	TYPE_LIST,
	TYPE_CHUNKS
};

/* How long a string of a field with this kind of column may be. */
#define LIMIT_OF_NAME     PAYI_LIMIT_NAME
#define LIMIT_OF_TEXT     PAYI_LIMIT_NAME
#define LIMIT_OF_INSTANCE PAYI_LIMIT_NAME
#define LIMIT_OF_JSON     PAYI_LIMIT_NAME
#define LIMIT_OF_INT      0
#define LIMIT_OF_NONE     UINT32_MAX

static const struct {
	enum type type;
	uint32_t limit;
	const char *name;
} fields[PAYI_FIELD_MAX + 1] = {
#define X(id, name, type, json, column) [id] = {TYPE_##type, LIMIT_OF_##column, #name},
	PAYI_EVENT_FIELDS(X)
#undef X
};

enum { GENERATED_ID_BYTES = 16 };

/* One decoding under way. */
struct decoder {
	struct event *event;
	struct msgpack in;
	char *reason;
};

/* Writes the reason; false, as the readers answer. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct decoder *decoder,
							 const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(decoder->reason, EVENT_REASON_BYTES, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- Values --------------------------------------------------------------------------------------- */

/* Text as it is allowed anywhere in a record. */
static bool read_text(struct decoder *decoder, unsigned id, uint32_t limit,
		      struct msgpack_text *text)
{
	if (!msgpack_read_str(&decoder->in, text))
		return refuse(decoder, "%s holds something that is no string", fields[id].name);
	if (text->len > limit)
		return refuse(decoder, "%s is %" PRIu32 " bytes long; %" PRIu32 " are allowed",
			      fields[id].name, text->len, limit);
	if (!utf8_is_text(text->text, text->len))
		return refuse(decoder, "%s is not valid UTF-8, or holds a NUL", fields[id].name);
	return true;
}

/* A name that must not be empty. */
static bool read_name(struct decoder *decoder, unsigned id, struct msgpack_text *text)
{
	if (!read_text(decoder, id, PAYI_LIMIT_NAME, text))
		return false;
	return text->len > 0 || refuse(decoder, "%s has an empty name", fields[id].name);
}

static bool read_value(struct decoder *decoder, unsigned id)
{
	struct msgpack_text value;
	return msgpack_skip_nil(&decoder->in) || read_text(decoder, id, UINT32_MAX, &value);
}

static bool read_STR(struct decoder *decoder, unsigned id)
{
	struct msgpack_text text;
	if (!read_text(decoder, id, fields[id].limit, &text))
		return false;
	if (text.len == 0)
		return refuse(decoder, "%s is empty", fields[id].name);
	decoder->event->field[id].text = text.text;
	decoder->event->field[id].len = text.len;
	return true;
}

/* "payi_", and the 16 bytes as a UUID is written. */
static void write_generated_id(char *to, const uint8_t *bytes)
{
	static const char hex[] = "0123456789abcdef";
	memcpy(to, PAYI_GENERATED_ID_PREFIX, sizeof(PAYI_GENERATED_ID_PREFIX) - 1);
	to += sizeof(PAYI_GENERATED_ID_PREFIX) - 1;
	for (int i = 0; i < GENERATED_ID_BYTES; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		*to++ = hex[bytes[i] >> 4];
		*to++ = hex[bytes[i] & 15];
	}
	*to = '\0';
}

static bool read_ID(struct decoder *decoder, unsigned id)
{
	const struct msgpack start = decoder->in;
	struct msgpack_text bytes;
	if (!msgpack_read_bin(&decoder->in, &bytes)) {
		decoder->in = start;
		return read_STR(decoder, id);
	}
	if (bytes.len != GENERATED_ID_BYTES)
		return refuse(decoder, "%s is a binary of %" PRIu32 " bytes; a UUID has 16",
			      fields[id].name, bytes.len);
	struct event *event = decoder->event;
	write_generated_id(event->generated_id, (const uint8_t *)bytes.text);
	event->field[id].text = event->generated_id;
	event->field[id].len = EVENT_GENERATED_ID_BYTES - 1;
	return true;
}

static bool read_int(struct decoder *decoder, unsigned id, int64_t min, int64_t max)
{
	int64_t number;
	if (!msgpack_read_int(&decoder->in, &number))
		return refuse(decoder, "%s is not a whole number", fields[id].name);
	if (number < min || number > max)
		return refuse(decoder, "%s is %" PRId64 "; it must be %" PRId64 " to %" PRId64,
			      fields[id].name, number, min, max);
	decoder->event->field[id].number = number;
	return true;
}

/* ---- Lists and maps ------------------------------------------------------------------------------- */

/* Whether a name stood among the first n ones of the map that begins at first. */
static bool name_repeats(struct msgpack first, uint32_t n, struct msgpack_text name,
			 bool values_are_arrays)
{
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text other, value;
		int64_t number;
		uint32_t sides;
		msgpack_read_str(&first, &other);
		if (other.len == name.len && memcmp(other.text, name.text, name.len) == 0)
			return true;
		if (!values_are_arrays) {
			if (!msgpack_skip_nil(&first))
				msgpack_read_str(&first, &value);
			continue;
		}
		msgpack_read_array(&first, &sides);
		for (uint32_t side = 0; side < sides; side++)
			if (!msgpack_skip_nil(&first))
				msgpack_read_int(&first, &number);
	}
	return false;
}

static bool check_repeat(struct decoder *decoder, unsigned id, struct msgpack first, uint32_t n,
			 struct msgpack_text name)
{
	if (!name_repeats(first, n, name, fields[id].type == TYPE_UNITS))
		return true;
	return refuse(decoder, "%s repeats '%.*s'", fields[id].name,
		      (int)(name.len < 64 ? name.len : 64), name.text);
}

static bool read_side(struct decoder *decoder, struct msgpack_text type, const char *side,
		      int64_t *sum)
{
	int64_t number;
	if (msgpack_skip_nil(&decoder->in))
		return true;
	const int len = (int)(type.len < 64 ? type.len : 64);
	if (!msgpack_read_int(&decoder->in, &number))
		return refuse(decoder, "units.%.*s.%s is not a whole number", len, type.text, side);
	if (number < 0 || number > PAYI_LIMIT_UNIT)
		return refuse(decoder, "units.%.*s.%s is %" PRId64 "; it must be 0 to 2147483647",
			      len, type.text, side, number);
	*sum += number;
	return true;
}

static bool read_UNITS(struct decoder *decoder, unsigned id)
{
	struct event *event = decoder->event;
	uint32_t n, sides;
	if (!msgpack_read_map(&decoder->in, &n) || n > PAYI_LIMIT_UNITS)
		return refuse(decoder, "%s is not a map of at most %d types", fields[id].name,
			      PAYI_LIMIT_UNITS);
	const struct msgpack first = decoder->in;
	event->input_units = event->output_units = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text type;
		if (!read_name(decoder, id, &type) || !check_repeat(decoder, id, first, i, type))
			return false;
		if (!msgpack_read_array(&decoder->in, &sides) || sides != 2)
			return refuse(decoder, "%s holds a type without input and output",
				      fields[id].name);
		if (!read_side(decoder, type, "input", &event->input_units) ||
		    !read_side(decoder, type, "output", &event->output_units))
			return false;
	}
	return true;
}

static bool read_PROPS(struct decoder *decoder, unsigned id)
{
	uint32_t n;
	if (!msgpack_read_map(&decoder->in, &n) || n > PAYI_LIMIT_ITEMS)
		return refuse(decoder, "%s is not a map of at most %d items", fields[id].name,
			      PAYI_LIMIT_ITEMS);
	const struct msgpack first = decoder->in;
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text name;
		if (!read_name(decoder, id, &name) || !check_repeat(decoder, id, first, i, name) ||
		    !read_value(decoder, id))
			return false;
	}
	return true;
}

static bool read_PAIRS(struct decoder *decoder, unsigned id)
{
	uint32_t n, sides;
	if (!msgpack_read_array(&decoder->in, &n) || n > PAYI_LIMIT_ITEMS)
		return refuse(decoder, "%s is not a list of at most %d items", fields[id].name,
			      PAYI_LIMIT_ITEMS);
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text name;
		if (!msgpack_read_array(&decoder->in, &sides) || sides != 2)
			return refuse(decoder, "%s holds something that is no pair",
				      fields[id].name);
		if (!read_name(decoder, id, &name) || !read_value(decoder, id))
			return false;
	}
	return true;
}

static bool read_LIST(struct decoder *decoder, unsigned id)
{
	uint32_t n;
	if (!msgpack_read_array(&decoder->in, &n) || n > PAYI_LIMIT_ITEMS)
		return refuse(decoder, "%s is not a list of at most %d items", fields[id].name,
			      PAYI_LIMIT_ITEMS);
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text item;
		if (!read_name(decoder, id, &item))
			return false;
		if (id == PAYI_FIELD_limit_ids && memchr(item.text, ',', item.len))
			return refuse(decoder, "%s holds an id with a comma", fields[id].name);
	}
	return true;
}

static bool read_CHUNKS(struct decoder *decoder, unsigned id)
{
	uint32_t n;
	if (!msgpack_read_array(&decoder->in, &n))
		return refuse(decoder, "%s is not a list", fields[id].name);
	for (uint32_t i = 0; i < n; i++) {
		struct msgpack_text chunk;
		if (!read_text(decoder, id, UINT32_MAX, &chunk))
			return false;
	}
	return true;
}

/* ---- The event ------------------------------------------------------------------------------------ */

static bool read_field(struct decoder *decoder, unsigned id)
{
	switch (fields[id].type) {
	case TYPE_STR:
		return read_STR(decoder, id);
	case TYPE_ID:
		return read_ID(decoder, id);
	case TYPE_I32:
		return read_int(decoder, id, -INT32_MAX, INT32_MAX);
	case TYPE_TIME:
		return read_int(decoder, id, 0, EVENT_TIME_MAX_US);
	case TYPE_UNITS:
		return read_UNITS(decoder, id);
	case TYPE_PROPS:
		return read_PROPS(decoder, id);
	case TYPE_PAIRS:
		return read_PAIRS(decoder, id);
	case TYPE_LIST:
		return read_LIST(decoder, id);
	case TYPE_CHUNKS:
		return read_CHUNKS(decoder, id);
	case TYPE_NONE:
		break;
	}
	return refuse(decoder, "field %u is not known", id);
}

static bool read_fields(struct decoder *decoder)
{
	struct event *event = decoder->event;
	uint32_t n;
	if (!msgpack_read_map(&decoder->in, &n))
		return refuse(decoder, "the record is not a map, or larger than its bytes");
	for (uint32_t i = 0; i < n; i++) {
		int64_t id;
		if (!msgpack_read_int(&decoder->in, &id) || id < 1 || id > PAYI_FIELD_MAX)
			return refuse(decoder, "a field's key is no number of 1 to %d",
				      PAYI_FIELD_MAX);
		if (event_has(event, (enum payi_field)id))
			return refuse(decoder, "%s is there twice", fields[id].name);
		const uint8_t *raw = decoder->in.at;
		if (!read_field(decoder, (unsigned)id))
			return false;
		event->field[id].raw = raw;
		event->field[id].raw_bytes = (uint32_t)(decoder->in.at - raw);
		event->present |= (uint64_t)1 << id;
	}
	return decoder->in.at == decoder->in.end ||
	       refuse(decoder, "bytes follow behind the record's last field");
}

static bool check_use_case(struct decoder *decoder)
{
	static const enum payi_field need_a_name[] = {
		PAYI_FIELD_use_case_id, PAYI_FIELD_use_case_step, PAYI_FIELD_use_case_version,
		PAYI_FIELD_use_case_properties};
	const struct event *event = decoder->event;
	if (!event_has(event, PAYI_FIELD_use_case_name)) {
		for (size_t i = 0; i < sizeof(need_a_name) / sizeof(need_a_name[0]); i++)
			if (event_has(event, need_a_name[i]))
				return refuse(decoder, "%s is there without use_case_name",
					      fields[need_a_name[i]].name);
		return true;
	}
	const struct event_field *name = &event->field[PAYI_FIELD_use_case_name];
	return use_case_name_is_good(name->text, name->len) ||
	       refuse(decoder, "use_case_name is not 1 to 64 of A-Z a-z 0-9 . - _");
}

static bool check_required(struct decoder *decoder)
{
	static const enum payi_field required[] = {PAYI_FIELD_category, PAYI_FIELD_units,
						   PAYI_FIELD_event_timestamp_us,
						   PAYI_FIELD_provider_response_id};
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		if (!event_has(decoder->event, required[i]))
			return refuse(decoder, "%s is missing", fields[required[i]].name);
	return true;
}

const char *event_decode(struct event *event, const uint8_t *record, size_t record_bytes,
			 char reason[EVENT_REASON_BYTES])
{
	struct decoder decoder = {event, {record, record + record_bytes}, reason};
	event->record = record;
	event->record_bytes = (uint32_t)record_bytes;
	event->present = 0;
	const bool good =
		read_fields(&decoder) && check_required(&decoder) && check_use_case(&decoder);
	return good ? NULL : reason;
}

struct msgpack event_open(const struct event *event, enum payi_field field, uint32_t *n)
{
	const struct event_field *it = &event->field[field];
	struct msgpack in = {it->raw, it->raw + it->raw_bytes};
	const bool map = fields[field].type == TYPE_UNITS || fields[field].type == TYPE_PROPS;
	if (map)
		msgpack_read_map(&in, n);
	else
		msgpack_read_array(&in, n);
	return in;
}

static int64_t next_side(struct msgpack *in)
{
	int64_t number = -1;
	if (!msgpack_skip_nil(in))
		msgpack_read_int(in, &number);
	return number;
}

void event_units_next(struct msgpack *in, struct event_units *units)
{
	uint32_t sides;
	msgpack_read_str(in, &units->type);
	msgpack_read_array(in, &sides);
	units->input = next_side(in);
	units->output = next_side(in);
}

bool event_failed(const struct event *event)
{
	if (!event_has(event, PAYI_FIELD_http_status_code))
		return false;
	const int64_t status = event->field[PAYI_FIELD_http_status_code].number;
	return status >= 400 || status == 299;
}
