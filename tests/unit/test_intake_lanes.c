/* More than the agent can store: what came first is stored first, whichever lane it is in. */
#include "help/client_fixture.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

TestSuite(intake_lanes, .init = client_set_up, .fini = client_tear_down, .timeout = 60);

enum { START_US = 1000000, STEP_US = 100000, COMMIT_EVENTS = 10, LANES = 8, RING_BYTES = 8 * 4096 };

static struct intake *open_intake(int64_t commit_events)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = commit_events,
					       .sync_full = false};
	struct intake *intake;
	struct err err;
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
	return intake;
}

/* Until the ring is full; returns how many there was room for. */
static int fill(payi_client *client, const char *user, int64_t time_us)
{
	payi_event event = client_small_event();
	int n = 0;
	event.user_id = user;
	event.event_timestamp_us = time_us;
	while (payi_track(client, &event) == PAYI_OK)
		n++;
	return n;
}

static int64_t ask(const char *question)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	cr_assert_eq(sqlite3_open_v2(client_site.database, &db, SQLITE_OPEN_READONLY, NULL), 0);
	cr_assert_eq(sqlite3_prepare_v2(db, question, -1, &statement, NULL), 0);
	cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
	const int64_t answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return answer;
}

/* The space that is given back is taken at once: the lanes that were not drained must have their turn all the same. */
Test(intake_lanes, each_has_its_turn_when_the_ring_stays_full)
{
	payi_client *client = client_open(RING_BYTES);
	struct intake *intake = open_intake(COMMIT_EVENTS);
	const int n = fill(client, "first", START_US);
	cr_assert_gt(n, 2 * LANES * COMMIT_EVENTS, "%d are enough for all lanes", n);
	const int64_t end_us = START_US + (int64_t)(n / COMMIT_EVENTS + 2 * LANES) * STEP_US;
	for (int64_t now_us = START_US; now_us < end_us; now_us += STEP_US) {
		intake_step(intake, now_us, now_us, false);
		fill(client, "later", now_us);
	}
	cr_assert_eq(ask("SELECT count(*) FROM event_history WHERE user_id = 'first'"), n);
	payi_client_close(client);
	intake_close(intake);
}

/*
 * All wait as long as it takes to store what the ring holds: lanes are emptied side by side, not one after the other, where some
 * would wait for half as long and others for much longer.
 */
Test(intake_lanes, all_wait_alike_when_the_ring_stays_full)
{
	payi_client *client = client_open(RING_BYTES);
	struct intake *intake = open_intake(2 * LANES);
	int64_t now_us = START_US;
	fill(client, "none", now_us);
	for (; payi_flush(client, 0) != PAYI_OK; now_us += STEP_US) /* until the client knows */
		intake_step(intake, now_us, now_us, false);
	const int64_t steps = fill(client, "first", now_us) / (2 * LANES);
	for (int64_t i = 0; i < 4 * steps; i++) {
		now_us += STEP_US;
		intake_step(intake, now_us, now_us, false);
		fill(client, "later", now_us);
	}
	cr_assert_leq(ask("SELECT max(stored_us - event_timestamp_us)"
			  " - min(stored_us - event_timestamp_us)"
			  " FROM event_history WHERE user_id = 'later'"),
		      2 * STEP_US);
	payi_client_close(client);
	intake_close(intake);
}
