#include "cli/top_view.h"

#include "base/human.h"
#include "cli/colour.h"
#include "cli/display.h"
#include "cli/status_text.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

/* ---- Lines ---------------------------------------------------------------------------------------- */

/* A heading, a word that may be coloured, and the rest; cut where the screen ends. */
static void add_line(struct buf *out, const struct top_view *view, const char *heading,
		     const char *colour, const char *word, struct buf *rest)
{
	enum { HEADING = 10 };
	const int width = view->format->width ? view->format->width : 10000;
	const struct colour *colours = view->format->colour;
	buf_addf(out, "%s%-*s%s", colours->heading, HEADING - 1, heading, colours->end);
	buf_addf(out, " %s", colour);
	int left = width - HEADING;
	left -= display_add_cut(out, word, left > 0 ? left : 1);
	buf_add_str(out, *colour ? colours->end : "");
	if (left > 0)
		display_add_cut(out, buf_text(rest), left);
	buf_add_char(out, '\n');
	buf_clear(rest);
}

static void add_count(struct buf *out, const char *before, int64_t count)
{
	buf_add_str(out, before);
	display_add_int(out, count, true);
}

static void add_duration(struct buf *out, const char *before, int64_t us)
{
	char text[HUMAN_BYTES];
	buf_addf(out, "%s%s", before, human_duration(us, text));
}

static void add_rate(struct buf *out, double rate)
{
	if (rate >= 100)
		display_add_int(out, (int64_t)(rate + 0.5), true);
	else
		buf_addf(out, "%.1f", rate);
}

/* ---- The header ----------------------------------------------------------------------------------- */

static void add_agent(struct buf *out, const struct top_view *view, const struct top_look *look)
{
	const struct status_agent *agent = &look->status.agent;
	const struct colour *colour = view->format->colour;
	struct buf rest = BUF_INIT;
	char size[HUMAN_BYTES];
	if (*agent->note) {
		buf_add_str(&rest, ": ");
		display_add(&rest, agent->note);
	} else if (agent->runs) {
		buf_add_str(&rest, *agent->who ? ", " : "");
		display_add(&rest, agent->who);
	} else {
		buf_add_str(&rest, ": payi-agent run, or systemctl start payi-agent");
	}
	if (look->status.has_database)
		buf_addf(&rest, "; database %s", human_bytes(look->status.database_bytes, size));
	if (look->status.has_database)
		buf_addf(&rest, ", WAL %s", human_bytes(look->status.wal_bytes, size));
	add_line(out, view, "Agent", agent->runs ? colour->good : colour->bad,
		 agent->runs    ? "runs"
		 : *agent->note ? "unknown"
				: "does not run",
		 &rest);
	buf_release(&rest);
}

static void add_events(struct buf *out, const struct top_view *view, const struct top_look *look)
{
	const struct books *books = &look->status.books;
	const int64_t dropped = books->dropped_full + books->dropped_too_big + books->dropped_busy;
	struct buf word = BUF_INIT;
	struct buf rest = BUF_INIT;
	add_rate(&word, look->rate);
	buf_add_str(&word, "/s");
	buf_addf(&rest, " over %d s", TOP_RATE_S);
	add_count(&rest, "; stored ", books->stored);
	add_count(&rest, ", in rings ", look->status.in_rings);
	add_count(&rest, ", dropped ", dropped);
	add_count(&rest, ", rejected ", books->rejected);
	add_count(&rest, ", refused ", books->refused);
	add_line(out, view, "Events", view->format->colour->good, buf_text(&word), &rest);
	buf_release(&word);
	buf_release(&rest);
}

/* Green while it sends or has nothing to send; what it does otherwise is something to look at. */
static const char *colour_of_sink(const struct colour *colour, const struct books_sink *sink)
{
	if (strcmp(sink->state, "sending") == 0 || strcmp(sink->state, "idle") == 0)
		return colour->good;
	return colour->warning;
}

static void add_sink(struct buf *out, const struct top_view *view, const struct top_look *look,
		     const struct books_sink *sink)
{
	const struct colour *colour = view->format->colour;
	const int64_t now_us = look->status.now_us;
	struct buf word = BUF_INIT;
	struct buf rest = BUF_INIT;
	display_add(&word, sink->state);
	add_count(&rest, "; waiting ", sink->waiting + sink->deferred + sink->held);
	if (sink->oldest_us)
		add_duration(&rest, " since ", now_us - sink->oldest_us);
	add_count(&rest, ", delivered ", sink->delivered);
	add_count(&rest, ", dead ", sink->dead);
	if (sink->last_success_us)
		add_duration(&rest, ", last success ", now_us - sink->last_success_us);
	buf_add_str(&rest, sink->last_success_us ? " ago" : "");
	if (sink->next_try_us > now_us)
		add_duration(&rest, ", next try in ", sink->next_try_us - now_us);
	add_line(out, view, sink->name, colour_of_sink(colour, sink), buf_text(&word), &rest);
	if (*sink->last_error) {
		add_duration(&rest, "", now_us - sink->last_error_us);
		buf_add_str(&rest, " ago: ");
		display_add(&rest, sink->last_error);
	}
	add_line(out, view, "Error", "", *sink->last_error ? "" : "none", &rest);
	buf_release(&word);
	buf_release(&rest);
}

