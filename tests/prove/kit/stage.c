#include "prove/kit/stage.h"

#include "prove/kit/prove.h"
#include "store/migrate.h"
#include "store/migrations.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Producers ------------------------------------------------------------------------------------ */

static void track_some(const struct stage *stage, payi_client *to, uint32_t producer)
{
	for (uint32_t i = 0; i < STAGE_EVENTS; i++)
		oracle_track(&stage->oracle, to, producer, i);
}

/* One that is gone when this returns, by SIGKILL. */
static void leave_ring(const struct stage *stage, uint32_t producer)
{
	const pid_t child = fork();
	if (child == 0) {
		track_some(stage, place_client(&stage->place, "dead", STAGE_RING_BYTES, false),
			   producer);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
}

static void live_ring(struct stage *stage, uint32_t producer)
{
	stage->client = place_client(&stage->place, "live", STAGE_RING_BYTES, false);
	track_some(stage, stage->client, producer);
}

/* ---- Scenarios: how each begins, and when it has run its course ------------------------------------ */

void stage_use_service(struct stage *stage, bool use)
{
	stage->place.arguments[0] = use ? stage->base_url : NULL;
	stage->place.arguments[1] = use ? "--batch-age-ms=20" : NULL;
	stage->place.arguments[2] = NULL;
	stage->place.key = use ? STANDIN_KEY : NULL;
	if (use)
		standin_reset(&stage->service);
}

bool stage_is_ready(void *context)
{
	const struct stage *stage = context;
	return place_count_log(&stage->place, "agent is ready") > 0;
}

static void begin_start(struct stage *stage)
{
	leave_ring(stage, 1);
}

static void begin_drain(struct stage *stage)
{
	place_copy_data(&stage->template, &stage->place);
	live_ring(stage, 1);
}

static bool is_drained(void *context)
{
	const struct stage *stage = context;
	return payi_flush(stage->client, 0) == PAYI_OK;
}

static void begin_reap(struct stage *stage)
{
	place_copy_data(&stage->template, &stage->place);
	leave_ring(stage, 1);
	leave_ring(stage, 2);
}

bool stage_is_reaped(void *context)
{
	const struct stage *stage = context;
	return place_count_rings(&stage->place) == 0;
}

static void begin_send(struct stage *stage)
{
	stage_use_service(stage, true);
	place_copy_data(&stage->template, &stage->place);
	live_ring(stage, 1);
}

static bool is_sent(void *context)
{
	const struct stage *stage = context;
	return is_drained(context) &&
	       place_number_now(&stage->place, "SELECT delivered FROM sinks") == STAGE_EVENTS;
}

/* A database as the first release left it, with events in it. */
static void make_first_database(struct stage *stage)
{
	char *sql = NULL;
	sqlite3 *db = NULL;
	sqlite3_stmt *insert = NULL;
	sql = sqlite3_mprintf(
		"PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = "
		"WAL;"
		"BEGIN; %s; INSERT INTO names VALUES (1, 'proof');"
		"INSERT INTO rings (ring_id, app_name, pid, uid, created_us, seen_us, state)"
		" VALUES (x'00112233445566778899aabbccddeeff', 'old', 1, 0, 1, 1, 'closed');"
		"INSERT INTO lanes VALUES (1, 0, 4096, %d, 0, %d, 0, 0, 0);"
		"UPDATE agent_state SET last_event_id = %d;"
		"PRAGMA application_id = %d; PRAGMA user_version = 1; COMMIT",
		schema_migrations[0], STAGE_EVENTS, STAGE_EVENTS, STAGE_EVENTS,
		MIGRATE_APPLICATION_ID);
	if (sqlite3_open(stage->place.database, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL) ||
	    sqlite3_prepare_v2(
		    db,
		    "INSERT INTO events (ring, stored_us, event_timestamp_us, category, units,"
		    " input_units, output_units, provider_response_id, properties, record)"
		    " VALUES (1, 1, 1, 1, ?, 1, 1, ?, ?, x'80')",
		    -1, &insert, NULL))
		prove_broken("cannot make an old database: %s", sqlite3_errmsg(db));
	for (uint32_t i = 0; i < STAGE_EVENTS; i++) {
		struct oracle_event event;
		oracle_event(&event, 7, i);
		char *units = sqlite3_mprintf("{\"text\":{\"input\":%u,\"output\":%u}}", i, 7u);
		char *properties = sqlite3_mprintf("{\"fill\":\"%s\"}", event.fill);
		sqlite3_bind_text(insert, 1, units, -1, sqlite3_free);
		sqlite3_bind_text(insert, 2, event.id, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 3, properties, -1, sqlite3_free);
		sqlite3_step(insert);
		sqlite3_reset(insert);
		oracle_note_accepted(&stage->oracle, 7, i);
	}
	sqlite3_finalize(insert);
	sqlite3_close(db);
	sqlite3_free(sql);
}

void stage_make_old_database(struct stage *stage, int version)
{
	sqlite3 *db = NULL;
	make_first_database(stage);
	if (sqlite3_open(stage->place.database, &db))
		prove_broken("cannot open the old database");
	for (int i = 1; i < version; i++)
		if (sqlite3_exec(db, schema_migrations[i], NULL, NULL, NULL))
			prove_broken("migration %d: %s", i + 1, sqlite3_errmsg(db));
	char *sql = sqlite3_mprintf("PRAGMA user_version = %d", version);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		prove_broken("cannot set a version: %s", sqlite3_errmsg(db));
	sqlite3_free(sql);
	sqlite3_close(db);
}

static void begin_migrate(struct stage *stage)
{
	stage_make_old_database(stage, 1);
	leave_ring(stage, 1);
}

static void begin_shutdown(struct stage *stage)
{
	stage_use_service(stage, true);
	place_copy_data(&stage->template, &stage->place);
	live_ring(stage, 1);
}

/* The signal that begins it: with events in the ring that came just then. */
static bool has_been_told(void *context)
{
	struct stage *stage = context;
	if (!stage_is_ready(context))
		return false;
	for (uint32_t i = STAGE_EVENTS; i < 2 * STAGE_EVENTS; i++)
		oracle_track(&stage->oracle, stage->client, 1, i);
	kill(stage->place.agent, SIGTERM);
	return true;
}

const struct stage_scenario stage_scenarios[STAGE_SCENARIOS] = {
	{"start", begin_start, stage_is_ready, NULL, STAGE_EVENTS},
	{"drain", begin_drain, is_drained, NULL, STAGE_EVENTS},
	{"reap", begin_reap, stage_is_reaped, NULL, 2 * STAGE_EVENTS},
	{"send", begin_send, is_sent, NULL, STAGE_EVENTS},
	{"migrate", begin_migrate, stage_is_ready, NULL, 2 * STAGE_EVENTS},
	{"shutdown", begin_shutdown, NULL, has_been_told, 2 * STAGE_EVENTS},
};

void stage_set_up(struct stage *stage, const struct stage_scenario *scenario)
{
	place_empty(&stage->place);
	oracle_open(&stage->oracle, &stage->place);
	stage_use_service(stage, false);
	scenario->begin(stage);
}

static void say_last_line(const struct place *place)
{
	char line[2000], last[2000] = "";
	FILE *log = fopen(place->log, "re");
	while (log && fgets(line, sizeof(line), log))
		memcpy(last, line, sizeof(last));
	if (log)
		fclose(log);
	fprintf(stderr, "  it said at last: %s", last);
}

static bool judge(struct stage *stage, const struct stage_scenario *scenario, int end)
{
	if (WIFSIGNALED(end)) {
		prove_finding("the agent was killed by signal %d", WTERMSIG(end));
		say_last_line(&stage->place);
		return false;
	}
	const int code = WEXITSTATUS(end);
	if (code == 0 ? !scenario->armed : stage_is_ready(stage)) {
		prove_finding("the agent ended with %d", code);
		say_last_line(&stage->place);
	} else if (code != 0 && place_count_log(&stage->place, "payi-agent run:") == 0) {
		prove_finding("the agent ended with %d, and does not say why", code);
	} else if (place_count_log(&stage->place, "payi-agent run: \n") > 0) {
		prove_finding("the agent ended with %d, and its reason is empty", code);
	}
	return code != 0;
}

bool stage_judge_end(struct stage *stage, const struct stage_scenario *scenario, int end)
{
	char kept[PLACE_PATH_BYTES + 24];
	const bool refused = end != -1 && judge(stage, scenario, end);
	snprintf(kept, sizeof(kept), "%s.before", stage->place.log);
	rename(stage->place.log, kept);
	return refused;
}

/* The clean restart: all there is must come right by itself. */
bool stage_check(struct stage *stage, const struct stage_scenario *scenario)
{
	struct oracle_sums sums;
	const int before = prove_findings();
	place_agent_start(&stage->place);
	if (stage->client && payi_flush(stage->client, 20000) != PAYI_OK)
		prove_finding("%s", payi_last_error());
	/* A shutdown that was over before its signal has half of the events. */
	const int64_t stored = scenario->armed
				       ? place_number(&stage->place, "SELECT count(*) FROM events")
				       : scenario->n_stored;
	payi_client_close(stage->client);
	stage->client = NULL;
	if (!place_wait_number(&stage->place, "SELECT count(*) FROM events", stored, 20) ||
	    !place_wait_no_rings(&stage->place, 20))
		prove_finding("it is not all stored");
	if (stage->place.key &&
	    !place_wait_number(&stage->place, "SELECT delivered FROM sinks", stored, 20))
		prove_finding("it is not all delivered");
	const int code = place_agent_stop(&stage->place);
	if (code != 0)
		prove_finding("the agent ended with %d", code);
	oracle_check(&stage->oracle, &stage->place, stage->place.key ? &stage->service : NULL,
		     &sums);
	if (place_check_books(&stage->place, NULL) || place_count_rings(&stage->place) != 0 ||
	    place_number(
		    &stage->place,
		    "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") !=
		    0)
		prove_finding("the database is not sound");
	oracle_close(&stage->oracle);
	return prove_findings() == before;
}

/* ---- Opening -------------------------------------------------------------------------------------- */

void stage_open(struct stage *stage)
{
	*stage = (struct stage){0};
	if (standin_start(&stage->service, NULL))
		prove_broken("no stand-in");
	snprintf(stage->base_url, sizeof(stage->base_url), "--base-url=%s", stage->service.url);
	place_make(&stage->template);
	place_agent_start(&stage->template);
	place_agent_stop(&stage->template);
	place_make(&stage->place);
}

void stage_close(struct stage *stage)
{
	place_remove(&stage->place);
	place_remove(&stage->template);
	standin_stop(&stage->service);
}
