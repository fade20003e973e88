#include "cli/members.h"

#include "cli/display.h"
#include "cli/sheet.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 16, PATH_BYTES = 512 }; /* what lies deeper is shown as JSON */

static const struct history_column columns[] = {{"name", "NAME", HISTORY_TEXT, 1},
						{"value", "VALUE", HISTORY_TEXT, 1}};

/* An object or a list that is being gone through, and where in it. */
struct level {
	json_t *of;
	void *member;   /* of an object: the next */
	size_t element; /* of a list: the next */
	size_t path_len;
};

static struct level level_of(json_t *of, size_t path_len)
{
	return (struct level){of, json_is_object(of) ? json_object_iter(of) : NULL, 0, path_len};
}

/* The next value, whose path is then in path; NULL: there is none. */
static json_t *next(struct level *level, char path[PATH_BYTES])
{
	char *end = path + level->path_len;
	const size_t room = PATH_BYTES - level->path_len;
	const char *dot = level->path_len ? "." : "";
	if (json_is_array(level->of)) {
		snprintf(end, room, "%s%zu", dot, level->element);
		return json_array_get(level->of, level->element++);
	}
	json_t *value = json_object_iter_value(level->member);
	if (!level->member)
		return NULL;
	snprintf(end, room, "%s%s", dot, json_object_iter_key(level->member));
	level->member = json_object_iter_next(level->of, level->member);
	return value;
}

static bool has_members(const json_t *value)
{
	return json_object_size(value) > 0 || json_array_size(value) > 0;
}

static void add_value(struct sheet *sheet, const json_t *value)
{
	if (json_is_string(value) || json_is_null(value)) {
		sheet_add(sheet, json_is_null(value) ? "" : json_string_value(value));
		return;
	}
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	sheet_add(sheet, text ? text : "");
	sheet->cells.failed |= !text;
	free(text);
}

static void walk(json_t *root, struct sheet *sheet)
{
	char path[PATH_BYTES] = "";
	struct level level[DEPTH];
	int depth = 0;
	level[0] = level_of(root, 0);
	while (depth >= 0) {
		json_t *value = next(&level[depth], path);
		if (!value) {
			depth--;
		} else if (has_members(value) && depth + 1 < DEPTH) {
			level[depth + 1] = level_of(value, strlen(path));
			depth++;
		} else {
			sheet_add(sheet, path);
			add_value(sheet, value);
		}
	}
}

/* ---- For people ----------------------------------------------------------------------------------- */

static int widest_name(struct sheet *sheet)
{
	const char *cell = buf_text(&sheet->cells);
	const char *end = cell + sheet->cells.len;
	int widest = 0;
	while (cell < end) {
		const char *value = cell + strlen(cell) + 1;
		const int width = display_width(cell);
		widest = *value && width > widest ? width : widest;
		cell = value + strlen(value) + 1;
	}
	return widest;
}

static void add_lines(struct sheet *sheet, const struct format_options *options, struct buf *out)
{
	const char *cell = buf_text(&sheet->cells);
	const char *end = cell + sheet->cells.len;
	const int indent = widest_name(sheet) + 2;
	while (cell < end) {
		const char *value = cell + strlen(cell) + 1;
		struct buf line = BUF_INIT;
		display_add(&line, cell);
		const int width = display_width(buf_text(&line));
		buf_addf(&line, "%*s", indent - width, "");
		display_add(&line, value);
		buf_add_char(&line, '\n');
		if (*value)
			display_add_wrapped(out, buf_text(&line), options->width, indent);
		out->failed |= line.failed;
		buf_release(&line);
		cell = value + strlen(value) + 1;
	}
}

/* ---- Forms ---------------------------------------------------------------------------------------- */

static json_t *load(const char *json, struct err *err)
{
	json_error_t why;
	json_t *root = json_loads(json, JSON_ALLOW_NUL, &why);
	if (!root)
		(void)err_set(err, ERR_INVALID, "cannot read what was to be shown: %s, at byte %d",
			      why.text, why.position);
	return root;
}

int members_add(const char *json, const struct format_options *options, struct buf *out,
		struct err *err)
{
	struct sheet sheet = {.columns = columns, .n_columns = 2};
	json_t *root = load(json, err);
	if (!root)
		return ERR_INVALID;
	walk(root, &sheet);
	if (options->kind == FORMAT_TABLE)
		add_lines(&sheet, options, out);
	else
		sheet_text(&sheet, options, out);
	const bool failed = sheet.cells.failed || out->failed;
	buf_release(&sheet.cells);
	json_decref(root);
	return failed ? err_set(err, ERR_MEMORY, "out of memory") : 0;
}

int members_add_cells(const char *json, struct sheet *sheet, struct err *err)
{
	json_t *root = load(json, err);
	if (!root)
		return ERR_INVALID;
	for (void *i = json_object_iter(root); i; i = json_object_iter_next(root, i))
		add_value(sheet, json_object_iter_value(i));
	json_decref(root);
	return sheet->cells.failed ? err_set(err, ERR_MEMORY, "out of memory") : 0;
}
