/*
 * M3. The agent is killed at every system call that it makes, in six scenarios; each time a new one is started, and has to
 * end up with every event stored once, the books balanced, the rings reaped, and each event at the service once in effect.
 * The short share kills at calls drawn by lot, some in each scenario. With "all" some are killed twice: the second time at
 * a call of the recovery.
 */
#include "prove/kit/calls.h"
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"
#include "store/migrate.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 30, RING_BYTES = 64 * 1024 };

static struct place place;
static struct place template; /* a database to begin with */
static struct oracle oracle;
static struct standin service;
static char base_url[64];
static payi_client *client; /* of this program, where the scenario wants a live one */

/* ---- Producers ------------------------------------------------------------------------------------ */

static void track_some(payi_client *to, uint32_t producer)
{
	for (uint32_t i = 0; i < EVENTS; i++)
		oracle_track(&oracle, to, producer, i);
}

/* One that is gone when this returns, by SIGKILL. */
static void leave_ring(uint32_t producer)
{
	const pid_t child = fork();
	if (child == 0) {
		track_some(place_client(&place, "dead", RING_BYTES, false), producer);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
}

static void live_ring(uint32_t producer)
{
	client = place_client(&place, "live", RING_BYTES, false);
	track_some(client, producer);
}

/* ---- Scenarios: how each begins, and when it has run its course ------------------------------------ */

static void use_service(bool use)
{
	place.arguments[0] = use ? base_url : NULL;
	place.arguments[1] = use ? "--batch-age-ms=20" : NULL;
	place.arguments[2] = NULL;
	place.key = use ? STANDIN_KEY : NULL;
	if (use)
		standin_reset(&service);
}

static bool is_ready(void *context)
{
	(void)context;
	return place_count_log(&place, "agent is ready") > 0;
}

static void begin_start(void)
{
	leave_ring(1);
}

static void begin_drain(void)
{
	place_copy_data(&template, &place);
	live_ring(1);
}

static bool is_drained(void *context)
{
	(void)context;
	return payi_flush(client, 0) == PAYI_OK;
}

static void begin_reap(void)
{
	place_copy_data(&template, &place);
	leave_ring(1);
	leave_ring(2);
}

static bool is_reaped(void *context)
{
	(void)context;
	return place_count_rings(&place) == 0;
}

static void begin_send(void)
{
	use_service(true);
	place_copy_data(&template, &place);
	live_ring(1);
}

static bool is_sent(void *context)
{
	(void)context;
	return is_drained(NULL) && place_number(&place, "SELECT delivered FROM sinks") == EVENTS;
}

/* A database as the first release left it, with events in it. */
static void begin_migrate(void)
{
	char *sql = NULL;
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL;
	char path[1024], script[65536];
	snprintf(path, sizeof(path), "%s/schema/migrations/0001_events.sql",
		 getenv("PROVE_SOURCE"));
	FILE *file = fopen(path, "re");
	const size_t n = file ? fread(script, 1, sizeof(script) - 1, file) : 0;
	if (n == 0)
		prove_broken("cannot read %s", path);
	fclose(file);
	script[n] = '\0';
	sql = sqlite3_mprintf(
		"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = "
		"WAL;"
		"BEGIN; %s; INSERT INTO names VALUES (1, 'proof');"
		"INSERT INTO rings (ring_id, app_name, pid, uid, created_us, seen_us, state)"
		" VALUES (x'00112233445566778899aabbccddeeff', 'old', 1, 0, 1, 1, 'closed');"
		"INSERT INTO lanes VALUES (1, 0, 4096, %d, 0, %d, 0, 0, 0);"
		"UPDATE agent_state SET last_event_id = %d;"
		"PRAGMA application_id = %d; PRAGMA user_version = 1; COMMIT",
		script, EVENTS, EVENTS, EVENTS, MIGRATE_APPLICATION_ID);
	if (sqlite3_open(place.database, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(
		    db,
		    "INSERT INTO events (ring, stored_us, event_timestamp_us, category, units,"
		    " input_units, output_units, provider_response_id, properties, record)"
		    " VALUES (1, 1, 1, 1, ?, 1, 1, ?, ?, x'80')",
		    -1, &insert, NULL))
		prove_broken("cannot make an old database: %s", sqlite3_errmsg(db));
	for (uint32_t i = 0; i < EVENTS; i++) {
		struct oracle_event event;
		oracle_event(&event, 7, i);
		char *units = sqlite3_mprintf("{\"text\":{\"input\":%u,\"output\":%u}}", i, 7u);
		char *properties = sqlite3_mprintf("{\"fill\":\"%s\"}", event.fill);
		sqlite3_bind_text(insert, 1, units, -1, sqlite3_free);
		sqlite3_bind_text(insert, 2, event.id, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 3, properties, -1, sqlite3_free);
		sqlite3_step(insert);
		sqlite3_reset(insert);
		oracle_note_accepted(&oracle, 7, i);
	}
	sqlite3_finalize(insert);
	sqlite3_close(db);
	sqlite3_free(sql);
	leave_ring(1);
}

static void begin_shutdown(void)
{
	use_service(true);
	place_copy_data(&template, &place);
	live_ring(1);
}

/* The signal that begins it: with events in the ring that came just then. */
static bool has_been_told(void *context)
{
	if (!is_ready(context))
		return false;
	for (uint32_t i = EVENTS; i < 2 * EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	kill(place.agent, SIGTERM);
	return true;
}

static const struct scenario {
	const char *name;
	void (*begin)(void);
	bool (*done)(void *context);
	bool (*armed)(void *context);
	int n_stored; /* in the end */
} scenarios[] = {
	{"start", begin_start, is_ready, NULL, EVENTS},
	{"drain", begin_drain, is_drained, NULL, EVENTS},
	{"reap", begin_reap, is_reaped, NULL, 2 * EVENTS},
	{"send", begin_send, is_sent, NULL, EVENTS},
	{"migrate", begin_migrate, is_ready, NULL, 2 * EVENTS},
	{"shutdown", begin_shutdown, NULL, has_been_told, 2 * EVENTS},
};

enum { N_SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

/* ---- One run -------------------------------------------------------------------------------------- */

static int n_kills, n_calls, n_seconds;

static void set_up(const struct scenario *scenario)
{
	place_empty(&place);
	oracle_open(&oracle, &place);
	use_service(false);
	scenario->begin();
}

/* The clean restart: all there is must come right by itself. */
static void check(const struct scenario *scenario, int n)
{
	struct oracle_sums sums;
	const int before = prove_findings();
	place_agent_start(&place);
	if (client && payi_flush(client, 20000) != PAYI_OK)
		prove_finding("%s", payi_last_error());
	/* A shutdown that was over before its signal has half of the events. */
	const int64_t stored = scenario->armed ? place_number(&place, "SELECT count(*) FROM events")
					       : scenario->n_stored;
	payi_client_close(client);
	client = NULL;
	if (!place_wait_number(&place, "SELECT count(*) FROM events", stored, 20) ||
	    !place_wait_number(&place, "SELECT count(*) FROM rings WHERE state = 'open'", 0, 20))
		prove_finding("it is not all stored");
	if (place.key && !place_wait_number(&place, "SELECT delivered FROM sinks", stored, 20))
		prove_finding("it is not all delivered");
	const int code = place_agent_stop(&place);
	if (code != 0)
		prove_finding("the agent ended with %d", code);
	oracle_check(&oracle, &place, place.key ? &service : NULL, &sums);
	if (place_check_books(&place, NULL) || place_count_rings(&place) != 0 ||
	    place_number(
		    &place,
		    "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") !=
		    0)
		prove_finding("the database is not sound");
	oracle_close(&oracle);
	if (prove_findings() != before)
		fprintf(stderr, "  in scenario %s, killed at call %d: %s\n", scenario->name, n,
			place.log);
}

/* Killed at call n, and, unless again is 0, at call again of the recovery. */
static int run(const struct scenario *scenario, int n, int again)
{
	struct calls_plan plan = {scenario->done, scenario->armed, NULL, NULL};
	set_up(scenario);
	const int counted = calls_kill_agent(&place, &plan, n);
	if (again) {
		plan = (struct calls_plan){scenario->done ? scenario->done : is_ready, NULL, NULL,
					   NULL};
		calls_kill_agent(&place, &plan, again);
		n_seconds++;
	}
	check(scenario, n);
	return counted;
}

static void run_scenario(const struct scenario *scenario)
{
	const double began = prove_now_s();
	const int n = run(scenario, 0, 0);
	const int n_runs = prove_figure(4, n);
	for (int i = 0; i < n_runs; i++) {
		const int again = prove_below(prove_figure(3, 5)) == 0 ? 1 + prove_below(n) : 0;
		run(scenario, prove_all() ? i + 1 : 1 + prove_below(n), again);
		n_kills++;
	}
	n_calls += n;
	fprintf(stderr, "%-9s %5d system calls, %5d kills, %5.1f s\n", scenario->name, n, n_runs,
		prove_now_s() - began);
}

/* ---- Last words ----------------------------------------------------------------------------------- */

/*
 * The other way round: the agent is held at one of its calls, and an application tracks one more event there and dies. Were
 * its lock asked after its positions are read, the event would be lost between the two.
 */
static int to_application;
static pid_t application;

static void begin_last_words(void)
{
	int ends[2];
	char byte;
	if (pipe(ends))
		prove_broken("no pipe");
	application = fork();
	if (application == 0) {
		payi_client *own = place_client(&place, "last words", RING_BYTES, false);
		close(ends[1]);
		for (uint32_t i = 0; i < EVENTS; i++)
			oracle_track(&oracle, own, 1, i);
		if (read(ends[0], &byte, 1) == 1)
			for (uint32_t i = EVENTS; i < EVENTS + 3; i++)
				oracle_track(&oracle, own, 1, i);
		kill(getpid(), SIGKILL);
	}
	close(ends[0]);
	to_application = ends[1];
}

static void say_last_words(void *context)
{
	(void)context;
	if (!application)
		return;
	if (write(to_application, "s", 1) != 1)
		prove_broken("an application does not listen");
	close(to_application);
	while (waitpid(application, NULL, 0) < 0 && errno == EINTR)
		continue;
	application = 0;
}

static bool is_over(void *context)
{
	return !application && is_reaped(context);
}

static int run_last_words(int n)
{
	const struct scenario scenario = {"last words", NULL, NULL, NULL, EVENTS + 3};
	const struct calls_plan plan = {is_over, NULL, say_last_words, NULL};
	place_empty(&place);
	oracle_open(&oracle, &place);
	use_service(false);
	place_copy_data(&template, &place);
	begin_last_words();
	while (place_count_rings(&place) == 0)
		prove_sleep_us(1000);
	const int counted = calls_kill_agent(&place, &plan, n);
	say_last_words(NULL); /* it was never held there */
	check(&scenario, n);
	return counted;
}

static void prove_last_words(void)
{
	const double began = prove_now_s();
	const int n = run_last_words(1);
	const int n_runs = prove_figure(8, n);
	for (int i = 0; i < n_runs; i++)
		run_last_words(prove_all() ? i + 1 : 1 + prove_below(n));
	fprintf(stderr, "last words at %d of %d calls, %.1f s\n", n_runs, n, prove_now_s() - began);
	prove_row("M3", "an application's last words, said while the agent is at any of its calls",
		  prove_findings() == 0, "%d runs over %d calls: %d wrong", n_runs, n,
		  prove_findings());
}

/* An empty database of today's schema. */
static void make_template(void)
{
	place_make(&template);
	place_agent_start(&template);
	place_agent_stop(&template);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	if (standin_start(&service, NULL))
		prove_broken("no stand-in");
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	make_template();
	place_make(&place);
	const char *only = getenv("PROVE_ONLY"); /* the name of one scenario; "" is all */
	for (int i = 0; i < N_SCENARIOS; i++)
		if (!only || !*only || strcmp(only, scenarios[i].name) == 0)
			run_scenario(&scenarios[i]);
	prove_row("M3",
		  prove_all() ? "agent killed at every system call, 6 scenarios: exactly once, "
				"books balance"
			      : "agent killed at system calls by lot, 6 scenarios: exactly once, "
				"books balance",
		  prove_findings() == 0,
		  "%d kills over %d calls, %d of them killed again in the recovery: %d wrong",
		  n_kills, n_calls, n_seconds, prove_findings());
	if (!only || !*only || strcmp(only, "last words") == 0)
		prove_last_words();
	place_remove(&place);
	place_remove(&template);
	standin_stop(&service);
	return prove_end();
}
