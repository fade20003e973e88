/*
 * A producer is another program, and may put anything into its ring. Whatever it is, the agent reads nothing else,
 * keeps no descriptor, serves the other rings, and puts this one aside or lets it alone.
 */
#define _DEFAULT_SOURCE /* DT_*, usleep() */
#include "help/client_fixture.h"
#include "help/forge.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 12 };

static struct intake *intake;
static int64_t now_us;
static payi_client *neighbour;
static int64_t n_neighbour;
static uint64_t number; /* of the next forged ring */
static int n_descriptors;

/* ---- An agent with a good ring beside the bad ones ------------------------------------------------ */

static int count_descriptors(void)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void open_intake(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = 1000};
	struct err err;
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
}

static void step(int n)
{
	for (int i = 0; i < n; i++) {
		now_us += 110000; /* each ring is due */
		intake_rescan(intake);
		const enum intake_result result = intake_step(intake, now_us, now_us, false);
		cr_assert(result == INTAKE_IDLE || result == INTAKE_STORED, "%s",
			  intake_error(intake)->text);
	}
}

/* Stores an event of the neighbour's, however many steps that takes. */
static void serve_neighbour(void)
{
	payi_event event = client_small_event();
	cr_assert(payi_track(neighbour, &event) == PAYI_OK, "%s", payi_last_error());
	n_neighbour++;
	step(STEPS);
	cr_assert_eq(help_query_int(&client_site,
				    "SELECT sum(l.sequence) FROM lanes l JOIN rings r ON "
				    "r.id = l.ring WHERE r.app_name = 'test'"),
		     n_neighbour);
}

static void set_up(void)
{
	client_set_up();
	cr_assert_not_null(freopen(client_site.log, "ae", stderr));
	now_us = 1000000;
	number = 1;
	open_intake();
	neighbour = client_open(0);
	serve_neighbour();
	n_descriptors = count_descriptors();
}

static void tear_down(void)
{
	intake_close(intake);
	payi_client_close(neighbour);
	client_tear_down();
}

TestSuite(hostile_ring, .init = set_up, .fini = tear_down, .timeout = 100);

__attribute__((format(printf, 1, 2))) static int64_t count_rows(const char *format, ...)
{
	char sql[300];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sql, sizeof(sql), format, arguments);
	va_end(arguments);
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

/* Puts it, lets the agent look, and checks that it has taken no more than there is, once. Returns the ring's state. */
static char *try_ring(struct forge *forge, uint64_t id, bool alive)
{
	char sql[200];
	forge_put(forge, client_site.rings, alive);
	serve_neighbour();
	const int64_t n =
		count_rows("SELECT count(*) FROM event_history WHERE provider_response_id "
			   "GLOB 'forged-%" PRIu64 "-*'",
			   id);
	cr_assert(n >= 0 && n <= FORGE_RECORDS, "%lld", (long long)n);
	snprintf(sql, sizeof(sql),
		 "SELECT state || coalesce(': ' || reason, '') FROM rings WHERE "
		 "ring_id = CAST(x'%016" PRIx64 "0000000000000000' AS BLOB)",
		 __builtin_bswap64(id));
	char *state = help_query_text(&client_site, sql);
	forge_remove(forge, client_site.rings);
	return state;
}

static void expect(struct forge *forge, const char *state)
{
	char *got = try_ring(forge, number, true);
	number++;
	if (state)
		cr_assert(got && strncmp(got, state, strlen(state)) == 0, "%s, not %s", got, state);
	else
		cr_assert_null(got, "%s", got);
	free(got);
	step(2);
	cr_assert_eq(count_descriptors(), n_descriptors);
}

/* ---- Every word of it ----------------------------------------------------------------------------- */

static const uint64_t values[] = {0,
				  1,
				  7,
				  8,
				  17,
				  4095,
				  4096,
				  4097,
				  8192,
				  0x7fffffff,
				  0x80000000,
				  0xffffffff,
				  UINT64_C(1) << 40,
				  UINT64_C(1) << 47,
				  UINT64_C(1) << 63,
				  UINT64_MAX - 7,
				  UINT64_MAX};

enum { N_VALUES = sizeof(values) / sizeof(values[0]) };

struct word {
	size_t at;
	size_t bytes;
};

/* Each word in turn gets each value, in a ring of a living and of a dead owner. */
static void try_words(const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 2 * N_VALUES; k++) {
			struct forge forge;
			forge_init(&forge, number);
			memcpy(forge.at + words[i].at, &values[k / 2], words[i].bytes);
			free(try_ring(&forge, number++, k & 1));
		}
	step(3);
	cr_assert_eq(count_descriptors(), n_descriptors);
	printf("%zu forged rings\n", n * 2 * N_VALUES);
	fflush(stdout);
}

