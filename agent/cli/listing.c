#include "cli/listing.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/listing_rows.h"
#include "cli/output.h"
#include "cli/sql_run.h"
#include "history/dead.h"
#include "history/when.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 1000000000 };

enum {
	KEY_USE_CASE = 0x200,
	KEY_ID,
	KEY_USER,
	KEY_SINCE,
	KEY_UNTIL,
	KEY_LIMIT,
	KEY_REVERSE,
	KEY_SQL,
};

/* clang-format off */
static const struct argp_option filters_of_all[] = {
	{"use-case", KEY_USE_CASE, "NAME", 0, "of this use case", 1},
	{"id",       KEY_ID,       "ID",   0, "of the use case instances with this id, whatever their name; also an "
	 "id that the service gave for a handle", 1},
	{"user",     KEY_USER,     "USER", 0, "of this user", 1},
	{"since",    KEY_SINCE,    "WHEN", 0, "from then on: " HISTORY_WHEN_FORMS
	 "; without a zone: local time, or UTC with --utc", 1},
	{"until",    KEY_UNTIL,    "WHEN", 0, "before then; the same forms", 1},
	{0},
};

static const struct argp_option rows[] = {
	{"limit",    KEY_LIMIT,    "N",    0, "at most so many rows; 0: all [default: 50]", 2},
	{"sql",      KEY_SQL,      "QUERY", 0, "run this query instead, with no other filter: the same as payi-agent sql", 3},
	{0},
};

static const struct argp_option reverse[] = {
	{"reverse",  KEY_REVERSE,  NULL,   0, "the other way round: the oldest, or the least, first", 2},
	{0},
};
/* clang-format on */

/* What the command line said; since and until are read at its end, when --utc is known. */
struct request {
	const struct listing *listing;
	struct history_filters filters;
	struct output output;
	enum history_kind kind;
	const char *chosen; /* the option that chose the kind, "steps"; NULL: none */
	char by[32];        /* it, where it is "by hour" */
	const char *since;
	const char *until;
	const char *sql;
	int64_t events[DEAD_EVENTS_MAX];
	bool all;
};

/* ---- The command line ----------------------------------------------------------------------------- */

static void read_number(const char *flag, const char *text, int64_t min, int64_t max,
			int64_t *number, struct argp_state *state)
{
	char *end = NULL;
	const long long parsed = strtoll(text, &end, 10);
	if (end == text || *end || parsed < min || parsed > max)
		argp_error(state, "%s is '%s'; it must be %lld to %lld", flag, text, (long long)min,
			   (long long)max);
	*number = parsed;
}

static void read_event(const char *text, struct request *request, struct argp_state *state)
{
	char *end = NULL;
	const long long number = strtoll(text, &end, 10);
	if (!request->listing->arguments)
		argp_error(state, "'%s' is not expected; filters are options", text);
	if (*end || number < 1 || request->filters.n_events == DEAD_EVENTS_MAX)
		argp_error(state, "'%s' is no number of an event, or there are more than %d", text,
			   DEAD_EVENTS_MAX);
	request->filters.events = request->events;
	request->events[request->filters.n_events++] = number;
}

static void choose(struct request *request, enum history_kind kind, const char *option,
		   struct argp_state *state)
{
	if (request->chosen && request->kind != kind)
		argp_error(state, "--%s and --%s are two questions: ask one at a time",
			   request->chosen, option);
	request->kind = kind;
	request->chosen = option;
}

/* The listing's own option with this key. */
static const struct argp_option *option_of(const struct listing *listing, int key)
{
	const struct argp_option *option = listing->filters;
	while (option->key != key)
		option++;
	return option;
}

static void read_by(const char *text, struct request *request, struct argp_state *state)
{
	const char *words = option_of(request->listing, LISTING_BY)->arg;
	const int i = cli_word(words, text);
	if (i < 0) {
		argp_error(state, "--by is '%s'; it must be one of: %s", text, words);
		return;
	}
	snprintf(request->by, sizeof(request->by), "by %s", text);
	choose(request, request->listing->by[i], request->by, state);
}

static void read_sort(const char *text, enum history_sort *sort, struct argp_state *state)
{
	const int i = cli_word(LISTING_SORTS, text);
	if (i < 0)
		argp_error(state, "--sort is '%s'; it must be one of: " LISTING_SORTS, text);
	else
		*sort = (enum history_sort)(HISTORY_SORT_UNITS + i);
}

static void read_when(const char *flag, const char *text, bool utc, int64_t *when_us,
		      struct argp_state *state)
{
	if (text && history_when(text, clock_wall_us(), utc, when_us))
		argp_error(state, "%s is '%s'; it takes " HISTORY_WHEN_FORMS, flag, text);
}

static void refuse(const struct request *request, struct argp_state *state)
{
	const char *what = history_refuses(request->kind, &request->filters);
	if (what)
		argp_error(state, request->chosen ? "--%s takes no --%s" : "%s takes no --%s",
			   request->chosen ? request->chosen : "the list", what);
}

static bool is_filtered(const struct request *request)
{
	struct dead_filter filter;
	dead_filter_of(&request->filters, &filter);
	return dead_filter_is_set(&filter);
}

