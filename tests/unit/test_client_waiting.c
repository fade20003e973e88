/*
 * libpayi when no lane can take an event: who waits tracks once, when there is room or a lane is free; who does not is told, and the
 * drop is counted. The library's sleeps are ours: what happens meanwhile is what a test wants to happen.
 */
#include "client/client.h"
#include "help/client_fixture.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STEP_US = 100000, WAIT_MS = 2000 };

static void (*while_asleep)(void); /* NULL: sleep */
static int n_sleeps;

static payi_client *client;
static struct intake *intake;
static int64_t now_us;

/* In the place of libc's. */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!while_asleep)
		return clock_nanosleep(CLOCK_REALTIME, 0, time, left) ? -1 : 0;
	n_sleeps++;
	while_asleep();
	return 0;
}

static void set_up(void)
{
	client_set_up();
	now_us = STEP_US;
	n_sleeps = 0;
}

static void tear_down(void)
{
	while_asleep = NULL;
	payi_client_close(client);
	client_tear_down();
}

TestSuite(client_waiting, .init = set_up, .fini = tear_down, .timeout = 60);

static void open_client(size_t ring_bytes, payi_when_full when_full, int block_ms)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = client_site.rings;
	options.ring_bytes = ring_bytes;
	options.when_full = when_full;
	options.block_ms = block_ms;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
}

/* As other threads have them while they write a record. */
static void take_lanes(unsigned taken)
{
	for (int i = 0; i < PAYI_RING_LANES; i++)
		atomic_store(&client->lane[i].taken, taken);
}

static void let_go_at_the_third_sleep(void)
{
	if (n_sleeps == 3)
		take_lanes(0);
}

static void do_nothing(void)
{
}

static void assert_records(int n)
{
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), n);
	ring_view_close(&view);
}

static payi_client_stats stats_now(void)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	return stats;
}

Test(client_waiting, waits_for_a_lane_and_tracks_once)
{
	const payi_event event = client_small_event();
	open_client(0, PAYI_WHEN_FULL_BLOCK, WAIT_MS);
	take_lanes(1);
	while_asleep = let_go_at_the_third_sleep;
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(n_sleeps, 3);
	assert_records(1);
	cr_assert_eq(stats_now().attempted, 1);
	cr_assert_eq(stats_now().dropped_busy, 0);
}

static void assert_busy(void)
{
	const payi_event event = client_small_event();
	take_lanes(1);
	while_asleep = do_nothing;
	cr_assert(payi_track(client, &event) == PAYI_ERR_BUSY);
	cr_assert(strstr(payi_last_error(), "taken by other threads"), "%s", payi_last_error());
	take_lanes(0);
	assert_records(0);
	cr_assert_eq(stats_now().dropped_busy, 1, "however often it tried, one drop");
	cr_assert_eq(stats_now().attempted, 1);
}

Test(client_waiting, counts_one_drop_when_no_lane_becomes_free)
{
	open_client(0, PAYI_WHEN_FULL_BLOCK, 1);
	assert_busy();
	cr_assert_gt(n_sleeps, 0);
}

Test(client_waiting, counts_one_drop_without_a_sleep_where_it_is_not_to_wait)
{
	open_client(0, PAYI_WHEN_FULL_DROP, WAIT_MS);
	assert_busy();
	cr_assert_eq(n_sleeps, 0);
}

/* What cannot be tracked later either is not waited for. */
Test(client_waiting, refuses_at_once)
{
	payi_event event = client_small_event();
	open_client(0, PAYI_WHEN_FULL_BLOCK, WAIT_MS);
	event.category = NULL;
	while_asleep = do_nothing;
	cr_assert(payi_track(client, &event) == PAYI_ERR_INVALID);
	cr_assert_eq(n_sleeps, 0);
	cr_assert_eq(stats_now().refused, 1);
}

/* ---- Until the agent has made room ------------------------------------------------------------------ */

static void let_agent_work(void)
{
	now_us += STEP_US;
	intake_step(intake, now_us, now_us, true);
}

static void open_intake(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = 1000};
	struct err err;
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
}

/* A thread that looks for the agent's answer may be the one that this signal handler interrupts. */
Test(client_waiting, leaves_the_agents_file_to_who_is_at_it)
{
	const payi_event event = client_small_event();
	open_client(0, PAYI_WHEN_FULL_DROP, 0);
	open_intake();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	let_agent_work();
	atomic_store(&client->attaching, 1);
	cr_assert(payi_flush(client, 0) == PAYI_ERR_TIMEOUT);
	cr_assert_null(client->agent);
	atomic_store(&client->attaching, 0);
	cr_assert(payi_flush(client, 0) == PAYI_OK);
	intake_close(intake);
}

Test(client_waiting, waits_for_room_and_tracks_once)
{
	enum { EVENTS = 2000 };
	const payi_event event = client_small_event();
	open_client(32 * 1024, PAYI_WHEN_FULL_BLOCK, WAIT_MS);
	open_intake();
	while_asleep = let_agent_work;
	for (int i = 0; i < EVENTS; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert_gt(n_sleeps, 1, "the ring holds some hundred");
	let_agent_work();
	cr_assert_eq(intake_events(intake), EVENTS);
	cr_assert_eq(stats_now().attempted, EVENTS);
	intake_close(intake);
}
