/*
 * M1. An application is killed at every machine instruction of payi_track(), in every way that a call can go, and of
 * payi_client_open(). After each kill the agent's own drain and store take what it left, and then:
 *
 *     the event is stored whole, or not at all; stored if the call had returned PAYI_OK
 *     the books of its ring balance, with at most one event in flight, and with none when the call had returned
 *     a ring is there complete, or not at all; what was there is drained and removed
 *
 * What a kill leaves is the ring's file as it is at that instruction. So the call is walked once, step by step, and its
 * file copied whenever an instruction has changed it: a ring whose owner is dead, for each. That is every instruction in
 * the time of one walk. The same steps are then killed in earnest: some of them, or with "all" every one of all calls that
 * are not very long. Each ring is named after its scenario and step, so that many share one drain.
 */
#define _GNU_SOURCE /* getdents64's struct, MAP_ANONYMOUS */
#include "payi/ring.h"
#include "prove/kit/drainer.h"
#include "prove/kit/prove.h"
#include "prove/kit/steps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	RING_BYTES = 32 * 1024,
	LANE_BYTES = RING_BYTES / 8,
	FILL_MAX = 2 * LANE_BYTES,
	KILLS_PER_DRAIN = 64,
	FILE_BYTES = PAYI_RING_DATA_AT_MIN + RING_BYTES,
	COPIES_MAX = 6000,
	LONG_STEPS = 5000, /* more than these are killed at some of them only */
	NOT_CALLED = 1,    /* of an outcome; no payi_status is above 0 */
	CALLED = 2,
};

/* What the child tells before it dies; outside of the system under test. */
struct note {
	int n_before; /* events accepted before the one under test */
	int outcome;  /* NOT_CALLED, CALLED, or what payi_track() returned */
	int outcome_nested;
	char fill[FILL_MAX + 1]; /* of the event under test */
};

static struct note *note;
static struct place place;
static struct drainer drainer;
static char ring_name[64];
static char parents_ring[256]; /* its file's name, where a parent has one */

static void change_database(const char *sql)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(place.database, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		prove_broken("%s: %s", sqlite3_errmsg(db), sql);
	sqlite3_close(db);
}

/* ---- Events --------------------------------------------------------------------------------------- */

static payi_status track(payi_client *client, const char *id, const char *text)
{
	const payi_units units[] = {{"text", 1200, 300}, {"vision", 7, 0}};
	const payi_property properties[] = {{"fill", text}};
	payi_event event = PAYI_EVENT_INIT;
	event.event_timestamp_us = 1795000000000000;
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 2;
	event.provider_response_id = id;
	event.use_case_name = "proof";
	event.use_case_id = "case-1";
	event.properties = properties;
	event.n_properties = 1;
	return payi_track(client, &event);
}

static void set_fill(size_t bytes)
{
	if (bytes > FILL_MAX)
		prove_broken("a record is not of the size that is thought");
	memset(note->fill, 'x', bytes);
	note->fill[bytes] = '\0';
}

static payi_client *client;

static void open_client(void)
{
	client = place_client(&place, ring_name, RING_BYTES, false);
}

static void track_before(size_t fill_bytes)
{
	static char text[LANE_BYTES];
	memset(text, 'b', fill_bytes);
	text[fill_bytes] = '\0';
	if (track(client, "before", text) == PAYI_OK)
		note->n_before++;
}

static uint64_t bytes_used(void)
{
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	return stats.ring_bytes_used;
}

/* ---- Scenarios ------------------------------------------------------------------------------------ */

static void prepare_empty(void)
{
	open_client();
	set_fill(40);
}

/* The lane is nearly full; the event takes the rest of it to the byte. */
static void prepare_exact_fit(void)
{
	open_client();
	track_before(800);
	const uint64_t record = bytes_used();
	track_before(800);
	track_before(800);
	set_fill((size_t)(800 + LANE_BYTES - 4 * record));
}

/* The first lane is full: the call moves on to the second. */
static void prepare_spill(void)
{
	open_client();
	for (int i = 0; i < 3; i++)
		track_before(1100);
	set_fill(1100);
}

static void prepare_full(void)
{
	open_client();
	for (int i = 0; i < 3 * 8; i++)
		track_before(1100);
	set_fill(1100);
}

static void prepare_too_big(void)
{
	open_client();
	set_fill(LANE_BYTES + 100);
}

