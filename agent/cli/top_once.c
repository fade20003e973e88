#include "cli/top_once.h"

#include "base/clock.h"
#include "base/money.h"
#include "cli/sheet.h"
#include "cli/top_view.h"

enum { SNAPSHOT_ROWS = 20 };

static int add_snapshot(const struct top_question *question, struct top_view *view,
			bool with_header, struct buf *out, struct err *err)
{
	struct top_look look = {0};
	int status = top_look_take(&look, NULL, question, err);
	if (!status && *look.trouble && with_header)
		status = err_set(err, ERR_STORE, "%s", look.trouble);
	if (!status) {
		if (with_header)
			top_view_header(view, &look, out);
		buf_add_char(out, '\n');
		top_view_word(out, TOP_TAB_WORDS, (int)question->tab);
		buf_add_str(out, ": ");
		top_view_what(view, &look, out);
		buf_add_char(out, '\n');
		top_view_rows(view, &look, out);
	}
	top_look_release(&look);
	return status;
}

/* For programs: the rows of the views that have sums, of rings `payi-agent ring list` tells. */
static const struct history_column columns[] = {
	{"view", "VIEW", HISTORY_TEXT, 1},
	{"name", "NAME", HISTORY_TEXT, 1},
	{"detail", "DETAIL", HISTORY_TEXT, 1},
	{"events", "EVENTS", HISTORY_INT, 1},
	{"failures", "FAILED", HISTORY_INT, 1},
	{"input_units", "INPUT", HISTORY_INT, 1},
	{"output_units", "OUTPUT", HISTORY_INT, 1},
	{"latency_mean_ms", "MEAN MS", HISTORY_INT, 1},
	{"estimated_cost_usd", "EST. COST", HISTORY_INT, 1},
	{"last_seen", "LAST", HISTORY_TEXT, 1},
};

static void add_row(struct sheet *sheet, const char *view, const struct pulse_row *row)
{
	char money[MONEY_TEXT_BYTES];
	char time[CLOCK_TEXT_BYTES];
	sheet_add(sheet, view);
	sheet_add(sheet, row->name);
	sheet_add(sheet, row->detail);
	sheet_add_int(sheet, row->events);
	sheet_add_int(sheet, row->failures);
	sheet_add_int(sheet, row->input);
	sheet_add_int(sheet, row->output);
	if (row->latency_count)
		sheet_add_int(sheet, row->latency_sum_ms / row->latency_count);
	else
		sheet_add(sheet, "");
	sheet_add(sheet, row->cost_picousd < 0 ? "" : money_text(row->cost_picousd, money));
	sheet_add(sheet, row->last_us ? clock_text(row->last_us, 6, time) : "");
}

static int add_rows(struct sheet *sheet, const struct top_question *question, struct err *err)
{
	struct top_look look = {0};
	struct buf view = BUF_INIT;
	int status = top_look_take(&look, NULL, question, err);
	if (!status && *look.trouble)
		status = err_set(err, ERR_STORE, "%s", look.trouble);
	top_view_word(&view, TOP_TAB_WORDS, (int)question->tab);
	for (int i = 0; i < look.n_rows && !status; i++)
		add_row(sheet, buf_text(&view), &look.row[i].is);
	top_look_release(&look);
	buf_release(&view);
	return status;
}

static int print_sheet(const struct top_question *wanted, bool has_tab,
		       const struct format_options *format, struct err *err)
{
	struct top_question question = *wanted;
	struct sheet sheet = {.columns = columns,
			      .n_columns = sizeof(columns) / sizeof(columns[0])};
	int status = 0;
	for (int i = 0; i < TOP_RINGS && !status; i++) {
		question.tab = (enum top_tab)i;
		if (!has_tab || wanted->tab == question.tab)
			status = add_rows(&sheet, &question, err);
	}
	if (!status)
		return sheet_print(&sheet, format, err);
	buf_release(&sheet.cells);
	return status;
}

static int print_text(const struct top_question *wanted, bool has_tab,
		      const struct format_options *format, struct err *err)
{
	struct buf out = BUF_INIT;
	struct top_question question = *wanted;
	struct top_view view = {.format = format,
				.sort = wanted->sort,
				.since_us = wanted->since_us,
				.height = SNAPSHOT_ROWS};
	int status = 0;
	for (int i = 0; i < TOP_TABS && !status; i++) {
		question.tab = has_tab ? wanted->tab : (enum top_tab)i;
		status = add_snapshot(&question, &view, i == 0, &out, err);
		if (has_tab)
			break;
	}
	if (!status)
		status = out.failed ? err_set(err, ERR_MEMORY, "out of memory")
				    : format_write(view.format, &out, err);
	buf_release(&out);
	return status;
}

int top_once(const struct top_question *question, bool has_tab, const struct format_options *format,
	     struct err *err)
{
	return format->kind == FORMAT_TABLE ? print_text(question, has_tab, format, err)
					    : print_sheet(question, has_tab, format, err);
}
