#include "cli/sql_error.h"

#include "cli/cli.h"
#include "cli/display.h"
#include "history/views.h"

#include <stdio.h>
#include <string.h>

/* What the database has, as far as it could be meant. */
struct offer {
	const char *sql;
	struct buf views;   /* names, each with its NUL */
	struct buf columns; /* of all views */
	struct buf
		named; /* "event_history: event event_time …" of those that the query names, a line each */
};

static int take_view(void *context, const struct view *view)
{
	struct offer *offer = context;
	const bool is_named = strstr(offer->sql, view->name) != NULL;
	buf_add(&offer->views, view->name, strlen(view->name) + 1);
	if (is_named)
		buf_addf(&offer->named, "  %s has:", view->name);
	for (const char *name = view->columns; *name; name += strlen(name) + 1) {
		buf_add(&offer->columns, name, strlen(name) + 1);
		if (is_named)
			buf_addf(&offer->named, " %s", name);
	}
	if (is_named)
		buf_add_char(&offer->named, '\n');
	return 0;
}

/* The line of sql that has the place, and a ^ below it. */
static void add_place(struct buf *out, const char *sql, size_t at)
{
	size_t begin = at;
	while (begin > 0 && sql[begin - 1] != '\n')
		begin--;
	const size_t end = at + strcspn(sql + at, "\n");
	struct buf before = BUF_INIT;
	struct buf after = BUF_INIT;
	struct buf part = BUF_INIT;
	buf_add(&part, sql + begin, at - begin);
	display_add(&before, buf_text(&part));
	buf_clear(&part);
	buf_add(&part, sql + at, end - at);
	display_add(&after, buf_text(&part));
	buf_addf(out, "  %s", buf_text(&before));
	buf_addf(out, "%s\n  %*s^\n", buf_text(&after), display_width(buf_text(&before)), "");
	buf_release(&before);
	buf_release(&after);
	buf_release(&part);
}

/* "no such column: e.unitz" and the like: the name behind the colon, without what qualifies it. */
static const char *missing_name(const char *text, const char *what)
{
	if (strncmp(text, what, strlen(what)) != 0)
		return NULL;
	const char *name = text + strlen(what);
	const char *point = strrchr(name, '.');
	return point ? point + 1 : name;
}

static void add_nearest(struct buf *out, const char *name, struct buf *names)
{
	buf_add_char(names, '\0');
	const char *nearest = cli_nearest(name, buf_text(names));
	if (nearest)
		buf_addf(out, "  Do you mean %s?\n", nearest);
}

static void add_offer(struct buf *out, const char *text, struct offer *offer)
{
	const char *table = missing_name(text, "no such table: ");
	const char *column = missing_name(text, "no such column: ");
	if (table) {
		const size_t n = offer->views.len;
		add_nearest(out, table, &offer->views);
		buf_add_str(out, "  There are:");
		for (size_t i = 0; i < n; i += strlen((char *)offer->views.data + i) + 1)
			buf_addf(out, " %s", (char *)offer->views.data + i);
		buf_add_str(out, "\n  payi-agent sql --views has their columns.\n");
	} else if (column) {
		add_nearest(out, column, &offer->columns);
		buf_add_str(out, buf_text(&offer->named));
	}
}

void sql_error_explain(const char *command, struct query_db *db, const char *sql, int at,
		       const char *text)
{
	struct offer offer = {.sql = sql};
	struct buf out = BUF_INIT;
	struct err ignored;
	buf_addf(&out, "%s: ", command);
	display_add(&out, text);
	buf_add_char(&out, '\n');
	if (at >= 0 && (size_t)at <= strlen(sql))
		add_place(&out, sql, (size_t)at);
	if (views_each(db, take_view, &offer, &ignored) == 0)
		add_offer(&out, text, &offer);
	fflush(stdout);
	fputs(buf_text(&out), stderr);
	buf_release(&offer.views);
	buf_release(&offer.columns);
	buf_release(&offer.named);
	buf_release(&out);
}
