/*
 * M8. The power goes while the agent's store works: at any write, sync or truncation, in transactions, checkpoints and the
 * first making of the database. The disk is then as writes that were not synced may leave it: lost, torn, out of order. The
 * agent's store opens what is left, and:
 *
 *     the database is sound
 *     everything whose space was given back to the ring before the cut is there, once, as it was; also what an agent gave back that
 *     had found it in the database, written by one that was killed before it was synced
 *     what else is there is a run without gaps: no event without its position, no position without its event
 *
 * With synchronous = NORMAL the second is not promised, and not asked; the others are.
 */
#include "payi/payi.h"
#include "prove/kit/drainer.h"
#include "prove/kit/power.h"
#include "prove/kit/prove.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CUTS_WAITING_MAX = 8,    /* taken within one transaction, and looked at behind it */
	COMMITS_PER_DEATH = 8,   /* of the agent */
	COMMITS_PER_ROUND = 120, /* before another database is begun */
	EVENTS_PER_COMMIT = 12,
	EVENTS_MAX = COMMITS_PER_ROUND * EVENTS_PER_COMMIT,
	FILL_MAX = 16000,
	RING_BYTES = 4 * 1024 * 1024, /* a lane holds what is tracked between two commits */
};

struct cut {
	char path[PLACE_PATH_BYTES + 32];
	int64_t n_promised; /* events whose space was given back */
	int64_t n_tracked;
};

static struct place place;
static struct cut cuts[CUTS_WAITING_MAX];
static int n_wanted, n_waiting, n_cuts, n_empty, n_behind, n_rounds, n_deaths;
static int64_t n_tracked;
static uint64_t bytes_until[EVENTS_MAX]; /* of the ring, taken up to each event's end */
static payi_client *client;
static bool sync_full;
static int chance; /* of a cut, at each operation: one in so many */

/* ---- Cuts ----------------------------------------------------------------------------------------- */

static uint64_t bytes_used(void)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	if (payi_client_stats_get(client, &stats))
		prove_broken("%s", payi_last_error());
	return stats.ring_bytes_used;
}

/* As the client sees it, at this moment: events whose space it may write anew. */
static int64_t count_given_back(void)
{
	int64_t n = 0;
	const uint64_t given_back = n_tracked ? bytes_until[n_tracked - 1] - bytes_used() : 0;
	while (n < n_tracked && bytes_until[n] <= given_back)
		n++;
	return n;
}

static void cut_now(void)
{
	struct cut *cut = &cuts[n_waiting];
	snprintf(cut->path, sizeof(cut->path), "%s/cut-%d.db", place.data, n_waiting);
	cut->n_promised = sync_full ? count_given_back() : 0;
	cut->n_tracked = n_tracked;
	power_cut(place.database, cut->path);
	n_waiting++;
}