/* Changes are those since yesterday, up to now, unless said otherwise. */
static void read_end(struct request *request, struct argp_state *state)
{
	struct history_filters *filters = &request->filters;
	const bool changes = request->kind == HISTORY_USAGE_CHANGES;
	if (changes && !request->since)
		request->since = "yesterday";
	if (changes && !request->until)
		request->until = "now";
	read_when("--since", request->since, request->output.format.utc, &filters->since_us, state);
	read_when("--until", request->until, request->output.format.utc, &filters->until_us, state);
	if (filters->since_us >= filters->until_us)
		argp_error(state, "--since is not before --until");
	refuse(request, state);
	if (request->sql &&
	    (is_filtered(request) || request->chosen || request->filters.limit != LIMIT_DEFAULT))
		argp_error(state, "--sql takes no filters: they stand in the query");
	if (request->listing->act && !request->all && !is_filtered(request))
		argp_error(state, "say which: by EVENT, by an option, or --all");
}

static error_t parse_filter(int key, const char *arg, struct history_filters *filters,
			    struct argp_state *state)
{
	switch (key) {
	case KEY_USE_CASE:
		filters->use_case_name = arg;
		return 0;
	case KEY_ID:
		filters->use_case_id = arg;
		return 0;
	case KEY_USER:
		filters->user_id = arg;
		return 0;
	case LISTING_CATEGORY:
		filters->category = arg;
		return 0;
	case LISTING_RESOURCE:
		filters->resource = arg;
		return 0;
	case LISTING_REASON:
		filters->reason = arg;
		return 0;
	case LISTING_STATUS:
		read_number("--status", arg, 100, 599, &filters->http_status, state);
		return 0;
	case KEY_LIMIT:
		read_number("--limit", arg, 0, LIMIT_MAX, &filters->limit, state);
		return 0;
	case LISTING_LINES:
		read_number("--lines", arg, 0, LIMIT_MAX, &filters->limit, state);
		return 0;
	case LISTING_POINTS:
		read_number("--points", arg, 1, HISTORY_POINTS_MAX, &filters->points, state);
		return 0;
	case LISTING_TOP:
		read_number("--top", arg, 1, HISTORY_TOP_MAX, &filters->top, state);
		return 0;
	case KEY_REVERSE:
		filters->oldest_first = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct request *request = state->input;
	switch (key) {
	case KEY_SINCE:
	case LISTING_ACTIVE:
		if (request->since)
			argp_error(state, "--since and --active say the same; give one, once");
		request->since = arg;
		return 0;
	case KEY_UNTIL:
		request->until = arg;
		return 0;
	case KEY_SQL:
		request->sql = arg;
		return 0;
	case LISTING_BY:
		read_by(arg, request, state);
		return 0;
	case ARGP_KEY_ARG:
		read_event(arg, request, state);
		return 0;
	case LISTING_ALL:
		request->all = true;
		return 0;
	case ARGP_KEY_END:
		read_end(request, state);
		return 0;
	case LISTING_SORT:
		read_sort(arg, &request->filters.sort, state);
		return 0;
	default:
		if (key < LISTING_KIND || key >= LISTING_KIND + 0x100)
			return parse_filter(key, arg, &request->filters, state);
		choose(request, (enum history_kind)(key - LISTING_KIND),
		       option_of(request->listing, key)->name, state);
		return 0;
	}
}

enum { OPTIONS_MAX = 24 };

static int add_options(const struct argp_option *options, struct argp_option *joined, int n)
{
	for (; options->name; options++)
		joined[n++] = *options;
	return n;
}

static bool can_be_reversed(enum history_kind kind)
{
	struct history_filters reversed = HISTORY_FILTERS_INIT;
	reversed.oldest_first = true;
	return !history_refuses(kind, &reversed);
}

/* Its own filters, then what all have. */
static void join_options(const struct listing *listing, struct argp_option joined[OPTIONS_MAX])
{
	int n = add_options(listing->filters, joined, 0);
	n = add_options(filters_of_all, joined, n);
	if (!listing->act && !listing->show && !listing->is_bounded)
		n = add_options(rows, joined, n);
	if (!listing->act && !listing->show && can_be_reversed(listing->kind))
		n = add_options(reverse, joined, n);
	joined[n] = (struct argp_option){0};
}

/* ---- The command ---------------------------------------------------------------------------------- */

static int run_sql(const struct request *request, const char *database)
{
	struct format_options format = request->output.format;
	const struct sql_run run = {request->listing->command, database, request->sql,
				    SQL_TIMEOUT_S * INT64_C(1000000), &format};
	format.total = false;
	return sql_run(&run);
}

int listing_run(const struct listing *listing, int argc, char **argv)
{
	struct settings settings;
	struct err err;
	struct request request = {
		.listing = listing, .filters = HISTORY_FILTERS_INIT, .kind = listing->kind};
	struct argp_option options[OPTIONS_MAX];
	request.filters.limit = listing->show         ? LISTING_LINES_DEFAULT
				: listing->is_bounded ? 0
						      : LIMIT_DEFAULT;
	request.output = (struct output){.has_times = true};
	request.output.format.total = listing->total;
	join_options(listing, options);
	const struct argp argp = {.options = options,
				  .parser = parse,
				  .args_doc = listing->arguments,
				  .doc = listing->doc};
	const struct cli_line line = {listing->command, &argp, &request, CLI_SETTINGS_PATHS,
				      &request.output};
	int status = cli_parse(&line, argc, argv, &settings);
	if (status)
		return status;
	if (request.sql) {
		status = run_sql(&request, settings.database);
		settings_release(&settings);
		return status;
	}
	if (listing->act)
		status = listing->act(&settings, &request.filters, &request.output.format, &err);
	else if (listing->show)
		status = listing->show(&settings, &request.filters, &request.output.format, &err);
	else
		status = listing_rows(
			&(const struct listing_question){listing->command, request.kind,
							 &request.filters, &request.output.format},
			settings.database, &err);
	settings_release(&settings);
	return status ? cli_fail(listing->command, &err) : cli_finish(listing->command);
}