/* The lanes' worth is drained before the event: it finds the agent's word, and goes over the lane's end. */
static void prepare_wrap(void)
{
	prepare_full();
	set_fill(1500);
}

/* As the child of a fork: the parent has opened the client, the child's first call opens a ring. */
static void prepare_fork(void)
{
	set_fill(40);
}

static void test_track(void)
{
	note->outcome = CALLED;
	note->outcome = track(client, "tested", note->fill);
}

static void test_refused(void)
{
	note->outcome = CALLED;
	payi_event event = PAYI_EVENT_INIT;
	event.category = "system.openai";
	event.use_case_step = "a step without a use case";
	note->outcome = payi_track(client, &event);
}

static void test_open(void)
{
	open_client();
}

static void on_signal(int signal_number)
{
	(void)signal_number;
	steps_resume();
	note->outcome_nested = CALLED;
	note->outcome_nested = track(client, "nested", note->fill);
}

static void prepare_nested(void)
{
	prepare_empty();
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
}

static const struct scenario {
	const char *name;
	void (*prepare)(void);
	void (*test)(void);
	bool drain;  /* between the preparation and the test */
	bool forked; /* the client is opened by the parent */
	bool nested; /* a signal's handler tracks, too */
} scenarios[] = {
	{"empty", prepare_empty, test_track, false, false, false},
	{"exact-fit", prepare_exact_fit, test_track, false, false, false},
	{"wrap", prepare_wrap, test_track, true, false, false},
	{"spill", prepare_spill, test_track, false, false, false},
	{"full", prepare_full, test_track, false, false, false},
	{"too-big", prepare_too_big, test_track, false, false, false},
	{"refused", prepare_empty, test_refused, false, false, false},
	{"fork", prepare_fork, test_track, false, true, false},
	{"nested", prepare_nested, test_track, false, false, true},
	{"open", NULL, test_open, false, false, false},
};

