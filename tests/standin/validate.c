#include "standin/validate.h"

#include "schema/use_case_fields.h"
#include "standin/rfc3339.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FUTURE_US_MAX (INT64_C(5) * 60 * 1000000)

enum { USE_CASE_NAME_MAX = 64, USE_CASE_ID_MAX = 1024 };

#define UNIT_MAX INT64_C(2147483647)

#define CODE_ANY       "request_processing_error"
#define CODE_REQUIRED  "required_field_missing"
#define CODE_TIMESTAMP "invalid_ingest_event_timestamp"
#define CODE_NAME      "invalid_use_case_name"
#define CODE_LIMIT     "duplicate_limit_id"

enum presence {
	OPTIONAL, /* may be absent or null */
	REQUIRED,
};

struct checking {
	const struct field *field;
	const json_t *value;
	int64_t now_us;
	struct verdict *verdict;
};

typedef bool check_fn(const struct checking *c);

static check_fn is_text, is_int32, is_time, is_units, is_limits, is_chunks, is_headers, is_calls,
	is_properties, is_use_case_name, is_gone;

struct field {
	const char *name;
	check_fn *check;
	enum presence presence;
	bool has_header; /* in single ingest it is a header, and no member of the body */
	size_t min, max; /* characters of a text; 0: no bound is documented */
};

static const struct field FIELDS[] = {
	{"category", is_text, REQUIRED, false, 1, 0},
	{"units", is_units, REQUIRED, false, 0, 0},
	{"provider_response_id", is_text, REQUIRED, false, 1, 0},
	{"resource", is_text, OPTIONAL, false, 0, 0},
	{"event_timestamp", is_time, OPTIONAL, false, 0, 0},
	{"end_to_end_latency_ms", is_int32, OPTIONAL, false, 0, 0},
	{"time_to_first_token_ms", is_int32, OPTIONAL, false, 0, 0},
	{"time_to_first_completion_token_ms", is_int32, OPTIONAL, false, 0, 0},
	{"http_status_code", is_int32, OPTIONAL, false, 0, 0},
	{"use_case_name", is_use_case_name, OPTIONAL, true, 0, 0},
	{"use_case_id", is_text, OPTIONAL, true, 1, USE_CASE_ID_MAX},
	{"use_case_step", is_text, OPTIONAL, true, 0, 0},
	{"use_case_version", is_int32, OPTIONAL, true, 0, 0},
	{"use_case_properties", is_properties, OPTIONAL, false, 0, 0},
	{"properties", is_properties, OPTIONAL, false, 0, 0},
	{"user_id", is_text, OPTIONAL, true, 0, 0},
	{"account_name", is_text, OPTIONAL, true, 0, 0},
	{"limit_ids", is_limits, OPTIONAL, true, 0, 0},
	{"scope", is_text, OPTIONAL, true, 0, 0},
	{"provider_uri", is_text, OPTIONAL, false, 0, 0},
	{"provider_request_json", is_text, OPTIONAL, false, 0, 0},
	{"provider_request_reasoning_json", is_text, OPTIONAL, false, 0, 0},
	{"provider_response_json", is_chunks, OPTIONAL, false, 0, 0},
	{"provider_request_headers", is_headers, OPTIONAL, false, 0, 0},
	{"provider_response_headers", is_headers, OPTIONAL, false, 0, 0},
	{"provider_response_function_calls", is_calls, OPTIONAL, false, 0, 0},
	{"request_tags", is_gone, OPTIONAL, true, 0, 0},
};

enum { N_FIELDS = sizeof(FIELDS) / sizeof(FIELDS[0]) };

/* These say something about a use case, so they need its name. */
static const char *const OF_A_USE_CASE[] = {
	"use_case_id",
	"use_case_step",
	"use_case_version",
	"use_case_properties",
};

enum { N_OF_A_USE_CASE = sizeof(OF_A_USE_CASE) / sizeof(OF_A_USE_CASE[0]) };

/* ---- Refusals ------------------------------------------------------------------------------------- */

bool refuse(struct refusal *refusal, const char *code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(refusal->message, sizeof(refusal->message), format, arguments);
	va_end(arguments);
	refusal->status = 400;
	refusal->code = code;
	return false;
}

static bool wrong(const struct checking *c, const char *must)
{
	return refuse(&c->verdict->refusal, CODE_ANY, "%s must be %s", c->field->name, must);
}

/* ---- Plain values --------------------------------------------------------------------------------- */

