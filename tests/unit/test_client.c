/* libpayi without an agent: opening, room, and what happens without it. */
#include "help/client_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(client, .init = client_set_up, .fini = client_tear_down);

/* ---- Opening -------------------------------------------------------------------------------------- */

Test(client, opens_a_ring_that_is_whole_and_locked)
{
	payi_client *client = client_open(0);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert(view.alive);
	cr_assert_eq(view.reader.n_lanes, PAYI_RING_LANES);
	cr_assert_eq(view.reader.lane_bytes * PAYI_RING_LANES, PAYI_RING_BYTES);
	cr_assert_str_eq(view.reader.app_name, "test");
	cr_assert_eq(view.reader.pid, (uint64_t)getpid());
	ring_view_close(&view);
	payi_client_close(client);
}

Test(client, leaves_its_events_to_the_agent_when_it_closes)
{
	payi_client *client = client_open(0);
	const payi_event event = client_small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	payi_client_close(client);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert(!view.alive);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 1);
	ring_view_close(&view);
}

Test(client, refuses_options_that_make_no_sense)
{
	payi_client *client = (payi_client *)&client_site;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = client_site.rings;
	options.size = 3;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(client == NULL);
	options.size = sizeof(options) + 8;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_VERSION);
	options.size = sizeof(options);
	options.ring_bytes = 5;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), "ring_bytes is 5"), "%s", payi_last_error());
	options.ring_bytes = 0;
	options.block_ms = -1;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(strstr(payi_last_error(), "block_ms is -1"));
	options.block_ms = 60001;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert(payi_client_open(&options, NULL) == PAYI_ERR_INVALID);
	options.block_ms = 0;
	options.when_full = (payi_when_full)7;
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_INVALID);
	cr_assert_eq(help_count_rings(&client_site), 0);
}

Test(client, refuses_a_directory_that_cannot_hold_rings)
{
	payi_client *client;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = client_site.data; /* on a disk */
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	cr_assert(strstr(payi_last_error(), "not on tmpfs"), "%s", payi_last_error());
	options.ring_dir = "/dev/shm/payi-none/such";
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	options.ring_dir = client_site.rings;
	chmod(client_site.rings, 0777);
	cr_assert(payi_client_open(&options, &client) == PAYI_ERR_RING_DIR);
	cr_assert(strstr(payi_last_error(), "everybody"), "%s", payi_last_error());
}

Test(client, is_as_by_default_without_options)
{
	payi_client *client;
	setenv("PAYI_RING_DIR", client_site.rings, 1);
	cr_assert(payi_client_open(NULL, &client) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(help_count_rings(&client_site), 1);
	payi_client_close(client);
}

Test(client, answers_a_null_client)
{
	const payi_event event = client_small_event();
	cr_assert(payi_track(NULL, &event) == PAYI_ERR_INVALID);
	cr_assert(payi_flush(NULL, 0) == PAYI_ERR_INVALID);
	payi_client_close(NULL);
}

/* ---- Room ----------------------------------------------------------------------------------------- */

Test(client, fills_every_lane_then_drops_and_counts)
{
	payi_client *client = client_open(64 * 1024);
	const payi_event event = client_small_event();
	uint64_t taken = 0, dropped = 0;
	for (int i = 0; i < 5000; i++) {
		const payi_status status = payi_track(client, &event);
		taken += status == PAYI_OK;
		dropped += status == PAYI_ERR_FULL;
	}
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(taken + dropped, 5000);
	cr_assert_eq(stats.tracked, taken);
	cr_assert_eq(stats.dropped_full, dropped);
	cr_assert(stats.ring_bytes_used > stats.ring_bytes * 9 / 10,
		  "one thread can use all lanes");
	cr_assert(strstr(payi_last_error(), "is an agent running"), "%s", payi_last_error());
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), (int)taken);
	client_check_accounts(&view, taken);
	ring_view_close(&view);
	payi_client_close(client);
}

static char *text_of(size_t bytes)
{
	char *text = malloc(bytes + 1);
	memset(text, 'p', bytes);
	text[bytes] = '\0';
	return text;
}

Test(client, takes_an_event_of_a_megabyte_in_a_large_ring)
{
	payi_client *client = client_open(16 * 1024 * 1024);
	payi_event event = client_small_event();
	char *prompt = text_of(1024 * 1024);
	event.provider_request_json = prompt;
	for (int i = 0; i < 8; i++) /* also across each lane's end */
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), 8);
	ring_view_close(&view);
	payi_client_close(client);
	free(prompt);
}

Test(client, tells_too_big_from_full)
{
	payi_client *client = client_open(64 * 1024); /* lanes of 8 KiB */
	payi_event event = client_small_event();
	char *prompt = text_of(8190); /* fits no lane, by its frame alone */
	event.provider_request_json = prompt;
	cr_assert(payi_track(client, &event) == PAYI_ERR_TOO_BIG);
	prompt[7000] = '\0';
	for (int i = 0; i < 8; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert(payi_track(client, &event) == PAYI_ERR_FULL);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.dropped_too_big, 1);
	cr_assert_eq(stats.dropped_full, 1);
	payi_client_close(client);
	free(prompt);
}

Test(client, waits_for_room_no_longer_than_asked)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = client_site.rings;
	options.ring_bytes = 32 * 1024;
	options.when_full = PAYI_WHEN_FULL_BLOCK;
	options.block_ms = 30;
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK);
	const payi_event event = client_small_event();
	payi_status status;
	while ((status = payi_track(client, &event)) == PAYI_OK)
		;
	cr_assert_eq(status, PAYI_ERR_FULL);
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.dropped_full, 1, "however often it tried, one drop");
	cr_assert_eq(stats.attempted, stats.tracked + 1);
	payi_client_close(client);
}

Test(client, flush_without_an_agent_times_out)
{
	payi_client *client = client_open(0);
	cr_assert(payi_flush(client, 0) == PAYI_ERR_TIMEOUT || payi_flush(client, 0) == PAYI_OK);
	const payi_event event = client_small_event();
	payi_track(client, &event);
	cr_assert(payi_flush(client, 20) == PAYI_ERR_TIMEOUT);
	payi_client_close(client);
}
