/* The drain at its bounds: of slots, of rings, of a user's share, of homes, of a transaction; and what it counts. */
#define _DEFAULT_SOURCE /* symlink() */
#include "help/client_fixture.h"
#include "help/forge.h"
#include "intake.h"
#include "payi/ring.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(drain, .init = client_set_up, .fini = client_tear_down, .timeout = 60);

static struct intake *intake;
static int64_t now_us = 1000000;
static char ring_dir[HELP_PATH_BYTES + 32];

static int64_t commit_events = 1000;

static void open_intake(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = ring_dir,
					       .commit_events = commit_events};
	struct err err;
	cr_assert_not_null(freopen(client_site.log, "ae", stderr));
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
}

static void open_at_site(void)
{
	snprintf(ring_dir, sizeof(ring_dir), "%s", client_site.rings);
	open_intake();
}

/* Longer than anything is put off. */
static void step(int n)
{
	for (int i = 0; i < n; i++) {
		now_us += 2200000;
		intake_rescan(intake);
		const enum intake_result result = intake_step(intake, now_us, now_us, false);
		cr_assert(result == INTAKE_IDLE || result == INTAKE_STORED, "%s",
			  intake_error(intake)->text);
	}
}

static int64_t number(const char *sql)
{
	return help_query_int(&client_site, sql);
}

static int count_log(const char *text)
{
	char *output;
	help_shell(&output, "grep -c '%s' '%s'", text, client_site.log);
	const int n = (int)strtol(output, NULL, 10);
	free(output);
	return n;
}

/* ---- Slots ---------------------------------------------------------------------------------------- */

/* All slots of the agent's file are others', which are there as well. */
static void take_all_slots(void)
{
	struct forge other;
	static struct payi_ring_agent agent;
	char path[sizeof(ring_dir) + 16];
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, client_site.rings);
	memcpy(agent.magic, PAYI_RING_AGENT_MAGIC, sizeof(agent.magic));
	agent.abi_major = PAYI_RING_ABI_MAJOR;
	agent.abi_minor = PAYI_RING_ABI_MINOR;
	agent.n_slots = PAYI_RING_SLOTS;
	forge_init(&other, 77);
	forge_put(&other, client_site.rings, true);
	for (int i = 0; i < PAYI_RING_SLOTS; i++) {
		payi_ring_store_own(&agent.slot[i].ring_id[0], 77);
		payi_ring_store_own(&agent.slot[i].ring_id[1], i ? 1 : 0);
		payi_ring_store_own(&agent.slot[i].state, PAYI_RING_SLOT_SERVED);
	}
	FILE *file = fopen(path, "we");
	cr_assert(file && fwrite(&agent, sizeof(agent), 1, file) == 1);
	fclose(file);
}

static int count_slots(void)
{
	static struct payi_ring_agent agent;
	char path[sizeof(ring_dir) + 16];
	int n = 0;
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, client_site.rings);
	FILE *file = fopen(path, "re");
	cr_assert(file && fread(&agent, sizeof(agent), 1, file) == 1);
	fclose(file);
	for (int i = 0; i < PAYI_RING_SLOTS; i++)
		n += payi_ring_load_own(&agent.slot[i].state) != PAYI_RING_SLOT_FREE;
	return n;
}

/* There are some thousands of them, for all the rings that ever come while an agent runs. */
Test(drain, a_ring_that_has_ended_leaves_its_slot)
{
	struct forge dead, alive;
	forge_init(&dead, 1);
	forge_init(&alive, 2);
	forge_put(&dead, client_site.rings, false);
	forge_put(&alive, client_site.rings, true);
	open_at_site();
	step(1);
	cr_assert_eq(count_slots(), 2);
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), 1);
	cr_assert_eq(count_slots(), 1);
	intake_close(intake);
	forge_remove(&alive, client_site.rings);
}

