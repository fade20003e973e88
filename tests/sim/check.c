#include "sim/check.h"

#include "prove/kit/prove.h"
#include "sim/agent.h"
#include "sim/apps.h"
#include "sim/cloud.h"
#include "sim/events.h"
#include "sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAID_MAX = 5 }; /* of a kind */

static const char waits_sql[] =
	"SELECT waiting + deferred + held"
	" + (SELECT count(*) FROM use_case_definitions WHERE state = 'waiting')"
	" + (SELECT count(*) FROM use_case_handles WHERE state = 'waiting') FROM sink_books";

static void take_number(void *context, sqlite3_stmt *row)
{
	*(int64_t *)context = sqlite3_column_int64(row, 0);
}

static int64_t number_of(const char *sql)
{
	int64_t number = -1;
	agent_look(sql, take_number, &number);
	return number;
}

bool check_is_drained(void)
{
	return agent_is_up() && agent_n_rings() == 0 && number_of(waits_sql) == 0;
}

static void say_row(void *context, sqlite3_stmt *row)
{
	(void)context;
	world_note("waits: %s", (const char *)sqlite3_column_text(row, 0));
}

void check_say_what_waits(void)
{
	world_note("%d rings, agent %s", agent_n_rings(), agent_is_up() ? "up" : "not up");
	agent_look("SELECT 'waiting '||waiting||', deferred '||deferred||', held '||held||', dead "
		   "'||dead"
		   " FROM sink_books",
		   say_row, NULL);
	agent_look(
		"SELECT x.event||' '||x.state||' attempts '||x.attempts||' retry '||"
		"coalesce(x.retry_us, 0)||' '||coalesce(x.code, '')||' '||coalesce(x.message, '')"
		" FROM sink_exceptions x WHERE x.state IN ('deferred', 'held') LIMIT 20",
		say_row, NULL);
	agent_look("SELECT 'handle '||instance||' '||retry_us||' attempts '||attempts FROM"
		   " use_case_handles WHERE state = 'waiting' LIMIT 10",
		   say_row, NULL);
	agent_look("SELECT 'definition '||use_case_name||' '||retry_us||' attempts '||attempts FROM"
		   " use_case_definitions WHERE state = 'waiting' LIMIT 10",
		   say_row, NULL);
}

/* ---- In the database ------------------------------------------------------------------------------ */

struct check {
	const struct swarm *swarm;
	struct run *run;
	int n_said;
	int64_t *last_row; /* by instance, at the service */
	int64_t units_delivered;
	int64_t discarded;
};

static void wrong(struct check *check, int32_t number, const char *what)
{
	if (++check->n_said <= SAID_MAX)
		world_wrong("event %c%" PRId32 " %s", number ? events_at(number)->kind : '?',
			    number, what);
}

/* What the service must have said of it. */
static bool is_dead_rightly(const struct sim_event *event, sqlite3_stmt *row)
{
	const char *code = (const char *)sqlite3_column_text(row, 5);
	const int status = sqlite3_column_int(row, 6);
	if (event->kind == EVENT_REFUSED)
		return code && strcmp(code, "invalid_user_id") == 0;
	return event->kind == EVENT_POISON && status == 400;
}

/* Whether it was old enough, or in the way. */
static bool may_go(const struct swarm *swarm, int64_t stored_us, int64_t gone_us)
{
	return swarm->database_bytes > 0 ||
	       (swarm->events_us > 0 && stored_us < gone_us + SIM_MS - swarm->events_us);
}

static void take_departure(struct check *check, int32_t number, sqlite3_stmt *row)
{
	struct sim_event *event = events_at(number);
	const char *state = (const char *)sqlite3_column_text(row, 4);
	event->gone = sqlite3_column_type(row, 9) != SQLITE_NULL;
	event->discarded = state && strcmp(state, "discarded") == 0;
	check->run->gone += event->gone;
	check->discarded += event->discarded;
	if (event->discarded && !check->swarm->drops && check->swarm->dead_us == 0)
		wrong(check, number, "was given up, and nobody said so");
	if (event->discarded && event->kind != EVENT_REFUSED && event->kind != EVENT_POISON)
		wrong(check, number, "was given up, and the service never refused it");
	if (!event->gone)
		return;
	if (state && !event->discarded)
		wrong(check, number, "is gone, and was not settled");
	if (!may_go(check->swarm, sqlite3_column_int64(row, 8), sqlite3_column_int64(row, 9)))
		wrong(check, number, "is gone before its time");
}

