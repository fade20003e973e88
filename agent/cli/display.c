#define _XOPEN_SOURCE 700 /* wcwidth() */
#include "cli/display.h"

#include "base/money.h"
#include "history/character.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

void display_add(struct buf *out, const char *text)
{
	while (*text) {
		const char *start = text;
		const int32_t character = character_next(&text);
		if (character_is_harmless(character))
			buf_add(out, start, (size_t)(text - start));
		else if (character == '\n')
			buf_add_str(out, "\\n");
		else if (character == '\t')
			buf_add_str(out, "\\t");
		else if (character > 0xff)
			buf_addf(out, "\\u%04x", (unsigned)character);
		else
			buf_addf(out, "\\x%02x",
				 character == CHARACTER_BAD ? (unsigned char)*start
							    : (unsigned)character);
	}
}

/* What the C library does not know takes a column: a box, mostly. */
static int width_of(int32_t character)
{
	const int width = wcwidth((wchar_t)character);
	return width < 0 ? 1 : width;
}

int display_width(const char *text)
{
	int width = 0;
	while (*text)
		width += width_of(character_next(&text));
	return width;
}

int display_add_cut(struct buf *out, const char *text, int width)
{
	const char *end = text;
	int taken = 0;
	const int whole = display_width(text);
	if (whole <= width) {
		buf_add_str(out, text);
		return whole;
	}
	while (*end) {
		const char *next = end;
		const int more = width_of(character_next(&next));
		if (taken + more > width - 1)
			break;
		taken += more;
		end = next;
	}
	buf_add(out, text, (size_t)(end - text));
	buf_add_str(out, "…");
	return taken + 1;
}

void display_add_int(struct buf *out, int64_t number, bool grouped)
{
	char digits[24];
	const int len = snprintf(digits, sizeof(digits), "%lld", (long long)number);
	const int sign = digits[0] == '-';
	for (int i = 0; i < len; i++) {
		if (grouped && i > sign && (len - i) % 3 == 0)
			buf_add_char(out, ',');
		buf_add_char(out, digits[i]);
	}
}

void display_add_seconds(struct buf *out, int64_t seconds)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
	enum { LAST = sizeof(units) / sizeof(units[0]) - 1 };
	int i = 0;
	while (i < LAST && seconds < units[i].seconds)
		i++;
	buf_add_int(out, seconds / units[i].seconds);
	buf_add_str(out, units[i].name);
	const int64_t rest = seconds % units[i].seconds;
	if (i < LAST && rest >= units[i + 1].seconds)
		buf_addf(out, " %d%s", (int)(rest / units[i + 1].seconds), units[i + 1].name);
}

enum { MICRO = 1000000 };

void display_add_money(struct buf *out, int64_t picodollars)
{
	char text[MONEY_TEXT_BYTES];
	const int64_t rounded = picodollars / MICRO + (picodollars % MICRO >= MICRO / 2);
	if (picodollars > 0 && rounded == 0)
		buf_add_str(out, "<0.000001");
	else
		buf_add_str(out, money_text(rounded * MICRO, text));
}

/* Behind the sequence "\033[…m" that text begins with; text itself when it begins with none. */
static const char *skip_colour(const char *text)
{
	const size_t n = text[0] == 033 && text[1] == '[' ? strspn(text + 2, "0123456789;") : 0;
	return n && text[2 + n] == 'm' ? text + 3 + n : text;
}

/* What of a line there is room for, up to a space; all of it when that fits, or has no space to break at. */
static const char *find_break(const char *text, const char *end, int width)
{
	const char *found = NULL;
	int taken = 0;
	while (text < end) {
		const char *next = skip_colour(text);
		if (next == text) {
			if (*text == ' ' && taken <= width)
				found = text;
			taken += width_of(character_next(&next));
			if (taken > width && found)
				return found;
		}
		text = next;
	}
	return end;
}

static void add_line_wrapped(struct buf *out, const char *line, const char *end, int width,
			     int indent)
{
	int left = width;
	for (;;) {
		const char *stop = find_break(line, end, left);
		buf_add(out, line, (size_t)(stop - line));
		if (stop == end)
			return;
		buf_addf(out, "\n%*s", indent, "");
		left = width - indent;
		line = stop + 1;
	}
}

void display_add_wrapped(struct buf *out, const char *text, int width, int indent)
{
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		if (width > 2 * indent)
			add_line_wrapped(out, text, end, width, indent);
		else
			buf_add(out, text, (size_t)(end - text));
		if (*end)
			buf_add_char(out, '\n');
		text = end + (*end != '\0');
	}
}
