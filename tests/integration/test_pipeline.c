/*
 * The way from payi_track() to the database, with real processes: nothing lost, nothing twice, whoever is
 * killed, and whatever lies in the ring directory.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "help/help.h"
#include "help/ring_view.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct help_site site;

static void set_up(void)
{
	help_site_make(&site);
}

static void tear_down(void)
{
	help_site_remove(&site);
}

TestSuite(pipeline, .init = set_up, .fini = tear_down, .timeout = 100);

static payi_client *open_client(size_t ring_bytes, payi_when_full when_full)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = site.rings;
	options.ring_bytes = ring_bytes;
	options.when_full = when_full;
	options.block_ms = 30000;
	options.app_name = "pipeline";
	payi_client *client;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	return client;
}

/*
 * Event number i of a producer: its content follows from its number, so that sums can be checked. Of yesterday, as
 * summaries of long ago are not kept.
 */
static payi_status track_numbered(payi_client *client, int producer, int i)
{
	const payi_units units[] = {{"text", i, 2 * (int64_t)i}};
	char use_case_id[32], user[32], id[48];
	snprintf(use_case_id, sizeof(use_case_id), "ticket-%d", i % 17);
	snprintf(user, sizeof(user), "user-%d", i % 5);
	snprintf(id, sizeof(id), "p%d-%d", producer, i);
	payi_event event = PAYI_EVENT_INIT;
	event.event_timestamp_us = ((int64_t)time(NULL) - 86400 + i) * 1000000;
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	event.provider_response_id = id;
	event.use_case_name = "document_summarization";
	event.use_case_id = use_case_id;
	event.use_case_step = i % 2 ? "draft" : "polish";
	event.user_id = user;
	event.http_status_code = i % 50 == 0 ? 500 : 200;
	event.end_to_end_latency_ms = i % 1000;
	return payi_track(client, &event);
}

/* Starts a process that tracks events [0, n) and ends when the agent has them, or as soon as they are in the ring. */
static pid_t start_producer(int producer, int n, bool flush)
{
	const pid_t pid = fork();
	if (pid != 0)
		return pid;
	payi_client *client = open_client(1024 * 1024, PAYI_WHEN_FULL_BLOCK);
	int ok = 0;
	for (int i = 0; i < n; i++)
		ok += track_numbered(client, producer, i) == PAYI_OK;
	if (flush && payi_flush(client, 60000) != PAYI_OK)
		_exit(3);
	payi_client_close(client);
	_exit(ok == n ? 0 : 2);
}

static void wait_for(pid_t pid)
{
	int status;
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a producer failed: %x",
		  (unsigned)status);
}

/* Every event of n_producers x n is in the database exactly once, and what is derived from them agrees. */
static void check_complete(int n_producers, int n)
{
	const int64_t all = (int64_t)n_producers * n;
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), all);
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(DISTINCT provider_response_id) FROM event_history"),
		all);
	const int64_t sum = (int64_t)n_producers * n * (n - 1) / 2;
	cr_assert_eq(help_query_int(&site, "SELECT sum(input_units) FROM event_history"), sum);
	cr_assert_eq(help_query_int(&site, "SELECT sum(output) FROM event_units"), 2 * sum);
	cr_assert_eq(help_query_int(&site, "SELECT sum(events) FROM use_case_history"), all);
	cr_assert_eq(help_query_int(&site, "SELECT sum(input_units) FROM use_case_history"), sum);
	cr_assert_eq(help_query_int(&site, "SELECT sum(output_units) FROM usage_by_hour"), 2 * sum);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM use_case_history"),
		     n < 17 ? n : 17);
	cr_assert_eq(help_query_int(&site, "SELECT sum(sequence - rejected) FROM lanes"), all,
		     "the books");
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM rejected_records"), 0);
}

