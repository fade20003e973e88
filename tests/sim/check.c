#include "sim/check.h"

#include "prove/kit/prove.h"
#include "sim/agent.h"
#include "sim/apps.h"
#include "sim/cloud.h"
#include "sim/events.h"
#include "sim/world.h"

#include <inttypes.h>
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
	struct run *run;
	int n_said;
	int64_t *last_row; /* by instance, at the service */
	int64_t units_delivered;
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
		   " THEN 0 ELSE e.instance END, x.state, x.code, x.http_status, x.message FROM "
		   "events e"
		   " LEFT JOIN use_case_instances i ON i.id = e.instance"
		   " LEFT JOIN sink_exceptions x ON x.event = e.id",
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

static void take_delivered(void *context, int32_t number)
{
	struct check *check = context;
	if (!number) {
		wrong(check, 0, "is at the service, and nobody tracked it");
		return;
	}
	struct sim_event *event = events_at(number);
	check->run->delivered++;
	check->units_delivered += number;
	if (!event->n_stored)
		wrong(check, number, "is at the service and not stored");
	if (event->dead)
		wrong(check, number, "is at the service, and dead");
	const int64_t instance = event->instance;
	if (!instance || !check->last_row)
		return;
	if (event->row < check->last_row[instance])
		wrong(check, number, "came after one of its instance that was tracked later");
	check->last_row[instance] = event->row;
}

static void check_delivered(struct check *check, const struct swarm *swarm)
{
	const int64_t n = number_of("SELECT coalesce(max(id), 0) + 1 FROM use_case_instances");
	if (!swarm_may_reorder(swarm))
		check->last_row = calloc((size_t)n, sizeof(*check->last_row));
	cloud_each(take_delivered, check);
	free(check->last_row);
	if (check->run->delivered + check->run->dead != check->run->stored)
		world_wrong("%" PRId64 " delivered and %" PRId64 " dead of %" PRId64 " stored",
			    check->run->delivered, check->run->dead, check->run->stored);
	if (cloud_units() != check->units_delivered)
		world_wrong("the service has other units than were tracked");
	check->run->again = cloud_n_again();
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
		 "SELECT stored - delivered - waiting - deferred - held - dead FROM sink_books"},
		{"lanes of closed rings do not balance",
		 "SELECT count(*) FROM rings g JOIN lanes l ON l.ring = g.id WHERE g.state = "
		 "'closed'"
		 " AND l.attempted <> l.sequence + l.refused + l.dropped_full + l.dropped_too_big"},
		{"rings have other records than events",
		 "SELECT count(*) FROM (SELECT g.id, sum(l.sequence - l.rejected - l.notices) -"
		 " (SELECT count(*) FROM events e WHERE e.ring = g.id) AS more FROM rings g"
		 " JOIN lanes l ON l.ring = g.id GROUP BY g.id) WHERE more <> 0"},
		{"records were rejected", "SELECT count(*) FROM rejected_records"},
		{"rings were put aside", "SELECT count(*) FROM rings WHERE state = 'aside'"},
		{"rollups do not agree with the events",
		 "SELECT (SELECT coalesce(sum(events), 0) FROM usage_hours)"
		 " - (SELECT count(*) FROM events)"},
		{"a use case was refused",
		 "SELECT (SELECT count(*) FROM use_case_definitions WHERE state = 'refused') +"
		 " (SELECT count(*) FROM use_case_handles WHERE state = 'refused')"},
	};
	for (size_t i = 0; i < sizeof(books) / sizeof(books[0]); i++)
		if (number_of(books[i].sql) != 0)
			world_wrong("%s: %" PRId64, books[i].what, number_of(books[i].sql));
	if (number_of("SELECT stored FROM sink_books") != check->run->stored)
		world_wrong("the books count other events than there are");
}

void check_all(const struct swarm *swarm, struct run *run)
{
	struct check check = {.run = run};
	check_stored(&check);
	check_delivered(&check, swarm);
	check_books(&check);
}