enum { N_SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static const struct scenario *scenario;

/* Where the ring is drained before the test, the positions of that moment are kept for its copies. */
static void drain_between(void)
{
	drainer_drain(&drainer);
	if (strcmp(ring_name, "walked") == 0)
		change_database("CREATE TABLE walked AS SELECT l.* FROM lanes l JOIN rings g"
				" ON g.id = l.ring WHERE g.app_name = 'walked'");
}

/* ---- One kill ------------------------------------------------------------------------------------- */

struct kill_made {
	char app_name[sizeof(ring_name)];
	struct note note;
};

static struct kill_made kills[KILLS_PER_DRAIN];
static int n_kills; /* since the last drain */
static int n_kills_all, n_copies_all, n_whole, n_absent, n_instructions;

static void check_all(void);

static struct kill_made *new_kill(const char *kind, int step)
{
	if (n_kills == KILLS_PER_DRAIN)
		check_all();
	struct kill_made *made = &kills[n_kills++];
	snprintf(made->app_name, sizeof(made->app_name), "%s-%s-%d", scenario->name, kind, step);
	return made;
}

static struct steps_program begin(const char *app_name, void (*look)(int n))
{
	*note = (struct note){.outcome = NOT_CALLED, .outcome_nested = NOT_CALLED};
	snprintf(ring_name, sizeof(ring_name), "%s", app_name);
	return (struct steps_program){.prepare = scenario->prepare,
				      .between = scenario->drain ? drain_between : NULL,
				      .test = scenario->test,
				      .look = look};
}

static void kill_at(int step, int signal_at)
{
	struct kill_made *made = new_kill("killed", step);
	const struct steps_program program = begin(made->app_name, NULL);
	steps_kill(&program, step, SIGUSR1, signal_at);
	made->note = *note;
	n_kills_all++;
}

/* ---- Copies, made in the child at each step: shared with the parent ------------------------------- */

struct copy {
	int step;
	int outcome, outcome_nested;
	uint8_t file[FILE_BYTES];
};

static struct copies {
	int n;
	int file;       /* the child's descriptor of its ring's file; -1: there is none yet */
	int n_unlocked; /* steps at which it could be seen, and looked dead */
	struct copy copy[COPIES_MAX];
	uint8_t now[FILE_BYTES];
} * copies;

/* In a signal's handler, so without opendir(): the ring that has come, besides the parent's. */
static int open_ring_file(void)
{
	const size_t prefix = sizeof(PAYI_RING_FILE_PREFIX) - 1;
	static _Alignas(8) char entries[4096];
	const int dir = open(place.rings, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const long n = syscall(SYS_getdents64, dir, entries, sizeof(entries));
	int file = -1;
	for (long at = 0; at < n;) {
		const struct dirent64 *entry =
			(const struct dirent64 *)(const void *)(entries + at);
		if (strncmp(entry->d_name, PAYI_RING_FILE_PREFIX, prefix) == 0 &&
		    strcmp(entry->d_name, parents_ring) != 0)
			file = openat(dir, entry->d_name, O_RDONLY | O_CLOEXEC);
		at += entry->d_reclen;
	}
	close(dir);
	return file;
}

/* Alive, as the agent asks it: by another description of the file. */
static bool is_locked(int file)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool is_known(const struct copy *last)
{
	return last && last->outcome == note->outcome &&
	       last->outcome_nested == note->outcome_nested &&
	       memcmp(last->file, copies->now, FILE_BYTES) == 0;
}

static void look(int n)
{
	const int error = errno;
	if (copies->file < 0)
		copies->file = open_ring_file();
	if (copies->file >= 0 && !is_locked(copies->file))
		copies->n_unlocked++;
	if (copies->file >= 0 && pread(copies->file, copies->now, FILE_BYTES, 0) == FILE_BYTES &&
	    copies->n < COPIES_MAX && !is_known(copies->n ? &copies->copy[copies->n - 1] : NULL)) {
		struct copy *copy = &copies->copy[copies->n++];
		copy->step = n;
		copy->outcome = note->outcome;
		copy->outcome_nested = note->outcome_nested;
		memcpy(copy->file, copies->now, FILE_BYTES);
	}
	errno = error;
}

/*
 * Where the ring was drained before the test, the database knows how far: it is told the same of the copy. What was drained
 * stays with the ring that was copied.
 */
static void copy_positions(const struct payi_ring_header *header, struct note *it)
{
	char id[2 * PAYI_RING_ID_BYTES + 1];
	for (int i = 0; i < PAYI_RING_ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", header->ring_id[i]);
	char *sql = sqlite3_mprintf(
		"INSERT INTO rings (ring_id, app_name, pid, uid, created_us, seen_us, state)"
		" VALUES (x'%s', '%s', 1, 0, 1, 1, 'open');"
		"INSERT INTO lanes SELECT (SELECT max(id) FROM rings), lane, position, sequence,"
		" rejected, attempted, refused, dropped_full, dropped_too_big, notices FROM walked",
		id, header->app_name);
	change_database(sql);
	sqlite3_free(sql);
	it->n_before = 0;
}

/* Puts a copy into the directory as the ring of somebody who is dead. */
static void bury(const struct copy *copy)
{
	static uint64_t n_buried;
	static const char hex[] = "0123456789abcdef";
	struct kill_made *made = new_kill("copy", copy->step);
	struct payi_ring_header header;
	char path[PLACE_PATH_BYTES + 80];
	memcpy(&header, copy->file, sizeof(header));
	memcpy(header.ring_id, &n_buried, sizeof(n_buried));
	n_buried++;
	snprintf(header.app_name, sizeof(header.app_name), "%s", made->app_name);
	int at = snprintf(path, sizeof(path), "%s/" PAYI_RING_FILE_PREFIX, place.rings);
	for (int i = 0; i < PAYI_RING_ID_BYTES; i++) {
		path[at++] = hex[header.ring_id[i] >> 4];
		path[at++] = hex[header.ring_id[i] & 15];
	}
	path[at] = '\0';
	const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0 || write(file, copy->file, FILE_BYTES) != FILE_BYTES ||
	    pwrite(file, &header, sizeof(header), 0) != sizeof(header))
		prove_broken("cannot write %s", path);
	close(file);
	made->note = *note;
	made->note.outcome = copy->outcome;
	made->note.outcome_nested = copy->outcome_nested;
	if (scenario->drain)
		copy_positions(&header, &made->note);
	n_copies_all++;
}

/* ---- What is left --------------------------------------------------------------------------------- */

struct left {
	bool found;
	char state[16];
	int64_t attempted, refused, dropped, in_flight, sequence;
	int64_t before, tested, nested, events;
};

static void take_left(void *context, sqlite3_stmt *row)
{
	struct left *left = context;
	left->found = true;
	snprintf(left->state, sizeof(left->state), "%s", (const char *)sqlite3_column_text(row, 0));
	left->attempted = sqlite3_column_int64(row, 1);
	left->sequence = sqlite3_column_int64(row, 2);
	left->refused = sqlite3_column_int64(row, 3);
	left->dropped = sqlite3_column_int64(row, 4);
	left->before = sqlite3_column_int64(row, 5);
	left->tested = sqlite3_column_int64(row, 6);
	left->nested = sqlite3_column_int64(row, 7);
	left->events = sqlite3_column_int64(row, 8);
	left->in_flight = left->attempted - left->sequence - left->refused - left->dropped;
}

/* The events that are as they were tracked, by their id; all others are in the last count alone. */
static struct left find_left(const struct kill_made *made)
{
	struct left left = {0};
	char *sql =
		sqlite3_mprintf("WITH whole AS (SELECT ring, provider_response_id AS id FROM events"
				"  WHERE provider_response_id = 'before' OR (input_units = 1207"
				"   AND output_units = 300 AND properties = '{\"fill\":\"%s\"}'))"
				"SELECT g.state, sum(l.attempted), sum(l.sequence), sum(l.refused),"
				" sum(l.dropped_full + l.dropped_too_big),"
				" (SELECT count(*) FROM whole WHERE ring = g.id AND id = 'before'),"
				" (SELECT count(*) FROM whole WHERE ring = g.id AND id = 'tested'),"
				" (SELECT count(*) FROM whole WHERE ring = g.id AND id = 'nested'),"
				" (SELECT count(*) FROM events WHERE ring = g.id)"
				" FROM rings g LEFT JOIN lanes l ON l.ring = g.id"
				" WHERE g.app_name = '%s' GROUP BY g.id",
				made->note.fill, made->app_name);
	place_each_row(&place, sql, take_left, &left);
	sqlite3_free(sql);
	return left;
}

/* Whether what is stored of one call fits what the call is known to have answered. */
static bool fits(int outcome, int64_t stored)
{
	if (stored < 0 || stored > 1)
		return false;
	if (outcome == CALLED)
		return true;
	return stored == (outcome == PAYI_OK);
}

/* Calls that have returned leave nothing in flight; those that were cut short one at the most. */
static int64_t in_flight_max(const struct note *it)
{
	return (it->outcome == CALLED) + (it->outcome_nested == CALLED);
}

/*
 * The ring that a forked child opens has the name that its parent gave, so which one was whose is told of its copies alone.
 * Of the children that were killed all together is asked: how many calls had returned, and how many were cut short. A child
 * may also have got through: it asks the kernel about its memory, and the answer is not always as long.
 */
static bool is_of_child(const struct kill_made *made)
{
	return scenario->forked && strstr(made->app_name, "-killed-") != NULL;
}

static int n_children_returned, n_children_cut;

static void check_children(void)
{
	const int64_t stored = place_number(
		&place, "SELECT count(*) FROM events e JOIN rings g ON g.id = e.ring"
			" WHERE g.app_name = 'parent' AND e.provider_response_id = 'tested'");
	if (stored < n_children_returned || stored > n_children_returned + n_children_cut)
		prove_finding("of forked children %d calls returned, %d were cut short, and %lld "
			      "events are stored",
			      n_children_returned, n_children_cut, (long long)stored);
}

static void check(const struct kill_made *made)
{
	const struct left left = find_left(made);
	const struct note *it = &made->note;
	const bool ring_expected = scenario->prepare && !scenario->forked;
	if (is_of_child(made)) {
		n_children_returned += it->outcome == PAYI_OK;
		n_children_cut += it->outcome == CALLED;
	}
	const bool sound =
		left.found ? strcmp(left.state, "closed") == 0 && left.before == it->n_before &&
				     fits(it->outcome, left.tested) &&
				     fits(it->outcome_nested, left.nested) &&
				     left.events == left.before + left.tested + left.nested &&
				     left.in_flight >= 0 && left.in_flight <= in_flight_max(it)
			   : !ring_expected && (is_of_child(made) || it->outcome != PAYI_OK);
	n_whole += (int)left.tested;
	n_absent += left.tested == 0;
	if (sound)
		return;
	prove_finding("%s: outcome %d (nested %d), %d before: ring %s, %lld of "
		      "them stored, %lld "
		      "under test, %lld nested, %lld in all, in flight %lld",
		      made->app_name, it->outcome, it->outcome_nested, it->n_before,
		      left.found ? left.state : "absent", (long long)left.before,
		      (long long)left.tested, (long long)left.nested, (long long)left.events,
		      (long long)left.in_flight);
}

/*
 * But for the scenarios in which it is needed before, the drain is opened to look at what is left, and leaves no file
 * behind: a client that is out of room would look through the file "agent", which is 80,000 instructions of reading.
 */
static void drain_all(void)
{
	char path[PLACE_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, place.rings);
	if (!scenario->drain)
		drainer_open(&drainer, &place, false);
	drainer_drain(&drainer);
	if (!scenario->drain) {
		drainer_close(&drainer);
		unlink(path);
	}
}

static void check_all(void)
{
	drain_all();
	for (int i = 0; i < n_kills; i++)
		check(&kills[i]);
	n_kills = 0;
	if (scenario->forked)
		check_children();
	const int n = place_count_rings(&place) - (scenario->forked ? 1 : 0);
	if (n != 0)
		prove_finding("%s: %d ring files are left", scenario->name, n);
}

/* ---- All kills of one scenario -------------------------------------------------------------------- */

/* Walks the test once, with a copy of each state that it goes through; how many steps it takes. */
static int walk(int signal_at)
{
	const struct steps_program program = begin("walked", look);
	copies->n = 0;
	copies->file = -1;
	copies->n_unlocked = 0;
	const int n = steps_walk(&program, SIGUSR1, signal_at);
	if (copies->n_unlocked > 0)
		prove_finding("%s: a living application's ring is not locked, at %d steps",
			      scenario->name, copies->n_unlocked);
	for (int i = 0; i < copies->n; i++)
		bury(&copies->copy[i]);
	if (copies->n == COPIES_MAX)
		prove_broken("%s: there are more states than there is room for", scenario->name);
	check_all();
	return n;
}

/* The signal comes in the middle of the outer call. */
static int middle(void)
{
	const struct steps_program program = begin("measured", NULL);
	const int n = steps_walk(&program, 0, 0);
	check_all();
	return n / 2;
}

/* Opened before the fork: the child must have a ring of its own. */
static void open_parent(void)
{
	DIR *dir = NULL;
	client = place_client(&place, "parent", RING_BYTES, false);
	dir = opendir(place.rings);
	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] == PAYI_RING_FILE_PREFIX[0])
			snprintf(parents_ring, sizeof(parents_ring), "%s", entry->d_name);
	closedir(dir);
}

