/* The rows of a listing on standard output, and what there is to say beside them. */
#include "cli/listing_rows.h"

#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/listing.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "history/estimate.h"

#include <stdio.h>
#include <string.h>

enum {
	MANY = 10000,   /* rows: fewer are there before a bar could be */
	AT_ONCE = 1000, /* rows of a table that are laid out together */
};

/* An output that ends early says so: who reads a file of a million lines does not see that the last is missing. */
static void say_how_it_ended(const struct listing_question *question, int64_t n_rows,
			     struct err *err)
{
	if (err->code == ERR_CLOSED)
		return;
	if (interrupt_came(NULL))
		err_set(err, ERR_STORE, "interrupted");
	if (n_rows)
		fprintf(stderr, "%s: the output is not all: it ends after %lld rows\n",
			question->command, (long long)n_rows);
}

/* A table's widths are those of the rows that are written first: of a short one, of all. */
static bool is_short_table(const struct listing_question *question)
{
	const int64_t limit = question->filters->limit;
	return question->format->kind == FORMAT_TABLE && limit && limit <= AT_ONCE;
}

static int print_rows(const struct listing_question *question, struct history *history,
		      struct format *format, int64_t estimate, struct err *err)
{
	struct progress progress;
	int64_t n_written = 0;
	int n = 0;
	int status = 0;
	progress_begin(&progress, estimate);
	do {
		n = history_read(history, format_row, format, err);
		if (n > 0 && is_short_table(question))
			continue;
		status = n < 0 ? n : format_flush(format, err);
		if (!status)
			n_written = format_rows(format);
		progress_at(&progress, n_written);
	} while (n > 0 && !status);
	progress_end(&progress);
	if (status)
		say_how_it_ended(question, n_written, err);
	return status ? status : format_end(format, err);
}

/* What is compared, for people: programs know what they asked for, and are told where they do not get it. */
static void say_what_is_compared(const struct listing_question *question,
				 const struct history *history)
{
	const bool utc = question->format->utc;
	const bool table = question->format->kind == FORMAT_TABLE;
	struct buf text = BUF_INIT;
	int64_t since_us, until_us;
	const bool other = history_period(history, &since_us, &until_us);
	format_add_time(&text, since_us, utc);
	buf_add_str(&text, " to ");
	format_add_time(&text, until_us, utc);
	buf_add_str(&text, ", and before: from ");
	format_add_time(&text, 2 * since_us - until_us, utc);
	if (other)
		fprintf(stderr,
			"%s: events of a part of an hour are gone by now, so whole hours are "
			"compared%s%s\n",
			question->command, table ? "" : ": ", table ? "" : buf_text(&text));
	if (table)
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
static void say_what_was_meant(const struct listing_question *question, struct query_db *db)
{
	struct query *query = NULL;
	struct buf names = BUF_INIT;
	struct err ignored;
	if (query_prepare(db, "SELECT use_case_name FROM use_cases LIMIT 10000", &query, &ignored))
		return;
	add_names(query, &names);
	const char *nearest = cli_nearest(question->filters->use_case_name, buf_text(&names));
	if (nearest)
		fprintf(stderr, "; do you mean %s?", nearest);
	query_free(query);
	buf_release(&names);
}

static void say_that_nothing_was_found(const struct listing_question *question, struct query_db *db)
{
	const char *unknown = history_ids_unknown(db, question->filters);
	fprintf(stderr, "%s: %s", question->command,
		question->kind == HISTORY_WAITING           ? "nothing waits"
		: question->kind == HISTORY_USE_CASES_ALIKE ? "no two names look alike"
							    : "nothing was found");
	if (unknown)
		fprintf(stderr, ": there never was such a %s", unknown);
	if (unknown && strcmp(unknown, "use case") == 0)
		say_what_was_meant(question, db);
	fputc('\n', stderr);
}

static void say_what_is_missing(const struct listing_question *question, struct query_db *db,
				const struct history *history, bool any)
{
	fflush(stdout);
	if (history_has_more(history))
		fprintf(stderr,
			"%s: there are more rows than --limit %lld shows (--limit 0: all)\n",
			question->command, (long long)question->filters->limit);
	if (!any && question->format->kind == FORMAT_TABLE)
		say_that_nothing_was_found(question, db);
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

static int print_history(const struct listing_question *question, struct query_db *db,
			 struct history *history, int64_t estimate, struct err *err)
{
	int n_columns = 0;
	struct history_column columns[TABLE_COLUMNS_MAX];
	struct format *format = NULL;
	listing_columns(question->kind, question->filters, columns, &n_columns);
	int status = format_open(question->format, columns, n_columns, &format, err);
	if (!status && question->kind == HISTORY_USAGE_CHANGES)
		say_what_is_compared(question, history);
	if (!status)
		status = print_rows(question, history, format, estimate, err);
	const bool any = format && format_rows(format) > 0;
	format_close(format);
	if (!status)
		say_what_is_missing(question, db, history, any);
	return status;
}

int listing_rows(const struct listing_question *question, const char *database, struct err *err)
{
	struct query_db *db = NULL;
	struct history *history = NULL;
	int64_t estimate = 0;
	int status = query_db_open(database, &db, err);
	if (status)
		return status;
	interrupt_block();
	query_db_stop_when(db, interrupt_came, NULL);
	if (progress_is_wanted() && (!question->filters->limit || question->filters->limit > MANY))
		status = history_estimate(db, question->kind, question->filters, &estimate, err);
	if (!status)
		status = history_open(db, question->kind, question->filters, &history, err);
	if (!status)
		status = print_history(question, db, history, estimate, err);
	history_close(history);
	query_db_close(db);
	return status;
}