#define HEADER(member)                                                                             \
	{                                                                                          \
		offsetof(struct payi_ring_header, member),                                         \
			sizeof(((struct payi_ring_header *)0)->member) > 8                         \
				? 8                                                                \
				: sizeof(((struct payi_ring_header *)0)->member)                   \
	}

Test(hostile_ring, any_value_in_any_word_of_the_header)
{
	static const struct word words[] = {
		HEADER(magic),   HEADER(abi_major),  HEADER(abi_minor),   HEADER(ring_id),
		HEADER(n_lanes), HEADER(lane_bytes), HEADER(data_offset), HEADER(created_us),
		HEADER(pid),     HEADER(app_name)};
	try_words(words, sizeof(words) / sizeof(words[0]));
}

#define LANE(n, member)                                                                            \
	{                                                                                          \
		PAYI_RING_COUNTERS_AT + (n) * sizeof(struct payi_ring_lane) +                      \
			offsetof(struct payi_ring_lane, member),                                   \
			8                                                                          \
	}

Test(hostile_ring, any_value_in_any_counter)
{
	static const struct word words[] = {
		LANE(0, tail),
		LANE(0, attempted),
		LANE(0, refused),
		LANE(0, dropped_full),
		LANE(0, dropped_too_big),
		LANE(1, tail),
		LANE(1, attempted),
		{PAYI_RING_COUNTERS_AT + offsetof(struct payi_ring_counters, dropped_busy), 8}};
	try_words(words, sizeof(words) / sizeof(words[0]));
}

Test(hostile_ring, any_value_in_any_record)
{
	struct forge forge;
	struct word words[4 * FORGE_RECORDS];
	size_t n = 0;
	forge_init(&forge, number);
	for (int i = 0; i < FORGE_RECORDS; i += 3) {
		const size_t at = forge.record_at[i];
		words[n++] = (struct word){at, 4};
		words[n++] = (struct word){at + 4, 2};
		words[n++] = (struct word){at + 6, 2};
		words[n++] = (struct word){at + 8, 8};
	}
	try_words(words, n);
}

/* ---- Single lies, and what becomes of them -------------------------------------------------------- */

Test(hostile_ring, lies_are_told_by_their_reason)
{
	struct forge forge;
	forge_init(&forge, number);
	payi_ring_store_own(&forge_counters(&forge)->lane[0].tail, FORGE_LANE_BYTES + 8);
	expect(&forge, "aside: lane 0: tail 4104");
	forge_init(&forge, number);
	payi_ring_store_own(&forge_counters(&forge)->lane[1].tail, 12);
	expect(&forge, "aside: lane 1: tail 12 is no multiple");
	forge_init(&forge, number);
	payi_ring_store_own(&forge_counters(&forge)->lane[0].dropped_full, UINT64_MAX);
	expect(&forge, "aside: lane 0: its counters");
	forge_init(&forge, number);
	forge_record(&forge, 1)->sequence = 1;
	expect(&forge, "aside: record 1 where 2 was due");
	forge_init(&forge, number);
	forge_record(&forge, 2)->payload_bytes = 0;
	expect(&forge, "aside: a record of 0 bytes");
	forge_init(&forge, number);
	forge.header.abi_major = 2;
	expect(&forge, NULL);
	forge_init(&forge, number);
	forge.header.n_lanes = PAYI_RING_LANES_MAX + 1;
	forge.bytes = PAYI_RING_DATA_AT_MIN + (PAYI_RING_LANES_MAX + 1) * FORGE_LANE_BYTES;
	expect(&forge, NULL);
	forge_init(&forge, number);
	forge.header.abi_minor = 9;
	expect(&forge, "open");
	forge_init(&forge, number);
	forge_record(&forge, 0)->type = 77;
	expect(&forge, "open");
	cr_assert_eq(count_rows("SELECT count(*) FROM rejected_records"), 1);
	/* A record of nonsense in a sound ring costs that record. */
	forge_init(&forge, number);
	memset(forge.at + forge.record_at[1] + 16, 0xc1, 8);
	expect(&forge, "open");
	cr_assert_eq(count_rows("SELECT count(*) FROM rejected_records"), 2);
	cr_assert_eq(count_log("makes no sense and was put aside"), 5, "each is told once");
	cr_assert_eq(count_log("its layout is version 2"), 1);
}

