#include "sim/agent.h"

#include "base/clock.h"
#include "intake.h"
#include "letter.h"
#include "order.h"
#include "prove/kit/power.h"
#include "prove/kit/prove.h"
#include "sim/apps.h"
#include "sim/cloud.h"
#include "sim/events.h"
#include "sim/net.h"
#include "sim/world.h"
#include "sink/payi/payi_sink.h"
#include "store/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	UNCOMMITTED_MAX = 64 + 40, /* settlements: the sink's own bound, and what was under way */
	TURNS_MAX = 10000,         /* at one moment */
	FINISH_STEPS_MAX = 10000,
	FLUSH_MS = 2000,
};

#define QUIET_US                                                                                   \
	(5 * SIM_SECOND) /* without news: then rings are not polled, until there are some */

static const char sink_name[] = "payi";

enum state { DOWN, UP, FLUSHING, FLUSHED, DEAD };

static struct {
	const struct swarm *swarm;
	struct place *place;
	enum state state;
	bool ended;
	bool open;    /* its parts are */
	bool looking; /* it is the world that reads the database */
	int life;

	uv_loop_t loop;
	struct intake *intake;
	struct letter_box box;
	struct feed *feed;
	struct payi_sink *sink;
	bool sink_stopped;
	int64_t n_settled; /* in this life */
	int64_t step_at_us;
	int64_t step_turn; /* of the step that counts: others were asked for before it */
	int64_t news_us;
	int64_t stop_began_us;

	enum agent_disk disk;
	int operations_left; /* until the end; 0: none is planned */
	bool power;          /* it goes, then */
	int fails_in;        /* operations, the last of which fails alone; 0: none is planned */
	bool has_failed;     /* in this life */
	bool cut_next;       /* the next life ends by a cut, as soon as it writes */
	bool disk_made;      /* the database was used before: it is no new one any more */
	bool power_went;
	int n_databases;
	char next_database[PLACE_PATH_BYTES + 16]; /* as the cut left it */
	struct agent_sums sums;
} it;

static void start(void *context, int64_t number);
static void step(void *context, int64_t turn);

/* ---- The disk ------------------------------------------------------------------------------------- */

/* What the disk holds at this moment is what the next life finds. */
static void cut_power(void)
{
	apps_note_promises();
	snprintf(it.next_database, sizeof(it.next_database), "%.200s/payi-%d.db", it.place->data,
		 ++it.n_databases);
	power_cut(it.place->database, it.next_database);
	it.power_went = true;
}

/* What is written and not synced is there for the next life to read, and not for the one after a cut. */
static void die_at_disk(enum power_operation operation)
{
	world_note("the agent %s within an operation of its disk",
		   it.power ? "loses its power" : "is killed");
	it.state = DEAD;
	net_agent_dies();
	it.sums.kills_at_disk += !it.power;
	if (it.power)
		cut_power();
	else
		it.cut_next =
			it.swarm->cuts > 0 && world_chance(operation == POWER_SYNC ? 500 : 50);
}

/*
 * A sync that fails may leave less than it found. What a new database consists of by then holds nothing yet, and need not
 * survive that and a cut.
 */
static int fail_alone(enum power_operation operation)
{
	it.has_failed = true;
	it.sums.disk_failures++;
	power_fail_sync(it.disk_made ? (enum power_sync)world_between(0, POWER_SYNC_SOME)
				     : POWER_SYNC_NOTHING);
	world_note("operation %d of the disk fails", (int)operation);
	return operation == POWER_WRITE && world_chance(500) ? SQLITE_FULL : SQLITE_IOERR;
}

static int on_disk(enum power_operation operation)
{
	if (it.looking)
		return SQLITE_OK;
	if (it.state == DEAD)
		return SQLITE_IOERR;
	const bool changes = operation == POWER_WRITE || operation == POWER_SYNC;
	if (changes && it.operations_left > 0 && --it.operations_left == 0) {
		die_at_disk(operation);
		return SQLITE_IOERR;
	}
	if (it.fails_in > 0 && --it.fails_in == 0)
		return fail_alone(operation);
	power_fail_sync(POWER_SYNC_NOTHING);
	if (it.disk == DISK_FULL && operation == POWER_WRITE)
		return SQLITE_FULL;
	if (it.disk == DISK_FAILS && world_chance(200))
		return SQLITE_IOERR;
	return SQLITE_OK;
}

