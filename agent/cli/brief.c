#include "cli/brief.h"

#include "cli/display.h"

#include <jansson.h>

static void add_value(struct buf *out, const json_t *value, bool grouped)
{
	if (json_is_integer(value))
		display_add_int(out, json_integer_value(value), grouped);
	else if (json_is_string(value))
		display_add(out, json_string_value(value));
	else
		buf_add_char(out, '-');
}

static void add_units(struct buf *out, const json_t *units, bool grouped)
{
	add_value(out, json_object_get(units, "input"), grouped);
	buf_add_char(out, '/');
	add_value(out, json_object_get(units, "output"), grouped);
}

static void add_object(struct buf *out, json_t *object, bool grouped)
{
	const char *key = NULL;
	json_t *value = NULL;
	const char *gap = "";
	json_object_foreach(object, key, value)
	{
		buf_add_str(out, gap);
		display_add(out, key);
		buf_add_char(out, ' ');
		if (json_is_object(value))
			add_units(out, value, grouped);
		else
			add_value(out, value, grouped);
		gap = ", ";
	}
}

void brief_add_json(struct buf *out, const char *text, bool grouped)
{
	json_t *json = json_loads(text, 0, NULL);
	if (json_is_object(json))
		add_object(out, json, grouped);
	else if (json_is_array(json))
		for (size_t i = 0; i < json_array_size(json); i++) {
			buf_add_str(out, i ? ", " : "");
			add_value(out, json_array_get(json, i), grouped);
		}
	else
		display_add(out, text);
	json_decref(json);
}
