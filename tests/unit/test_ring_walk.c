/* What still lies in a ring, and the command that shows it: of living, dead, worn and broken rings. */
#include "ring/ring_walk.h"

#include "help/forge.h"
#include "help/help.h"
#include "help/ring_view.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct help_site site;

static void begin(void)
{
	help_site_make(&site);
}

static void end(void)
{
	help_site_remove(&site);
}

TestSuite(ring_walk, .init = begin, .fini = end);

struct seen {
	int n;
	uint64_t first_position;
	uint64_t first_sequence;
	uint64_t last_sequence;
	uint64_t end;
};

static int see(void *context, uint64_t position, const struct payi_ring_record *record,
	       const uint8_t *payload)
{
	struct seen *seen = context;
	(void)payload;
	if (!seen->n++) {
		seen->first_position = position;
		seen->first_sequence = record->sequence;
	} else {
		cr_expect_eq(position, seen->end, "records lie side by side");
		cr_expect_eq(record->sequence, seen->last_sequence + 1);
	}
	seen->last_sequence = record->sequence;
	seen->end = position + payi_ring_record_bytes(record->payload_bytes);
	return 0;
}

static payi_client *open_client(size_t ring_bytes)
{
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_bytes = ring_bytes;
	options.app_name = "walked";
	cr_assert_eq(payi_client_open(&options, &client), PAYI_OK, "%s", payi_last_error());
	return client;
}

static payi_status track(payi_client *client, int64_t number)
{
	static char fill[601];
	const payi_units units[] = {{"text", number, 1}};
	const payi_property property = {"fill", fill};
	payi_event event = PAYI_EVENT_INIT;
	memset(fill, 'p', (size_t)(number * 37 % 600));
	fill[number * 37 % 600] = '\0';
	event.category = "system.openai";
	event.units = units;
	event.n_units = 1;
	event.properties = &property;
	event.n_properties = 1;
	return payi_track(client, &event);
}

/* The lane that was used, walked. */
static struct seen walk(int *status)
{
	struct ring_view view;
	struct seen seen = {0};
	struct err err = {0};
	ring_view_open(&view, site.rings, 0);
	uint32_t lane = 0;
	while (lane + 1 < view.reader.n_lanes && !view.counters.lane[lane].tail)
		lane++;
	*status = ring_walk(&view.reader, lane, view.counters.lane[lane].tail, see, &seen, &err);
	ring_view_close(&view);
	return seen;
}

Test(ring_walk, a_ring_that_was_never_read_from_its_first_record_on)
{
	int status;
	payi_client *client = open_client(0);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(track(client, i), PAYI_OK);
	const struct seen seen = walk(&status);
	cr_expect_eq(status, 0);
	cr_expect_eq(seen.n, 50);
	cr_expect_eq(seen.first_position, 0);
	cr_expect_eq(seen.first_sequence, 1);
	payi_client_close(client);
}

/* The start of the oldest record is nowhere written down. */
Test(ring_walk, a_ring_that_was_written_over_many_times)
{
	enum { EVENTS = 400 };
	int status;
	payi_client *client = open_client(65536);
	help_agent_start(&site, NULL, NULL);
	for (int i = 0; i < EVENTS; i++) {
		cr_assert_eq(track(client, i), PAYI_OK);
		if (i % 8 == 7) /* before its lane is full, and it moves on to another */
			cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	}
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	const struct seen seen = walk(&status);
	cr_expect_eq(status, 0);
	cr_expect_gt(seen.n, 7, "a lane of 8 KiB holds more than %d", seen.n);
	cr_expect_gt(seen.first_position, 0);
	cr_expect_eq(seen.last_sequence, EVENTS);
	cr_expect_eq(seen.first_sequence, (uint64_t)(EVENTS - seen.n + 1));
	payi_client_close(client);
}

/* ---- The command ---------------------------------------------------------------------------------- */

static void says(int code, const char *text, const char *arguments)
{
	char *output = NULL;
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " %s 2>&1", arguments), code, "%s: %s",
		     arguments, output);
	cr_expect(strstr(output, text), "%s: %s\n(wanted: %s)", arguments, output, text);
	free(output);
}

/* A command of the shell that must work. */
#define shell(...)                                                                                 \
	do {                                                                                       \
		char *shell_output = NULL;                                                         \
		cr_assert_eq(help_shell(&shell_output, __VA_ARGS__), 0, "%s", shell_output);       \
		free(shell_output);                                                                \
	} while (0)

static void put_forged(uint64_t number, void (*spoil)(struct forge *forge))
{
	static struct forge forge;
	forge_init(&forge, number);
	if (spoil)
		spoil(&forge);
	forge_put(&forge, site.rings, false);
	close(forge.fd);
}

static void break_second(struct forge *forge)
{
	forge_record(forge, 1)->sequence = 9;
}

static void break_payload(struct forge *forge)
{
	memset(forge->at + forge->record_at[2] + PAYI_RING_RECORD_HEADER, 0xc1, 4);
}

static void break_tail(struct forge *forge)
{
	payi_ring_store_own(&forge_counters(forge)->lane[0].tail, 24);
}

/* ---- A lane that was made up ---------------------------------------------------------------------- */