Test(hostile_ring, books_are_not_spoilt_by_a_ring_that_was_put_aside)
{
	struct forge forge;
	forge_init(&forge, number);
	payi_ring_store_own(&forge_counters(&forge)->lane[0].attempted, INT64_MAX);
	expect(&forge, "aside");
	cr_assert_lt(help_query_int(&client_site, "SELECT sum(attempted) FROM lanes"), 1000);
}

Test(hostile_ring, a_file_of_any_size)
{
	static const size_t sizes[] = {0,    1,    7,    8,    100,   4095,  4096, 4097,
				       5000, 8191, 8192, 8193, 12288, 16383, 16385};
	struct forge forge;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		forge_init(&forge, number);
		forge.bytes = sizes[i];
		expect(&forge, NULL);
	}
	forge_init(&forge, number);
	forge.bytes = (size_t)1 << 40; /* sparse */
	expect(&forge, NULL);
	/* All that its lanes take, and nothing in them: as long as its words are sound, it is a ring. */
	forge_init(&forge, number);
	forge.header.lane_bytes = PAYI_RING_LANE_BYTES_MAX;
	forge.bytes = PAYI_RING_DATA_AT_MIN + FORGE_LANES * (size_t)PAYI_RING_LANE_BYTES_MAX;
	expect(&forge, "open");
	forge_init(&forge, number);
	forge.header.lane_bytes = PAYI_RING_LANE_BYTES_MAX;
	forge.bytes = PAYI_RING_DATA_AT_MIN + FORGE_LANES * (size_t)PAYI_RING_LANE_BYTES_MAX;
	payi_ring_store_own(&forge_counters(&forge)->lane[1].tail, PAYI_RING_LANE_BYTES_MAX);
	expect(&forge, "aside: a record of 0 bytes");
}

Test(hostile_ring, a_tail_that_runs_back_or_a_file_that_shrinks)
{
	const uint64_t lower = 8;
	const off_t sizes[] = {9000, 8192, 5000, 4096, 100, 0};
	struct forge forge;
	forge_init(&forge, number);
	forge_put(&forge, client_site.rings, true);
	serve_neighbour();
	cr_assert_eq(pwrite(forge.fd, &lower, 8, PAYI_RING_COUNTERS_AT), 8);
	serve_neighbour();
	cr_assert_eq(count_rows("SELECT count(*) FROM rings WHERE reason LIKE 'lane 0: tail 8 %%'"),
		     1);
	forge_remove(&forge, client_site.rings);
	for (int i = 0; i < 6; i++) {
		forge_init(&forge, ++number);
		const uint64_t tail = payi_ring_load_own(&forge_counters(&forge)->lane[0].tail);
		payi_ring_store_own(&forge_counters(&forge)->lane[0].tail, 0);
		forge_put(&forge, client_site.rings, true);
		serve_neighbour();
		cr_assert_eq(ftruncate(forge.fd, sizes[i]), 0);
		if (sizes[i] > PAYI_RING_COUNTERS_AT + 8)
			cr_assert_eq(pwrite(forge.fd, &tail, 8, PAYI_RING_COUNTERS_AT), 8);
		serve_neighbour();
		forge_remove(&forge, client_site.rings);
	}
	cr_assert_geq(count_rows("SELECT count(*) FROM rings WHERE state = 'aside' AND reason LIKE "
				 "'%%truncated%%'"),
		      5);
	step(3);
	cr_assert_eq(count_descriptors(), n_descriptors);
}

/* What has been read goes on from where it was; a ring that says otherwise is none. */
Test(hostile_ring, an_id_that_comes_again)
{
	struct forge forge;
	forge_init(&forge, number);
	free(try_ring(&forge, number, false)); /* dead: read, closed, removed */
	forge_init(&forge, number);
	char *state = try_ring(&forge, number, true);
	cr_assert_not_null(state);
	free(state);
	cr_assert_eq(
		count_rows("SELECT count(*) FROM event_history WHERE provider_response_id GLOB "
			   "'forged-%" PRIu64 "-*'",
			   number),
		FORGE_RECORDS, "no event twice");
	/* A copy under another name is none. */
	forge_init(&forge, ++number);
	forge.name[sizeof(PAYI_RING_FILE_PREFIX)] = 'e';
	free(try_ring(&forge, number, true));
	cr_assert_eq(count_log("its id is not its name"), 1);
}

/* ---- Files that are no files ---------------------------------------------------------------------- */

static void path_of(char *path, size_t size, int n)
{
	snprintf(path, size, "%s/%s%032d", client_site.rings, PAYI_RING_FILE_PREFIX, n);
}

