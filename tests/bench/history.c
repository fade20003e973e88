/*
 * A history of many events, spread over 90 days: what one takes in the file, and how long it takes to find the few that
 * somebody asks for, as the commands and the local HTTP ask.
 */
#include "history/history.h"
#include "bench/bench.h"
#include "bench/sample.h"
#include "bench/site.h"
#include "bench/table.h"
#include "bench/ticks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	EVENTS = 1000000,
	QUICK_EVENTS = 5000,
	SIZE_EVENTS = 20000, /* for the bytes of one */
	ASKS = 20,           /* of each question, for different things */
	DAYS = 90,
	PAGE_ROWS = 100,
	FLUSH_MS = 600000,
};

#define DAY_US INT64_C(86400000000)

static const struct table_section sizes = {
	.name = "history_size",
	.title = "The database, per event",
	.columns = {{"bytes/event", "bytes_per_event", 0}, {"events", "events", 0}},
};

static const struct table_section times = {
	.name = "history",
	.title = "Questions to that database, 100 rows at the most, each for 20 different things",
	.columns = {{"median ms", "median_ms", 2}, {"max ms", "max_ms", 2}, {"rows", "rows", 1}},
};

/* ---- The database --------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	return (int64_t)time(NULL) * 1000000;
}

/* Events of a kind, tracked one after the other. */
struct filling {
	long n;
	size_t body_bytes; /* of the request: 0: an event without */
	bool bare;         /* a category and a unit alone */
};

static payi_status track_one(payi_client *client, const struct filling *filling, const char *body,
			     long i)
{
	const int64_t begin_us = now_us() - DAYS * DAY_US;
	if (!filling->bare && filling->body_bytes == 0)
		return sample_track_at(client, SAMPLE_NEW, (uint64_t)i,
				       begin_us + DAYS * DAY_US / filling->n * i);
	payi_event event = filling->bare ? sample_bare() : sample_full();
	if (filling->body_bytes > 0)
		event.provider_request_json = body;
	return payi_track(client, &event);
}

static int track_all(const struct site *site, const struct filling *filling)
{
	payi_client *client;
	char *body = calloc(1, filling->body_bytes + 1);
	if (!body || site_client(site, 0, &client)) {
		free(body);
		return -1;
	}
	memset(body, 'x', filling->body_bytes);
	int status = 0;
	for (long i = 0; i < filling->n && !status; i++)
		if (track_one(client, filling, body, i) != PAYI_OK)
			status = bench_fail(0, "%s", payi_last_error());
	if (!status && payi_flush(client, FLUSH_MS) != PAYI_OK)
		status = bench_fail(0, "%s", payi_last_error());
	payi_client_close(client);
	free(body);
	return status;
}

/* Fills it, and stops the agent, so that all is in one file. */
static int fill(struct site *site, const struct bench *bench, const struct filling *filling)
{
	if (site_agent_start(site, bench))
		return -1;
	const int status = track_all(site, filling);
	return site_agent_stop(site) ? -1 : status;
}

static void database_path(const struct site *site, char path[300])
{
	snprintf(path, 300, "%s/payi.db", site->data);
}

static int add_size(const struct bench *bench, const struct site *site, const char *name, long n)
{
	char path[300];
	struct stat file;
	database_path(site, path);
	if (stat(path, &file))
		return bench_fail(errno, "cannot look at %s", path);
	table_row(bench->table, name, (double[]){(double)file.st_size / (double)n, (double)n});
	return 0;
}

static int measure_size(const struct bench *bench, const char *name, const struct filling *filling)
{
	struct site site;
	if (site_make(&site, bench))
		return -1;
	int status = fill(&site, bench, filling);
	if (!status)
		status = add_size(bench, &site, name, filling->n);
	site_remove(&site);
	return status;
}

/* ---- Questions ------------------------------------------------------------------------------------ */

struct question {
	const char *name;
	enum history_kind kind;
	const char *use_case; /* NULL: any */
	bool by_id;
	bool by_user;
	int days;    /* back from now; 0: all of the time */
	bool window; /* a day somewhere in that time */
	enum history_sort sort;
};

static const struct question questions[] = {
	{.name = "events of an id", .kind = HISTORY_EVENTS, .by_id = true},
	{.name = "events of a user", .kind = HISTORY_EVENTS, .by_user = true},
	{.name = "events of a use case", .kind = HISTORY_EVENTS, .use_case = "ticket_triage"},
	{.name = "events of a use case and user",
	 .kind = HISTORY_EVENTS,
	 .use_case = "ticket_triage",
	 .by_user = true},
	{.name = "events of a day", .kind = HISTORY_EVENTS, .window = true},
	{.name = "the latest events", .kind = HISTORY_EVENTS},
	{.name = "instances of a use case", .kind = HISTORY_USE_CASES, .use_case = "ticket_triage"},
	{.name = "an instance", .kind = HISTORY_USE_CASES, .by_id = true},
	{.name = "instances of a user", .kind = HISTORY_USE_CASES, .by_user = true},
	{.name = "usage by hour, a day", .kind = HISTORY_USAGE_BY_HOUR, .window = true},
	{.name = "usage by day, a week", .kind = HISTORY_USAGE_BY_DAY, .days = 7},
	{.name = "usage by user, a day", .kind = HISTORY_USAGE_BY_USER, .window = true},
};