static void add_books(struct buf *out, const struct top_view *view, const struct top_look *look)
{
	const struct colour *colour = view->format->colour;
	const char *unbalanced = look->status.unbalanced;
	struct buf rest = BUF_INIT;
	if (unbalanced)
		buf_addf(&rest, ": %s", unbalanced);
	add_line(out, view, "Books", unbalanced ? colour->bad : colour->good,
		 unbalanced ? "NOT BALANCED" : "balanced", &rest);
	if (*look->trouble) {
		buf_add_str(&rest, ": ");
		display_add(&rest, look->trouble);
		add_line(out, view, "", colour->bad, "cannot read all", &rest);
	}
	buf_release(&rest);
}

void top_view_header(const struct top_view *view, const struct top_look *look, struct buf *out)
{
	add_agent(out, view, look);
	add_events(out, view, look);
	for (int i = 0; i < look->status.n_sinks; i++)
		add_sink(out, view, look, &look->status.sink[i]);
	add_books(out, view, look);
}

/* ---- Rows ----------------------------------------------------------------------------------------- */

/* clang-format off */
#define MEASURES \
	{"rate",     "EV/S",    HISTORY_REAL, 2}, \
	{"events",   "EVENTS",  HISTORY_INT,  1}, \
	{"failures", "FAILED",  HISTORY_INT,  3}, \
	{"input",    "INPUT",   HISTORY_INT,  4}, \
	{"output",   "OUTPUT",  HISTORY_INT,  4}, \
	{"latency",  "MEAN MS", HISTORY_INT,  6}, \
	{"cost",     "EST. COST", HISTORY_MONEY, 3}

enum { N_COLUMNS = 10, COST = 8 };

static const struct history_column columns[][N_COLUMNS] = {
	[TOP_USE_CASES] = {
		{"name", "USE CASE", HISTORY_TEXT, 1}, {"detail", NULL, HISTORY_TEXT, 0}, MEASURES,
		{"last", "LAST", HISTORY_SECONDS, 5}},
	[TOP_RESOURCES] = {
		{"name", "CATEGORY", HISTORY_TEXT, 7}, {"detail", "RESOURCE", HISTORY_TEXT, 1}, MEASURES,
		{"last", NULL, HISTORY_SECONDS, 0}},
	[TOP_INSTANCES] = {
		{"name", "USE CASE", HISTORY_TEXT, 2}, {"detail", "ID", HISTORY_TEXT, 1}, MEASURES,
		{"last", "IDLE", HISTORY_SECONDS, 3}},
};
/* clang-format on */

static void end_cell(struct buf *cells)
{
	buf_add_char(cells, '\0');
}

static void add_count_cell(struct buf *cells, int64_t number)
{
	display_add_int(cells, number, true);
	end_cell(cells);
}

static void add_row(struct buf *cells, const struct top_row *row, int64_t now_us)
{
	const struct pulse_row *is = &row->is;
	display_add(cells, *is->name ? is->name : "(none)");
	end_cell(cells);
	display_add(cells, is->detail);
	end_cell(cells);
	if (row->rate >= 0)
		add_rate(cells, row->rate);
	end_cell(cells);
	add_count_cell(cells, is->events);
	add_count_cell(cells, is->failures);
	add_count_cell(cells, is->input);
	add_count_cell(cells, is->output);
	if (is->latency_count)
		display_add_int(cells, is->latency_sum_ms / is->latency_count, true);
	end_cell(cells);
	if (is->cost_picousd >= 0)
		display_add_money(cells, is->cost_picousd);
	end_cell(cells);
	if (is->last_us)
		display_add_seconds(cells,
				    now_us > is->last_us ? (now_us - is->last_us) / 1000000 : 0);
	end_cell(cells);
}

static bool has_costs(const struct top_look *look)
{
	for (int i = 0; i < look->n_rows; i++)
		if (look->row[i].is.cost_picousd >= 0)
			return true;
	return false;
}

static void add_table(const struct top_view *view, const struct top_look *look, int n_rows,
		      struct buf *out)
{
	struct buf cells = BUF_INIT;
	struct history_column shown[N_COLUMNS];
	struct table table = {
		.columns = shown, .n_columns = N_COLUMNS, .colour = view->format->colour};
	memcpy(shown, columns[look->tab], sizeof(shown));
	if (!has_costs(look))
		shown[COST].heading = NULL;
	for (int i = view->first; i < look->n_rows && i < view->first + n_rows; i++)
		add_row(&cells, &look->row[i], look->status.now_us);
	table_add_rows(&table, out, &cells, view->format->width);
	out->failed |= cells.failed;
	buf_release(&cells);
}