void agent_kill_at_disk(bool power)
{
	it.operations_left = (int)world_between(1, world_chance(500) ? 10 : 200);
	it.power = power;
}

void agent_fail_at_disk(void)
{
	it.fails_in = (int)world_between(1, world_chance(500) ? 10 : 200);
}

void agent_set_disk(enum agent_disk disk)
{
	world_note("disk %d", (int)disk);
	it.disk = disk;
}

/* An error's text, as it is in every place. */
static const char *told(const struct err *err)
{
	const char *behind = strstr(err->text, ".db: ");
	return behind ? behind : err->text;
}

/* ---- The storage thread's work -------------------------------------------------------------------- */

/* The step that is asked for last counts. */
static void plan_step(int64_t at_us)
{
	if (it.step_at_us <= at_us && it.step_at_us > sim_monotonic_us())
		return;
	it.step_at_us = at_us;
	world_at(at_us, step, NULL, ++it.step_turn);
}

/* A letter is there, or a ring. The thread is woken, and comes when it has the processor. */
static void wake(void)
{
	it.news_us = sim_monotonic_us();
	if (it.state == UP || it.state == FLUSHING)
		plan_step(sim_monotonic_us() + world_between(0, 20 * SIM_MS));
}

static void plan_next_step(void)
{
	const int64_t now_us = sim_monotonic_us();
	int64_t due_us = intake_next_us(it.intake);
	if (due_us == INT64_MAX)
		return;
	due_us -= sim_slept_us();
	if (!letter_box_is_empty(&it.box) && due_us > now_us + 20 * SIM_MS)
		due_us = now_us + 20 * SIM_MS;
	if (due_us <= now_us)
		due_us = now_us + world_between(1, 2 * SIM_MS);
	else if (now_us > it.news_us + QUIET_US && due_us < now_us + SIM_MINUTE)
		due_us = now_us + SIM_MINUTE;
	plan_step(due_us);
}

static enum intake_result take_step(bool all)
{
	const int64_t before = intake_news(it.intake);
	const int64_t stored = intake_events(it.intake);
	intake_post(it.intake, letter_box_take(&it.box));
	sim_set_pace(swarm_retains(it.swarm) ? world_between(1, 2 * SIM_MS) : 0);
	const enum intake_result result =
		intake_step(it.intake, clock_boot_us(), clock_wall_us(), all);
	sim_set_pace(0);
	it.sums.steps++;
	if (result == INTAKE_STORED)
		it.news_us = sim_monotonic_us();
	if (it.state == DEAD)
		return result;
	if (result == INTAKE_STORED)
		world_note("stored %" PRId64 ", settled %" PRIu64,
			   intake_events(it.intake) - stored, intake_settlements(it.intake));
	if (result == INTAKE_PAUSED && it.disk == DISK_WELL)
		world_note("paused: %.120s", told(intake_error(it.intake)));
	if (result == INTAKE_LOST)
		world_wrong("the store is lost: %.120s", told(intake_error(it.intake)));
	if (intake_news(it.intake) != before && !it.sink_stopped)
		payi_sink_wake(it.sink);
	return result;
}

static void step(void *context, int64_t turn)
{
	(void)context;
	if (turn != it.step_turn || (it.state != UP && it.state != FLUSHING))
		return;
	take_step(false);
	if (it.state == UP || it.state == FLUSHING)
		plan_next_step();
}

void agent_order_dead(bool drop)
{
	struct dead_filter filter = DEAD_FILTER_INIT;
	struct order *order = NULL;
	struct err err;
	if (it.state != UP)
		return;
	if (world_chance(300))
		filter.code = "invalid_user_id";
	world_note("the operator %s", drop ? "drops what is dead" : "has the dead sent again");
	if (order_new(sink_name, drop ? DEAD_DROP : DEAD_RETRY, &filter, &order, &err) ||
	    letter_box_order(&it.box, order, &err))
		prove_broken("%s", err.text);
	order_release(order);
	it.sums.orders++;
	wake();
}

void agent_moved(void)
{
	if (it.intake)
		intake_rescan(it.intake);
	wake();
}

