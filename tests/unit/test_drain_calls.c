/*
 * The way from the rings to the store, while each call that it makes of libc, the system and SQLite fails once, at each
 * place: nothing is lost, nothing is stored twice, no descriptor is left behind, and no ring is put aside for what is not its
 * fault. And what others may do between two calls.
 */
#include "help/client_fixture.h"
#include "help/fault_calls.h"
#include "help/forge.h"
#include "intake.h"
#include "ring/agent_file.h"
#include "ring/ring_walk.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(drain_calls, .init = client_set_up, .fini = client_tear_down, .timeout = 200);

enum {
	EVENTS = 20,      /* in a phase */
	BODY = 400000,    /* of one of them: more than is copied at once */
	IDLE_STEPS = 35,  /* in a row: what is put off comes within thirty looks at the directory */
	STEPS_MAX = 5000, /* of a phase */
	RUNS_MAX = 100,
};

static char ring_dir[HELP_PATH_BYTES + 16];
static struct intake *intake;
static int64_t now_us;
static bool faulty;
static int n_failed;
static int n_tracked;

/* ---- Trying until it works ------------------------------------------------------------------------ */

static void arm(void)
{
	if (faulty)
		fault_calls_arm();
}

static const char *disarm(void)
{
	const char *failed = faulty ? fault_calls_disarm() : NULL;
	n_failed += failed != NULL;
	return failed;
}

static void open_intake(void)
{
	const struct intake_options options = {
		.database = client_site.database, .ring_dir = ring_dir, .commit_events = 8};
	struct err err;
	int status;
	do {
		arm();
		status = intake_open(&options, &intake, &err);
		const char *failed = disarm();
		cr_assert(status == 0 || failed, "%s", err.text);
		cr_assert(status == 0 || strlen(err.text) > 10, "%s: %s", failed, err.text);
		cr_assert(status != ERR_CORRUPT && status != ERR_BUSY, "%s", err.text);
	} while (status);
}

/* Until nothing has failed, and nothing was there to be stored, for long. */
static void run_until_idle(void)
{
	int idle = 0;
	for (int i = 0; idle < IDLE_STEPS; i++) {
		now_us += 2200000;
		intake_rescan(intake);
		arm();
		const enum intake_result result = intake_step(intake, now_us, now_us, false);
		const char *failed = disarm();
		const char *text = intake_error(intake)->text;
		cr_assert(result != INTAKE_LOST, "after %s: %s", failed, text);
		cr_assert(result != INTAKE_PAUSED || failed, "%s", text);
		idle = failed || result != INTAKE_IDLE ? 0 : idle + 1;
		cr_assert_lt(i, STEPS_MAX, "it does not come to rest: %s", text);
		if (result == INTAKE_PAUSED)
			now_us = intake_next_us(intake);
	}
}

/* ---- What is there to be drained ------------------------------------------------------------------ */

static payi_client *open_client(void)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	options.ring_dir = ring_dir;
	options.ring_bytes = 8 << 20;
	options.app_name = "test";
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

static void track(payi_client *client)
{
	static char body[BODY];
	char id[32];
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < EVENTS; i++) {
		payi_event event = client_small_event();
		snprintf(id, sizeof(id), "e-%d", n_tracked++);
		event.provider_response_id = id;
		event.use_case_name = "drained";
		event.use_case_id = "ticket";
		if (i == 3)
			event.provider_request_json = body;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	}
	cr_assert(payi_use_case_define(client, "drained", "at last") == PAYI_OK);
}

/* One that is sound and dead, one whose second record makes no sense, one that is no ring. */
static void put_forged(struct forge forged[3])
{
	for (uint64_t i = 0; i < 3; i++)
		forge_init(&forged[i], 0x1000 + i);
	forge_record(&forged[1], 1)->sequence = 9;
	forge_record(&forged[0], 2)->flags = 1;
	forged[2].header.n_lanes = 0;
	for (int i = 0; i < 3; i++)
		forge_put(&forged[i], ring_dir, i == 1);
}

static int count_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int64_t number(const char *sql)
{
	return help_query_int(&client_site, sql);
}

/* The forged rings have 3 events and a record that is no event; and one event, before the nonsense. */
static void check(int n_forged)
{
	cr_assert_eq(number("SELECT count(*) FROM events"), n_tracked + n_forged);
	cr_assert_eq(number("SELECT count(DISTINCT provider_response_id) FROM event_history"),
		     n_tracked + n_forged);
	cr_assert_eq(number("SELECT sum(sequence - notices - rejected) FROM lanes"),
		     n_tracked + n_forged);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside'"), n_forged > 0);
	cr_assert_eq(number("SELECT count(*) FROM rejected_records"), n_forged > 0);
}

static void remove_database(void)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[HELP_PATH_BYTES + 32];
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", client_site.database, suffixes[i]);
		unlink(path);
	}
}