void top_view_word(struct buf *out, const char *words, int i)
{
	while (i-- > 0)
		words += strcspn(words, "|") + 1;
	buf_add(out, words, strcspn(words, "|"));
}

void top_view_what(const struct top_view *view, const struct top_look *look, struct buf *out)
{
	const int n = look->tab == TOP_RINGS ? look->status.n_rings : look->n_rows;
	if (look->tab == TOP_RINGS) {
		buf_addf(out, "%d of living or recent processes", n);
		return;
	}
	if (look->tab == TOP_INSTANCES && n == PULSE_ROWS_MAX)
		buf_addf(out, "the last %d", n);
	else
		buf_addf(out, "%d in the last ", n);
	if (look->tab != TOP_INSTANCES || n < PULSE_ROWS_MAX)
		add_duration(out, "", view->since_us);
	buf_add_str(out, ", by ");
	top_view_word(out, TOP_SORTS, (int)view->sort);
}

void top_view_rows(const struct top_view *view, const struct top_look *look, struct buf *out)
{
	const int n_rows = view->height ? view->height : PULSE_ROWS_MAX;
	if (look->tab == TOP_RINGS && look->status.n_rings)
		status_text_rings(&look->status, view->format, view->first, n_rows, out);
	else if (look->tab != TOP_RINGS && look->n_rows)
		add_table(view, look, n_rows, out);
	else
		buf_add_str(out, look->tab == TOP_RINGS ? "No process has a ring.\n"
							: "Nothing was tracked in this time.\n");
}

/* ---- The screen ----------------------------------------------------------------------------------- */

static const char help_text[] =
	"Left, Right, Tab, 1 to 4  another view: use cases, resources, instances, rings\n"
	"s, S                      sort by the next measure, or the one before\n"
	"Up, Down, k, j            scroll; g: to the top\n"
	"p, Space                  pause, and go on\n"
	"r                         look again at once\n"
	"+, -                      look less often, more often\n"
	"q, Ctrl-C                 quit\n"
	"\n"
	"EV/S is what came between two looks. Sums of use cases and resources are of\n"
	"the time beside the views, in whole hours; those of instances of all time.\n"
	"EST. COST is in dollars, of what has a price.\n";

static void add_tabs(const struct top_view *view, const struct top_look *look, struct buf *out)
{
	static const char *const names[] = {"Use cases", "Resources", "Instances", "Rings"};
	const struct colour *colour = view->format->colour;
	const bool plain = !*colour->chosen;
	struct buf what = BUF_INIT;
	int taken = 0;
	for (int i = 0; i < TOP_TABS; i++) {
		const bool chosen = (int)look->tab == i;
		buf_addf(out, "%s%c%s%c%s", chosen ? colour->chosen : "",
			 chosen && plain ? '[' : ' ', names[i], chosen && plain ? ']' : ' ',
			 chosen ? colour->end : "");
		taken += (int)strlen(names[i]) + 2;
	}
	buf_add_str(&what, "  ");
	top_view_what(view, look, &what);
	if (view->format->width > taken)
		display_add_cut(out, buf_text(&what), view->format->width - taken);
	buf_add_char(out, '\n');
	buf_release(&what);
}

static void add_foot(const struct top_view *view, struct buf *out)
{
	const struct colour *colour = view->format->colour;
	struct buf foot = BUF_INIT;
	buf_addf(&foot, "%s every %g s   q quit  Tab view  s sort  p %s  ? help",
		 view->paused ? "PAUSED," : "live,", view->interval_s,
		 view->paused ? "go on" : "pause");
	buf_add_str(out, view->paused ? colour->warning : colour->faint);
	display_add_cut(out, buf_text(&foot), view->format->width);
	buf_add_str(out, colour->end);
	buf_release(&foot);
}

static int count_lines(const struct buf *text)
{
	int n = 0;
	for (size_t i = 0; i < text->len; i++)
		n += text->data[i] == '\n';
	return n;
}

/* The first lines of text; empty ones where it has fewer. */
static void add_lines(struct buf *out, const struct buf *text, int n)
{
	const char *line = text->len ? (const char *)text->data : "";
	const char *end = line + text->len;
	for (int i = 0; i < n; i++) {
		const char *next = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
		if (next)
			buf_add(out, line, (size_t)(next - line));
		line = next ? next + 1 : end;
		buf_add_char(out, '\n');
	}
}

void top_view_screen(const struct top_view *view, const struct top_look *look, struct buf *out)
{
	struct buf rows = BUF_INIT;
	struct top_view table = *view;
	top_view_header(view, look, out);
	buf_add_char(out, '\n');
	add_tabs(view, look, out);
	const int left = view->height - count_lines(out) - 1;
	table.height = left > 1 ? left - 1 : 1;
	if (view->help)
		buf_add_str(&rows, help_text);
	else
		top_view_rows(&table, look, &rows);
	add_lines(out, &rows, left > 0 ? left : 0);
	add_foot(view, out);
	buf_release(&rows);
}