Test(pipeline, stores_each_event_of_several_processes_once)
{
	enum { PRODUCERS = 4, EVENTS = 5000 };
	help_agent_start(&site, NULL, NULL);
	pid_t pids[PRODUCERS];
	for (int i = 0; i < PRODUCERS; i++)
		pids[i] = start_producer(i, EVENTS, true);
	for (int i = 0; i < PRODUCERS; i++)
		wait_for(pids[i]);
	check_complete(PRODUCERS, EVENTS);
	help_wait_query(&site, "SELECT count(*) FROM rings WHERE state = 'closed'", PRODUCERS, 10);
	cr_assert_eq(help_count_rings(&site), 0, "rings of dead processes are removed");
	cr_assert_eq(help_agent_stop(&site), 0);
}

Test(pipeline, stores_what_was_tracked_while_no_agent_ran)
{
	const pid_t pid = start_producer(0, 3000, false);
	wait_for(pid);
	cr_assert_eq(help_count_rings(&site), 1);
	help_agent_start(&site, NULL, NULL);
	help_wait_query(&site, "SELECT count(*) FROM event_history", 3000, 10);
	check_complete(1, 3000);
	help_wait_query(&site, "SELECT count(*) FROM rings WHERE state = 'closed'", 1, 10);
	cr_assert_eq(help_count_rings(&site), 0);
}

/* An agent that is killed over and over, at random moments, loses and repeats nothing. */
Test(pipeline, survives_kills_of_the_agent_under_load)
{
	enum { PRODUCERS = 3, EVENTS = 20000 };
	srand(4711);
	pid_t pids[PRODUCERS];
	for (int i = 0; i < PRODUCERS; i++)
		pids[i] = start_producer(i, EVENTS, false);
	int kills = 0;
	for (int i = 0; i < 25; i++, kills++) {
		help_agent_start(&site, NULL, NULL);
		nanosleep(&(struct timespec){.tv_nsec = rand() % 60000000}, NULL);
		help_agent_kill(&site);
	}
	help_agent_start(&site, NULL, NULL);
	for (int i = 0; i < PRODUCERS; i++)
		wait_for(pids[i]);
	help_wait_query(&site, "SELECT count(*) FROM rings WHERE state = 'closed'", PRODUCERS, 30);
	check_complete(PRODUCERS, EVENTS);
	cr_assert_eq(help_agent_stop(&site), 0);
}

static void track_some(payi_client *client, int producer, int from, int to)
{
	for (int i = from; i < to; i++)
		cr_assert(track_numbered(client, producer, i) == PAYI_OK, "%s", payi_last_error());
}

/*
 * Over a restart a ring keeps its slot in the file "agent", and none that comes later gets it: an application that is told
 * of another ring's progress writes over what is not stored yet. Enough events that each lane comes round several times.
 */
Test(pipeline, keeps_the_slots_of_living_rings_over_a_restart)
{
	enum { OLD = 4, RINGS = 8, BEFORE = 100, EVENTS = 2000 };
	payi_client *clients[RINGS];
	help_agent_start(&site, NULL, NULL);
	for (int i = 0; i < OLD; i++) {
		clients[i] = open_client(1024 * 1024, PAYI_WHEN_FULL_BLOCK);
		track_some(clients[i], i, 0, BEFORE);
		cr_assert(payi_flush(clients[i], 10000) == PAYI_OK, "%s", payi_last_error());
	}
	help_agent_kill(&site);
	help_agent_start(&site, NULL, NULL);
	for (int i = OLD; i < RINGS; i++) {
		clients[i] = open_client(1024 * 1024, PAYI_WHEN_FULL_BLOCK);
		track_some(clients[i], i, 0, EVENTS);
		cr_assert(payi_flush(clients[i], 10000) == PAYI_OK, "%s", payi_last_error());
	}
	for (int i = 0; i < OLD; i++)
		track_some(clients[i], i, BEFORE, EVENTS);
	for (int i = 0; i < RINGS; i++) {
		cr_assert(payi_flush(clients[i], 10000) == PAYI_OK, "%s", payi_last_error());
		payi_client_close(clients[i]);
	}
	check_complete(RINGS, EVENTS);
	cr_assert_eq(help_agent_stop(&site), 0);
}