static void empty_place(void)
{
	char *output;
	help_shell(&output, "rm -rf '%s'/* && chmod 2770 '%s'", client_site.rings,
		   client_site.rings);
	free(output);
}

/* ---- The scenario --------------------------------------------------------------------------------- */

static void play(void)
{
	struct forge forged[3];
	char away[HELP_PATH_BYTES + 32];
	n_failed = n_tracked = 0;
	now_us = 1000000;
	empty_place();
	const int before = count_descriptors();
	open_intake(); /* it makes the directory, for the group */
	payi_client *client = open_client();
	track(client);
	put_forged(forged);
	run_until_idle();
	check(4);
	cr_assert_eq(help_count_rings(&client_site), 0);

	/* Its directory is taken away, and with it all that is in it; what lives on is drained. */
	snprintf(away, sizeof(away), "%s.away", ring_dir);
	cr_assert_eq(rename(ring_dir, away), 0);
	run_until_idle();
	payi_client *other = open_client();
	track(client);
	track(other);
	run_until_idle();
	check(4);
	payi_client_close(client);
	run_until_idle();
	track(other);

	/* Another agent; what was put aside is known. */
	intake_close(intake);
	open_intake();
	run_until_idle();
	check(4);

	/* A database that has never heard of the ring, whose first records are gone. */
	intake_close(intake);
	remove_database();
	n_tracked = 0;
	open_intake();
	run_until_idle();
	track(other);
	track(other);
	run_until_idle();
	cr_assert_eq(number("SELECT count(*) FROM events"), n_tracked);
	payi_client_close(other);
	run_until_idle();
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), 1);
	intake_close(intake);
	for (int i = 0; i < 3; i++)
		forge_remove(&forged[i], away);
	cr_assert_eq(count_descriptors(), before, "a descriptor is left");
	remove_database();
}

static void set_place(void)
{
	snprintf(ring_dir, sizeof(ring_dir), "%s/rings", client_site.rings);
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
}

Test(drain_calls, each_fails_once_and_nothing_is_lost)
{
	set_place();
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	play();
	faulty = true;
	int runs = 0;
	do {
		play();
		cr_assert_lt(++runs, RUNS_MAX);
	} while (n_failed > 0);
	cr_assert_gt(fault_calls_places(), 500);
	cr_log_info("%d places in %d runs", fault_calls_places(), runs);
}

static int count_record(void *n, uint64_t position, const struct payi_ring_record *record,
			const uint8_t *payload)
{
	(void)position, (void)record, (void)payload;
	++*(int *)n;
	return 0;
}

/* A tool that looks at a lane sees all of it, or says that it cannot. */
Test(drain_calls, a_walk_that_fails_says_so)
{
	struct forge forge;
	struct ring_reader ring;
	char path[HELP_PATH_BYTES + 80];
	struct err err;
	const char *failed;
	forge_init(&forge, 1);
	forge_put(&forge, client_site.rings, true);
	snprintf(path, sizeof(path), "%s/%s", client_site.rings, forge.name);
	cr_assert_eq(ring_reader_open_copy(path, &ring, &err), 0);
	const uint64_t tail = payi_ring_load_own(&forge_counters(&forge)->lane[0].tail);
	do {
		int n = 0;
		fault_calls_arm();
		const int status = ring_walk(&ring, 0, tail, count_record, &n, &err);
		failed = fault_calls_disarm();
		cr_assert(status == 0 || failed);
		cr_assert_eq(n, status == 0 ? FORGE_RECORDS : 0, "%s", failed);
	} while (failed);
	ring_reader_close(&ring);
	forge_remove(&forge, client_site.rings);
}

/* ---- What others do meanwhile ---------------------------------------------------------------------- */

static struct forge *changing;
static uint32_t n_preads;

/* The length of a large record is another each time that it is looked at. */
static void change_length(const char *name)
{
	if (strcmp(name, "pread") != 0)
		return;
	const uint32_t bytes = 300000 + 8 * n_preads++;
	cr_assert_eq(pwrite(changing->fd, &bytes, sizeof(bytes), PAYI_RING_DATA_AT_MIN),
		     (ssize_t)sizeof(bytes));
}

Test(drain_calls, a_record_whose_length_changes_between_two_looks)
{
	enum { LANE_BYTES = 1 << 20 };
	struct forge forge;
	set_place();
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	open_intake();
	forge_init(&forge, 1);
	forge.header.lane_bytes = LANE_BYTES;
	forge.bytes = PAYI_RING_DATA_AT_MIN + FORGE_LANES * LANE_BYTES;
	payi_ring_store_own(&forge_counters(&forge)->lane[0].tail, 400000);
	forge_put(&forge, ring_dir, true);
	changing = &forge;
	fault_calls_before(change_length);
	for (int i = 0; i < 6; i++) {
		now_us += 2200000;
		intake_rescan(intake);
		cr_assert_neq(intake_step(intake, now_us, now_us, false), INTAKE_PAUSED);
	}
	fault_calls_before(NULL);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'aside' AND reason LIKE "
			    "'%a record''s length changes'"),
		     1);
	cr_assert_eq(number("SELECT count(*) FROM events"), 0);
	intake_close(intake);
	forge_remove(&forge, ring_dir);
}

