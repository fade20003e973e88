/* payi-agent dead: events that the service refused for good. */
#include "history/dead.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/members.h"
#include "cli/sheet.h"
#include "dead_order.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define DEAD_FILTERS \
	{"reason", LISTING_REASON, "CODE", 0, "refused for this reason: the service's error code", 1}, \
	{"status", LISTING_STATUS, "N",    0, "refused with this HTTP status", 1}

static const struct argp_option list_options[] = {DEAD_FILTERS, {0}};

static const struct argp_option order_options[] = {
	DEAD_FILTERS,
	{"all", LISTING_ALL, NULL, 0, "all that are dead", 1},
	{0},
};
/* clang-format on */

/* ---- list ----------------------------------------------------------------------------------------- */

static int dead_list(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent dead list",
		.arguments = "[EVENT...]",
		.doc = "Events that the service refused for good (dead letters), the newest first. "
		       "--since and --until go by when they were refused."
		       "\vThe others: payi-agent dead show, retry, drop; each has --help.\n\n"
		       "Examples:\n"
		       "  payi-agent dead list --since 1d\n"
		       "  payi-agent dead list --reason use_case_not_found --limit 0 --format csv",
		.filters = list_options,
		.kind = HISTORY_DEAD,
	};
	return listing_run(&listing, argc, argv);
}

/* ---- show ----------------------------------------------------------------------------------------- */

/* "[" and "," before an object where they are items of an array. */
static const char *before_object(const struct format_options *format, size_t i)
{
	if (format->kind != FORMAT_JSON)
		return i && format->kind == FORMAT_TABLE ? "\n" : "";
	return i ? ",\n" : "[\n";
}

static int add_event(const char *story, size_t i, const struct format_options *format,
		     struct sheet *sheet, struct buf *out, struct err *err)
{
	if (format->kind == FORMAT_CSV)
		return members_add_cells(story, sheet, err);
	buf_add_str(out, before_object(format, i));
	if (format->kind == FORMAT_TABLE)
		return members_add(story, format, out, err);
	buf_add_str(out, story);
	buf_add_str(out, format->kind == FORMAT_JSONL ? "\n" : "");
	return 0;
}

static int add_events(struct query_db *db, const struct history_filters *filters,
		      const struct format_options *format, struct sheet *sheet, struct buf *out,
		      struct err *err)
{
	int status = 0;
	for (size_t i = 0; i < filters->n_events && !status; i++) {
		struct buf story = BUF_INIT;
		status = dead_story(db, filters->events[i], &story, err);
		if (!status)
			status = add_event(buf_text(&story), i, format, sheet, out, err);
		buf_release(&story);
	}
	if (format->kind == FORMAT_JSON)
		buf_add_str(out, "\n]\n");
	if (format->kind == FORMAT_CSV)
		sheet_text(sheet, format, out);
	return status;
}

static int show_events(const char *database, const struct history_filters *filters,
		       const struct format_options *format, struct err *err)
{
	struct query_db *db = NULL;
	struct sheet sheet = {0};
	struct buf out = BUF_INIT;
	sheet.columns = dead_story_columns(&sheet.n_columns);
	int status = query_db_open(database, &db, err);
	if (!status)
		status = add_events(db, filters, format, &sheet, &out, err);
	if (!status)
		status = out.failed || sheet.cells.failed
				 ? err_set(err, ERR_MEMORY, "out of memory")
				 : format_write(format, &out, err);
	query_db_close(db);
	buf_release(&sheet.cells);
	buf_release(&out);
	return status;
}

static int act_show(const struct settings *settings, const struct history_filters *filters,
		    const struct format_options *format, struct err *err)
{
	struct dead_filter rest;
	dead_filter_of(filters, &rest);
	rest.n_events = 0;
	if (!filters->n_events || dead_filter_is_set(&rest))
		return err_set(err, ERR_CONFIG,
			       "say which by their numbers alone: payi-agent dead "
			       "show EVENT");
	return show_events(settings->database, filters, format, err);
}

static int dead_show(int argc, char **argv)
{
	static const struct argp_option none[] = {{0}};
	static const struct listing listing = {
		.command = "payi-agent dead show",
		.arguments = "EVENT...",
		.doc = "Events whole: how their delivery went, and under \"tracked\" all that "
		       "the application said. Of any events, not only dead ones."
		       "\vExamples:\n"
		       "  payi-agent dead show 4711\n"
		       "  payi-agent dead show 4711 4712 --format jsonl | jq .tracked.units",
		.filters = none,
		.kind = HISTORY_DEAD,
		.act = act_show,
	};
	return listing_run(&listing, argc, argv);
}

/* ---- retry and drop ------------------------------------------------------------------------------- */

static int act(const struct settings *settings, const struct history_filters *filters,
	       enum dead_action action, const struct format_options *format, struct err *err)
{
	static const struct history_column columns[] = {{"events", "EVENTS", HISTORY_INT, 1}};
	struct sheet sheet = {.columns = columns, .n_columns = 1, .is_one = true};
	struct dead_filter filter;
	int64_t n = 0;
	dead_filter_of(filters, &filter);
	const int status = dead_order(settings, action, &filter, &n, err);
	if (status)
		return status;
	if (format->kind != FORMAT_TABLE) {
		sheet_add_int(&sheet, n);
		return sheet_print(&sheet, format, err);
	}
	printf("%lld %s\n", (long long)n,
	       action == DEAD_RETRY ? "to be sent again" : "dropped; the history keeps them");
	return 0;
}

static int act_retry(const struct settings *settings, const struct history_filters *filters,
		     const struct format_options *format, struct err *err)
{
	return act(settings, filters, DEAD_RETRY, format, err);
}

static int act_drop(const struct settings *settings, const struct history_filters *filters,
		    const struct format_options *format, struct err *err)
{
	return act(settings, filters, DEAD_DROP, format, err);
}

static int dead_retry(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent dead retry",
		.arguments = "[EVENT...]",
		.doc = "Sends dead letters again, at once, under the ids that they have. Says how "
		       "many."
		       "\vExamples:\n"
		       "  payi-agent dead retry 4711\n"
		       "  payi-agent dead retry --reason category_resource_not_found\n"
		       "  payi-agent dead retry --all",
		.filters = order_options,
		.kind = HISTORY_DEAD,
		.act = act_retry,
	};
	return listing_run(&listing, argc, argv);
}

static int dead_drop(int argc, char **argv)
{
	static const struct listing listing = {
		.command = "payi-agent dead drop",
		.arguments = "[EVENT...]",
		.doc = "Gives dead letters up: they are never sent, stay in the history as "
		       "discarded, "
		       "and are counted. Says how many."
		       "\vExamples:\n"
		       "  payi-agent dead drop 4711 4712\n"
		       "  payi-agent dead drop --use-case load_test --until 2026-11-01",
		.filters = order_options,
		.kind = HISTORY_DEAD,
		.act = act_drop,
	};
	return listing_run(&listing, argc, argv);
}

/* ---- Which ---------------------------------------------------------------------------------------- */

int cli_dead(int argc, char **argv)
{
	static const struct command words[] = {
		{"list", "lists them", dead_list},
		{"show", "shows events whole, dead or not", dead_show},
		{"retry", "sends them again", dead_retry},
		{"drop", "gives them up", dead_drop},
		{0},
	};
	return command_word("dead", words, argc, argv);
}
