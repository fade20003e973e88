/* payi-agent tail: events as they are stored, until Ctrl-C or until nobody reads them. */
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/listing.h"
#include "cli/table.h"
#include "cli/watch.h"
#include "history/follow.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

#define COMMAND "payi-agent tail"

enum { LINES = 10 };

static const struct argp_option filters[] = {
	{"category", LISTING_CATEGORY, "CATEGORY", 0, "of this category", 1},
	{"resource", LISTING_RESOURCE, "RESOURCE", 0, "of this resource (a model)", 1},
	{"lines", LISTING_LINES, "N", 0,
	 "begin with the last N that there are [default: 10; with --since all since then]", 2},
	{0},
};

static const char doc[] = "Shows tracked events as they are stored: those that there are, by their "
			  "time, and from then on each that comes, in the "
			  "order in which the agent stores them. It goes on when the agent is "
			  "started again, and when a new database is begun. "
			  "Ends with Ctrl-C, or when nobody reads its output any more."
			  "\vExamples:\n"
			  "  payi-agent tail --use-case support\n"
			  "  payi-agent tail --lines 0 --format jsonl | jq 'select(.failed)'\n"
			  "  payi-agent tail --since 10m --user ann";

struct tail {
	struct follow *follow;
	struct watch *watch;
	struct format *format;
	bool troubled; /* and that was said */
};

static int flush(void *context, struct err *err)
{
	struct tail *tail = context;
	return format_flush(tail->format, err);
}

static int take(void *context, const struct query *row)
{
	struct tail *tail = context;
	return format_row(tail->format, row);
}

static int64_t lines_of(const struct history_filters *wanted)
{
	if (wanted->limit != LISTING_LINES_DEFAULT)
		return wanted->limit;
	return wanted->since_us != INT64_MIN ? INT64_MAX : LINES;
}

/* What may pass (the disk, a database that is being replaced) is said once, and tried again. */
static int look(struct tail *tail, struct err *err)
{
	const int status = follow_read(tail->follow, take, flush, tail, err);
	if (status == ERR_CLOSED || status == ERR_SYSTEM || status == ERR_MEMORY)
		return status;
	if (status < 0 && status != ERR_BUSY && !tail->troubled)
		fprintf(stderr, "%s: %s; it is tried again\n", COMMAND, err->text);
	tail->troubled = status < 0 && status != ERR_BUSY;
	if (status == 1)
		fprintf(stderr, "%s: there is a new database; its events follow\n", COMMAND);
	return 0;
}

static int go_on(struct tail *tail, struct err *err)
{
	int status = 0;
	enum watch_seen seen = WATCH_CHANGED;
	while (!status && seen == WATCH_CHANGED) {
		status = look(tail, err);
		if (!status)
			seen = watch_wait(tail->watch);
	}
	return status ? status : seen == WATCH_CLOSED ? err_set(err, ERR_CLOSED, "closed") : 0;
}

/* That nobody reads any more is an end as good as Ctrl-C. What is still to be written goes nowhere, and is no failure. */
static int forget_the_reader(struct err *err)
{
	if (!freopen("/dev/null", "w", stdout))
		return err_errno(err, "cannot open /dev/null");
	return 0;
}

static int tail_run(struct tail *tail, const struct history_filters *wanted, struct err *err)
{
	int status = follow_past(tail->follow, lines_of(wanted), take, flush, tail, err);
	if (!status)
		status = format_flush(tail->format, err);
	if (!status)
		status = go_on(tail, err);
	if (status == ERR_CLOSED)
		status = forget_the_reader(err);
	format_close(tail->format);
	return status;
}

static int show(const struct settings *settings, const struct history_filters *wanted,
		const struct format_options *options, struct err *err)
{
	struct history_column columns[TABLE_COLUMNS_MAX];
	struct format_options format = *options;
	struct history_filters rest = *wanted;
	struct tail tail = {0};
	int n = 0;
	if (wanted->until_us != INT64_MAX)
		return err_set(err, ERR_CONFIG,
			       "--until is for what has an end: payi-agent events");
	rest.limit = 0;
	format.total = false;
	format.grows = true;
	listing_columns(HISTORY_EVENTS_STORED, wanted, columns, &n);
	interrupt_block();
	int status = follow_open(settings->database, &rest, &tail.follow, err);
	if (!status)
		status = watch_open(settings->database, &tail.watch, err);
	if (!status)
		status = format_open(&format, columns, n, &tail.format, err);
	if (!status)
		status = tail_run(&tail, wanted, err);
	watch_close(tail.watch);
	follow_close(tail.follow);
	return status;
}

int cli_tail(int argc, char **argv)
{
	static const struct listing listing = {
		.command = COMMAND,
		.doc = doc,
		.filters = filters,
		.kind = HISTORY_EVENTS_STORED,
		.show = show,
	};
	return listing_run(&listing, argc, argv);
}