static size_t count_characters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool is_text(const struct checking *c)
{
	if (!json_is_string(c->value))
		return wrong(c, "a string");
	const struct field *field = c->field;
	const size_t length = count_characters(json_string_value(c->value));
	if (length < field->min)
		return wrong(c, "a string that is not empty");
	if (field->max && length > field->max)
		return refuse(&c->verdict->refusal, CODE_ANY,
			      "%s has %zu characters, of %zu at the most", field->name, length,
			      field->max);
	return true;
}

static bool is_int32(const struct checking *c)
{
	const json_int_t value = json_integer_value(c->value);
	if (!json_is_integer(c->value) || value < INT32_MIN || value > INT32_MAX)
		return wrong(c, "an integer of 32 bits");
	return true;
}

static bool is_time(const struct checking *c)
{
	struct verdict *verdict = c->verdict;
	if (!json_is_string(c->value))
		return wrong(c, "a string");
	const char *text = json_string_value(c->value);
	if (!rfc3339_parse(text, &verdict->event_us))
		return refuse(&verdict->refusal, CODE_TIMESTAMP, "%s '%.40s' is not RFC 3339",
			      c->field->name, text);
	if (verdict->event_us > c->now_us + FUTURE_US_MAX)
		return refuse(&verdict->refusal, CODE_TIMESTAMP,
			      "%s '%.40s' is more than 5 minutes ahead", c->field->name, text);
	return true;
}

bool validate_use_case_name(const char *name)
{
	const size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789.-_");
	return length >= 1 && length <= USE_CASE_NAME_MAX && name[length] == '\0';
}

static bool is_use_case_name(const struct checking *c)
{
	if (!json_is_string(c->value))
		return wrong(c, "a string");
	if (!validate_use_case_name(json_string_value(c->value)))
		return refuse(&c->verdict->refusal, CODE_NAME,
			      "use_case_name '%.80s' is not 1 to 64 of A-Z a-z 0-9 . - _",
			      json_string_value(c->value));
	return true;
}

static bool is_gone(const struct checking *c)
{
	return refuse(&c->verdict->refusal, CODE_ANY, "%s is no longer taken", c->field->name);
}

/* ---- Units ---------------------------------------------------------------------------------------- */

static bool is_count(const struct checking *c, const char *unit, const char *side,
		     const json_t *count)
{
	if (strcmp(side, "input") != 0 && strcmp(side, "output") != 0)
		return refuse(&c->verdict->refusal, CODE_ANY, "units.%.40s has no member '%.40s'",
			      unit, side);
	if (!json_is_integer(count) || json_integer_value(count) < 0 ||
	    json_integer_value(count) > UNIT_MAX)
		return refuse(&c->verdict->refusal, CODE_ANY,
			      "units.%.40s.%s must be an integer, 0 to 2147483647", unit, side);
	return true;
}

static bool is_unit(const struct checking *c, const char *unit, json_t *counts)
{
	if (unit[0] == '\0')
		return wrong(c, "a map whose names are not empty");
	if (!json_is_object(counts))
		return refuse(&c->verdict->refusal, CODE_ANY, "units.%.40s must be an object",
			      unit);
	const char *side;
	json_t *count;
	json_object_foreach(counts, side, count) if (!is_count(c, unit, side, count)) return false;
	return true;
}

static bool is_units(const struct checking *c)
{
	if (!json_is_object(c->value))
		return wrong(c, "an object");
	const char *unit;
	json_t *counts;
	json_object_foreach((json_t *)(uintptr_t)c->value, unit,
			    counts) if (!is_unit(c, unit, counts)) return false;
	return true;
}

/* ---- Lists and maps ------------------------------------------------------------------------------- */

static bool are_texts(const struct checking *c)
{
	for (size_t i = 0; i < json_array_size(c->value); i++)
		if (!json_is_string(json_array_get(c->value, i)))
			return wrong(c, "an array of strings");
	return json_is_array(c->value) || wrong(c, "an array of strings");
}

static bool is_chunks(const struct checking *c)
{
	return json_is_string(c->value) || are_texts(c);
}

static bool is_limits(const struct checking *c)
{
	if (!are_texts(c))
		return false;
	json_t *seen = json_object();
	const char *twice = NULL;
	bool empty = false;
	for (size_t i = 0; i < json_array_size(c->value); i++) {
		const char *id = json_string_value(json_array_get(c->value, i));
		empty = empty || id[0] == '\0';
		if (json_object_get(seen, id))
			twice = id;
		json_object_set_new(seen, id, json_true());
	}
	json_decref(seen);
	if (twice)
		return refuse(&c->verdict->refusal, CODE_LIMIT, "limit_ids has '%.80s' twice",
			      twice);
	return !empty || wrong(c, "an array of strings that are not empty");
}

