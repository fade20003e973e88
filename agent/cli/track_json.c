#include "cli/track_json.h"

#include "base/nearness.h"
#include "cli/track_value.h"
#include "schema/event_fields.h"

#include <jansson.h>
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

/* ---- Lists and maps ------------------------------------------------------------------------------- */

/* A property's value as text, as the SDK's str() makes it; null stays null. */
static int read_property(struct track_json *json, const json_t *value, const char **text,
			 struct err *err)
{
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
	if (!json_is_number(value))
		return err_set(err, ERR_INVALID,
			       "a property's value is a list or an object; it must be a string");
	char *made = own(json, TRACK_NUMBER_BYTES, 1);
	if (!made)
		return no_memory(err);
	track_value_number_text(value, made);
	*text = made;
	return 0;
}

static int read_side(const json_t *units, const char *side, const char *type, int64_t *number,
		     struct err *err)
{
	char field[128];
	const json_t *value = json_object_get(units, side);
	*number = PAYI_UNSET_UNITS;
	if (!value || json_is_null(value))
		return 0;
	snprintf(field, sizeof(field), "units.%.80s.%s", type, side);
	const int status = track_value_whole(value, field, number, err);
	if (status || (*number >= 0 && *number <= PAYI_LIMIT_UNIT))
		return status;
	return err_set(err, ERR_INVALID, "%s is %lld; it must be 0 to 2147483647", field,
		       (long long)*number);
}

static int read_units(struct track_json *json, const json_t *value, const payi_units **units,
		      size_t *n, struct err *err)
{
	if (!json_is_object(value))
		return track_value_wrong("units", "an object", err);
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
		return track_value_wrong(field, "an object", err);
	payi_property *made = own(json, json_object_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	const char *name;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		made[*n].name = name;
		const int status = read_property(json, item, &made[*n].value, err);
		if (status)
			return err_wrap(err, "%s", field);
		(*n)++;
	}
	*properties = made;
	return 0;
}

/* {"name": …, second: …}, and nothing else. Borrowed by name and text; a second that is null or absent is NULL. */
static int read_pair(const json_t *item, const char *field, size_t i, const char *second,
		     const char **name, const char **text, struct err *err)
{
	const json_t *value = json_object_get(item, second);
	if (!json_is_string(json_object_get(item, "name")) ||
	    (value && !json_is_string(value) && !json_is_null(value)))
		return err_set(err, ERR_INVALID,
			       "%s[%zu] is not an object with name and %s as strings", field, i,
			       second);
	if (json_object_size(item) != (value ? 2 : 1))
		return err_set(err, ERR_INVALID, "%s[%zu] holds something beside name and %s",
			       field, i, second);
	*name = json_string_value(json_object_get(item, "name"));
	*text = json_string_value(value);
	return 0;
}

static int read_headers(struct track_json *json, const json_t *value, const char *field,
			const payi_header **headers, size_t *n, struct err *err)
{
	if (!json_is_array(value))
		return track_value_wrong(field, "an array", err);
	payi_header *made = own(json, json_array_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	for (; *n < json_array_size(value); (*n)++) {
		payi_header *one = &made[*n];
		const int status = read_pair(json_array_get(value, *n), field, *n, "value",
					     &one->name, &one->value, err);
		if (status)
			return status;
	}
	*headers = made;
	return 0;
}

static int read_calls(struct track_json *json, const json_t *value, const char *field,
		      const payi_function_call **calls, size_t *n, struct err *err)
{
	if (!json_is_array(value))
		return track_value_wrong(field, "an array", err);
	payi_function_call *made = own(json, json_array_size(value), sizeof(*made));
	if (!made)
		return no_memory(err);
	for (; *n < json_array_size(value); (*n)++) {
		payi_function_call *one = &made[*n];
		const int status = read_pair(json_array_get(value, *n), field, *n, "arguments",
					     &one->name, &one->arguments, err);
		if (status)
			return status;
	}
	*calls = made;
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
		return track_value_wrong(field, "an array of strings", err);
	return read_strings(json, value, field, list, n, err);
}

static int read_chunks(struct track_json *json, const json_t *value, const char *field,
		       const char *const **list, size_t *n, struct err *err)
{
	if (json_is_array(value))
		return read_strings(json, value, field, list, n, err);
	if (!json_is_string(value))
		return track_value_wrong(field, "a string or an array of strings", err);
	const char **made = own(json, 1, sizeof(*made));
	if (!made)
		return no_memory(err);
	made[0] = json_string_value(value);
	*n = 1;
	*list = made;
	return 0;
}

/* ---- The event ------------------------------------------------------------------------------------ */

/* What people write for scope: the SDK's name for it. */
#define SCOPE_ALIAS "resource_scope"

/* The field that was meant: a slip away, else one of which name is a part, or that is a part of name; or NULL. */
static const char *nearest_field(const char *name)
{
	static const char *const fields[] = {
#define X(id, name, type, json, column) json,
		PAYI_EVENT_FIELDS(X)
#undef X
	};
	enum { PART_MIN = 4 };
	const char *nearest = NULL;
	const char *part = NULL;
	size_t nearest_distance = NEARNESS_MAX + 1;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const size_t distance = nearness(name, fields[i]);
		if (distance < nearest_distance && 2 * distance < strlen(name)) {
			nearest = fields[i];
			nearest_distance = distance;
		}
		if (!part && strlen(name) >= PART_MIN &&
		    (strstr(fields[i], name) || strstr(name, fields[i])))
			part = fields[i];
	}
	return nearest ? nearest : part;
}

