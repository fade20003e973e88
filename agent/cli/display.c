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