static void take_row(void *context, sqlite3_stmt *row)
{
	struct check *check = context;
	const char *state = (const char *)sqlite3_column_text(row, 4);
	const char *code = (const char *)sqlite3_column_text(row, 5);
	const char *message = (const char *)sqlite3_column_text(row, 7);
	const int32_t number = event_number((const char *)sqlite3_column_text(row, 1));
	check->run->stored++;
	if (!number) {
		wrong(check, 0, "is stored, and nobody tracked it");
		return;
	}
	struct sim_event *event = events_at(number);
	event->row = sqlite3_column_int64(row, 0);
	event->instance = sqlite3_column_int64(row, 3);
	event->dead = state && strcmp(state, "dead") == 0;
	check->run->dead += event->dead;
	take_departure(check, number, row);
	if (++event->n_stored > 1)
		wrong(check, number, "is stored twice");
	if (!event->accepted)
		wrong(check, number, "is stored though it was refused");
	if (sqlite3_column_int64(row, 2) != number)
		wrong(check, number, "is stored otherwise than it was tracked");
	if (event->dead && !is_dead_rightly(event, row)) {
		world_note("dead: %s, status %d: %s", code ? code : "", sqlite3_column_int(row, 6),
			   message ? message : "");
		wrong(check, number, "is dead without the service's word");
	}
}

static void check_stored(struct check *check)
{
	agent_look("SELECT e.id, e.provider_response_id, e.input_units, CASE WHEN i.use_case_id IS "
		   "NULL"
		   " THEN 0 ELSE e.instance END, x.state, x.code, x.http_status, x.message,"
		   " e.stored_us, NULL FROM events e"
		   " LEFT JOIN use_case_instances i ON i.id = e.instance"
		   " LEFT JOIN sink_exceptions x ON x.event = e.id"
		   " UNION ALL SELECT id, provider_response_id, input_units, instance, state, NULL,"
		   " 0, NULL, stored_us, gone_us FROM sim_gone",
		   take_row, check);
	for (int32_t number = 1; number <= events_count(); number++) {
		const struct sim_event *event = events_at(number);
		check->run->accepted += event->accepted;
		if (!event->accepted || event->n_stored)
			continue;
		if (event->promised || event->host_life == apps_host_life())
			wrong(check, number, "was accepted and is not stored");
		check->run->lost++;
	}
}

/* ---- At the service ------------------------------------------------------------------------------- */

/* An answer had refused it; then an earlier request of it, which was long on its way, was carried out after all. */
static bool may_have_changed_its_mind(const struct check *check, const struct sim_event *event)
{
	return event->kind == EVENT_REFUSED && check->swarm->amends &&
	       check->swarm->fate_permille[FATE_LATE];
}

static void take_delivered(void *context, int32_t number)
{
	struct check *check = context;
	if (!number) {
		wrong(check, 0, "is at the service, and nobody tracked it");
		return;
	}
	struct sim_event *event = events_at(number);
	check->run->delivered++;
	event->delivered = true;
	check->units_delivered += number;
	if (!event->n_stored)
		wrong(check, number, "is at the service and not stored");
	if ((event->dead || event->discarded) && !may_have_changed_its_mind(check, event))
		wrong(check, number, "is at the service, and dead");
	const int64_t instance = event->instance;
	/* One that was refused comes when the operator sends it again; one that was given up by a request that is late. */
	const bool may_be_given_up = event->gone && check->swarm->undelivered;
	if (!instance || !check->last_row || event->kind == EVENT_REFUSED || may_be_given_up)
		return;
	if (event->row < check->last_row[instance])
		wrong(check, number, "came after one of its instance that was tracked later");
	check->last_row[instance] = event->row;
}

static void check_delivered(struct check *check)
{
	const int64_t n = number_of("SELECT 1 + max((SELECT coalesce(max(id), 0) FROM"
				    " use_case_instances), (SELECT coalesce(max(instance), 0) FROM"
				    " sim_gone))");
	if (!swarm_may_reorder(check->swarm))
		check->last_row = calloc((size_t)n, sizeof(*check->last_row));
	cloud_each(take_delivered, check);
	free(check->last_row);
	if (cloud_units() != check->units_delivered)
		world_wrong("the service has other units than were tracked");
	check->run->again = cloud_n_again();
}

/* ---- What is gone --------------------------------------------------------------------------------- */

/* Nothing undelivered goes unless the operator said so. */
static void check_settled(struct check *check)
{
	for (int32_t number = 1; number <= events_count(); number++) {
		const struct sim_event *event = events_at(number);
		if (!event->n_stored || event->delivered || event->dead || event->discarded)
			continue;
		check->run->given_up++;
		if (!event->gone)
			wrong(check, number, "is neither at the service nor dead");
		else if (!check->swarm->undelivered)
			wrong(check, number, "is gone, and was never delivered");
	}
}