/* What payi_track() has accepted is stored, when its process is killed at any moment. */
Test(pipeline, stores_what_a_killed_process_was_promised)
{
	enum { ROUNDS = 30 };
	/* Shared with the children: how many were accepted. Written after payi_track() has returned. */
	int *accepted = mmap(NULL, ROUNDS * sizeof(int), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert(accepted != MAP_FAILED);
	srand(4712);
	help_agent_start(&site, NULL, NULL);
	for (int round = 0; round < ROUNDS; round++) {
		int go[2];
		cr_assert(pipe(go) == 0);
		const pid_t pid = fork();
		if (pid == 0) {
			payi_client *client = open_client(1024 * 1024, PAYI_WHEN_FULL_BLOCK);
			if (write(go[1], "g", 1) != 1)
				_exit(1);
			for (int i = 0;; i++)
				if (track_numbered(client, round, i) == PAYI_OK)
					accepted[round] = i + 1;
		}
		char byte;
		cr_assert_eq(read(go[0], &byte, 1), 1);
		close(go[0]);
		close(go[1]);
		nanosleep(&(struct timespec){.tv_nsec = rand() % 20000000}, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	help_wait_query(&site, "SELECT count(*) FROM rings WHERE state = 'closed'", ROUNDS, 30);
	for (int round = 0; round < ROUNDS; round++) {
		char sql[160];
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) FROM event_history WHERE provider_response_id GLOB "
			 "'p%d-*'",
			 round);
		const int64_t stored = help_query_int(&site, sql);
		cr_assert(stored == accepted[round] || stored == accepted[round] + 1,
			  "round %d: %d accepted, %lld stored", round, accepted[round],
			  (long long)stored);
	}
	cr_assert_eq(help_query_int(&site, "SELECT count(*) - count(DISTINCT provider_response_id) "
					   "FROM event_history"),
		     0);
	/* The accounts of each lane: attempted = stored + refused + dropped + at most one in flight. */
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(*) FROM lanes WHERE attempted - sequence - refused - "
			       "dropped_full - dropped_too_big NOT IN (0, 1)"),
		0);
}

/*
 * An application that comes while another one's ring is never empty: it is told of, and not found by looking, which is done
 * every other second. Counted is what was stored between its event and that one, not time.
 */
Test(pipeline, hears_of_a_new_ring_while_another_is_never_empty)
{
	const char *const arguments[] = {"--commit-events=100", NULL};
	help_agent_start(&site, arguments, NULL);
	const pid_t busy = start_producer(0, INT_MAX, false);
	help_wait_query(&site, "SELECT count(*) > 1000 FROM events", 1, 30);
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 1, 0) == PAYI_OK);
	const int64_t before = help_query_int(&site, "SELECT max(id) FROM events");
	cr_assert(payi_flush(client, 30000) == PAYI_OK, "%s", payi_last_error());
	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
	payi_client_close(client);
	const int64_t id =
		help_query_int(&site, "SELECT id FROM events WHERE provider_response_id = 'p1-0'");
	cr_assert_lt(id - before, 5000);
}

Test(pipeline, stops_in_order_and_quickly_with_rings_stored)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	for (int i = 0; i < 1000; i++)
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert_eq(help_agent_stop(&site), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	cr_assert(after.tv_sec - before.tv_sec < 3, "offline, nothing is to be waited for");
	check_complete(1, 1000);
	payi_client_close(client);
}

Test(pipeline, a_second_agent_refuses_and_names_the_first)
{
	help_agent_start(&site, NULL, NULL);
	char *output;
	int code = help_shell(&output, "timeout 10 '%s' run --data-dir '%s' --ring-dir '%s' 2>&1",
			      help_agent_program(), site.data, site.rings);
	cr_assert_eq(code, 1);
	char pid[32];
	snprintf(pid, sizeof(pid), "pid %d", (int)site.agent);
	cr_assert(strstr(output, pid), "%s", output);
	free(output);
	/* Other data, the same rings: refused as well. */
	code = help_shell(&output, "timeout 10 '%s' run --data-dir '%s/other' --ring-dir '%s' 2>&1",
			  help_agent_program(), site.data, site.rings);
	cr_assert_eq(code, 1);
	cr_assert(strstr(output, pid), "%s", output);
	free(output);
}

/* ---- Rings that make no sense --------------------------------------------------------------------------- */