static struct forge dying;
static uint64_t last_tail;

/* Its owner tracks one more event, and is gone. */
static void say_last_words(const char *name)
{
	if (strcmp(name, "fcntl") != 0 || dying.fd < 0)
		return;
	payi_ring_store_own(&forge_counters(&dying)->lane[0].tail, last_tail);
	cr_assert_eq(pwrite(dying.fd, dying.at, sizeof(dying.at), 0), (ssize_t)sizeof(dying.at));
	close(dying.fd);
	dying.fd = -1;
}

/* Whether it lives is asked first: what is read after that, of one that is dead, is all there is. */
Test(drain_calls, an_owner_that_dies_between_two_looks_has_said_all)
{
	set_place();
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	open_intake();
	forge_init(&dying, 1);
	last_tail = payi_ring_load_own(&forge_counters(&dying)->lane[0].tail);
	payi_ring_store_own(&forge_counters(&dying)->lane[0].tail,
			    dying.record_at[FORGE_RECORDS - 1] - PAYI_RING_DATA_AT_MIN);
	forge_put(&dying, ring_dir, true);
	run_until_idle();
	cr_assert_eq(number("SELECT count(*) FROM events"), FORGE_RECORDS - 1);
	fault_calls_before(say_last_words);
	run_until_idle();
	fault_calls_before(NULL);
	cr_assert_eq(number("SELECT count(*) FROM events"), FORGE_RECORDS);
	cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'closed'"), 1);
	intake_close(intake);
}

static int preads_left;

static void fail_a_pread(const char *name)
{
	if (strcmp(name, "pread") == 0 && --preads_left == 0)
		fault_calls_arm();
}

/* Of what could not be read nothing is known, least of all that there is no more: its counters, the first record. */
Test(drain_calls, a_dead_ring_that_cannot_be_read_is_not_at_its_end)
{
	enum { COUNTERS = 2, RECORD = 3 /* after the header */ };
	set_place();
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	open_intake();
	for (int which = COUNTERS; which <= RECORD; which++) {
		struct forge forge;
		forge_init(&forge, (uint64_t)which);
		forge_put(&forge, ring_dir, false);
		preads_left = which;
		fault_calls_before(fail_a_pread);
		now_us += 2200000;
		intake_rescan(intake);
		cr_assert_neq(intake_step(intake, now_us, now_us, false), INTAKE_PAUSED);
		fault_calls_before(NULL);
		cr_assert_str_eq(fault_calls_disarm(), "pread");
		cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'open'"), 1);
		run_until_idle();
		cr_assert_eq(number("SELECT count(*) FROM rings WHERE state = 'open'"), 0);
		cr_assert_eq(number("SELECT count(*) FROM events"), (which - 1) * FORGE_RECORDS);
		forge_remove(&forge, ring_dir);
	}
	intake_close(intake);
}

/* A file that is none is set aside; another that somebody puts there at once is not fought over. */
static void put_junk(void)
{
	char path[sizeof(ring_dir) + 16];
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, ring_dir);
	FILE *file = fopen(path, "we");
	cr_assert(file && fputs("none of yours", file) >= 0);
	fclose(file);
}

static bool set_aside_once;

static void put_junk_again(const char *name)
{
	if (set_aside_once && strcmp(name, "openat") == 0)
		put_junk();
	set_aside_once |= strcmp(name, "renameat") == 0;
}

Test(drain_calls, an_agents_file_that_is_none)
{
	const struct intake_options options = {
		.database = client_site.database, .ring_dir = ring_dir, .commit_events = 8};
	struct err err;
	char path[sizeof(ring_dir) + 32];
	set_place();
	cr_assert_not_null(freopen(client_site.log, "we", stderr));
	open_intake();
	intake_close(intake);
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE ".aside", ring_dir);
	faulty = true;
	do {
		n_failed = 0;
		put_junk();
		open_intake();
		intake_close(intake);
		cr_assert_eq(access(path, F_OK), 0);
		unlink(path);
	} while (n_failed > 0);
	put_junk();
	fault_calls_before(put_junk_again);
	cr_assert_eq(intake_open(&options, &intake, &err), ERR_INVALID);
	cr_assert_not_null(strstr(err.text, "somebody else writes the agent's file"), "%s",
			   err.text);
	fault_calls_before(NULL);
}
