#include "history/row_json.h"

#include "base/clock.h"
#include "base/money.h"
#include "history/character.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_escaped(struct buf *out, int32_t character)
{
	switch (character) {
	case '\n':
		buf_add_str(out, "\\n");
		break;
	case '\r':
		buf_add_str(out, "\\r");
		break;
	case '\t':
		buf_add_str(out, "\\t");
		break;
	case CHARACTER_BAD:
		buf_add_str(out, "\\ufffd");
		break;
	default: /* all that is harmful lies below U+10000 */
		buf_addf(out, "\\u%04x", (unsigned)character);
		break;
	}
}

void row_json_string(struct buf *out, const char *text)
{
	const char *plain = text; /* what needs no escape is added in one piece */
	buf_add_char(out, '"');
	while (*text) {
		const char *at = text;
		const int32_t character = character_next(&text);
		const bool harmless = character_is_harmless(character);
		if (harmless && character != '"' && character != '\\')
			continue;
		buf_add(out, plain, (size_t)(at - plain));
		plain = text;
		if (harmless) {
			buf_add_char(out, '\\');
			buf_add_char(out, (char)character);
		} else {
			add_escaped(out, character);
		}
	}
	buf_add(out, plain, (size_t)(text - plain));
	buf_add_char(out, '"');
}

/* The shortest of two forms that reads back as the same number. */
static void add_real(struct buf *out, double number)
{
	char text[32];
	if (!isfinite(number)) {
		buf_add_str(out, "null");
		return;
	}
	snprintf(text, sizeof(text), "%.15g", number);
	if (strtod(text, NULL) < number || strtod(text, NULL) > number)
		snprintf(text, sizeof(text), "%.17g", number);
	buf_add_str(out, text);
}

static void add_blob(struct buf *out, const struct query *row, int i)
{
	size_t bytes = 0;
	const uint8_t *blob = query_blob(row, i, &bytes);
	buf_add_char(out, '"');
	for (size_t at = 0; at < bytes; at++)
		buf_addf(out, "%02x", blob[at]);
	buf_add_char(out, '"');
}

void row_json_any(struct buf *out, const struct query *row, int i)
{
	switch (query_type(row, i)) {
	case QUERY_NULL:
		buf_add_str(out, "null");
		break;
	case QUERY_INT:
		buf_add_int(out, query_int(row, i));
		break;
	case QUERY_REAL:
		add_real(out, query_real(row, i));
		break;
	case QUERY_TEXT:
		row_json_string(out, query_text(row, i));
		break;
	case QUERY_BLOB:
		add_blob(out, row, i);
		break;
	}
}

static void add_value(struct buf *out, const struct query *row, int i, enum history_type type)
{
	char time[CLOCK_TEXT_BYTES];
	char money[MONEY_TEXT_BYTES];
	if (query_type(row, i) == QUERY_NULL) {
		buf_add_str(out, "null");
		return;
	}
	switch (type) {
	case HISTORY_TEXT:
		row_json_string(out, query_text(row, i));
		break;
	case HISTORY_INT:
	case HISTORY_SUM:
	case HISTORY_SECONDS:
		buf_add_int(out, query_int(row, i));
		break;
	case HISTORY_MONEY:
		buf_add_str(out, money_text(query_int(row, i), money));
		break;
	case HISTORY_REAL:
	case HISTORY_PERCENT:
		add_real(out, query_real(row, i));
		break;
	case HISTORY_BOOL:
		buf_add_str(out, query_int(row, i) ? "true" : "false");
		break;
	case HISTORY_TIME:
		buf_addf(out, "\"%s\"", clock_text(query_int(row, i), 6, time));
		break;
	case HISTORY_HOUR:
		buf_addf(out, "\"%s\"", clock_text(query_int(row, i), 0, time));
		break;
	case HISTORY_DAY:
		buf_addf(out, "\"%.10s\"", clock_text(query_int(row, i), 0, time));
		break;
	case HISTORY_JSON:
		buf_add_str(out, query_text(row, i));
		break;
	case HISTORY_ANY:
		row_json_any(out, row, i);
		break;
	}
}

void row_json(struct buf *out, const struct query *row, const struct history_column *columns,
	      int n_columns)
{
	for (int i = 0; i < n_columns; i++) {
		buf_add_char(out, i ? ',' : '{');
		row_json_string(out, columns[i].name);
		buf_add_char(out, ':');
		add_value(out, row, i, columns[i].type);
	}
	buf_add_char(out, '}');
}