/* Within an operation of the store's connection. */
static void on_operation(void)
{
	if (n_waiting < CUTS_WAITING_MAX && prove_below(chance) == 0)
		cut_now();
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

/* Event number i is the ith stored, and what is derived from it agrees. */
static void check_content(sqlite3 *db, const struct cut *cut)
{
	const int64_t n = number(db, "SELECT count(*) FROM events");
	const bool sound = number(db, "SELECT count(*) FROM pragma_integrity_check"
				      " WHERE integrity_check <> 'ok'") == 0;
	const bool whole = number(db, "SELECT count(*) FROM events WHERE input_units <> id - 1"
				      " OR provider_response_id <> 'e' || (id - 1)"
				      " OR length(properties) <> output_units + 11") == 0;
	const bool agrees =
		number(db, "SELECT coalesce(sum(sequence), 0) FROM lanes") == n &&
		number(db, "SELECT last_event_id FROM agent_state") == n &&
		number(db, "SELECT coalesce(sum(events), 0) FROM use_case_totals") == n &&
		number(db, "SELECT coalesce(sum(events), 0) FROM usage_hours") == n &&
		number(db, "SELECT coalesce(max(id), 0) FROM events") == n;
	n_empty += n == 0;
	n_behind += n < cut->n_tracked;
	if (sound && whole && agrees && n >= cut->n_promised && n <= cut->n_tracked)
		return;
	prove_finding("after a cut: %" PRId64 " events, %" PRId64 " promised, %" PRId64
		      " tracked; sound %d, whole %d, books agree %d",
		      n, cut->n_promised, cut->n_tracked, sound, whole, agrees);
}

static void check_cut(const struct cut *cut)
{
	struct store *store = NULL;
	sqlite3 *db = NULL;
	struct err err;
	const struct store_options options = {.path = cut->path, .sync_full = true};
	n_cuts++;
	if (store_open(&options, &store, &err)) {
		prove_finding("after a cut the store does not open: %s", err.text);
		return;
	}
	store_close(store);
	if (sqlite3_open(cut->path, &db) == SQLITE_OK)
		check_content(db, cut);
	sqlite3_close(db);
	power_remove(cut->path);
}

static void check_cuts(void)
{
	const int n = n_waiting;
	n_waiting = CUTS_WAITING_MAX; /* no cuts of what the checks do */
	for (int i = 0; i < n; i++)
		check_cut(&cuts[i]);
	n_waiting = 0;
}

/* ---- Work ----------------------------------------------------------------------------------------- */

static struct drainer drainer;
static bool is_dead, dies_at_sync;
static int dies_in; /* operations */

static void track(void)
{
	static char fill[FILL_MAX + 1];
	char id[32], use_case_id[32];
	const int n = 1 + prove_below(prove_below(4) ? 300 : FILL_MAX);
	const payi_units units[] = {{"text", n_tracked, n}};
	const payi_property properties[] = {{"fill", fill}};
	payi_event event = PAYI_EVENT_INIT;
	memset(fill, 'p', (size_t)n);
	fill[n] = '\0';
	snprintf(id, sizeof(id), "e%" PRId64, n_tracked);
	snprintf(use_case_id, sizeof(use_case_id), "case-%d", prove_below(50));
	event.event_timestamp_us = INT64_C(1795000000000000) + n_tracked * 60000000;
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.provider_response_id = id;
	event.use_case_name = "proof";
	event.use_case_id = use_case_id;
	event.properties = properties;
	event.n_properties = 1;
	const uint64_t before = bytes_used();
	if (payi_track(client, &event))
		prove_broken("cannot track: %s", payi_last_error());
	const uint64_t record = bytes_used() - before;
	bytes_until[n_tracked] = (n_tracked ? bytes_until[n_tracked - 1] : 0) + record;
	n_tracked++;
}

/* From its death on, a process does nothing; it dies at its next sync, or within one of the next operations. */
static int die(enum power_operation operation)
{
	const bool changes = operation == POWER_WRITE || operation == POWER_SYNC;
	if (dies_at_sync ? operation == POWER_SYNC : changes && --dies_in <= 0)
		is_dead = true;
	return is_dead ? SQLITE_IOERR : SQLITE_OK;
}

/* The next agent reads what this one wrote and did not sync. */
static void die_in_transaction(void)
{
	dies_at_sync = prove_below(2);
	dies_in = 1 + prove_below(40);
	power_fail(die);
	(void)drainer_try(&drainer);
	is_dead = true;
	drainer_close(&drainer);
	power_unmap(place.database);
	power_fail(NULL);
	is_dead = false;
	check_cuts();
	drainer_open(&drainer, &place, sync_full);
	drainer_tick(&drainer);
	if (n_waiting == CUTS_WAITING_MAX)
		n_waiting--;
	cut_now();
	n_deaths++;
}

static void run_round(void)
{
	place_empty(&place);
	n_tracked = 0;
	/* Not by lot: however few the cuts are, most are of full rounds, and some are not. */
	sync_full = n_rounds++ % 4 != 3;
	const int n_until = n_cuts + (n_wanted + 3) / 4;
	client = place_client(&place, "power", RING_BYTES, false);
	chance = prove_below(2)
			 ? 40
			 : 150; /* often in the first transactions, which make the database */
	drainer_open(&drainer, &place, sync_full);
	check_cuts();
	for (int i = 0; i < COMMITS_PER_ROUND && n_cuts < n_until; i++) {
		for (int n = 1 + prove_below(EVENTS_PER_COMMIT); n > 0; n--)
			track();
		chance = prove_below(2) ? 20 : 100;
		if (i % COMMITS_PER_DEATH == COMMITS_PER_DEATH - 1)
			die_in_transaction();
		else
			drainer_tick(&drainer);
		if (prove_below(8) == 0)
			drainer_tick(
				&drainer); /* nothing to do: a checkpoint, when there is much to move */
		check_cuts();
	}
	drainer_close(&drainer);
	check_cuts();
	payi_client_close(client);
	power_remove(place.database);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	n_wanted = prove_figure(200, 20000);
	char goal[100];
	place_make(&place);
	power_install(on_operation);
	while (n_cuts < n_wanted && prove_findings() == 0) {
		run_round();
		fprintf(stderr, "%d cuts\n", n_cuts);
	}
	place_remove(&place);
	snprintf(goal, sizeof(goal),
		 "%d power cuts, writes lost, torn, reordered: sound, and all that was promised",
		 n_wanted);
	prove_row("M8", goal, prove_findings() == 0 && n_behind > 0,
		  "%d cuts, %d of them behind what was tracked, %d before the first event, %d "
		  "behind an "
		  "agent that was killed: %d wrong",
		  n_cuts, n_behind, n_empty, n_deaths, prove_findings());
	return prove_end();
}