/* One gets no space back, which its client takes for an agent that is not there: its events are stored all the same. */
Test(drain, a_ring_without_a_slot_is_stored_and_closed)
{
	struct forge dead, mad;
	take_all_slots();
	forge_init(&dead, 1);
	forge_init(&mad, 2);
	forge_record(&mad, 1)->sequence = 9;
	forge_put(&dead, client_site.rings, false);
	forge_put(&mad, client_site.rings, true);
	open_at_site();
	step(3);
	cr_assert_eq(count_log("no slot is left"), 2);
	cr_assert_eq(number("SELECT sum(sequence) FROM lanes"), 2 * FORGE_RECORDS + 1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), 1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), 1);
	cr_assert_eq(help_count_rings(&client_site), 2, "the other's, and the one put aside");
	intake_close(intake);
}

/* Whoever was put aside stays so, for every agent that comes; its file is kept. */
Test(drain, a_ring_that_was_put_aside_is_not_taken_up_again)
{
	struct forge mad;
	forge_init(&mad, 2);
	forge_record(&mad, 1)->sequence = 9;
	forge_put(&mad, client_site.rings, true);
	open_at_site();
	step(3);
	intake_close(intake);
	open_intake();
	step(3);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), 1);
	cr_assert_eq(number("SELECT sum(sequence) FROM lanes"), 1);
	cr_assert_eq(count_log("was put aside"), 1);
	cr_assert_eq(help_count_rings(&client_site), 1);
	intake_close(intake);
	forge_remove(&mad, client_site.rings);
}

/* ---- Sense and nonsense ---------------------------------------------------------------------------- */

static void write_forged(const struct forge *forge)
{
	cr_assert_eq(pwrite(forge->fd, forge->at, sizeof(forge->at), 0),
		     (ssize_t)sizeof(forge->at));
}

/* A word that is read while it is written may look like nonsense, once: the second time in a row it is the ring's fault. */
Test(drain, nonsense_is_forgiven_once_and_not_twice)
{
	struct forge torn, mad;
	forge_init(&torn, 1);
	forge_init(&mad, 2);
	forge_record(&torn, 2)->sequence = 9;
	forge_record(&mad, 2)->sequence = 9;
	forge_put(&torn, client_site.rings, true);
	forge_put(&mad, client_site.rings, true);
	open_at_site();
	step(1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'open'"), 2);
	forge_record(&torn, 2)->sequence = 3;
	write_forged(&torn);
	step(1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), 1);
	cr_assert_eq(number("SELECT count(*) FROM events"), FORGE_RECORDS + 2);
	forge_record(&torn, 3)->sequence = 4;
	payi_ring_store_own(&forge_counters(&torn)->lane[1].tail, 4);
	write_forged(&torn);
	step(1);
	payi_ring_store_own(&forge_counters(&torn)->lane[1].tail, 0);
	write_forged(&torn);
	step(3);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), 1,
		     "what made sense in between counts");
	intake_close(intake);
	forge_remove(&torn, client_site.rings);
	forge_remove(&mad, client_site.rings);
}

/* No program calls so often: such a number was never counted. */
Test(drain, counters_beyond_belief)
{
	struct forge forged[2];
	open_at_site();
	for (uint64_t i = 0; i < 2; i++) {
		forge_init(&forged[i], i + 1);
		payi_ring_store_own(&forge_counters(&forged[i])->lane[1].attempted,
				    (UINT64_C(1) << 48) - 1 + i);
		forge_put(&forged[i], client_site.rings, true);
	}
	step(3);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'open'"), 1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), 1);
	cr_assert_eq(number("SELECT max(attempted) FROM lanes"), (INT64_C(1) << 48) - 1);
	intake_close(intake);
	for (int i = 0; i < 2; i++)
		forge_remove(&forged[i], client_site.rings);
}