static int count(void *taker, const struct query *row)
{
	(void)row;
	++*(long *)taker;
	return 0;
}

/* Ids as they are in the database, picked all over it. */
static int pick_id(struct query_db *db, int ask, char id[64], struct err *err)
{
	struct query *query = NULL;
	int status = query_prepare(db,
				   "SELECT use_case_id FROM use_case_instances WHERE id >="
				   " (SELECT max(id) FROM use_case_instances) * :ask / :asks"
				   " AND use_case_id IS NOT NULL LIMIT 1",
				   &query, err);
	if (status)
		return status;
	query_bind_int(query, ":ask", ask);
	query_bind_int(query, ":asks", ASKS);
	status = query_step(query, err);
	if (status == 1)
		snprintf(id, 64, "%s", query_text(query, 0));
	query_free(query);
	return status < 0 ? status : 0;
}

static int ask(struct query_db *db, const struct question *question, int ask_number, double *ms,
	       long *rows, struct err *err)
{
	struct history_filters filters = HISTORY_FILTERS_INIT;
	struct history *history = NULL;
	char id[64] = "";
	char user[32];
	int status = pick_id(db, ask_number, id, err);
	snprintf(user, sizeof(user), "user-%d", ask_number);
	filters.use_case_name = question->use_case;
	filters.use_case_id = question->by_id ? id : NULL;
	filters.user_id = question->by_user ? user : NULL;
	filters.limit = PAGE_ROWS;
	filters.sort = question->sort;
	if (question->days)
		filters.since_us = now_us() - question->days * DAY_US;
	if (question->window) {
		filters.since_us = now_us() - (DAYS - (int64_t)ask_number * DAYS / ASKS) * DAY_US;
		filters.until_us = filters.since_us + DAY_US;
	}
	const double begin_s = seconds_now();
	if (!status)
		status = history_open(db, question->kind, &filters, &history, err);
	while (!status && (status = history_read(history, count, rows, err)) > 0)
		status = 0;
	history_close(history);
	*ms = (seconds_now() - begin_s) * 1e3;
	return status;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;
	return (x > y) - (x < y);
}

static int measure_question(const struct bench *bench, struct query_db *db,
			    const struct question *question)
{
	double ms[ASKS];
	long rows = 0;
	struct err err;
	for (int i = 0; i < ASKS; i++)
		if (ask(db, question, i, &ms[i], &rows, &err))
			return bench_fail(0, "%s: %s", question->name, err.text);
	qsort(ms, ASKS, sizeof(ms[0]), compare);
	table_row(bench->table, question->name,
		  (double[]){ms[ASKS / 2], ms[ASKS - 1], (double)rows / ASKS});
	return 0;
}

static int measure_questions(const struct bench *bench, const struct site *site)
{
	char path[300];
	struct query_db *db = NULL;
	struct err err;
	int status = 0;
	database_path(site, path);
	if (query_db_open(path, &db, &err))
		return bench_fail(0, "%s", err.text);
	table_section(bench->table, &times);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if (measure_question(bench, db, &questions[i]))
			status = -1;
	query_db_close(db);
	return status;
}

static int measure_history(const struct bench *bench, const struct filling *filling)
{
	struct site site;
	if (site_make(&site, bench))
		return -1;
	int status = fill(&site, bench, filling);
	if (!status)
		status = add_size(bench, &site, "ten fields, as in the following", filling->n);
	if (!status)
		status = measure_questions(bench, &site);
	site_remove(&site);
	return status;
}

int bench_history(const struct bench *bench)
{
	const long n = bench->events ? bench->events : (bench->quick ? QUICK_EVENTS : EVENTS);
	const long n_size = bench->quick ? QUICK_EVENTS : SIZE_EVENTS;
	const struct {
		const char *name;
		struct filling filling;
	} kinds[] = {
		{"category and units alone", {.n = n_size, .bare = true}},
		{"ten fields, 1 KB of bodies", {.n = n_size, .body_bytes = 1000}},
		{"ten fields, 10 KB of bodies", {.n = n_size / 4, .body_bytes = 10000}},
	};
	int status = 0;
	table_section(bench->table, &sizes);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (measure_size(bench, kinds[i].name, &kinds[i].filling))
			status = -1;
	return measure_history(bench, &(struct filling){.n = n}) ? -1 : status;
}