static void path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", site.rings, name);
}

/* Overwrites bytes of the one ring in the directory, as a hostile owner could. */
static void scribble(off_t offset, const void *bytes, size_t n)
{
	struct ring_view view;
	char path[HELP_PATH_BYTES + 80];
	ring_view_open(&view, site.rings, 0);
	path_of(path, sizeof(path), view.name);
	ring_view_close(&view);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert(pwrite(fd, bytes, n, offset) == (ssize_t)n);
	close(fd);
}

static void expect_aside(const char *reason)
{
	char sql[200];
	snprintf(sql, sizeof(sql),
		 "SELECT count(*) FROM rings WHERE state = 'aside' AND reason LIKE '%%%s%%'",
		 reason);
	help_wait_query(&site, sql, 1, 10);
	/* Others are served as before. */
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 99, 1) == PAYI_OK);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
	cr_assert_eq(help_count_rings(&site) >= 1, 1, "the file is kept for inspection");
	cr_assert_eq(help_agent_stop(&site), 0);
	/* And put aside it stays. */
	help_agent_start(&site, NULL, NULL);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM rings WHERE state = 'aside'"), 1);
}

Test(pipeline, puts_a_ring_aside_whose_tail_is_impossible)
{
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 0, 1) == PAYI_OK);
	const uint64_t tail = UINT64_C(1) << 40;
	scribble(PAYI_RING_COUNTERS_AT, &tail, sizeof(tail));
	help_agent_start(&site, NULL, NULL);
	expect_aside("tail");
	payi_client_close(client);
}

Test(pipeline, puts_a_ring_aside_whose_record_is_longer_than_the_tail)
{
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 0, 1) == PAYI_OK);
	cr_assert(track_numbered(client, 0, 2) == PAYI_OK);
	const uint32_t bytes = 0x7fffffff;
	scribble(PAYI_RING_DATA_AT_MIN, &bytes, sizeof(bytes));
	help_agent_start(&site, NULL, NULL);
	expect_aside("a record of 2147483647 bytes");
	payi_client_close(client);
}

Test(pipeline, keeps_what_was_whole_before_a_broken_record)
{
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 0, 1) == PAYI_OK);
	struct ring_view view;
	ring_view_open(&view, site.rings, 0);
	const off_t second = PAYI_RING_DATA_AT_MIN + (off_t)view.counters.lane[0].tail;
	ring_view_close(&view);
	cr_assert(track_numbered(client, 0, 2) == PAYI_OK);
	const uint64_t sequence = 77;
	scribble(second + 8, &sequence, sizeof(sequence));
	help_agent_start(&site, NULL, NULL);
	expect_aside("record 77 where 2 was due");
	cr_assert_eq(
		help_query_int(
			&site,
			"SELECT count(*) FROM event_history WHERE provider_response_id = 'p0-1'"),
		1);
	payi_client_close(client);
}

Test(pipeline, keeps_a_record_that_is_no_event_and_goes_on)
{
	help_agent_start(&site, NULL, NULL);
	help_agent_kill(&site);
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	for (int i = 0; i < 3; i++)
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
	scribble(PAYI_RING_DATA_AT_MIN + PAYI_RING_RECORD_HEADER + 4, "\xff\xff",
		 2); /* in the first event */
	help_agent_start(&site, NULL, NULL);
	help_wait_query(&site, "SELECT count(*) FROM event_history", 2, 10);
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(*) FROM rejected_records WHERE length(record) > 50"),
		1);
	cr_assert_eq(help_query_int(&site, "SELECT sum(rejected) FROM lanes"), 1);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM rings WHERE state = 'open'"), 1);
	payi_client_close(client);
}