static int stop_at_second(void *context, uint64_t position, const struct payi_ring_record *record,
			  const uint8_t *payload)
{
	(void)see(context, position, record, payload);
	return ((struct seen *)context)->n == 2 ? 42 : 0;
}

static int walk_forged(struct forge *forge, uint64_t tail, ring_walk_fn *take, struct seen *seen)
{
	struct ring_view view;
	struct err err = {0};
	*seen = (struct seen){0};
	forge_put(forge, site.rings, false);
	ring_view_open(&view, site.rings, 0);
	const int status = ring_walk(&view.reader, 0, tail, take, seen, &err);
	ring_view_close(&view);
	forge_remove(forge, site.rings);
	return status;
}

Test(ring_walk, a_lane_tells_what_leads_to_its_tail_and_no_more)
{
	struct forge forge;
	struct seen seen;
	forge_init(&forge, 1);
	const uint64_t tail = payi_ring_load_own(&forge_counters(&forge)->lane[0].tail);
	cr_expect_eq(walk_forged(&forge, tail, see, &seen), 0);
	cr_expect_eq(seen.n, FORGE_RECORDS);
	cr_expect_eq(walk_forged(&forge, tail, stop_at_second, &seen), 42, "who takes may stop");
	cr_expect_eq(seen.n, 2);
	cr_expect_eq(walk_forged(&forge, 0, see, &seen), 0, "an empty lane");
	cr_expect_eq(seen.n, 0);
	cr_expect_eq(walk_forged(&forge, tail + 4, see, &seen), ERR_INVALID);
	cr_expect_eq(walk_forged(&forge, tail + 8, see, &seen), ERR_INVALID, "zeroes lead nowhere");
	forge_record(&forge, 1)->sequence = 9;
	cr_expect_eq(walk_forged(&forge, tail, see, &seen), 0);
	cr_expect_eq(seen.first_sequence, 3, "before it nothing follows");
	forge_record(&forge, 2)->payload_bytes = 0;
	cr_expect_eq(walk_forged(&forge, tail, see, &seen), 0);
	cr_expect_eq(seen.first_sequence, 4);
	forge_record(&forge, 3)->payload_bytes += 4000;
	cr_expect_eq(walk_forged(&forge, tail, see, &seen), ERR_INVALID);
}

Test(ring_walk, the_command_shows_what_waits_and_what_is_stored)
{
	char *output = NULL;
	payi_client *client = open_client(0);
	cr_assert_eq(track(client, 1), PAYI_OK);
	says(0, "  new  ", "ring list");
	says(0, "\"waiting_events\":1", "ring list --format jsonl");
	says(0, "\"stored\":null,\"type\":\"event\"", "ring dump '' --format jsonl");
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(payi_flush(client, 10000), PAYI_OK);
	help_agent_kill(&site);
	cr_assert_eq(track(client, 2), PAYI_OK);
	/* Of an agent that is dead, and an application that will be. */
	says(0, "\"stored\":true,\"type\":\"event\",\"event\":{\"category\":\"system.openai\"",
	     "ring dump '' --format jsonl");
	cr_assert_eq(help_shell(&output, AGENT_PROGRAM " ring dump '' --waiting --format jsonl"),
		     0);
	cr_expect(strstr(output, "\"sequence\":2,"), "%s", output);
	cr_expect(!strstr(output, "\"sequence\":1,"), "%s", output);
	free(output);
	says(0, "alive", "ring dump ''");
	payi_client_close(client);
	says(0, "gone", "ring dump ''");
	says(0, "ending", "ring list");
}

Test(ring_walk, the_command_reads_a_copy_anywhere_and_what_makes_no_sense_is_said)
{
	put_forged(1, NULL);
	shell("cp %s/ring.* %s/saved && rm %s/ring.*", site.rings, site.data, site.rings);
	char arguments[2 * HELP_PATH_BYTES];
	snprintf(arguments, sizeof(arguments), "ring dump --format csv %s/saved", site.data);
	says(0, "lane,position,sequence", arguments);
	put_forged(2, break_second);
	says(0, ",3,", "ring dump '' --format csv"); /* what follows the break leads to the tail */
	shell("rm %s/ring.*", site.rings);
	put_forged(3, break_payload);
	says(1, "makes no sense:", "ring dump '' --format csv");
	shell("rm %s/ring.*", site.rings);
	put_forged(4, break_tail);
	says(1, "lane 0: no record leads to the tail", "ring dump ''");
}

Test(ring_walk, the_command_says_what_it_cannot_do)
{
	says(1, "0 rings in", "ring dump 00");
	put_forged(1, NULL);
	put_forged(2, NULL);
	says(1, "2 rings in", "ring dump ''");
	says(1, "give more of the id", "ring dump ''");
	says(2, "say which", "ring dump");
	says(2, "there is no 'show'", "ring show");
	says(1, "it does not begin with PAYIRING", "ring dump /proc/self/exe");
	shell("mkfifo %s/fifo", site.data);
	char arguments[2 * HELP_PATH_BYTES];
	snprintf(arguments, sizeof(arguments), "ring dump %s/fifo", site.data);
	says(1, "not a regular file", arguments);
}