/* … and is counted. What was given up while it was under way may have come to the service all the same. */
static void check_counted(const struct check *check)
{
	const int64_t given_up = check->run->given_up + check->discarded;
	const int64_t counted = number_of("SELECT discarded FROM sink_books");
	if (counted < given_up || (!check->swarm->undelivered && counted != given_up))
		world_wrong("%" PRId64 " were given up, and %" PRId64 " are counted", given_up,
			    counted);
	if (number_of("SELECT delivered FROM sink_books") > check->run->delivered)
		world_wrong("the books have more delivered than the service has");
}

__attribute__((format(printf, 2, 3))) static void check_none(const char *what, const char *sql, ...)
{
	char text[600];
	va_list arguments;
	va_start(arguments, sql);
	vsnprintf(text, sizeof(text), sql, arguments);
	va_end(arguments);
	if (number_of(text) != 0)
		world_wrong("%s: %" PRId64, what, number_of(text));
}

/* Events go in their order: one that a clock which was behind has stored waits for those before it. */
static void check_none_too_old(const struct swarm *swarm)
{
	const int64_t then_us = sim_true_us() - CHECK_OLD_US;
	if (swarm->events_us > 0)
		check_none("events stay that are too old",
			   "SELECT count(*) FROM events e, sinks k WHERE e.id <= k.position"
			   " AND e.stored_us < %" PRId64 " AND NOT EXISTS (SELECT 1 FROM"
			   " sink_exceptions x WHERE x.event = e.id AND x.state <> 'discarded')"
			   " AND NOT EXISTS (SELECT 1 FROM events y WHERE y.id < e.id AND"
			   " y.stored_us >= %" PRId64 ")",
			   then_us - swarm->events_us, then_us - swarm->events_us);
	if (swarm->dead_us > 0)
		check_none("dead letters stay that are too old",
			   "SELECT count(*) FROM sink_exceptions WHERE state = 'dead' AND last_us "
			   "< %" PRId64,
			   then_us - swarm->dead_us);
	if (swarm->rollups_us > 0)
		check_none("hours stay that are too old",
			   "SELECT count(*) FROM usage_hours WHERE hour < %" PRId64 " / 3600000000",
			   then_us - swarm->rollups_us);
}

/* ---- The books ------------------------------------------------------------------------------------ */

static void check_books(const struct check *check)
{
	static const struct {
		const char *what, *sql;
	} books[] = {
		{"the database is not sound",
		 "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"},
		{"the sink's books do not balance",
		 "SELECT stored - delivered - waiting - deferred - held - dead - discarded FROM "
		 "sink_books"},
		{"lanes of closed rings do not balance",
		 "SELECT count(*) FROM rings g JOIN lanes l ON l.ring = g.id WHERE g.state = "
		 "'closed'"
		 " AND l.attempted <> l.sequence + l.refused + l.dropped_full + l.dropped_too_big"},
		{"rings have other records than events",
		 "SELECT count(*) FROM (SELECT g.id, sum(l.sequence - l.rejected - l.notices) -"
		 " (SELECT count(*) FROM events e WHERE e.ring = g.id) -"
		 " (SELECT count(*) FROM sim_gone e WHERE e.ring = g.ring_id) AS more FROM rings g"
		 " JOIN lanes l ON l.ring = g.id GROUP BY g.id) WHERE more <> 0"},
		{"records were rejected", "SELECT count(*) FROM rejected_records"},
		{"rings were put aside", "SELECT count(*) FROM rings WHERE state = 'aside'"},
		{"a use case was refused",
		 "SELECT (SELECT count(*) FROM use_case_definitions WHERE state = 'refused') +"
		 " (SELECT count(*) FROM use_case_handles WHERE state = 'refused')"},
	};
	for (size_t i = 0; i < sizeof(books) / sizeof(books[0]); i++)
		if (number_of(books[i].sql) != 0)
			world_wrong("%s: %" PRId64, books[i].what, number_of(books[i].sql));
	const int64_t summed = number_of("SELECT coalesce(sum(events), 0) FROM usage_hours");
	if (check->swarm->rollups_us ? summed > check->run->stored : summed != check->run->stored)
		world_wrong("rollups have %" PRId64 " events", summed);
	if (number_of("SELECT stored FROM sink_books") != check->run->stored)
		world_wrong("the books count other events than there are");
}

void check_all(const struct swarm *swarm, struct run *run)
{
	struct check check = {.swarm = swarm, .run = run};
	check_stored(&check);
	check_delivered(&check);
	check_settled(&check);
	check_counted(&check);
	check_none_too_old(swarm);
	check_books(&check);
}