/* One that has as many lanes as there may be is a ring like any other; so is it for the next agent, which says nothing of it. */
Test(drain, a_ring_of_all_lanes)
{
	struct forge forge;
	forge_init(&forge, 1);
	forge.header.n_lanes = PAYI_RING_LANES_MAX;
	forge.bytes = PAYI_RING_DATA_AT_MIN + PAYI_RING_LANES_MAX * FORGE_LANE_BYTES;
	forge_counters(&forge)->lane[PAYI_RING_LANES_MAX - 1] = forge_counters(&forge)->lane[0];
	forge_put(&forge, client_site.rings, true);
	const size_t bytes = (size_t)payi_ring_load_own(&forge_counters(&forge)->lane[0].tail);
	cr_assert_eq(pwrite(forge.fd, forge.at + PAYI_RING_DATA_AT_MIN, bytes,
			    PAYI_RING_DATA_AT_MIN + (PAYI_RING_LANES_MAX - 1) * FORGE_LANE_BYTES),
		     (ssize_t)bytes);
	open_at_site();
	step(2);
	intake_close(intake);
	open_intake();
	step(2);
	cr_assert_eq(count_log("the database does not know a ring"), 0);
	close(forge.fd);
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), 1);
	cr_assert_eq(number("SELECT sum(sequence) FROM lanes"), 2 * FORGE_RECORDS);
	cr_assert_eq(number("SELECT count(*) FROM lanes"), 2);
	intake_close(intake);
}

/* ---- How many ------------------------------------------------------------------------------------- */

static void limit_descriptors(rlim_t n)
{
	const struct rlimit limit = {n, n};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void put_rings(int first, int n, uid_t uid)
{
	char path[sizeof(ring_dir) + 64];
	for (int i = first; i < first + n; i++) {
		struct forge forge;
		forge_init(&forge, (uint64_t)i + 100);
		forge_put(&forge, client_site.rings, false);
		snprintf(path, sizeof(path), "%s/%s", client_site.rings, forge.name);
		cr_assert_eq(chown(path, uid, (gid_t)-1), 0);
		close(forge.fd);
	}
}

/* Whoever gives us few descriptors gets few rings at a time, and all of them in the end. */
Test(drain, more_rings_than_there_may_be_wait_for_their_turn)
{
	enum { RINGS = 150, AT_ONCE = 128 };
	commit_events = 10;
	put_rings(0, RINGS, geteuid());
	limit_descriptors(250);
	open_at_site();
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM rings"), AT_ONCE);
	cr_assert_gt(count_log("no room for one more ring"), 0);
	step(100);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), RINGS);
	cr_assert_eq(number("SELECT count(*) FROM events"), RINGS * FORGE_RECORDS);
	intake_close(intake);
}

/* Another user's rings take a quarter of the room at the most. */
Test(drain, the_rings_of_another_user_leave_room_for_ours)
{
	enum { RINGS = 100, OURS = 60, SHARE = 128 / 4 };
	if (geteuid() != 0)
		cr_skip("it wants root, to be several users");
	commit_events = 10;
	put_rings(0, RINGS, 65501);
	limit_descriptors(250);
	open_at_site();
	step(1);
	cr_assert_eq(number("SELECT count(*) FROM rings"), SHARE);
	put_rings(RINGS, OURS, geteuid());
	step(1);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE uid <> 65501"), OURS);
	step(150);
	cr_assert_eq(number("SELECT count(*) FROM events"), (RINGS + OURS) * FORGE_RECORDS);
	intake_close(intake);
}

/* A look at everything does not wait for the portions of the pass that is under way. */
Test(drain, all_rings_are_found_at_once_where_all_are_asked_for)
{
	enum { RINGS = 200, PORTION = 128 };
	open_at_site();
	put_rings(0, RINGS, geteuid());
	step(1);
	cr_assert_eq(number("SELECT count(*) FROM rings"), PORTION);
	cr_assert_eq(intake_step(intake, now_us, now_us, true), INTAKE_STORED);
	cr_assert_eq(number("SELECT count(*) FROM rings"), RINGS);
	intake_close(intake);
}