/* Whatever has a ring's name and is none is let alone, and the agent goes on. */
Test(pipeline, lets_alone_what_is_no_ring)
{
	char path[HELP_PATH_BYTES + 80];
	path_of(path, sizeof(path), "ring.00000000000000000000000000000001");
	cr_assert(mkfifo(path, 0600) == 0);
	path_of(path, sizeof(path), "ring.00000000000000000000000000000002");
	cr_assert(symlink("/etc/passwd", path) == 0);
	path_of(path, sizeof(path), "ring.00000000000000000000000000000003");
	cr_assert(mkdir(path, 0700) == 0);
	path_of(path, sizeof(path), "ring.00000000000000000000000000000004");
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	path_of(path, sizeof(path), "ring.00000000000000000000000000000005");
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char noise[20000];
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)rand();
	cr_assert(write(fd, noise, sizeof(noise)) == sizeof(noise));
	close(fd);
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 0, 1) == PAYI_OK);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM rings"), 1);
	payi_client_close(client);
}

Test(pipeline, survives_a_ring_that_is_truncated_under_it)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client(0, PAYI_WHEN_FULL_DROP);
	cr_assert(track_numbered(client, 0, 1) == PAYI_OK);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	struct ring_view view;
	char path[HELP_PATH_BYTES + 80];
	ring_view_open(&view, site.rings, 0);
	path_of(path, sizeof(path), view.name);
	ring_view_close(&view);
	cr_assert(truncate(path, 4096) == 0);
	expect_aside("truncated");
	/* The client must not touch its mapping any more: it would be its own SIGBUS. */
}

/* A large event goes the whole way, also one that is larger than what the agent copies at once. */
Test(pipeline, stores_large_events_whole)
{
	enum { PROMPT = 1024 * 1024 };
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client(16 * 1024 * 1024, PAYI_WHEN_FULL_BLOCK);
	char *prompt = malloc(PROMPT + 1);
	memset(prompt, 'q', PROMPT);
	prompt[PROMPT] = '\0';
	const payi_units units[] = {{"text", 1, 1}};
	payi_event event = PAYI_EVENT_INIT;
	event.category = "c";
	event.units = units;
	event.n_units = 1;
	event.provider_request_json = prompt;
	for (int i = 0; i < 40; i++)
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
	cr_assert(payi_flush(client, 30000) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(
		help_query_int(&site, "SELECT count(*) FROM events WHERE length(record) > 1048576"),
		40);
	payi_client_close(client);
	free(prompt);
}

/* The database is lost while an application goes on: its ring is served from where it is. */
Test(pipeline, goes_on_with_a_ring_that_the_database_does_not_know)
{
	help_agent_start(&site, NULL, NULL);
	payi_client *client = open_client(256 * 1024, PAYI_WHEN_FULL_BLOCK);
	for (int i = 0; i < 5000; i++) /* more than a lane holds */
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_agent_stop(&site), 0);
	char *output;
	help_shell(&output, "rm '%s'*", site.database);
	free(output);
	for (int i = 5000; i < 5100; i++)
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
	help_agent_start(&site, NULL, NULL);
	for (int i = 5100; i < 9000; i++)
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
	cr_assert(payi_flush(client, 10000) == PAYI_OK, "%s", payi_last_error());
	cr_assert_eq(
		help_query_int(&site,
			       "SELECT count(DISTINCT provider_response_id) FROM event_history"),
		4000);
	cr_assert_eq(help_query_int(&site, "SELECT sum(sequence - rejected) FROM lanes"), 4000);
	payi_client_close(client);
}

/* Signals may come in any number and at any time: the agent ends in order, and the rings keep what it left. */
Test(pipeline, ends_in_order_however_many_signals_come)
{
	payi_client *client = open_client(0, PAYI_WHEN_FULL_BLOCK);
	for (int i = 0; i < 8; i++) {
		int status;
		help_agent_start(&site, NULL, NULL);
		cr_assert(track_numbered(client, 0, i) == PAYI_OK);
		kill(site.agent, SIGTERM);
		nanosleep(&(struct timespec){.tv_nsec = i * 1000000}, NULL);
		kill(site.agent, SIGINT);
		kill(site.agent, SIGTERM);
		cr_assert_eq(waitpid(site.agent, &status, 0), site.agent);
		site.agent = 0;
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
	}
	help_agent_start(&site, NULL, NULL);
	cr_assert(payi_flush(client, 10000) == PAYI_OK);
	cr_assert_eq(help_query_int(&site, "SELECT count(*) FROM event_history"), 8);
	payi_client_close(client);
}