/* ---- The sink's host: as in agent.c --------------------------------------------------------------- */

static bool is_dead(void)
{
	return it.state == DEAD;
}

static int fetch(void *context, int64_t after_id, int limit, sink_take_fn *take, void *taker)
{
	struct err err;
	(void)context;
	return is_dead() ? 0 : feed_each(it.feed, after_id, limit, take, taker, &err);
}

static int fetch_deferred(void *context, int64_t now_us, int64_t after_id, int limit,
			  sink_take_fn *take, void *taker)
{
	struct err err;
	(void)context;
	return is_dead() ? 0
			 : feed_each_deferred(it.feed, now_us, after_id, limit, take, taker, &err);
}

static uint64_t n_committed(void *context)
{
	(void)context;
	return intake_settlements(it.intake);
}

static void settle(void *context, const struct sink_settlement *settlement)
{
	struct sink_settlement named = *settlement;
	(void)context;
	if (is_dead())
		return;
	named.sink = sink_name;
	world_note("settled (%" PRId64 ", %" PRId64 "], %" PRId64 " delivered, %zu others",
		   named.after_id, named.last_id, named.n_delivered, named.n_outcomes);
	for (size_t i = 0; i < named.n_outcomes; i++)
		world_note("  %" PRId64 " of instance %" PRId64 ": verdict %d, %s",
			   named.outcomes[i].id, named.outcomes[i].instance,
			   (int)named.outcomes[i].verdict,
			   named.outcomes[i].code ? named.outcomes[i].code : "");
	letter_box_settle(&it.box, &named);
	it.sums.settled++;
	if (++it.n_settled - (int64_t)n_committed(NULL) > UNCOMMITTED_MAX)
		world_wrong("%" PRId64 " settlements wait for the store",
			    it.n_settled - (int64_t)n_committed(NULL));
	wake();
}

static int fetch_asks(void *context, int64_t now_us, int limit, sink_take_ask_fn *take, void *taker)
{
	struct err err;
	(void)context;
	return is_dead() ? 0 : feed_asks(it.feed, now_us, limit, take, taker, &err);
}

static void settle_ask(void *context, const struct sink_ask_outcome *outcome)
{
	(void)context;
	if (is_dead())
		return;
	world_note("asked for %" PRId64 ": verdict %d", outcome->key, (int)outcome->verdict);
	letter_box_settle_ask(&it.box, outcome);
	wake();
}

static void report(void *context, const struct sink_report *report)
{
	(void)context;
	if (is_dead())
		return;
	world_note("sink: %s", report->state);
	letter_box_report(&it.box, sink_name, report);
	wake();
}

/* ---- The loop ------------------------------------------------------------------------------------- */

static void turn_loop(void)
{
	int n = 0;
	do
		uv_run(&it.loop, UV_RUN_NOWAIT);
	while (!it.sink_stopped && uv_backend_timeout(&it.loop) == 0 && ++n < TURNS_MAX);
	if (n == TURNS_MAX)
		world_wrong("the sink goes round and round");
}

static void finish_stop(void);
static void bury(void);

void agent_turn(void)
{
	if (it.state == UP || it.state == FLUSHING)
		turn_loop();
	if (it.state == FLUSHING && it.sink_stopped)
		finish_stop();
	if (it.state == DEAD)
		bury();
}

int64_t agent_next_us(void)
{
	if (it.state != UP && it.state != FLUSHING)
		return INT64_MAX;
	uv_update_time(&it.loop);
	const int timeout_ms = uv_backend_timeout(&it.loop);
	return timeout_ms < 0 ? INT64_MAX : ((int64_t)uv_now(&it.loop) + timeout_ms) * SIM_MS;
}

/* ---- The end of a life ---------------------------------------------------------------------------- */

static void on_stopped(void *context)
{
	(void)context;
	it.sink_stopped = true;
}

static void close_parts(void)
{
	if (!it.open)
		return;
	it.open = false;
	payi_sink_free(it.sink);
	feed_close(it.feed);
	intake_close(it.intake);
	letter_box_release(&it.box);
	uv_run(&it.loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&it.loop))
		world_wrong("the sink has left a handle open");
	it.sink = NULL;
	it.feed = NULL;
	it.intake = NULL;
}