/* A directory that takes long to look through is not looked through again at once, however often we are told that it changed. */
Test(drain, a_long_pass_is_followed_by_a_long_pause)
{
	enum { RINGS = 200, PORTION_TOOK_US = 100000 };
	open_at_site();
	put_rings(0, RINGS, geteuid());
	step(1);
	struct forge forge;
	forge_init(&forge, 1);
	forge_put(&forge, client_site.rings, true);
	now_us += PORTION_TOOK_US;
	cr_assert_eq(intake_step(intake, now_us, now_us, false), INTAKE_STORED);
	now_us += PORTION_TOOK_US;
	(void)intake_step(intake, now_us, now_us, false);
	intake_rescan(intake);
	cr_assert_gt(intake_next_us(intake), now_us);
	cr_assert_lt(intake_next_us(intake), now_us + 4 * PORTION_TOOK_US, "its rings are visited");
	intake_close(intake);
	forge_remove(&forge, client_site.rings);
}

/* ---- Homes ---------------------------------------------------------------------------------------- */

static payi_client *client_here(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	options.ring_dir = ring_dir;
	options.ring_bytes = 64 * 1024;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static void track(payi_client *client)
{
	payi_event event = client_small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
}

/* Eight are remembered, as long as rings of theirs live; then we stay where we are until one of those has ended. */
Test(drain, a_directory_that_is_taken_away_again_and_again)
{
	enum { TIMES = 9 };
	char away[sizeof(ring_dir) + 16];
	payi_client *clients[TIMES];
	snprintf(ring_dir, sizeof(ring_dir), "%s/rings", client_site.rings);
	open_intake();
	for (int i = 0; i < TIMES; i++) {
		clients[i] = client_here();
		step(1);
		snprintf(away, sizeof(away), "%s.%d", ring_dir, i);
		cr_assert_eq(rename(ring_dir, away), 0);
		step(2);
		if (i + 1 < TIMES)
			cr_assert_eq(access(ring_dir, F_OK), 0);
		track(clients[i]);
	}
	step(2);
	cr_assert_eq(count_log("new rings are not found"), 1, "it is said once");
	cr_assert_eq(number("SELECT count(*) FROM events"), TIMES);
	cr_assert_neq(access(ring_dir, F_OK), 0);
	payi_client_close(clients[0]);
	step(3);
	cr_assert_eq(access(ring_dir, F_OK), 0);
	payi_client *client = client_here();
	track(client);
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM events"), TIMES + 1);
	for (int i = 1; i < TIMES; i++)
		payi_client_close(clients[i]);
	payi_client_close(client);
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), TIMES + 1);
	intake_close(intake);
}

/* The path leads to another file system: that is another directory, whatever its number there. */
Test(drain, a_directory_on_another_file_system_is_another_one)
{
	char away[sizeof(ring_dir) + 16];
	snprintf(ring_dir, sizeof(ring_dir), "%s/rings", client_site.rings);
	snprintf(away, sizeof(away), "%s.away", ring_dir);
	open_intake();
	payi_client *client = client_here();
	track(client);
	step(1);
	cr_assert_eq(rename(ring_dir, away), 0);
	track(client);
	cr_assert_eq(symlink(client_site.data, ring_dir), 0);
	step(2);
	cr_assert_eq(number("SELECT count(*) FROM events"), 2);
	snprintf(away, sizeof(away), "%s/" PAYI_RING_AGENT_FILE, client_site.data);
	cr_assert_eq(access(away, F_OK), 0, "clients find the agent where the path leads");
	payi_client_close(client);
	step(2);
	intake_close(intake);
}

/* What we make is for the group where what is above it is, and for us alone where it is not. */
Test(drain, makes_its_directory_for_those_that_the_one_above_is_for)
{
	static const struct {
		mode_t above, made;
	} cases[] = {{0700, 0700}, {02770, 03770}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stat made;
		snprintf(ring_dir, sizeof(ring_dir), "%s/rings-%d", client_site.rings, (int)i);
		cr_assert_eq(chmod(client_site.rings, cases[i].above), 0);
		open_intake();
		cr_assert_eq(stat(ring_dir, &made), 0);
		cr_expect_eq(made.st_mode & 07777, cases[i].made, "%o", made.st_mode);
		intake_close(intake);
	}
}

/* ---- A transaction -------------------------------------------------------------------------------- */

