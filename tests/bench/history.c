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
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 1000000,
	QUICK_EVENTS = 5000,
	SIZE_EVENTS = 20000, /* for the bytes of one */
	ASKS = 20,           /* of each question, for different things */
	ASKS_OF_THE_SAME = 5,
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
	.title = "Questions to that database, 100 rows at the most, each of up to 20 different "
		 "things",
	.columns = {{"median ms", "median_ms", 2},
		    {"max ms", "max_ms", 2},
		    {"CPU ms", "median_cpu_ms", 2},
		    {"cold median", "cold_median_ms", 2},
		    {"cold max", "cold_max_ms", 2},
		    {"rows", "rows", 1}},
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

enum filter { BY_ID = 1, BY_USER = 2, BY_USE_CASE = 4, BY_LARGE_USE_CASE = 8 };

struct question {
	const char *name;
	enum history_kind kind;
	unsigned by; /* filters */
	int days;    /* back from now; 0: all of the time */
	int window;  /* so many days somewhere in that time */
	enum history_sort sort;
	int points; /* of a series */
};

/* clang-format off */
static const struct question questions[] = {
	{.name = "events of an id", .kind = HISTORY_EVENTS, .by = BY_ID},
	{.name = "events of a user", .kind = HISTORY_EVENTS, .by = BY_USER},
	{.name = "events of a use case", .kind = HISTORY_EVENTS, .by = BY_USE_CASE},
	{.name = "events of a use case and user", .kind = HISTORY_EVENTS, .by = BY_USE_CASE | BY_USER},
	{.name = "events of a day", .kind = HISTORY_EVENTS, .window = 1},
	{.name = "the latest events", .kind = HISTORY_EVENTS},
	{.name = "an instance", .kind = HISTORY_USE_CASES, .by = BY_ID},
	{.name = "the latest instances", .kind = HISTORY_USE_CASES},
	{.name = "instances of a use case", .kind = HISTORY_USE_CASES, .by = BY_USE_CASE},
	{.name = "instances of a large use case", .kind = HISTORY_USE_CASES, .by = BY_LARGE_USE_CASE},
	{.name = "instances of a user", .kind = HISTORY_USE_CASES, .by = BY_USER},
	{.name = "instances of a use case and user", .kind = HISTORY_USE_CASES, .by = BY_LARGE_USE_CASE | BY_USER},
	{.name = "instances of a day", .kind = HISTORY_USE_CASES, .window = 1},
	{.name = "of the last day, by units", .kind = HISTORY_USE_CASES, .days = 1, .sort = HISTORY_SORT_UNITS},
	{.name = "of the last day, by cost", .kind = HISTORY_USE_CASES, .days = 1, .sort = HISTORY_SORT_COST},
	{.name = "of the last month, by units", .kind = HISTORY_USE_CASES, .days = 30, .sort = HISTORY_SORT_UNITS},
	{.name = "of all, by units", .kind = HISTORY_USE_CASES, .sort = HISTORY_SORT_UNITS},
	{.name = "of all, by latency", .kind = HISTORY_USE_CASES, .sort = HISTORY_SORT_LATENCY},
	{.name = "of all, by cost", .kind = HISTORY_USE_CASES, .sort = HISTORY_SORT_COST},
	{.name = "of a large use case, by cost", .kind = HISTORY_USE_CASES, .by = BY_LARGE_USE_CASE, .sort = HISTORY_SORT_COST},
	{.name = "distribution, last day", .kind = HISTORY_USE_CASE_DISTRIBUTION, .days = 1},
	{.name = "distribution, of all", .kind = HISTORY_USE_CASE_DISTRIBUTION},
	{.name = "distribution, large use case", .kind = HISTORY_USE_CASE_DISTRIBUTION, .by = BY_LARGE_USE_CASE},
	{.name = "histogram, last day", .kind = HISTORY_USE_CASE_HISTOGRAM, .days = 1},
	{.name = "histogram, of all", .kind = HISTORY_USE_CASE_HISTOGRAM},
	{.name = "steps of use cases, last day", .kind = HISTORY_USE_CASE_STEPS, .days = 1},
	{.name = "steps of use cases, all", .kind = HISTORY_USE_CASE_STEPS},
	{.name = "users of use cases, last day", .kind = HISTORY_USE_CASE_USERS, .days = 1},
	{.name = "users of use cases, all", .kind = HISTORY_USE_CASE_USERS},
	{.name = "use cases", .kind = HISTORY_USE_CASE_DEFINITIONS},
	{.name = "use cases alike", .kind = HISTORY_USE_CASES_ALIKE},
	{.name = "usage by hour, a day", .kind = HISTORY_USAGE_BY_HOUR, .window = 1},
	{.name = "usage by hour, user, a day", .kind = HISTORY_USAGE_BY_HOUR, .window = 1, .by = BY_USER},
	{.name = "usage by day, a week", .kind = HISTORY_USAGE_BY_DAY, .window = 7},
	{.name = "usage by day, 100 rows", .kind = HISTORY_USAGE_BY_DAY},
	{.name = "usage by user, a day", .kind = HISTORY_USAGE_BY_USER, .window = 1},
	{.name = "usage by user, a week", .kind = HISTORY_USAGE_BY_USER, .window = 7},
	{.name = "usage by step, a day", .kind = HISTORY_USAGE_BY_STEP, .window = 1},
	{.name = "usage by step, use case, a day", .kind = HISTORY_USAGE_BY_STEP, .window = 1, .by = BY_USE_CASE},
	{.name = "what changed, a day", .kind = HISTORY_USAGE_CHANGES, .window = 1},
	{.name = "without a price, a month", .kind = HISTORY_UNPRICED, .days = 30},
	{.name = "series, an hour", .kind = HISTORY_SERIES_BY_USE_CASE, .days = -1},
	{.name = "series, a day", .kind = HISTORY_SERIES_BY_USE_CASE, .days = 1},
	{.name = "series, a week", .kind = HISTORY_SERIES_BY_USE_CASE, .days = 7},
	{.name = "series, a month", .kind = HISTORY_SERIES_BY_USE_CASE, .days = 30},
	{.name = "series, all", .kind = HISTORY_SERIES},
	{.name = "series, a month, one point", .kind = HISTORY_SERIES_BY_RESOURCE, .days = 30, .points = 1},
	{.name = "series, user, a day", .kind = HISTORY_SERIES, .days = 1, .by = BY_USER},
	{.name = "series, user, a month", .kind = HISTORY_SERIES, .days = 30, .by = BY_USER},
};
/* clang-format on */