Test(hostile_ring, anything_that_has_a_name)
{
	char path[320], other[320];
	char *output;
	path_of(path, sizeof(path), 1);
	cr_assert_eq(mkfifo(path, 0600), 0);
	path_of(path, sizeof(path), 2);
	cr_assert_eq(mkdir(path, 0700), 0);
	path_of(path, sizeof(path), 3);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	path_of(other, sizeof(other), 4);
	cr_assert_eq(symlink(path, other), 0);
	path_of(path, sizeof(path), 5);
	cr_assert_eq(symlink("nowhere", path), 0);
	path_of(path, sizeof(path), 6);
	cr_assert_eq(help_shell(&output,
				"python3 -c 'import socket,sys; "
				"socket.socket(socket.AF_UNIX).bind(sys.argv[1])' '%s'",
				path),
		     0);
	free(output);
	path_of(path, sizeof(path), 7);
	if (mknod(path, S_IFCHR | 0600, (dev_t)0x105) == 0) /* /dev/zero, if we may */
		chmod(path, 0600);
	static const char *const names[] = {"ring.",
					    "ring.0",
					    "ring.zz",
					    "RING.1",
					    "ring",
					    "agent.x",
					    "ring.0000000000000000000000000000000G",
					    "ring.000000000000000000000000000000001",
					    "\x1b[2J\n"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", client_site.rings, names[i]);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	for (int i = 0; i < 40; i++)
		serve_neighbour();
	cr_assert_eq(count_rows("SELECT count(*) FROM rings"), 1);
	cr_assert_leq(count_log("is no ring"), 7, "each is told once");
	cr_assert_geq(count_log("is no ring"), 6);
	cr_assert_eq(count_descriptors(), n_descriptors);
}

/* Its owner's rights, or another name somewhere, may be mended; till then it is not read. */
Test(hostile_ring, a_second_name_bars_a_ring_until_it_is_gone)
{
	char path[320], second[320];
	struct forge forge;
	forge_init(&forge, number);
	snprintf(path, sizeof(path), "%s/%s", client_site.rings, forge.name);
	snprintf(second, sizeof(second), "%s/second", client_site.rings);
	forge_put(&forge, client_site.rings, true);
	cr_assert_eq(link(path, second), 0);
	serve_neighbour();
	cr_assert_eq(count_rows("SELECT count(*) FROM rings"), 1);
	unlink(second);
	step(40);
	cr_assert_eq(
		count_rows("SELECT count(*) FROM event_history WHERE provider_response_id GLOB "
			   "'forged-*'"),
		FORGE_RECORDS);
	forge_remove(&forge, client_site.rings);
}

/* A sound ring of somebody else's, which an agent with more rights could read. */
Test(hostile_ring, a_link_to_a_ring_elsewhere_is_not_followed)
{
	char elsewhere[] = "/dev/shm/payi-test-elsewhere-XXXXXX", path[320], link[320];
	struct forge forge;
	forge_init(&forge, number);
	cr_assert_not_null(mkdtemp(elsewhere));
	forge_put(&forge, elsewhere, true);
	snprintf(path, sizeof(path), "%s/%s", elsewhere, forge.name);
	snprintf(link, sizeof(link), "%s/%s", client_site.rings, forge.name);
	cr_assert_eq(symlink(path, link), 0);
	serve_neighbour();
	cr_assert_eq(count_rows("SELECT count(*) FROM rings"), 1);
	forge_remove(&forge, elsewhere);
	rmdir(elsewhere);
}

/* What lives on in the old one is drained, and new rings are found in the new one. */
Test(hostile_ring, a_directory_that_is_replaced_is_followed)
{
	char old[320];
	char *output;
	payi_event event = client_small_event();
	snprintf(old, sizeof(old), "%s-old", client_site.rings);
	cr_assert_eq(rename(client_site.rings, old), 0);
	cr_assert_eq(mkdir(client_site.rings, 0700), 0);
	payi_client *late = client_open(0);
	cr_assert(payi_track(late, &event) == PAYI_OK, "%s", payi_last_error());
	n_neighbour++;
	step(60);
	serve_neighbour();
	cr_assert_eq(count_rows("SELECT count(*) FROM rings"), 2);
	cr_assert_eq(count_log("emptied or replaced"), 1);
	payi_client_close(late);
	cr_assert_eq(help_shell(&output, "rm -r '%s'", old), 0);
	free(output);
}

/* Of the processor: what else it does meanwhile is not the step's fault. */
static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(hostile_ring, twenty_thousand_files)
{
	enum { FILES = 20000 };
	char path[320];
	for (int i = 0; i < FILES; i++) {
		path_of(path, sizeof(path), i);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	double longest = 0;
	for (int i = 0; i < 200; i++) { /* all are met, and the next pass has begun */
		const double before = seconds();
		step(1);
		if (seconds() - before > longest)
			longest = seconds() - before;
	}
	cr_assert_lt(longest, 0.5, "a step took %.3f s", longest);
	payi_client *late = client_open(0);
	payi_event event = client_small_event();
	cr_assert(payi_track(late, &event) == PAYI_OK);
	n_neighbour++; /* of the same program */
	step(200);
	cr_assert_eq(count_rows("SELECT count(*) FROM rings"), 2, "a ring among them is found");
	cr_assert(payi_track(late, &event) == PAYI_OK);
	n_neighbour++;
	step(10);
	cr_assert_eq(count_rows("SELECT count(*) FROM event_history"), n_neighbour,
		     "in each pass, and drained once");
	payi_client_close(late);
	step(5);
	serve_neighbour();
	cr_assert_leq(count_log("is no ring"), 30);
	cr_assert_eq(count_descriptors(), n_descriptors);
}

/* Rings are descriptors: when there are no more, those that are open go on, and the others wait. */
Test(hostile_ring, more_rings_than_descriptors)
{
	enum { RINGS = 300, LIMIT = 280 };
	static struct forge forges[RINGS];
	intake_close(intake);
	const struct rlimit limit = {LIMIT + RINGS, LIMIT + RINGS};
	const struct rlimit low = {LIMIT, LIMIT + RINGS};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < RINGS; i++) {
		forge_init(&forges[i], number++);
		forge_put(&forges[i], client_site.rings, true);
		close(forges[i].fd); /* dead; they wait to be read, and go */
	}
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	open_intake();
	serve_neighbour();
	step(60);
	cr_assert_eq(
		count_rows("SELECT count(*) FROM event_history WHERE provider_response_id GLOB "
			   "'forged-*'"),
		RINGS * FORGE_RECORDS, "each has had its turn");
	cr_assert_eq(help_count_rings(&client_site), 1);
}

/* ---- Changing while it is read -------------------------------------------------------------------- */

struct changer {
	struct forge *forge;
	atomic_bool stop;
};

/* Now sound, now short, now with other lengths and tails. */
static void *change(void *context)
{
	struct changer *changer = context;
	struct forge *forge = changer->forge;
	uint64_t state = 88172645463325252u;
	while (!atomic_load(&changer->stop)) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		const uint64_t value = values[state % N_VALUES];
		const size_t at = state & 64 ? forge->record_at[(state >> 8) % FORGE_RECORDS]
					     : PAYI_RING_COUNTERS_AT;
		if ((state >> 16) % 8 == 0)
			(void)!ftruncate(forge->fd, (off_t)((state >> 24) % forge->bytes));
		(void)!pwrite(forge->fd, forge->at, sizeof(forge->at), 0);
		(void)!pwrite(forge->fd, &value, 4, (off_t)at);
	}
	return NULL;
}

