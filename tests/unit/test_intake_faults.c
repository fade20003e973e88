/*
 * The store's file system fails, at each call in turn: nothing is lost, nothing is stored twice, the trouble is told
 * once, and when it is over the intake goes on by itself. A third of the calls, unless PAYI_TESTS_ALL is set.
 */
#include "help/client_fixture.h"
#include "help/fault_vfs.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(intake_faults, .init = client_set_up, .fini = client_tear_down, .timeout = 100);

enum {
	PHASES = 3,
	EVENTS = 7, /* in a phase */
	STEPS_MAX = 60,
	CALLS_MAX = 5000, /* of the file system, in a scenario; more is an endless loop */
	IDLE_STEPS = 5,   /* each 50 ms at least: longer than a ring is left alone */
};

static char template[4 << 20];
static size_t template_bytes;

struct scenario {
	struct fault_plan plan;
	bool fresh; /* no database yet */
	struct intake *intake;
	struct letter_box box;
	payi_client *client;
	int64_t now_us;
	int tracked;
	int pauses;
};

/* ---- The steps of a scenario ---------------------------------------------------------------------- */

static void track(struct scenario *scenario)
{
	char id[32];
	payi_event event = client_small_event();
	event.use_case_name = "faults";
	event.use_case_id = "ticket";
	for (int i = 0; i < EVENTS; i++) {
		snprintf(id, sizeof(id), "e-%d", scenario->tracked++);
		event.provider_response_id = id;
		cr_assert(payi_track(scenario->client, &event) == PAYI_OK, "%s", payi_last_error());
	}
}

static void settle(struct scenario *scenario, int64_t after_id, int64_t last_id)
{
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = after_id,
						   .last_id = last_id,
						   .n_delivered = last_id - after_id};
	letter_box_settle(&scenario->box, &settlement);
	intake_post(scenario->intake, letter_box_take(&scenario->box));
}

static void lift(void)
{
	fault_vfs_plan(&(struct fault_plan){0});
}

/* A disk that fails for ever is mended after a while. */
static void open_intake(struct scenario *scenario)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events =
						       4, /* several transactions a phase */
					       .sync_full = true};
	struct err err;
	int status = intake_open(&options, &scenario->intake, &err);
	if (status) {
		cr_assert_gt(strlen(err.text), 20, "an error says something: %s", err.text);
		cr_assert_neq(status, ERR_CORRUPT, "a failing disk is no damage: %s", err.text);
		lift();
		status = intake_open(&options, &scenario->intake, &err);
	}
	cr_assert_eq(status, 0, "%s", err.text);
}

/* Steps until no ring has anything, whenever it is visited; time passes as the intake asks for it. */
static void run_until_idle(struct scenario *scenario)
{
	for (int i = 0, idle = 0; i < STEPS_MAX; i++) {
		const enum intake_result result =
			intake_step(scenario->intake, scenario->now_us, scenario->now_us, false);
		cr_assert_neq(result, INTAKE_LOST, "%s", intake_error(scenario->intake)->text);
		idle = result == INTAKE_IDLE ? idle + 1 : 0;
		if (idle == IDLE_STEPS)
			return;
		if (result == INTAKE_PAUSED && ++scenario->pauses == 3)
			lift();
		scenario->now_us += 50000;
		const int64_t next_us = intake_next_us(scenario->intake);
		if (next_us > scenario->now_us)
			scenario->now_us = next_us;
	}
	cr_assert(0, "it does not come to rest: %s", intake_error(scenario->intake)->text);
}

static void check(const struct scenario *scenario)
{
	const int64_t n = scenario->tracked;
	cr_assert_eq(help_query_int(&client_site, "SELECT count(*) FROM events"), n);
	cr_assert_eq(help_query_int(&client_site,
				    "SELECT count(DISTINCT provider_response_id) FROM "
				    "event_history"),
		     n);
	cr_assert_eq(help_query_int(&client_site, "SELECT sum(events) FROM use_case_history"), n);
	cr_assert_eq(help_query_int(&client_site, "SELECT sum(input_units) FROM usage_by_hour"),
		     1200 * n);
	cr_assert_eq(help_query_int(&client_site, "SELECT sum(sequence) FROM lanes"), n);
	cr_assert_eq(help_query_int(&client_site, "SELECT last_event_id FROM agent_state"), n);
	cr_assert_eq(help_query_int(&client_site, "SELECT delivered FROM sinks"), 2 * EVENTS,
		     "what was settled counts once");
	cr_assert_eq(help_query_int(&client_site, "SELECT count(*) FROM pragma_integrity_check "
						  "WHERE integrity_check <> 'ok'"),
		     0);
}

