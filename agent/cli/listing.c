#include "cli/listing.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sql_run.h"
#include "cli/table.h"
#include "history/dead.h"
#include "history/estimate.h"
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
	const char *since;
	const char *until;
	const char *sql;
	int64_t events[DEAD_EVENTS_MAX];
	bool all;
};

/* ---- The command line ----------------------------------------------------------------------------- */

static void read_limit(const char *flag, const char *text, int64_t *limit, struct argp_state *state)
{
	char *end = NULL;
	const long long number = strtoll(text, &end, 10);
	if (end == text || *end || number < 0 || number > LIMIT_MAX)
		argp_error(state, "%s is '%s'; it must be 0 to %d", flag, text, LIMIT_MAX);
	*limit = number;
}

static void read_status(const char *text, int64_t *status, struct argp_state *state)
{
	char *end = NULL;
	*status = strtoll(text, &end, 10);
	if (*end || *status < 100 || *status > 599)
		argp_error(state, "--status is '%s'; it must be 100 to 599", text);
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

static void read_by(const char *text, struct request *request, struct argp_state *state)
{
	static const struct {
		const char *name;
		const char *option;
		enum history_kind kind;
	} parts[] = {{"hour", "by hour", HISTORY_USAGE_BY_HOUR},
		     {"day", "by day", HISTORY_USAGE_BY_DAY},
		     {"user", "by user", HISTORY_USAGE_BY_USER},
		     {"step", "by step", HISTORY_USAGE_BY_STEP}};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(text, parts[i].name) == 0) {
			choose(request, parts[i].kind, parts[i].option, state);
			return;
		}
	argp_error(state, "--by is '%s'; it must be hour, day, user or step", text);
}

static void read_sort(const char *text, enum history_sort *sort, struct argp_state *state)
{
	static const char *const names[] = {
		[HISTORY_SORT_UNITS] = "units",     [HISTORY_SORT_EVENTS] = "events",
		[HISTORY_SORT_LATENCY] = "latency", [HISTORY_SORT_FAILURES] = "failures",
		[HISTORY_SORT_LAST] = "last",       [HISTORY_SORT_COST] = "cost",
	};
	for (int i = HISTORY_SORT_UNITS; i <= HISTORY_SORT_COST; i++)
		if (strcmp(text, names[i]) == 0) {
			*sort = (enum history_sort)i;
			return;
		}
	argp_error(state,
		   "--sort is '%s'; it must be units, events, latency, failures, last or cost",
		   text);
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
		read_status(arg, &filters->http_status, state);
		return 0;
	case KEY_LIMIT:
		read_limit("--limit", arg, &filters->limit, state);
		return 0;
	case LISTING_LINES:
		read_limit("--lines", arg, &filters->limit, state);
		return 0;
	case KEY_REVERSE:
		filters->oldest_first = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* "steps", for the option of this key. */
static const char *option_of(const struct listing *listing, int key)
{
	const struct argp_option *option = listing->filters;
	while (option->key != key)
		option++;
	return option->name;
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
		       option_of(request->listing, key), state);
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

/* Its own filters, then what all have. */
static void join_options(const struct listing *listing, struct argp_option joined[OPTIONS_MAX])
{
	int n = add_options(listing->filters, joined, 0);
	n = add_options(filters_of_all, joined, n);
	if (!listing->act && !listing->show)
		n = add_options(rows, joined, n);
	joined[n] = (struct argp_option){0};
}

/* ---- The rows ------------------------------------------------------------------------------------- */

/* An output that ends early says so: who reads a file of a million lines does not see that the last is missing. */
static void say_how_it_ended(const struct request *request, int64_t n_rows, struct err *err)
{
	if (err->code == ERR_CLOSED)
		return;
	if (interrupt_came(NULL))
		err_set(err, ERR_STORE, "interrupted");
	if (n_rows)
		fprintf(stderr, "%s: the output is not all: it ends after %lld rows\n",
			request->listing->command, (long long)n_rows);
}

static int print_rows(const struct request *request, struct history *history, struct format *format,
		      int64_t estimate, struct err *err)
{
	struct progress progress;
	int64_t n_written = 0;
	int n = 0;
	int status = 0;
	progress_begin(&progress, estimate);
	do {
		n = history_read(history, format_row, format, err);
		status = n < 0 ? n : format_flush(format, err);
		if (!status)
			n_written = format_rows(format);
		progress_at(&progress, n_written);
	} while (n > 0 && !status);
	progress_end(&progress);
	if (status)
		say_how_it_ended(request, n_written, err);
	return status ? status : format_end(format, err);
}

/* What is compared, for people: programs know what they asked for. */
static void say_what_is_compared(const struct request *request)
{
	const struct history_filters *filters = &request->filters;
	const bool utc = request->output.format.utc;
	struct buf text = BUF_INIT;
	format_add_time(&text, filters->since_us, utc);
	buf_add_str(&text, " to ");
	format_add_time(&text, filters->until_us, utc);
	buf_add_str(&text, ", and before: from ");
	format_add_time(&text, 2 * filters->since_us - filters->until_us, utc);
	printf("%s\n", buf_text(&text));
	buf_release(&text);
}

static void add_names(struct query *query, struct buf *names)
{
	struct err ignored;
	while (query_step(query, &ignored) == 1)
		buf_add(names, query_text(query, 0), strlen(query_text(query, 0)) + 1);
	buf_add_char(names, '\0');
}

/* A use case that nobody tracked is mostly one that was spelt otherwise. */
static void say_what_was_meant(const struct request *request, struct query_db *db)
{
	struct query *query = NULL;
	struct buf names = BUF_INIT;
	struct err ignored;
	if (query_prepare(db, "SELECT use_case_name FROM use_cases LIMIT 10000", &query, &ignored))
		return;
	add_names(query, &names);
	const char *nearest = cli_nearest(request->filters.use_case_name, buf_text(&names));
	if (nearest)
		fprintf(stderr, "; do you mean %s?", nearest);
	query_free(query);
	buf_release(&names);
}

static void say_that_nothing_was_found(const struct request *request, struct query_db *db)
{
	const char *unknown = history_ids_unknown(db, &request->filters);
	fprintf(stderr, "%s: nothing was found", request->listing->command);
	if (unknown)
		fprintf(stderr, ": there never was such a %s", unknown);
	if (unknown && strcmp(unknown, "use case") == 0)
		say_what_was_meant(request, db);
	fputc('\n', stderr);
}

static void say_what_is_missing(const struct request *request, struct query_db *db,
				const struct history *history, bool any)
{
	fflush(stdout);
	if (history_has_more(history))
		fprintf(stderr,
			"%s: there are more rows than --limit %lld shows (--limit 0: all)\n",
			request->listing->command, (long long)request->filters.limit);
	if (!any && request->output.format.kind == FORMAT_TABLE)
		say_that_nothing_was_found(request, db);
}

/* A table of events does not say in every line what was asked for. */
const struct history_column *listing_columns(enum history_kind kind,
					     const struct history_filters *filters,
					     struct history_column *copy, int *n)
{
	const struct history_column *columns = history_columns(kind, n);
	const struct {
		const char *asked;
		const char *name;
	} known[] = {{filters->use_case_name, "use_case_name"},
		     {filters->use_case_id, "use_case_id"},
		     {filters->user_id, "user_id"},
		     {filters->category, "category"},
		     {filters->resource, "resource"}};
	memcpy(copy, columns, (size_t)*n * sizeof(*copy));
	if (kind != HISTORY_EVENTS && kind != HISTORY_EVENTS_STORED)
		return copy;
	for (int i = 0; i < *n; i++)
		for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++)
			if (known[j].asked && strcmp(copy[i].name, known[j].name) == 0)
				copy[i].heading = NULL;
	return copy;
}