static int count(void *taker, const struct query *row)
{
	(void)row;
	++*(long *)taker;
	return 0;
}

/* Ids as they are in the database, picked all over it; and its last event's time. */
struct pick {
	char id[64];
	char user[32];
	int64_t end_us;
};

static int pick(struct query_db *db, int ask, struct pick *pick, struct err *err)
{
	struct query *query = NULL;
	int status =
		query_prepare(db,
			      "SELECT use_case_id, (SELECT max(event_timestamp_us) FROM events)"
			      " FROM use_case_instances WHERE id >="
			      " (SELECT max(id) FROM use_case_instances) * :ask / :asks"
			      " AND use_case_id IS NOT NULL LIMIT 1",
			      &query, err);
	if (status)
		return status;
	query_bind_int(query, ":ask", ask);
	query_bind_int(query, ":asks", ASKS);
	status = query_step(query, err);
	if (status == 1) {
		snprintf(pick->id, sizeof(pick->id), "%s", query_text(query, 0));
		pick->end_us = query_int(query, 1);
	}
	snprintf(pick->user, sizeof(pick->user), "user-%d", ask);
	query_free(query);
	return status < 0 ? status : 0;
}

static void set_filters(const struct question *question, int ask, const struct pick *pick,
			struct history_filters *filters)
{
	if (question->by & (BY_USE_CASE | BY_LARGE_USE_CASE))
		filters->use_case_name =
			question->by & BY_USE_CASE ? "ticket_triage" : "document_chatbot";
	if (question->by & BY_ID)
		filters->use_case_id = pick->id;
	if (question->by & BY_USER)
		filters->user_id = pick->user;
	filters->limit = PAGE_ROWS;
	filters->sort = question->sort;
	filters->points = question->points;
	if (question->days)
		filters->since_us =
			pick->end_us - (question->days > 0 ? question->days * DAY_US : DAY_US / 24);
	if (question->window) {
		const int64_t room = DAYS - question->window;
		filters->since_us = pick->end_us - (DAYS - ask * room / ASKS) * DAY_US;
		filters->until_us = filters->since_us + question->window * DAY_US;
	}
}

