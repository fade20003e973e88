#include "cli/track_json.h"

#include "base/clock.h"
#include "base/nearness.h"
#include "schema/event_fields.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parsed object, and what had to be made for the event beside it. */
struct track_json {
	json_t *root;
	void **owned;
	size_t n_owned;
	size_t owned_capacity;
};

/* ---- Memory --------------------------------------------------------------------------------------- */

static void *own(struct track_json *json, size_t n, size_t bytes)
{
	if (json->n_owned == json->owned_capacity) {
		const size_t capacity = json->owned_capacity ? 2 * json->owned_capacity : 16;
		void **owned = realloc(json->owned, capacity * sizeof(void *));
		if (!owned)
			return NULL;
		json->owned = owned;
		json->owned_capacity = capacity;
	}
	void *memory = calloc(n ? n : 1, bytes);
	if (memory)
		json->owned[json->n_owned++] = memory;
	return memory;
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, "out of memory");
}

void track_json_free(struct track_json *json)
{
	if (!json)
		return;
	for (size_t i = 0; i < json->n_owned; i++)
		free(json->owned[i]);
	free(json->owned);
	json_decref(json->root);
	free(json);
}

/* ---- Single values -------------------------------------------------------------------------------- */

static int wrong_type(struct err *err, const char *field, const char *wanted)
{
	return err_set(err, ERR_INVALID, "%s is not %s", field, wanted);
}

static int read_text(const json_t *value, const char *field, const char **text, struct err *err)
{
	if (!json_is_string(value))
		return wrong_type(err, field, "a string");
	*text = json_string_value(value);
	return 0;
}

/* A whole number, be it written as 7, 7.0 or 7e0. */
static int read_whole(const json_t *value, const char *field, int64_t *number, struct err *err)
{
	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return 0;
	}
	const double real = json_is_real(value) ? json_real_value(value) : 0.5;
	if (real != floor(real) || fabs(real) > 9007199254740992.0) /* 2^53 */
		return wrong_type(err, field, "a whole number");
	*number = (int64_t)real;
	return 0;
}

static int read_i32(const json_t *value, const char *field, int32_t *number, struct err *err)
{
	int64_t whole = 0;
	const int status = read_whole(value, field, &whole, err);
	if (status)
		return status;
	if (whole < -INT32_MAX || whole > INT32_MAX)
		return err_set(err, ERR_INVALID, "%s is %lld; it must be -2147483647 to 2147483647",
			       field, (long long)whole);
	*number = (int32_t)whole;
	return 0;
}

static int read_time(const json_t *value, const char *field, int64_t *us, struct err *err)
{
	if (!json_is_string(value) || clock_parse(json_string_value(value), us))
		return err_set(err, ERR_INVALID,
			       "%s is not a time as RFC 3339 has it, such as 2026-11-23T12:00:00Z",
			       field);
	if (*us == 0)
		*us = 1; /* for libpayi 0 means now */
	return 0;
}

/* A number as Python's str() writes it: the shortest that reads back as the same, and never without a point. */
static void write_real(double real, char *text, size_t size)
{
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, size, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	if (!strpbrk(text, ".einf"))
		strncat(text, ".0", size - strlen(text) - 1);
}

