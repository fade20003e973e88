/* libpayi among threads, in signal handlers, over fork, and killed. */
#include "help/client_fixture.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TestSuite(client_life, .init = client_set_up, .fini = client_tear_down);

/* ---- Threads, signals, forks, kills ------------------------------------------------------------------ */

enum { THREADS = 12, EVENTS_PER_THREAD = 3000 };

static void *track_many(void *client)
{
	const payi_event event = client_small_event();
	uintptr_t ok = 0;
	for (int i = 0; i < EVENTS_PER_THREAD; i++)
		ok += payi_track(client, &event) == PAYI_OK;
	return (void *)ok;
}

Test(client_life, loses_nothing_among_more_threads_than_lanes)
{
	payi_client *client = client_open(16 * 1024 * 1024);
	pthread_t threads[THREADS];
	uint64_t ok = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, track_many, client);
	for (int i = 0; i < THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		ok += (uintptr_t)result;
	}
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client_stats_get(client, &stats);
	cr_assert_eq(stats.tracked, ok);
	cr_assert_eq(stats.attempted, THREADS * EVENTS_PER_THREAD);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), (int)ok);
	client_check_accounts(&view, ok);
	ring_view_close(&view);
	payi_client_close(client);
}

static payi_client *signal_client;
static volatile sig_atomic_t signal_ok, signal_other;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	const payi_event event = client_small_event();
	if (payi_track(signal_client, &event) == PAYI_OK)
		signal_ok++;
	else
		signal_other++;
}

Test(client_life, may_be_called_from_a_signal_handler_that_interrupts_it)
{
	signal_client = client_open(64 * 1024 * 1024);
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	sigaction(SIGALRM, &action, NULL);
	const struct itimerval often = {{0, 100}, {0, 100}};
	setitimer(ITIMER_REAL, &often, NULL);
	const payi_event event = client_small_event();
	int ok = 0;
	for (int i = 0; i < 200000; i++)
		ok += payi_track(signal_client, &event) == PAYI_OK;
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	cr_assert_eq(ok, 200000);
	cr_assert(signal_ok > 0);
	cr_assert_eq(signal_other, 0);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert_eq(ring_view_each(&view, NULL, NULL), ok + signal_ok);
	ring_view_close(&view);
	payi_client_close(signal_client);
}

Test(client_life, gives_a_forked_child_a_ring_of_its_own)
{
	payi_client *client = client_open(0);
	const payi_event event = client_small_event();
	cr_assert(payi_track(client, &event) == PAYI_OK);
	const pid_t child = fork();
	if (child == 0) {
		const bool ok = payi_track(client, &event) == PAYI_OK &&
				payi_track(client, &event) == PAYI_OK;
		payi_client_close(client);
		_exit(ok ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	cr_assert_eq(status, 0);
	cr_assert(payi_track(client, &event) == PAYI_OK);
	cr_assert_eq(help_count_rings(&client_site), 2);
	int records = 0, alive = 0;
	for (int i = 0; i < 2; i++) {
		struct ring_view view;
		ring_view_open(&view, client_site.rings, i);
		const int n = ring_view_each(&view, NULL, NULL);
		cr_assert_eq(n, 2, "two in each");
		records += n;
		alive += view.alive;
		ring_view_close(&view);
	}
	cr_assert_eq(records, 4);
	cr_assert_eq(alive, 1);
	payi_client_close(client);
}

Test(client_life, a_child_does_not_keep_its_dead_parents_ring_alive)
{
	int ready[2], go[2];
	cr_assert(pipe(ready) == 0 && pipe(go) == 0);
	const pid_t parent = fork();
	if (parent == 0) {
		payi_client *client = client_open(0);
		const payi_event event = client_small_event();
		payi_track(client, &event);
		if (fork() == 0) { /* lives on, and never tracks */
			char byte;
			if (read(go[0], &byte, 1) != 1)
				_exit(1);
			_exit(0);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	char byte;
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	waitpid(parent, NULL, 0);
	struct ring_view view;
	ring_view_open(&view, client_site.rings, 0);
	cr_assert(!view.alive, "the grandchild keeps the lock");
	ring_view_close(&view);
	cr_assert_eq(write(go[1], "g", 1), 1);
}

/* Random kills: whatever the moment, every record that is visible is whole, and the accounts hold. */
Test(client_life, a_kill_leaves_whole_records_and_exact_accounts, .timeout = 60)
{
	for (int round = 0; round < 60; round++) {
		int go[2];
		cr_assert(pipe(go) == 0);
		const pid_t child = fork();
		if (child == 0) {
			payi_client *client = client_open(8 * 1024 * 1024);
			const payi_event event = client_small_event();
			if (write(go[1], "g", 1) != 1)
				_exit(1);
			for (;;)
				payi_track(client, &event);
		}
		char byte;
		cr_assert_eq(read(go[0], &byte, 1), 1);
		nanosleep(&(struct timespec){.tv_nsec = rand() % 2000000}, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(go[0]);
		close(go[1]);
		struct ring_view view;
		ring_view_open(&view, client_site.rings, 0);
		cr_assert(!view.alive);
		const uint64_t records = (uint64_t)ring_view_each(&view, NULL, NULL);
		uint64_t attempted = 0, dropped = 0;
		for (uint32_t i = 0; i < view.reader.n_lanes; i++) {
			attempted += view.counters.lane[i].attempted;
			dropped += view.counters.lane[i].dropped_full;
		}
		cr_assert(attempted - records - dropped <= 1, "in flight: %lld",
			  (long long)(attempted - records - dropped));
		char path[HELP_PATH_BYTES + 80];
		snprintf(path, sizeof(path), "%s/%s", client_site.rings, view.name);
		ring_view_close(&view);
		unlink(path);
	}
}
