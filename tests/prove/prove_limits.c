/*
 * M19. A process that gives up its rights, its root and its descriptors, and that runs out of what it is allowed.
 */
#define _GNU_SOURCE /* unshare(), setgroups() */
#include "prove/kit/cases.h"
#include "prove/kit/prove.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

static void tmpfs_is_small(void)
{
	char path[PLACE_PATH_BYTES + 16];
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	snprintf(path, sizeof(path), "%s/small", cases_place()->root);
	mkdir(path, 0700);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=700"))
		cases_skip();
	options.ring_dir = path;
	MUST(payi_client_open(&options, &client) == PAYI_ERR_NO_SPACE);
	options.ring_bytes = 512 * 1024;
	MUST(payi_client_open(&options, &client) == PAYI_OK);
	const pid_t filler = fork(); /* full from here on: the ring's pages are taken already */
	if (filler == 0) {
		char zeros[65536] = {0};
		MUST(chdir(path) == 0);
		const int fd = open("full", O_WRONLY | O_CREAT, 0600);
		while (write(fd, zeros, sizeof(zeros)) > 0)
			continue;
		_exit(0);
	}
	cases_must_end_well(filler);
	for (int i = 0; i < 100000; i++) {
		struct oracle_event event;
		oracle_event(&event, 9, (uint32_t)i);
		const payi_status status = payi_track(client, &event.event);
		MUST(status == PAYI_OK || status == PAYI_ERR_FULL);
		if (status == PAYI_ERR_FULL)
			break;
	}
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static const struct cases_case cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(gives_up_root),      X(changes_its_root),           X(makes_no_system_calls),
	X(has_no_descriptors), X(may_write_small_files_only), X(may_open_no_files),
	X(may_map_little),     X(locks_all_memory),           X(tmpfs_is_small),
#undef X
};

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	cases_run("setuid, chroot, seccomp, limits, full tmpfs: soft failures, promises kept",
		  cases, sizeof(cases) / sizeof(cases[0]), prove_figure(1, 20));
	return prove_end();
}
