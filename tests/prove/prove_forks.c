/*
 * M19. fork() in every order, exec, spawn, and every way to leave: kit/cases.h says what must hold.
 */
#define _GNU_SOURCE /* vfork() */
#include "prove/kit/cases.h"
#include "prove/kit/prove.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- fork(), in every order ----------------------------------------------------------------------- */

static void fork_before_first_track(void)
{
	payi_client *client = cases_client();
	const pid_t child = fork();
	cases_track(client, child ? 1 : 2);
	if (child == 0)
		_exit(0);
	cases_must_end_well(child);
}

static void fork_generations(void)
{
	payi_client *client = cases_client();
	cases_track(client, 1);
	for (uint32_t i = 2; i < 6; i++) {
		const pid_t child = fork();
		if (child != 0) {
			cases_must_end_well(child);
			_exit(0); /* without closing */
		}
		cases_track(client, i);
	}
}

static payi_client *shared_client;

static void *track_for_ever(void *producer)
{
	for (uint32_t i = 0;; i++) {
		oracle_track(cases_oracle(), shared_client, (uint32_t)(uintptr_t)producer, i);
		prove_sleep_us(50);
	}
	return NULL;
}

/* Threads are in the midst of calls when another one forks, again and again. */
static void fork_in_a_thread(void)
{
	pthread_t thread;
	shared_client = cases_client();
	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&thread, NULL, track_for_ever, (void *)(1000 + i));
	for (uint32_t i = 1; i < 30; i++) {
		const pid_t child = fork();
		if (child == 0) {
			cases_track(shared_client, i);
			_exit(0);
		}
		cases_must_end_well(child);
	}
}

static void *track_thread(void *producer)
{
	cases_track(shared_client, (uint32_t)(uintptr_t)producer);
	return NULL;
}

/* A server that opens in its master, and whose workers have threads. */
static void prefork_server(void)
{
	enum { WORKERS = 8, THREADS = 4 };
	pid_t workers[WORKERS];
	shared_client = cases_client();
	for (uint32_t w = 0; w < WORKERS; w++) {
		workers[w] = fork();
		if (workers[w] != 0)
			continue;
		pthread_t threads[THREADS];
		for (uint32_t t = 0; t < THREADS; t++)
			pthread_create(&threads[t], NULL, track_thread,
				       (void *)(uintptr_t)(1 + w * THREADS + t));
		for (int t = 0; t < THREADS; t++)
			pthread_join(threads[t], NULL);
		payi_client_close(shared_client);
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++)
		cases_must_end_well(workers[w]);
	payi_client_close(shared_client);
}

/* ---- exec, spawn, exit ---------------------------------------------------------------------------- */

static char true_path[] = "/bin/true";
static char *true_argv[] = {true_path, NULL};

static void fork_and_exec(void)
{
	payi_client *client = cases_client();
	cases_track(client, 1);
	const pid_t child = fork();
	if (child == 0) {
		cases_track(client, 2); /* a ring, and then another program */
		execv(true_path, true_argv);
		_exit(127);
	}
	cases_must_end_well(child);
	cases_track(client, 3);
	execv(true_path, true_argv);
	_exit(127);
}

static void vfork_and_spawn(void)
{
	payi_client *client = cases_client();
	pid_t child;
	cases_track(client, 1);
	MUST(posix_spawn(&child, true_path, NULL, NULL, true_argv, environ) == 0);
	cases_must_end_well(child);
	cases_track(client, 2);
	child = vfork(); /* NOLINT: that is what is asked about */
	if (child == 0) {
		execv(true_path, true_argv);
		_exit(127);
	}
	cases_must_end_well(child);
	cases_track(client, 3);
}

static void leave_without_a_word(void)
{
	cases_track(cases_client(), 1);
	_exit(0);
}

static void close_at_exit(void)
{
	cases_track(shared_client, 2);
	payi_client_close(shared_client);
}

static void leave_by_exit(void)
{
	shared_client = cases_client();
	cases_track(shared_client, 1);
	atexit(close_at_exit);
	exit(0);
}

static void daemonise(void)
{
	payi_client *client = cases_client();
	cases_track(client, 1);
	const pid_t first = fork();
	if (first != 0) {
		cases_must_end_well(first);
		return;
	}
	setsid();
	const pid_t second = fork();
	if (second == 0) {
		for (int fd = 0; fd < 256; fd++)
			if (fd != cases_oracle()->log)
				close(fd);
		cases_track(client, 2);
	} else {
		cases_must_end_well(second);
	}
	_exit(0);
}

static void stays_a_zombie(void)
{
	const pid_t child = fork();
	if (child == 0) {
		cases_track(cases_client(), 1);
		_exit(0);
	}
	for (int i = 0; i < 1000 && (place_number(cases_place(), "SELECT count(*) FROM events") <
					     CASES_EVENTS ||
				     place_count_rings(cases_place()) > 0);
	     i++)
		prove_sleep_us(10000);
	MUST(place_count_rings(cases_place()) == 0); /* before anybody has waited for it */
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static const struct cases_case cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(fork_before_first_track), X(fork_generations), X(fork_in_a_thread),
	X(prefork_server),          X(fork_and_exec),    X(vfork_and_spawn),
	X(leave_without_a_word),    X(leave_by_exit),    X(daemonise),
	X(stays_a_zombie),
#undef X
};

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	cases_run("fork in every order, exec, spawn, exit: no standstill, promises kept", cases,
		  sizeof(cases) / sizeof(cases[0]), prove_figure(1, 20));
	return prove_end();
}