static bool is_properties(const struct checking *c)
{
	if (!json_is_object(c->value))
		return wrong(c, "an object");
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)c->value, name, value)
	{
		if (name[0] == '\0')
			return wrong(c, "a map whose names are not empty");
		if (!json_is_string(value))
			return refuse(
				&c->verdict->refusal, CODE_ANY,
				"%s.%.40s must be a string (what null means is not documented)",
				c->field->name, name);
	}
	return true;
}

/* One of {"name": "…", other: "…"}; the name must be there, and not empty. */
static bool is_pair(const json_t *pair, const char *other)
{
	const json_t *name = json_object_get(pair, "name");
	const json_t *value = json_object_get(pair, other);
	const size_t known = (name != NULL) + (size_t)(value != NULL);
	return json_is_string(name) && json_string_length(name) > 0 &&
	       (!value || json_is_string(value) || json_is_null(value)) &&
	       json_object_size(pair) == known;
}

static bool are_pairs(const struct checking *c, const char *other)
{
	bool right = json_is_array(c->value);
	for (size_t i = 0; right && i < json_array_size(c->value); i++)
		right = is_pair(json_array_get(c->value, i), other);
	return right || refuse(&c->verdict->refusal, CODE_ANY,
			       "%s must be an array of objects with name (not empty) and %s",
			       c->field->name, other);
}

static bool is_headers(const struct checking *c)
{
	return are_pairs(c, "value");
}

static bool is_calls(const struct checking *c)
{
	return are_pairs(c, "arguments");
}

/* ---- The event ------------------------------------------------------------------------------------ */

static const struct field *find_field(const char *name)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (strcmp(FIELDS[i].name, name) == 0)
			return &FIELDS[i];
	return NULL;
}

/* A member that the table knows; NULL: it knows none of that name, and the item is refused. */
static const struct field *known_field(const char *name, struct refusal *refusal)
{
	const struct field *field = find_field(name);
	if (!field)
		refuse(refusal, CODE_ANY, "there is no field '%.80s'", name);
	return field;
}

static bool check_members(const json_t *item, int64_t now_us, struct verdict *verdict)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)item, name, value)
	{
		const struct field *field = known_field(name, &verdict->refusal);
		const struct checking c = {field, value, now_us, verdict};
		if (!field)
			return false;
		if (json_is_null(value) && field->presence == OPTIONAL)
			continue;
		if (!field->check(&c))
			return false;
	}
	return true;
}

static bool check_required(const json_t *item, struct refusal *refusal)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (FIELDS[i].presence == REQUIRED && !json_object_get(item, FIELDS[i].name))
			return refuse(refusal, CODE_REQUIRED, "%s is required", FIELDS[i].name);
	return true;
}

static bool has(const json_t *item, const char *name)
{
	const json_t *value = json_object_get(item, name);
	return value && !json_is_null(value);
}

static bool check_use_case(const json_t *item, struct refusal *refusal)
{
	const char *id = json_string_value(json_object_get(item, "use_case_id"));
	if (id && strncmp(id, PAYI_HANDLE_PREFIX, sizeof(PAYI_HANDLE_PREFIX) - 1) == 0)
		return refuse(refusal, "unresolved_handle",
			      "use_case_id is a handle, which means nothing here: %.80s", id);
	if (has(item, "use_case_name"))
		return true;
	for (size_t i = 0; i < N_OF_A_USE_CASE; i++)
		if (has(item, OF_A_USE_CASE[i]))
			return refuse(refusal, CODE_ANY, "%s without a use_case_name",
				      OF_A_USE_CASE[i]);
	return true;
}

bool validate_single_body(const json_t *item, struct refusal *refusal)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)item, name, value)
	{
		const struct field *field = find_field(name);
		if (field && field->has_header)
			return refuse(refusal, CODE_ANY, "%s is a header in single ingest", name);
	}
	return json_is_object(item) || refuse(refusal, CODE_ANY, "an event must be an object");
}

void validate_item(const json_t *item, int64_t now_us, struct verdict *verdict)
{
	struct refusal *refusal = &verdict->refusal;
	refusal->status = 0;
	verdict->event_us = VALIDATE_NO_TIME;
	if (!json_is_object(item))
		refuse(refusal, CODE_ANY, "an event must be an object");
	else if (check_members(item, now_us, verdict) && check_required(item, refusal))
		check_use_case(item, refusal);
}