void agent_look(const char *sql, void (*each)(void *context, sqlite3_stmt *row), void *context)
{
	it.looking = true;
	place_each_row(it.place, sql, each, context);
	it.looking = false;
}

/* What the service has carried out and the database does not know goes again, and rightly so. */
static void allow_row(void *context, sqlite3_stmt *row)
{
	(void)context;
	const int32_t number = event_number((const char *)sqlite3_column_text(row, 0));
	if (number)
		cloud_allow_event(number);
}

static void allow_undelivered(void)
{
	agent_look("SELECT e.provider_response_id FROM events e"
		   " LEFT JOIN sink_exceptions x ON x.event = e.id"
		   " WHERE coalesce(x.state, '') IN ('deferred', 'held') OR (x.state IS NULL"
		   " AND e.id > (SELECT position FROM sinks) AND NOT EXISTS (SELECT 1 FROM"
		   " sink_settled s WHERE e.id > s.after_id AND e.id <= s.last_id))",
		   allow_row, NULL);
}

static void come_back(void)
{
	if (!it.ended)
		world_in(world_around(2 * SIM_SECOND), start, NULL, 0);
}

/* A process that is gone has closed nothing: here the parts are freed on a disk that takes nothing any more. */
static void bury(void)
{
	if (it.sink && !it.sink_stopped) {
		payi_sink_stop(it.sink, 0, on_stopped, NULL);
		while (!it.sink_stopped)
			uv_run(&it.loop, UV_RUN_NOWAIT);
	}
	close_parts();
	power_unmap(it.place->database);
	it.operations_left = 0;
	it.fails_in = 0;
	it.state = DOWN;
	if (it.power_went) {
		it.sums.cuts++;
		apps_lose_host();
		power_remove(it.place->database);
		place_empty(it.place);
		snprintf(it.place->database, sizeof(it.place->database), "%s", it.next_database);
		it.power_went = it.disk_made = false;
	}
	come_back();
}

void agent_kill(void)
{
	if (it.state != UP && it.state != FLUSHING)
		return;
	world_note("the agent is killed");
	it.sums.kills++;
	it.state = DEAD;
	net_agent_dies();
}

void agent_stop(void)
{
	if (it.state != UP)
		return;
	world_note("the agent is stopped");
	it.sums.stops++;
	for (int n = 0; n < FINISH_STEPS_MAX && take_step(true) == INTAKE_STORED;)
		n++;
	if (it.state == DEAD)
		return;
	it.state = FLUSHING;
	it.stop_began_us = sim_monotonic_us();
	payi_sink_stop(it.sink, FLUSH_MS, on_stopped, NULL);
	plan_next_step();
}

/* What the sink settled in its last moments is written, if the store can. */
static void finish_stop(void)
{
	const int64_t took_us = sim_monotonic_us() - it.stop_began_us;
	enum intake_result result = INTAKE_STORED;
	if (took_us > it.sums.stop_us)
		it.sums.stop_us = took_us;
	if (took_us > FLUSH_MS * SIM_MS + SIM_SECOND)
		world_wrong("it took %.1f s to stop", (double)took_us / 1e6);
	it.state = FLUSHED;
	while (result == INTAKE_STORED &&
	       (!intake_is_empty(it.intake) || !letter_box_is_empty(&it.box)))
		result = take_step(false);
	if (it.state == DEAD)
		return;
	close_parts();
	if (it.state == DEAD)
		return; /* within its last checkpoint */
	it.state = DOWN;
	world_note("the agent has ended");
	come_back();
}

/* ---- The begin of a life -------------------------------------------------------------------------- */

static int open_sink(struct err *err)
{
	static const struct sink_host host = {.fetch = fetch,
					      .fetch_deferred = fetch_deferred,
					      .settle = settle,
					      .n_committed = n_committed,
					      .fetch_asks = fetch_asks,
					      .settle_ask = settle_ask,
					      .report = report};
	const struct payi_sink_options options = {
		.base_url = "https://api.example.com",
		.api_key = CLOUD_KEY,
		.batch_events = it.swarm->batch_events,
		.batch_bytes = it.swarm->batch_bytes,
		.batch_age_ms = it.swarm->batch_age_ms,
		.in_flight = it.swarm->in_flight,
		.timeout_s = it.swarm->timeout_s,
	};
	int64_t position;
	int status = feed_open(it.place->database, sink_name, &it.feed, err);
	if (!status)
		status = feed_position(it.feed, &position, err);
	if (!status)
		status = payi_sink_new(&it.loop, &options, &host, position, &it.sink, err);
	return status;
}