/* A property's value as text, as the SDK's str() makes it; null stays null. */
static int read_value(struct track_json *json, const json_t *value, const char **text,
		      struct err *err)
{
	enum { NUMBER_BYTES = 40 };
	*text = NULL;
	if (json_is_null(value))
		return 0;
	if (json_is_string(value)) {
		*text = json_string_value(value);
		return 0;
	}
	if (json_is_boolean(value)) {
		*text = json_is_true(value) ? "True" : "False";
		return 0;
	}
	char *made = own(json, NUMBER_BYTES, 1);
	if (!made)
		return no_memory(err);
	if (json_is_integer(value)) {
		snprintf(made, NUMBER_BYTES, "%lld", (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		write_real(json_real_value(value), made, NUMBER_BYTES);
	} else {
		return err_set(err, ERR_INVALID,
			       "a property's value is a list or an object; it must be a string");
	}
	*text = made;
	return 0;
}

/* ---- Lists and maps ------------------------------------------------------------------------------- */

static int read_side(const json_t *units, const char *side, const char *type, int64_t *number,
		     struct err *err)
{
	char field[128];
	const json_t *value = json_object_get(units, side);
	*number = PAYI_UNSET_UNITS;
	if (!value || json_is_null(value))
		return 0;
	snprintf(field, sizeof(field), "units.%.80s.%s", type, side);
	const int status = read_whole(value, field, number, err);
	if (status || (*number >= 0 && *number <= PAYI_LIMIT_UNIT))
		return status;
	return err_set(err, ERR_INVALID, "%s is %lld; it must be 0 to 2147483647", field,
		       (long long)*number);
}

static int read_units(struct track_json *json, const json_t *value, const payi_units **units,
		      size_t *n, struct err *err)
{
	if (!json_is_object(value))
		return wrong_type(err, "units", "an object");
	payi_units *made = own(json, json_object_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	const char *type;
	json_t *sides;
	json_object_foreach((json_t *)(uintptr_t)value, type, sides)
	{
		if (!json_is_object(sides))
			return err_set(err, ERR_INVALID,
				       "units.%.80s is not an object with input and output", type);
		const size_t known = (json_object_get(sides, "input") ? 1u : 0u) +
				     (json_object_get(sides, "output") ? 1u : 0u);
		if (json_object_size(sides) != known)
			return err_set(err, ERR_INVALID,
				       "units.%.80s holds something beside input and output", type);
		payi_units *one = &made[(*n)++];
		one->type = type;
		int status = read_side(sides, "input", type, &one->input, err);
		if (!status)
			status = read_side(sides, "output", type, &one->output, err);
		if (status)
			return status;
	}
	*units = made;
	return 0;
}

static int read_props(struct track_json *json, const json_t *value, const char *field,
		      const payi_property **properties, size_t *n, struct err *err)
{
	if (!json_is_object(value))
		return wrong_type(err, field, "an object");
	payi_property *made = own(json, json_object_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	const char *name;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		made[*n].name = name;
		const int status = read_value(json, item, &made[*n].value, err);
		if (status)
			return err_wrap(err, "%s", field);
		(*n)++;
	}
	*properties = made;
	return 0;
}

/* Headers and calls: {"name": …, second: …}. Both structures are a name and a value. */
static int read_pairs(struct track_json *json, const json_t *value, const char *field,
		      const char *second, const void **pairs, size_t *n, struct err *err)
{
	if (!json_is_array(value))
		return wrong_type(err, field, "an array");
	payi_header *made = own(json, json_array_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		const json_t *name = json_object_get(item, "name");
		const json_t *text = json_object_get(item, second);
		if (!json_is_string(name) || (text && !json_is_string(text) && !json_is_null(text)))
			return err_set(err, ERR_INVALID,
				       "%s[%zu] is not an object with name and %s as strings",
				       field, i, second);
		made[i].name = json_string_value(name);
		made[i].value = json_string_value(text);
	}
	*n = json_array_size(value);
	*pairs = made;
	return 0;
}

static int read_strings(struct track_json *json, const json_t *value, const char *field,
			const char *const **list, size_t *n, struct err *err)
{
	const char **made = own(json, json_array_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *item = json_array_get(value, i);
		if (json_is_null(item))
			continue;
		if (!json_is_string(item))
			return err_set(err, ERR_INVALID, "%s[%zu] is not a string", field, i);
		made[(*n)++] = json_string_value(item);
	}
	*list = made;
	return 0;
}

/* "a, b": without the white space around each. */
static int split_list(struct track_json *json, const char *text, const char *const **list,
		      size_t *n, struct err *err)
{
	size_t commas = 0;
	for (const char *at = text; *at; at++)
		commas += *at == ',';
	const char **made = own(json, commas + 1, sizeof(*made));
	char *copy = own(json, strlen(text) + 1, 1);
	if (!made || !copy)
		return no_memory(err);
	memcpy(copy, text, strlen(text) + 1);
	char *rest = copy;
	for (char *item; (item = strtok_r(rest, ",", &rest));) {
		item += strspn(item, " \t");
		size_t len = strlen(item);
		while (len && strchr(" \t", item[len - 1]))
			item[--len] = '\0';
		if (len)
			made[(*n)++] = item;
	}
	*list = made;
	return 0;
}

static int read_list(struct track_json *json, const json_t *value, const char *field,
		     const char *const **list, size_t *n, struct err *err)
{
	if (json_is_string(value))
		return split_list(json, json_string_value(value), list, n, err);
	if (!json_is_array(value))
		return wrong_type(err, field, "an array of strings");
	return read_strings(json, value, field, list, n, err);
}

static int read_chunks(struct track_json *json, const json_t *value, const char *field,
		       const char *const **list, size_t *n, struct err *err)
{
	if (json_is_array(value))
		return read_strings(json, value, field, list, n, err);
	if (!json_is_string(value))
		return wrong_type(err, field, "a string or an array of strings");
	const char **made = own(json, 1, sizeof(*made));
	if (!made)
		return no_memory(err);
	made[0] = json_string_value(value);
	*n = 1;
	*list = made;
	return 0;
}

/* ---- The event ------------------------------------------------------------------------------------ */

static int is_no_field(const char *name, struct err *err)
{
	static const char *const names[] = {
#define X(id, name, type, json, column) json,
		PAYI_EVENT_FIELDS(X)
#undef X
	};
	const char *best = NULL;
	size_t best_distance = NEARNESS_MAX + 1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const size_t distance = nearness(name, names[i]);
		if (distance < best_distance) {
			best_distance = distance;
			best = names[i];
		}
	}
	if (best)
		return err_set(err, ERR_INVALID,
			       "'%.80s' is not a field of an event; did you mean %s?", name, best);
	return err_set(err, ERR_INVALID, "'%.80s' is not a field of an event", name);
}

#define READ_STR(name)    read_text(value, key, &event->name, err)
#define READ_ID(name)     read_text(value, key, &event->name, err)
#define READ_I32(name)    read_i32(value, key, &event->name, err)
#define READ_TIME(name)   read_time(value, key, &event->name, err)
#define READ_UNITS(name)  read_units(json, value, &event->name, &event->n_##name, err)
#define READ_PROPS(name)  read_props(json, value, key, &event->name, &event->n_##name, err)
#define READ_LIST(name)   read_list(json, value, key, &event->name, &event->n_##name, err)
#define READ_CHUNKS(name) read_chunks(json, value, key, &event->name, &event->n_##name, err)
#define READ_PAIRS(name)                                                                           \
	read_pairs(json, value, key,                                                               \
		   PAYI_FIELD_##name == PAYI_FIELD_provider_response_function_calls ? "arguments"  \
										    : "value",     \
		   (const void **)&event->name, &event->n_##name, err)

static int read_field(struct track_json *json, const char *key, const json_t *value,
		      payi_event *event, struct err *err)
{
	if (json_is_null(value))
		return 0;
#define X(id, name, type, json_name, column)                                                       \
	if (strcmp(key, json_name) == 0)                                                           \
		return READ_##type(name);
	PAYI_EVENT_FIELDS(X)
#undef X
	if (strcmp(key, "resource_scope") == 0)
		return read_text(value, key, &event->scope, err);
	return is_no_field(key, err);
}

int track_json_read(const char *text, size_t len, struct track_json **out, payi_event *event,
		    struct err *err)
{
	json_error_t error;
	struct track_json *json = calloc(1, sizeof(*json));
	if (!json)
		return no_memory(err);
	json->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	int status = 0;
	if (!json->root)
		status = err_set(err, ERR_INVALID, "not valid JSON: %s", error.text);
	*event = (payi_event)PAYI_EVENT_INIT;
	const char *key;
	json_t *value;
	json_object_foreach(json->root, key, value)
	{
		status = read_field(json, key, value, event, err);
		if (status)
			break;
	}
	if (!status && !event->units && !json_object_get(json->root, "units"))
		status = err_set(err, ERR_INVALID, "units is missing; it may be empty: {}");
	if (status) {
		track_json_free(json);
		return status;
	}
	*out = json;
	return 0;
}
