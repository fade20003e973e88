/*
 * M8. The power goes while retention takes events out in small steps: at any write, sync or truncation, by age, by the size of
 * the database, with dead letters and with events that were never delivered. The store opens what is left, and:
 *
 *     the database is sound, and the sink's books balance
 *     each event is there, or counted as gone; what it added to the summaries stays
 *     what was committed as gone does not come back
 *
 * Then retention goes on where it was, to the same end.
 */
#include "history/books.h"
#include "prove/kit/drainer.h"
#include "prove/kit/power.h"
#include "prove/kit/prove.h"
#include "store/retention.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	CUTS_WAITING_MAX = 8, /* taken within one transaction, and looked at behind it */
	EVENTS = 250,
	SETTLED = 150, /* the first of them; one in ten was refused for good */
	RING_BYTES = 4 * 1024 * 1024,
	BODY_BYTES = 6000,
};

static const int64_t day_us = INT64_C(86400000000);

struct cut {
	char path[PLACE_PATH_BYTES + 32];
	int64_t n_there; /* events, by the last commit */
};

static struct place place;
static struct cut cuts[CUTS_WAITING_MAX];
static bool cutting;
static int n_wanted, n_waiting, n_cuts, n_amidst;
static int64_t n_there;

/* ---- Cuts ----------------------------------------------------------------------------------------- */

static void cut_now(void)
{
	struct cut *cut = &cuts[n_waiting];
	snprintf(cut->path, sizeof(cut->path), "%s/cut-%d.db", place.data, n_waiting);
	cut->n_there = n_there;
	power_cut(place.database, cut->path);
	n_waiting++;
}

/* The last place is for the cut right behind the commit. */
static void on_operation(void)
{
	if (cutting && n_waiting + 1 < CUTS_WAITING_MAX && prove_below(4) == 0)
		cut_now();
}

