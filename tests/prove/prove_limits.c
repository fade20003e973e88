/*
 * M19. A process that gives up its rights, its root and its descriptors, and that runs out of what it is allowed.
 */
#define _GNU_SOURCE /* unshare(), setgroups() */
#include "prove/kit/cases.h"
#include "prove/kit/prove.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Rights, roots, descriptors, limits ------------------------------------------------------------ */

static void gives_up_root(void)
{
	if (geteuid() != 0)
		cases_skip();
	payi_client *client = cases_client();
	MUST(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	cases_track(client, 1);
	const pid_t child = fork();
	if (child == 0) { /* who may no longer make a ring there, and is told so */
		MUST(oracle_track(cases_oracle(), client, 2, 0) != PAYI_OK);
		_exit(0);
	}
	cases_must_end_well(child);
	cases_track(client, 3);
}

static void changes_its_root(void)
{
	if (geteuid() != 0)
		cases_skip();
	payi_client *client = cases_client();
	MUST(chroot("/proc/self/fdinfo") == 0 && chdir("/") == 0);
	cases_track(client, 1);
	const pid_t child = fork();
	if (child == 0) {
		MUST(oracle_track(cases_oracle(), client, 2, 0) != PAYI_OK);
		_exit(0);
	}
	cases_must_end_well(child);
	cases_track(client, 3);
}

/* Nothing but read, write, exit and sigreturn from here on: a call that is not one of these is a SIGKILL. */
static void makes_no_system_calls(void)
{
	payi_client *client = cases_client();
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		cases_skip();
	cases_track(client, 1);
	const payi_event nothing = PAYI_EVENT_INIT;
	const bool refused = payi_track(client, &nothing) == PAYI_ERR_INVALID;
	syscall(SYS_exit, refused ? 0 : 1);
}

static void has_no_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	payi_client *client = cases_client();
	cases_track(client, 1);
	MUST(fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0);
	for (int fd = 3; fd < 1024; fd++)
		if (fd != cases_oracle()->log)
			close(fd);
	cases_track(client, 2);
}

static payi_status try_to_open(payi_client **client)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = cases_place()->rings;
	return payi_client_open(&options, client);
}

static void limit(int resource, rlim_t value)
{
	const struct rlimit it = {value, value};
	MUST(setrlimit((__rlimit_resource_t)resource, &it) == 0);
}

static void must_fail_softly(payi_status expected)
{
	payi_client *client = NULL;
	const payi_event nothing = PAYI_EVENT_INIT;
	const payi_status status = try_to_open(&client);
	MUST(status == expected && client == NULL && payi_last_error()[0]);
	MUST(payi_track(client, &nothing) == PAYI_ERR_INVALID);
	MUST(payi_flush(client, 0) != PAYI_OK);
	payi_client_close(client);
}

static void may_write_small_files_only(void)
{
	limit(RLIMIT_FSIZE, 100000);
	must_fail_softly(PAYI_ERR_NO_SPACE);
}

static void may_open_no_files(void)
{
	limit(RLIMIT_NOFILE, 3);
	must_fail_softly(PAYI_ERR_RING_DIR);
}

static void may_map_little(void)
{
	limit(RLIMIT_AS, 1);
	must_fail_softly(PAYI_ERR_NO_MEMORY);
}

static void locks_all_memory(void)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		cases_skip();
	payi_client *client = cases_client();
	cases_track(client, 1);
}

/* ---- A tmpfs of 1 MiB ------------------------------------------------------------------------------ */

static char small[PLACE_PATH_BYTES + 16];

static payi_client *open_on_a_small_tmpfs(void)
{
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	snprintf(small, sizeof(small), "%s/small", cases_place()->root);
	mkdir(small, 0700);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", small, "tmpfs", 0, "size=1m,mode=700"))
		cases_skip();
	options.ring_dir = small;
	MUST(payi_client_open(&options, &client) == PAYI_ERR_NO_SPACE);
	options.ring_bytes = 512 * 1024;
	MUST(payi_client_open(&options, &client) == PAYI_OK);
	return client;
}

static void fill_the_small_tmpfs(void)
{
	const pid_t filler = fork();
	if (filler == 0) {
		char zeros[65536] = {0};
		size_t part = sizeof(zeros);
		MUST(chdir(small) == 0);
		const int fd = open("full", O_WRONLY | O_CREAT, 0600);
		while (part > 0)
			if (write(fd, zeros, part) <= 0)
				part /= 2;
		_exit(0);
	}
	cases_must_end_well(filler);
}

static void *track_until_full(void *client)
{
	payi_status status = PAYI_OK;
	for (int i = 0; i < 100000 && status != PAYI_ERR_FULL; i++) {
		struct oracle_event event;
		oracle_event(&event, 9, (uint32_t)i);
		status = payi_track(client, &event.event);
		MUST(status == PAYI_OK || status == PAYI_ERR_FULL || status == PAYI_ERR_BUSY);
	}
	MUST(status == PAYI_ERR_FULL);
	return NULL;
}

/* In more threads than lanes that are left: four come before the tmpfs is full, and take theirs. */
static void tmpfs_fills_up_as_lanes_are_taken(void)
{
	enum { THREADS = 12, EARLY = 4 };
	pthread_t threads[THREADS];
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client *client = open_on_a_small_tmpfs();
	for (int i = 0; i < THREADS; i++) {
		if (i == EARLY)
			fill_the_small_tmpfs();
		MUST(pthread_create(&threads[i], NULL, track_until_full, client) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	MUST(payi_client_stats_get(client, &stats) == PAYI_OK);
	MUST(stats.attempted == stats.tracked + stats.dropped_full + stats.dropped_busy);
	payi_client_close(client);
}

/* The one lane that has its pages goes on; the others are there as soon as there is room for them. */
static void tmpfs_is_full_for_a_while(void)
{
	char path[sizeof(small) + 8];
	payi_client_stats stats = PAYI_CLIENT_STATS_INIT;
	payi_client *client = open_on_a_small_tmpfs();
	fill_the_small_tmpfs();
	track_until_full(client);
	MUST(strstr(payi_last_error(), "no room for another one") != NULL);
	snprintf(path, sizeof(path), "%s/full", small);
	MUST(unlink(path) == 0);
	for (int i = 0; i < 1000 && strstr(payi_last_error(), "no room for another one"); i++) {
		prove_sleep_us(1000);
		track_until_full(client);
	}
	MUST(strstr(payi_last_error(), "the ring is full") != NULL);
	MUST(payi_client_stats_get(client, &stats) == PAYI_OK);
	MUST(stats.ring_bytes_used > stats.ring_bytes - stats.ring_bytes / 16);
	payi_client_close(client);
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static const struct cases_case cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(gives_up_root),
	X(changes_its_root),
	X(makes_no_system_calls),
	X(has_no_descriptors),
	X(may_write_small_files_only),
	X(may_open_no_files),
	X(may_map_little),
	X(locks_all_memory),
	X(tmpfs_fills_up_as_lanes_are_taken),
	X(tmpfs_is_full_for_a_while),
#undef X
};

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	cases_run("setuid, chroot, seccomp, limits, full tmpfs: soft failures, promises kept",
		  cases, sizeof(cases) / sizeof(cases[0]), prove_figure(1, 20));
	return prove_end();
}