static void run_scenario(void)
{
	const double began = prove_now_s();
	const int whole = n_whole, kills_before = n_kills_all, copies_before = n_copies_all;
	place_empty(&place);
	if (scenario->drain)
		drainer_open(&drainer, &place, false);
	client = NULL;
	parents_ring[0] = '\0';
	n_children_returned = n_children_cut = 0;
	if (scenario->forked) {
		open_parent();
		n_children_returned = 1; /* the one that is walked through */
	}
	const int signal_at = scenario->nested ? middle() : 0;
	const int n = walk(signal_at);
	const int n_real = !prove_all() ? 5 : n <= LONG_STEPS ? n : 500;
	for (int i = 0; i < n_real; i++)
		kill_at(n_real == n ? i + 1 : 1 + prove_below(n), signal_at);
	check_all();
	payi_client_close(client);
	if (scenario->drain)
		drainer_close(&drainer);
	n_instructions += n;
	fprintf(stderr,
		"%-10s %6d instructions, %4d states, %5d kills, %5d events whole, %5.1f s\n",
		scenario->name, n, n_copies_all - copies_before, n_kills_all - kills_before,
		n_whole - whole, prove_now_s() - began);
}

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		prove_broken("no memory");
	return memory;
}

int main(int argc, char **argv)
{
	static const char goal[] = "killed at every instruction of payi_track() and open: whole or "
				   "absent, books exact";
	prove_begin(argc, argv);
	if (!steps_possible()) {
		prove_skip("M1", goal, "it knows x86-64 alone");
		return prove_end();
	}
	place_make(&place);
	note = shared(sizeof(*note));
	copies = shared(sizeof(*copies));
	for (int i = 0; i < N_SCENARIOS; i++) {
		scenario = &scenarios[i];
		run_scenario();
	}
	place_remove(&place);
	prove_row("M1", goal, prove_findings() == 0,
		  "%d instructions in %d scenarios: %d states and %d kills in earnest, %d whole, "
		  "%d absent, %d wrong",
		  n_instructions, N_SCENARIOS, n_copies_all, n_kills_all, n_whole, n_absent,
		  prove_findings());
	return prove_end();
}