static int64_t number(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;
	if (sqlite3_open(path, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static const char *sink_trouble(const char *path)
{
	struct query_db *db = NULL;
	struct books_sink sink;
	struct err err;
	const char *trouble = "it cannot be read";
	if (query_db_open(path, &db, &err) == 0 && books_read_sink(db, "payi", &sink, &err) == 1)
		trouble = books_check_sink(&sink);
	query_db_close(db);
	return trouble;
}

static int64_t check_content(const char *path, const char *when)
{
	const int64_t n = number(path, "SELECT count(*) FROM events");
	const int64_t n_gone = number(path, "SELECT coalesce(sum(n), 0) FROM retention_counts"
					    " WHERE what IN ('events', 'undelivered')");
	const int64_t n_dead = number(path, "SELECT coalesce(sum(n), 0) FROM retention_counts"
					    " WHERE what = 'dead'");
	const int64_t n_summed = number(path, "SELECT coalesce(sum(events), 0) FROM usage_hours");
	const bool sound = number(path, "SELECT count(*) FROM pragma_integrity_check"
					" WHERE integrity_check <> 'ok'") == 0;
	const char *trouble = sink_trouble(path);
	/* A dead letter that was given up goes with its event, or before it. */
	const bool counted = n + n_gone <= EVENTS && n + n_gone + n_dead >= EVENTS;
	if (!sound || trouble || !counted || n_summed != EVENTS)
		prove_finding("%s: %" PRId64 " events, %" PRId64 " gone, %" PRId64 " dead, %" PRId64
			      " in the summaries; sound %d, books: %s",
			      when, n, n_gone, n_dead, n_summed, sound,
			      trouble ? trouble : "balanced");
	return n;
}

/* ---- Retention ------------------------------------------------------------------------------------ */

static int step(struct retention *retention, struct store *store, struct err *err)
{
	const int64_t wall_us = INT64_C(1795000000000000) + 90 * 365 * day_us;
	int status = store_begin(store, err);
	if (!status)
		status = retention_step(retention, store, 0, wall_us, err);
	return status ? status : store_commit(store, err);
}

static void check_cuts(const struct retention_policy *policy);

/* A whole round. */
static void retain(const char *path, const struct retention_policy *policy)
{
	const struct store_options options = {.path = path, .sync_full = true};
	struct store *store = NULL;
	struct retention retention;
	struct err err;
	const bool main_one = cutting;
	if (store_open(&options, &store, &err)) {
		prove_finding("the store does not open: %s", err.text);
		return;
	}
	retention_init(&retention, policy);
	(void)retention_due_us(&retention, 0);
	do {
		if (step(&retention, store, &err)) {
			prove_finding("retention fails: %s", err.text);
			break;
		}
		if (main_one) {
			n_there = number(path, "SELECT count(*) FROM events");
			cut_now();
			check_cuts(policy);
		}
		if (store_checkpoint(store, &err)) {
			prove_finding("the WAL cannot be moved: %s", err.text);
			break;
		}
	} while (retention.phase != 0 && prove_findings() == 0);
	store_close(store);
}

static void check_cut(const struct cut *cut, const struct retention_policy *policy)
{
	struct store *store = NULL;
	struct err err;
	const struct store_options options = {.path = cut->path, .sync_full = true};
	n_cuts++;
	if (store_open(&options, &store, &err)) {
		prove_finding("after a cut the store does not open: %s", err.text);
		return;
	}
	store_close(store);
	const int64_t n = check_content(cut->path, "after a cut");
	if (n > cut->n_there)
		prove_finding("%" PRId64 " events after a cut, %" PRId64 " before it", n,
			      cut->n_there);
	n_amidst += n < EVENTS;
	retain(cut->path, policy);
	check_content(cut->path, "after a cut, and retention");
	power_remove(cut->path);
}

static void check_cuts(const struct retention_policy *policy)
{
	const int n = n_waiting;
	cutting = false;
	for (int i = 0; i < n; i++)
		check_cut(&cuts[i], policy);
	n_waiting = 0;
	cutting = true;
}

/* ---- A round -------------------------------------------------------------------------------------- */

static void track(void)
{
	static char body[BODY_BYTES + 1];
	struct drainer drainer;
	payi_client *client = place_client(&place, "retention", RING_BYTES, false);
	const payi_units units[] = {{"text", 1, 1}};
	memset(body, 'b', BODY_BYTES);
	for (int i = 0; i < EVENTS; i++) {
		char id[32];
		payi_event event = PAYI_EVENT_INIT;
		snprintf(id, sizeof(id), "case-%d", prove_below(20));
		event.event_timestamp_us = INT64_C(1795000000000000) + i * INT64_C(60000000);
		event.category = "system.openai";
		event.units = units;
		event.n_units = 1;
		event.use_case_name = "proof";
		event.use_case_id = id;
		event.provider_request_json = prove_below(2) ? body : NULL;
		if (payi_track(client, &event))
			prove_broken("cannot track: %s", payi_last_error());
	}
	drainer_open(&drainer, &place, false);
	drainer_drain(&drainer);
	drainer_close(&drainer);
	payi_client_close(client);
}

static void settle_some(void)
{
	const struct store_options options = {.path = place.database, .sync_full = false};
	struct sink_outcome dead[SETTLED / 10];
	struct store *store = NULL;
	struct err err;
	for (int i = 0; i < SETTLED / 10; i++)
		dead[i] = (struct sink_outcome){.id = 10 * i + 1,
						.verdict = SINK_DEAD,
						.http_status = 400,
						.code = "refused",
						.message = "by the service"};
	const struct sink_settlement settlement = {.sink = "payi",
						   .last_id = SETTLED,
						   .n_delivered = SETTLED - SETTLED / 10,
						   .outcomes = dead,
						   .n_outcomes = SETTLED / 10};
	int status = store_open(&options, &store, &err);
	if (!status)
		status = store_begin(store, &err);
	if (!status)
		status = store_settle(store, &settlement, INT64_C(1795000000000000), &err);
	if (!status)
		status = store_commit(store, &err);
	if (status)
		prove_broken("cannot settle: %s", err.text);
	store_close(store);
}

static void run_round(int which)
{
	const struct retention_policy policies[] = {
		{.events_us = day_us},
		{.events_us = day_us, .dead_us = day_us},
		{.events_us = day_us, .dead_us = day_us, .undelivered = true},
		{.max_bytes = 512 * 1024, .bodies = RETENTION_BODIES_ALL, .undelivered = true},
	};
	const struct retention_policy *policy =
		&policies[which % (int)(sizeof(policies) / sizeof(policies[0]))];
	place_empty(&place);
	track();
	settle_some();
	n_there = EVENTS;
	cutting = true;
	retain(place.database, policy);
	cutting = false;
	check_content(place.database, "in the end");
	power_remove(place.database);
}

int main(int argc, char **argv)
{
	char goal[100];
	prove_begin(argc, argv);
	n_wanted = prove_figure(60, 2000);
	place_make(&place);
	power_install(on_operation);
	for (int i = 0; (n_cuts < n_wanted || i < 4) && prove_findings() == 0; i++) {
		run_round(i);
		fprintf(stderr, "%d cuts\n", n_cuts);
	}
	place_remove(&place);
	snprintf(goal, sizeof(goal),
		 "%d power cuts while retention works: each event there, or counted as gone",
		 n_wanted);
	prove_row("M8", goal, prove_findings() == 0 && n_amidst > 0,
		  "%d cuts, %d of them when some were gone: %d wrong", n_cuts, n_amidst,
		  prove_findings());
	return prove_end();
}