/* 16 MiB of records are enough for one, however few events that are. */
Test(drain, large_events_share_their_bytes_over_several_transactions)
{
	enum { EVENTS = 400, BODY = 60000 };
	static char body[BODY];
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	memset(body, 'x', sizeof(body) - 1);
	open_at_site();
	options.ring_dir = ring_dir;
	options.ring_bytes = (size_t)512 << 20;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < EVENTS; i++) {
		payi_event event = client_small_event();
		event.provider_request_json = body;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	step(1);
	const int64_t first = number("SELECT count(*) FROM events");
	cr_assert(first >= 270 && first <= 290, "%d", (int)first);
	step(3);
	cr_assert_eq(number("SELECT count(*) FROM events"), EVENTS);
	payi_client_close(client);
	intake_close(intake);
}

/* ---- Counters ------------------------------------------------------------------------------------- */

static void write_counters(const struct forge *forge)
{
	cr_assert_eq(pwrite(forge->fd, forge->at + PAYI_RING_COUNTERS_AT,
			    sizeof(struct payi_ring_counters), PAYI_RING_COUNTERS_AT),
		     (ssize_t)sizeof(struct payi_ring_counters));
}

/* Each of them, alone: of calls that brought no record nothing else would tell. Written once a second. */
Test(drain, counters_are_stored_where_nothing_else_happens)
{
	struct forge forge;
	forge_init(&forge, 1);
	struct payi_ring_counters *counters = forge_counters(&forge);
	payi_ring_word *const words[] = {&counters->lane[1].attempted, &counters->lane[1].refused,
					 &counters->lane[1].dropped_full,
					 &counters->lane[1].dropped_too_big,
					 &counters->dropped_busy};
	static const char *const columns[] = {
		"attempted FROM lanes WHERE lane = 1", "refused FROM lanes WHERE lane = 1",
		"dropped_full FROM lanes WHERE lane = 1",
		"dropped_too_big FROM lanes WHERE lane = 1", "dropped_busy FROM rings"};
	open_at_site();
	forge_put(&forge, client_site.rings, true);
	step(2);
	for (int i = 0; i < 5; i++) {
		char sql[100];
		snprintf(sql, sizeof(sql), "SELECT %s", columns[i]);
		payi_ring_store_own(words[i], 7);
		write_counters(&forge);
		step(1);
		cr_expect_eq(number(sql), 7, "%s", sql);
		payi_ring_store_own(words[i], 8);
		write_counters(&forge);
		now_us -= 2200000 - 200000;
		step(1);
		cr_expect_eq(number(sql), 7, "%s, so soon", sql);
		step(1);
		cr_expect_eq(number(sql), 8, "%s", sql);
	}
	intake_close(intake);
	forge_remove(&forge, client_site.rings);
}

/* ---- Another database ------------------------------------------------------------------------------ */

/* What was given back before is not read any more, and how much it was is told by the next record's number; within reason. */
Test(drain, a_ring_that_the_database_does_not_know_cannot_name_any_number)
{
	struct forge forge;
	forge_init(&forge, 1);
	forge_put(&forge, client_site.rings, true);
	open_at_site();
	step(2);
	intake_close(intake);
	char *output;
	help_shell(&output, "rm '%s'*", client_site.database);
	free(output);
	const uint64_t tail = payi_ring_load_own(&forge_counters(&forge)->lane[0].tail);
	const struct payi_ring_record record = {8, PAYI_RING_EVENT, 0, 1 << 20};
	memcpy(forge.at + PAYI_RING_DATA_AT_MIN + tail, &record, sizeof(record));
	payi_ring_store_own(&forge_counters(&forge)->lane[0].tail,
			    tail + payi_ring_record_bytes(8));
	cr_assert_eq(pwrite(forge.fd, forge.at, sizeof(forge.at), 0), (ssize_t)sizeof(forge.at));
	open_intake();
	step(3);
	cr_assert_eq(number("SELECT reason LIKE '%cannot come after%' FROM rings"), 1);
	cr_assert_eq(number("SELECT sum(sequence) FROM lanes"), 0);
	intake_close(intake);
	forge_remove(&forge, client_site.rings);
}
