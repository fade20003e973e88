/* More than the agent can store: what came first is stored first, whichever lane it is in. */
#include "help/client_fixture.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>

TestSuite(intake_lanes, .init = client_set_up, .fini = client_tear_down, .timeout = 60);

enum { START_US = 1000000, STEP_US = 100000, COMMIT_EVENTS = 10, LANES = 8, RING_BYTES = 8 * 4096 };

static struct intake *open_intake(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = COMMIT_EVENTS,
					       .sync_full = false};
	struct intake *intake;
	struct err err;
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
	return intake;
}

/* Until the ring is full; returns how many there was room for. */
static int fill(payi_client *client, const char *user)
{
	payi_event event = client_small_event();
	int n = 0;
	event.user_id = user;
	while (payi_track(client, &event) == PAYI_OK)
		n++;
	return n;
}

static int count_of(const char *user)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *count = NULL;
	cr_assert_eq(sqlite3_open_v2(client_site.database, &db, SQLITE_OPEN_READONLY, NULL), 0);
	cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM event_history WHERE user_id = ?1",
					-1, &count, NULL),
		     0);
	sqlite3_bind_text(count, 1, user, -1, SQLITE_STATIC);
	cr_assert_eq(sqlite3_step(count), SQLITE_ROW);
	const int n = sqlite3_column_int(count, 0);
	sqlite3_finalize(count);
	sqlite3_close(db);
	return n;
}

/* The space that is given back is taken at once: the lanes that were not drained must have their turn all the same. */
Test(intake_lanes, each_has_its_turn_when_the_ring_stays_full)
{
	payi_client *client = client_open(RING_BYTES);
	struct intake *intake = open_intake();
	const int n = fill(client, "first");
	cr_assert_gt(n, 2 * LANES * COMMIT_EVENTS, "%d are enough for all lanes", n);
	const int64_t end_us = START_US + (int64_t)(n / COMMIT_EVENTS + 2 * LANES) * STEP_US;
	for (int64_t now_us = START_US; now_us < end_us; now_us += STEP_US) {
		intake_step(intake, now_us, now_us, false);
		fill(client, "later");
	}
	cr_assert_eq(count_of("first"), n);
	payi_client_close(client);
	intake_close(intake);
}