static void remove_database(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char path[HELP_PATH_BYTES + 32];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", client_site.database, suffixes[i]);
		unlink(path);
	}
}

/* To make a database takes longer than the rest of a scenario. */
static void make_template(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = 1,
					       .sync_full = true};
	struct intake *intake;
	struct err err;
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
	intake_close(intake);
	FILE *file = fopen(client_site.database, "re");
	template_bytes = fread(template, 1, sizeof(template), file);
	fclose(file);
	cr_assert(template_bytes > 0 && template_bytes < sizeof(template));
}

static void put_template(void)
{
	FILE *file = fopen(client_site.database, "we");
	cr_assert_eq(fwrite(template, 1, template_bytes, file), template_bytes);
	fclose(file);
}

/* True when the fault came to be. */
static bool play(struct scenario *scenario)
{
	scenario->now_us = 1000000;
	letter_box_init(&scenario->box);
	scenario->client = client_open(64 * 1024);
	remove_database();
	if (!scenario->fresh)
		put_template();
	track(scenario);
	fault_vfs_plan(&scenario->plan);
	open_intake(scenario);
	run_until_idle(scenario);
	for (int phase = 1; phase < PHASES; phase++) {
		track(scenario);
		settle(scenario, (phase - 1) * EVENTS, phase * EVENTS);
		run_until_idle(scenario);
	}
	const bool came = fault_vfs_calls() >= scenario->plan.at && scenario->plan.at > 0;
	lift();
	track(scenario);
	run_until_idle(scenario);
	check(scenario);
	payi_client_close(scenario->client);
	scenario->now_us += 10000000;
	run_until_idle(scenario);
	cr_assert_eq(help_count_rings(&client_site), 0);
	intake_close(scenario->intake);
	letter_box_release(&scenario->box);
	return came || scenario->pauses > 0;
}

/* The database lies on tmpfs here: it is not the disk's speed that we ask after. */
static void sweep(enum fault_kind kind, bool for_ever, bool fresh)
{
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	fault_vfs_install();
	make_template();
	const int stride = getenv("PAYI_TESTS_ALL") ? 1 : 3;
	int at = 1;
	bool came = true;
	for (; came; at += stride) {
		struct scenario scenario = {.plan = {kind, at, for_ever}, .fresh = fresh};
		cr_assert_lt(at, CALLS_MAX);
		came = play(&scenario);
	}
	cr_assert_gt(at, 100, "the sweep has swept nothing");
}

Test(intake_faults, each_call_of_a_running_store_fails_once)
{
	sweep(FAULT_EIO, false, false);
}

Test(intake_faults, from_each_call_on_all_fail_for_a_while)
{
	sweep(FAULT_EIO, true, false);
}

Test(intake_faults, each_call_fails_half_done)
{
	sweep(FAULT_TORN, false, false);
}

Test(intake_faults, each_call_fails_after_it_was_done)
{
	sweep(FAULT_LATE, false, false);
}

Test(intake_faults, the_disk_is_full_from_each_write_on)
{
	sweep(FAULT_FULL, true, false);
}

Test(intake_faults, the_file_system_is_read_only_from_each_change_on)
{
	sweep(FAULT_READ_ONLY, true, false);
}

Test(intake_faults, each_call_that_makes_a_database_fails_once)
{
	sweep(FAULT_EIO, false, true);
}

Test(intake_faults, the_disk_is_full_while_the_database_is_made)
{
	sweep(FAULT_FULL, true, true);
}

/* ---- Single cases --------------------------------------------------------------------------------- */

/* A scenario up to its first transaction. */
static void begin(struct scenario *scenario)
{
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	fault_vfs_install();
	*scenario = (struct scenario){.now_us = 1000000, .client = client_open(0)};
	letter_box_init(&scenario->box);
	open_intake(scenario);
	track(scenario);
	run_until_idle(scenario);
}

static void end(struct scenario *scenario)
{
	payi_client_close(scenario->client);
	intake_close(scenario->intake);
	letter_box_release(&scenario->box);
}