static int refuse_field(const char *name, struct err *err)
{
	const char *like = nearest_field(name);
	return err_set(err, ERR_INVALID, "'%.80s' is not a field of an event%s%s%s", name,
		       like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
}

static int read_scope_alias(const struct track_json *json, const json_t *value, payi_event *event,
			    struct err *err)
{
	const json_t *scope = json_object_get(json->root, "scope");
	if (scope && !json_is_null(scope))
		return err_set(err, ERR_INVALID,
			       SCOPE_ALIAS " and scope are both given; they mean the same");
	return track_value_text(value, SCOPE_ALIAS, &event->scope, err);
}

#define READ_STR(name)    track_value_text(value, key, &event->name, err)
#define READ_ID(name)     track_value_text(value, key, &event->name, err)
#define READ_I32(name)    track_value_i32(value, key, &event->name, err)
#define READ_TIME(name)   track_value_time(value, key, &event->name, err)
#define READ_UNITS(name)  read_units(json, value, &event->name, &event->n_##name, err)
#define READ_PROPS(name)  read_props(json, value, key, &event->name, &event->n_##name, err)
#define READ_LIST(name)   read_list(json, value, key, &event->name, &event->n_##name, err)
#define READ_CHUNKS(name) read_chunks(json, value, key, &event->name, &event->n_##name, err)
#define READ_PAIRS(name)                                                                           \
	_Generic((event->name), const payi_header * : read_headers, const payi_function_call *     \
		 : read_calls)(json, value, key, &event->name, &event->n_##name, err)

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
	if (strcmp(key, SCOPE_ALIAS) == 0)
		return read_scope_alias(json, value, event, err);
	return refuse_field(key, err);
}

static int read_fields(struct track_json *json, payi_event *event, struct err *err)
{
	const char *key;
	json_t *value;
	json_object_foreach(json->root, key, value)
	{
		const int status = read_field(json, key, value, event, err);
		if (status)
			return status;
	}
	if (!event->units)
		return err_set(err, ERR_INVALID, "units is missing; it may be empty: {}");
	return 0;
}

static int parse(struct track_json *json, const char *text, size_t len, struct err *err)
{
	json_error_t error;
	json->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(json->root))
		return 0;
	if (json->root)
		return err_set(err, ERR_INVALID, "it is not a JSON object");
	if (json_error_code(&error) == json_error_null_character)
		return err_set(err, ERR_INVALID,
			       "not valid JSON for an event: a string contains \\u0000");
	if (error.line > 1)
		return err_set(err, ERR_INVALID, "not valid JSON: %s, on line %d of the object",
			       error.text, error.line);
	return err_set(err, ERR_INVALID, "not valid JSON: %s", error.text);
}

int track_json_read(const char *text, size_t len, struct track_json **out, payi_event *event,
		    struct err *err)
{
	struct track_json *json = calloc(1, sizeof(*json));
	*out = NULL;
	*event = (payi_event)PAYI_EVENT_INIT;
	if (!json)
		return no_memory(err);
	int status = parse(json, text, len, err);
	if (!status)
		status = read_fields(json, event, err);
	if (status) {
		track_json_free(json);
		return status;
	}
	*out = json;
	return 0;
}