Test(hostile_ring, whatever_changes_under_our_hands)
{
	static struct forge forge;
	for (int round = 0; round < 60; round++) {
		pthread_t thread;
		struct changer changer = {.forge = &forge};
		forge_init(&forge, number++);
		forge_put(&forge, client_site.rings, true);
		cr_assert_eq(pthread_create(&thread, NULL, change, &changer), 0);
		serve_neighbour();
		atomic_store(&changer.stop, true);
		pthread_join(thread, NULL);
		forge_remove(&forge, client_site.rings);
	}
	step(3);
	cr_assert_eq(count_descriptors(), n_descriptors);
}

/* ---- A flood -------------------------------------------------------------------------------------- */

/* Forty that are always full, in which each has more than a transaction's worth, delay a neighbour by no transaction. */
Test(hostile_ring, a_flood_does_not_hold_up_the_others)
{
	enum { FLOODERS = 40, EACH = 2000 };
	static payi_client *flood[FLOODERS];
	payi_event event = client_small_event();
	for (int i = 0; i < FLOODERS; i++) {
		flood[i] = client_open(2 << 20);
		for (int k = 0; k < EACH; k++)
			cr_assert(payi_track(flood[i], &event) == PAYI_OK);
	}
	for (int i = 0; i < 10; i++) {
		cr_assert(payi_track(neighbour, &event) == PAYI_OK);
		step(1); /* takes 1000 of 80,000 */
		cr_assert_eq(count_rows("SELECT sum(sequence) FROM lanes WHERE ring = 1"),
			     ++n_neighbour);
	}
	for (int i = 0; i < FLOODERS; i++)
		payi_client_close(flood[i]);
}