static int count_lines(const char *file, const char *with)
{
	char *output;
	help_shell(&output, "grep -c '%s' '%s'", with, file);
	const int n = (int)strtol(output, NULL, 10);
	free(output);
	return n;
}

/* An hour of a full disk, and a minute in which only fsync fails. */
Test(intake_faults, trouble_is_told_once_and_so_is_its_end)
{
	struct scenario scenario;
	begin(&scenario);
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	track(&scenario);
	fault_vfs_plan(&(struct fault_plan){FAULT_FULL, 1, true});
	const int64_t start_us = scenario.now_us += 1000000; /* the ring is due */
	int attempts = 0;
	while (scenario.now_us < start_us + INT64_C(240000000)) {
		cr_assert_eq(intake_step(scenario.intake, scenario.now_us, scenario.now_us, false),
			     INTAKE_PAUSED);
		scenario.now_us = intake_next_us(scenario.intake);
		attempts++;
	}
	lift();
	run_until_idle(&scenario);
	cr_assert_lt(attempts, 60, "it waits longer and longer, up to some seconds: %d", attempts);
	cr_assert_eq(count_lines(client_site.log, "cannot store"), 1);
	cr_assert_eq(count_lines(client_site.log, "storing works again"), 1);
	cr_assert_eq(help_query_int(&client_site, "SELECT count(*) FROM events"), 2 * EVENTS);
	end(&scenario);
}

/* While it was away, the file was damaged: found when the connection is made anew, and found twice. */
Test(intake_faults, damage_found_after_a_failure_loses_the_database)
{
	struct scenario scenario;
	begin(&scenario);
	intake_close(scenario.intake); /* all is moved from the WAL into the database */
	open_intake(&scenario);
	char *output;
	help_shell(&output, "dd if=/dev/urandom of='%s' bs=8192 seek=1 count=40 conv=notrunc 2>&1",
		   client_site.database);
	free(output);
	track(&scenario);
	fault_vfs_plan(&(struct fault_plan){FAULT_EIO, 1, false});
	scenario.now_us += 1000000;
	enum intake_result result = INTAKE_PAUSED;
	for (int i = 0; i < 10 && result == INTAKE_PAUSED; i++) {
		result = intake_step(scenario.intake, scenario.now_us, scenario.now_us, false);
		scenario.now_us = intake_next_us(scenario.intake);
	}
	cr_assert_eq(result, INTAKE_LOST, "%d", (int)result);
	cr_assert_eq(intake_error(scenario.intake)->code, ERR_CORRUPT);
	cr_assert_eq(intake_next_us(scenario.intake), INT64_MAX);
	end(&scenario);
}

/* A second writer, whom the locks should have kept away: we stop before we mix our events with its. */
Test(intake_faults, a_rival_that_has_written_ends_it)
{
	struct scenario scenario;
	begin(&scenario);
	char *output;
	cr_assert_eq(help_shell(&output,
				"sqlite3 '%s' 'UPDATE agent_state SET epoch = epoch + 1' 2>&1",
				client_site.database),
		     0);
	free(output);
	track(&scenario);
	scenario.now_us += 1000000;
	cr_assert_eq(intake_step(scenario.intake, scenario.now_us, scenario.now_us, false),
		     INTAKE_LOST);
	cr_assert_eq(intake_error(scenario.intake)->code, ERR_FENCED);
	cr_assert_eq(help_query_int(&client_site, "SELECT count(*) FROM events"), EVENTS);
	cr_assert_eq(help_count_rings(&client_site), 1, "the ring keeps its events");
	end(&scenario);
}

/* Somebody's shell with an open transaction: waited for, and no reason to make the connection anew. */
Test(intake_faults, a_lock_of_somebody_elses_is_waited_for)
{
	struct scenario scenario;
	begin(&scenario);
	char *output;
	help_shell(&output,
		   "(printf 'BEGIN IMMEDIATE;\n'; sleep 2) | sqlite3 '%s' >/dev/null 2>&1 &",
		   client_site.database);
	free(output);
	track(&scenario);
	enum intake_result result;
	do {
		scenario.now_us += 1000000;
		result = intake_step(scenario.intake, scenario.now_us, scenario.now_us, false);
		cr_assert_neq(result, INTAKE_LOST);
	} while (result == INTAKE_PAUSED);
	run_until_idle(&scenario);
	cr_assert_eq(help_query_int(&client_site, "SELECT count(*) FROM events"), 2 * EVENTS);
	end(&scenario);
}
