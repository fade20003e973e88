#include "event/use_case.h"

#include "event/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One decoding under way. seen has the bit of each field that was read. */
struct decoder {
	struct use_case_notice *notice;
	struct msgpack in;
	uint64_t seen;
	char *reason;
};

#define BIT(field) ((uint64_t)1 << (field))

static const uint64_t fields_of[] = {
	[USE_CASE_DEFINE] =
		BIT(PAYI_USE_CASE_TIME) | BIT(PAYI_USE_CASE_NAME) | BIT(PAYI_USE_CASE_DESCRIPTION),
	[USE_CASE_CREATE] =
		BIT(PAYI_USE_CASE_TIME) | BIT(PAYI_USE_CASE_NAME) | BIT(PAYI_USE_CASE_ID),
	[USE_CASE_REQUEST] =
		BIT(PAYI_USE_CASE_TIME) | BIT(PAYI_USE_CASE_NAME) | BIT(PAYI_USE_CASE_ID),
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

/* ---- Rules of their own --------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

bool use_case_name_is_good(const char *text, size_t len)
{
	if (len < 1 || len > PAYI_LIMIT_USE_CASE_NAME)
		return false;
	size_t good = 0;
	while (good < len && is_name_char(text[good]))
		good++;
	return good == len;
}

bool use_case_id_is_handle(const char *text, size_t len)
{
	const size_t prefix = sizeof(PAYI_HANDLE_PREFIX) - 1;
	return len >= prefix && memcmp(text, PAYI_HANDLE_PREFIX, prefix) == 0;
}

/* ---- Fields --------------------------------------------------------------------------------------- */

static bool read_text(struct decoder *decoder, const char *name, uint32_t limit,
		      struct msgpack_text *text)
{
	if (!msgpack_read_str(&decoder->in, text))
		return refuse(decoder, "%s is no string", name);
	if (text->len < 1 || text->len > limit)
		return refuse(decoder, "%s is %" PRIu32 " bytes long; it must be 1 to %" PRIu32,
			      name, text->len, limit);
	return utf8_is_text(text->text, text->len) ||
	       refuse(decoder, "%s is not valid UTF-8, or holds a NUL", name);
}

static bool read_time(struct decoder *decoder)
{
	int64_t *time_us = &decoder->notice->time_us;
	if (!msgpack_read_int(&decoder->in, time_us))
		return refuse(decoder, "the time is not a whole number");
	return (*time_us >= 0 && *time_us <= EVENT_TIME_MAX_US) ||
	       refuse(decoder, "the time is %" PRId64 "; it must be 0 to %" PRId64, *time_us,
		      EVENT_TIME_MAX_US);
}

static bool read_field(struct decoder *decoder, int64_t field)
{
	struct use_case_notice *notice = decoder->notice;
	switch (field) {
	case PAYI_USE_CASE_TIME:
		return read_time(decoder);
	case PAYI_USE_CASE_NAME:
		return read_text(decoder, "use_case_name", PAYI_LIMIT_NAME, &notice->name);
	case PAYI_USE_CASE_ID:
		return read_text(decoder, "use_case_id", PAYI_LIMIT_NAME, &notice->id);
	default:
		return read_text(decoder, "description", PAYI_LIMIT_DESCRIPTION,
				 &notice->description);
	}
}

static bool read_fields(struct decoder *decoder, uint64_t expected)
{
	uint32_t n;
	int64_t field;
	if (!msgpack_read_map(&decoder->in, &n))
		return refuse(decoder, "the record is not a map, or larger than its bytes");
	for (uint32_t i = 0; i < n; i++) {
		if (!msgpack_read_int(&decoder->in, &field) || field < 1 || field > PAYI_FIELD_MAX)
			return refuse(decoder, "a field's key is no number of 1 to %d",
				      PAYI_FIELD_MAX);
		if (!(expected & BIT(field)))
			return refuse(decoder, "field %" PRId64 " does not belong here", field);
		if (decoder->seen & BIT(field))
			return refuse(decoder, "field %" PRId64 " is there twice", field);
		if (!read_field(decoder, field))
			return false;
		decoder->seen |= BIT(field);
	}
	if (decoder->in.at != decoder->in.end)
		return refuse(decoder, "bytes follow behind the record's last field");
	return decoder->seen == expected || refuse(decoder, "a field is missing");
}

static bool check(struct decoder *decoder)
{
	const struct use_case_notice *notice = decoder->notice;
	if (!use_case_name_is_good(notice->name.text, notice->name.len))
		return refuse(decoder, "use_case_name is not 1 to 64 of A-Z a-z 0-9 . - _");
	if (notice->kind == USE_CASE_DEFINE)
		return true;
	const bool handle = use_case_id_is_handle(notice->id.text, notice->id.len);
	if (notice->kind == USE_CASE_CREATE && handle)
		return refuse(decoder, "use_case_id begins with " PAYI_HANDLE_PREFIX
				       ", which is for ids that the service shall give");
	if (notice->kind == USE_CASE_REQUEST && !handle)
		return refuse(decoder, "use_case_id does not begin with " PAYI_HANDLE_PREFIX);
	return true;
}

const char *use_case_decode(struct use_case_notice *notice, enum use_case_kind kind,
			    const uint8_t *record, size_t record_bytes,
			    char reason[EVENT_REASON_BYTES])
{
	struct decoder decoder = {notice, {record, record + record_bytes}, 0, reason};
	*notice = (struct use_case_notice){.kind = kind};
	return read_fields(&decoder, fields_of[kind]) && check(&decoder) ? NULL : reason;
}