/* The processor's time is the same on a machine that does other things, too. */
struct took {
	double ms;
	double cpu_ms;
};

static double cpu_now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int ask(struct query_db *db, const struct question *question,
	       const struct history_filters *filters, struct took *took, long *rows,
	       struct err *err)
{
	struct history *history = NULL;
	const double begin_cpu_s = cpu_now();
	const double begin_s = seconds_now();
	int status = history_open(db, question->kind, filters, &history, err);
	while (!status && (status = history_read(history, count, rows, err)) > 0)
		status = 0;
	history_close(history);
	took->ms = (seconds_now() - begin_s) * 1e3;
	took->cpu_ms = (cpu_now() - begin_cpu_s) * 1e3;
	return status;
}

/* Has the kernel forget what it has of the file, as far as it may. */
static int make_cold(const char *path)
{
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return bench_fail(errno, "cannot open %s", path);
	int status = 0;
	if (fsync(file) || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED))
		status = bench_fail(errno, "cannot forget %s", path);
	close(file);
	return status;
}

/* Each thing is asked with nothing of the file in memory, and then once more. */
static int ask_both_ways(const char *path, const struct question *question, int number,
			 struct took *cold, struct took *warm, long *rows)
{
	struct query_db *db = NULL;
	struct err err;
	struct pick picked = {.id = ""};
	struct history_filters filters = HISTORY_FILTERS_INIT;
	long again = 0;
	if (query_db_open(path, &db, &err))
		return bench_fail(0, "%s", err.text);
	int status = pick(db, number, &picked, &err);
	query_db_close(db);
	if (!status && make_cold(path))
		return -1;
	if (!status)
		status = query_db_open(path, &db, &err);
	if (status)
		return bench_fail(0, "%s: %s", question->name, err.text);
	set_filters(question, number, &picked, &filters);
	status = ask(db, question, &filters, cold, rows, &err);
	if (!status)
		status = ask(db, question, &filters, warm, &again, &err);
	query_db_close(db);
	return status ? bench_fail(0, "%s: %s", question->name, err.text) : 0;
}

static int measure_question(const struct bench *bench, const char *path,
			    const struct question *question)
{
	double cold_ms[ASKS], warm_ms[ASKS], cpu_ms[ASKS];
	long rows = 0;
	const int n = question->by || question->window ? ASKS : ASKS_OF_THE_SAME;
	for (int i = 0; i < n; i++) {
		struct took cold, warm;
		if (ask_both_ways(path, question, i, &cold, &warm, &rows))
			return -1;
		cold_ms[i] = cold.ms;
		warm_ms[i] = warm.ms;
		cpu_ms[i] = warm.cpu_ms;
	}
	sort_numbers(cold_ms, (size_t)n);
	sort_numbers(warm_ms, (size_t)n);
	sort_numbers(cpu_ms, (size_t)n);
	table_row(bench->table, question->name,
		  (double[]){warm_ms[n / 2], warm_ms[n - 1], cpu_ms[n / 2], cold_ms[n / 2],
			     cold_ms[n - 1], (double)rows / n});
	return 0;
}

static int measure_questions(const struct bench *bench, const char *path)
{
	int status = 0;
	table_section(bench->table, &times);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		if ((!bench->question || strstr(questions[i].name, bench->question)) &&
		    measure_question(bench, path, &questions[i]))
			status = -1;
	return status;
}

static int measure_history(const struct bench *bench, const struct filling *filling)
{
	struct site site;
	char path[300];
	if (site_make(&site, bench))
		return -1;
	database_path(&site, path);
	int status = fill(&site, bench, filling);
	if (!status)
		status = add_size(bench, &site, "ten fields, as in the following", filling->n);
	if (!status)
		status = measure_questions(bench, path);
	if (!status && bench->database && rename(path, bench->database))
		status = bench_fail(errno, "cannot keep the database as %s", bench->database);
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
	if (bench->database && access(bench->database, F_OK) == 0)
		return measure_questions(bench, bench->database);
	table_section(bench->table, &sizes);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (measure_size(bench, kinds[i].name, &kinds[i].filling))
			status = -1;
	return measure_history(bench, &(struct filling){.n = n}) ? -1 : status;
}