static int print_history(const struct request *request, struct query_db *db,
			 struct history *history, int64_t estimate, struct err *err)
{
	int n_columns = 0;
	struct history_column columns[TABLE_COLUMNS_MAX];
	struct format *format = NULL;
	listing_columns(request->kind, &request->filters, columns, &n_columns);
	int status = format_open(&request->output.format, columns, n_columns, &format, err);
	if (!status && request->kind == HISTORY_USAGE_CHANGES &&
	    request->output.format.kind == FORMAT_TABLE)
		say_what_is_compared(request);
	if (!status)
		status = print_rows(request, history, format, estimate, err);
	const bool any = format && format_rows(format) > 0;
	format_close(format);
	if (!status)
		say_what_is_missing(request, db, history, any);
	return status;
}

static int list(const struct request *request, const char *database, struct err *err)
{
	struct query_db *db = NULL;
	struct history *history = NULL;
	int64_t estimate = 0;
	int status = query_db_open(database, &db, err);
	if (status)
		return status;
	interrupt_block();
	query_db_stop_when(db, interrupt_came, NULL);
	status = history_estimate(db, request->kind, &request->filters, &estimate, err);
	if (!status)
		status = history_open(db, request->kind, &request->filters, &history, err);
	if (!status)
		status = print_history(request, db, history, estimate, err);
	history_close(history);
	query_db_close(db);
	return status;
}

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
	request.filters.limit = listing->show ? LISTING_LINES_DEFAULT : LIMIT_DEFAULT;
	request.output =
		(struct output){.formats = listing->act ? 0 : OUTPUT_ALL, .has_times = true};
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
		status = listing->act(&settings, &request.filters, &err);
	else if (listing->show)
		status = listing->show(&settings, &request.filters, &request.output.format, &err);
	else
		status = list(&request, settings.database, &err);
	settings_release(&settings);
	return status ? cli_fail(listing->command, &err) : cli_finish(listing->command);
}