static struct retention_policy policy(void)
{
	return (struct retention_policy){.events_us = it.swarm->events_us,
					 .dead_us = it.swarm->dead_us,
					 .rollups_us = it.swarm->rollups_us,
					 .max_bytes = it.swarm->database_bytes,
					 .undelivered = it.swarm->undelivered};
}

/* What leaves the database is noted in it, by the transaction that takes it. A ring's row may go, and its number come again. */
static void note_what_goes(void)
{
	static const char sql[] =
		"CREATE TABLE IF NOT EXISTS sim_gone (id INTEGER PRIMARY KEY, provider_response_id,"
		" input_units, instance, ring, state, stored_us, gone_us);"
		"CREATE TRIGGER IF NOT EXISTS sim_goes AFTER DELETE ON events BEGIN"
		" INSERT INTO sim_gone VALUES (old.id, old.provider_response_id, old.input_units,"
		" (SELECT id FROM use_case_instances WHERE id = old.instance AND use_case_id IS "
		"NOT NULL),"
		" (SELECT ring_id FROM rings WHERE id = old.ring),"
		" (SELECT state FROM sink_exceptions WHERE event = old.id), old.stored_us,"
		" CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) * 1000); END";
	char *error = NULL;
	sqlite3 *db = NULL;
	it.looking = true;
	if (sqlite3_open(it.place->database, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		prove_broken("cannot note what goes: %s", error ? error : sqlite3_errmsg(db));
	sqlite3_close(db);
	it.looking = false;
}

static int open_parts(struct err *err)
{
	const struct intake_options options = {.database = it.place->database,
					       .ring_dir = it.place->rings,
					       .commit_events = it.swarm->commit_events,
					       .sync_full = true,
					       .retention = policy()};
	letter_box_init(&it.box);
	it.open = true;
	int status = intake_open(&options, &it.intake, err);
	return status ? status : open_sink(err);
}

/* A supervisor starts it, again and again. */
static void start(void *context, int64_t number)
{
	struct err err;
	(void)context;
	(void)number;
	if (it.state != DOWN || it.ended)
		return;
	it.state = UP;
	it.sink_stopped = false;
	it.n_settled = 0;
	it.step_at_us = 0;
	it.news_us = sim_monotonic_us();
	it.has_failed = false;
	it.sums.lives++;
	if (it.cut_next) {
		it.operations_left = (int)world_between(1, 3);
		it.power = true;
		it.cut_next = false;
	}
	uv_loop_init(&it.loop);
	net_new_agent();
	const int status = open_parts(&err);
	if (status && it.state == UP) {
		world_note("the agent cannot start: %.120s", told(&err));
		if (it.disk == DISK_WELL && !it.has_failed)
			world_wrong("it does not start: %.120s", told(&err));
		it.state = DEAD;
		net_agent_dies();
	}
	if (it.state == DEAD)
		return;
	world_note("the agent starts");
	it.disk_made = true;
	note_what_goes();
	allow_undelivered();
	plan_step(sim_monotonic_us());
}

void agent_begin(const struct swarm *swarm, struct place *place)
{
	it.swarm = swarm;
	it.place = place;
	it.state = DOWN;
	it.ended = false;
	it.disk = DISK_WELL;
	it.operations_left = it.fails_in = 0;
	it.cut_next = it.disk_made = false;
	it.n_databases = 0;
	snprintf(place->database, sizeof(place->database), "%.200s/payi-0.db", place->data);
	power_install(NULL);
	power_fail(on_disk);
	world_in(0, start, NULL, 0);
}

bool agent_is_up(void)
{
	return it.state == UP;
}

int agent_n_rings(void)
{
	return place_count_rings(it.place);
}

void agent_end(void)
{
	it.ended = true;
	it.operations_left = 0;
	agent_stop();
	if (it.state == DOWN)
		world_wrong("the agent does not run");
}

const struct agent_sums *agent_sums(void)
{
	return &it.sums;
}
