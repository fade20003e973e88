/*
 * M17. The ring directory's file system is full, tiny, out of inodes, read-only, none of the right kind; it fills up, is emptied,
 * removed, replaced, or mounted over while agent and application run. No application gets a signal or ends otherwise than it
 * would have, and what was accepted is stored, also of those that begin afterwards. Each case has mounts of its own.
 */
#define _GNU_SOURCE /* unshare() */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What applications end with: their own codes, whatever becomes of their rings. */
enum { NO_RING = 7, HAD_RING = 8, CANNOT_MOUNT = 77, EVENTS = 300, SMALL_RING = 32768 };

static struct place place;
static struct oracle oracle;

static void mount_at(const char *path, const char *type, const char *options)
{
	if (mount(type, path, type, 0, options))
		_exit(CANNOT_MOUNT);
}

/* ---- An application that may get no ring ------------------------------------------------------------ */

static void be_careless(size_t ring_bytes)
{
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = place.rings;
	options.ring_bytes = ring_bytes;
	const payi_status status = payi_client_open(&options, &client);
	for (uint32_t i = 0; i < 5000; i++) {
		struct oracle_event event;
		oracle_event(&event, 1, i);
		payi_track(client, &event.event);
	}
	payi_flush(client, 0);
	payi_client_close(client);
	_exit(status == PAYI_OK ? HAD_RING : *payi_last_error() ? NO_RING : 1);
}

/* Whether it had a ring. */
static bool run_careless(size_t ring_bytes)
{
	int status;
	const pid_t child = fork();
	if (child == 0)
		be_careless(ring_bytes);
	waitpid(child, &status, 0);
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) != NO_RING && WEXITSTATUS(status) != HAD_RING))
		prove_finding("the application ended with status %x", (unsigned)status);
	return WIFEXITED(status) && WEXITSTATUS(status) == HAD_RING;
}

static void must(bool condition, const char *what)
{
	if (!condition)
		prove_finding("%s", what);
}

/* An agent that cannot work there says so. */
static void agent_must_refuse(void)
{
	int status;
	place_agent_launch(&place);
	const double deadline = prove_now_s() + 10;
	while (waitpid(place.agent, &status, WNOHANG) == 0 && prove_now_s() < deadline)
		prove_sleep_us(1000);
	if (prove_now_s() >= deadline) {
		prove_finding("the agent does not end");
		place_agent_kill(&place);
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) == 0 ||
		   place_count_log(&place, "payi-agent run:") == 0) {
		prove_finding("the agent ended with status %x, or does not say why",
			      (unsigned)status);
	}
	place.agent = 0;
}

static void fill_up(const char *directory)
{
	char path[PLACE_PATH_BYTES + 32], bytes[65536] = {1};
	size_t part = sizeof(bytes);
	snprintf(path, sizeof(path), "%s/filler", directory);
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (part > 0)
		if (write(fd, bytes, part) <= 0)
			part /= 2;
	close(fd);
}

static void full_from_the_start(void)
{
	mount_at(place.rings, "tmpfs", "size=1m,mode=700");
	fill_up(place.rings);
	must(!run_careless(0) && !run_careless(SMALL_RING), "a ring on a full tmpfs");
	agent_must_refuse();
}

static void of_64_kib(void)
{
	mount_at(place.rings, "tmpfs", "size=64k,mode=700");
	must(!run_careless(0), "a ring of 4 MiB in 64 KiB");
	must(run_careless(SMALL_RING), "no ring of 32 KiB in 64 KiB");
	agent_must_refuse();
}

static void of_1_mib(void)
{
	mount_at(place.rings, "tmpfs", "size=1m,mode=700");
	must(!run_careless(0), "a ring of 4 MiB in 1 MiB");
	must(run_careless(512 * 1024), "no ring of 512 KiB in 1 MiB");
	agent_must_refuse();
}

static void out_of_inodes(void)
{
	mount_at(place.rings, "tmpfs", "nr_inodes=1,mode=700");
	must(!run_careless(0), "a ring without an inode");
	agent_must_refuse();
}

static void read_only(void)
{
	mount_at(place.rings, "tmpfs", "mode=700");
	if (mount(NULL, place.rings, NULL, MS_REMOUNT | MS_RDONLY, "mode=700"))
		_exit(CANNOT_MOUNT);
	must(!run_careless(0), "a ring on a file system that is read-only");
	agent_must_refuse();
}

static void on_overlay(void)
{
	char options[3 * PLACE_PATH_BYTES + 80], path[PLACE_PATH_BYTES + 8];
	static const char *const parts[] = {"lower", "upper", "work"};
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", place.root, parts[i]);
		mkdir(path, 0700);
	}
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
		 place.root, place.root, place.root);
	mount_at(place.rings, "overlay", options);
	must(!run_careless(0), "a ring on overlayfs");
}

static void on_ext4(void)
{
	char command[4 * PLACE_PATH_BYTES + 100];
	snprintf(command, sizeof(command),
		 "truncate -s 16M %s/disk && mkfs.ext4 -q %s/disk && mount -o loop %s/disk %s",
		 place.root, place.root, place.root, place.rings);
	if (system(command) != 0) /* NOLINT(cert-env33-c): a test's */
		_exit(CANNOT_MOUNT);
	must(!run_careless(0), "a ring on ext4");
}

/* ---- An application that lives through it ------------------------------------------------------------ */

static struct {
	pid_t process;
	int to, from;
} living;

static void be_living(int in, int out)
{
	char byte = 't';
	payi_client *client = place_client(&place, "living", 512 * 1024, true);
	for (uint32_t i = 0; i < EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	payi_flush(client, 10000);
	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
		_exit(1);
	for (uint32_t i = EVENTS; i < 20 * EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	_exit(payi_flush(client, 10000) == PAYI_OK ? HAD_RING : 9);
}

static void begin_living(void)
{
	int down[2], up[2];
	char byte;
	place_agent_start(&place);
	if (pipe(down) || pipe(up))
		prove_broken("no pipe");
	living.process = fork();
	if (living.process == 0)
		be_living(down[0], up[1]);
	living.to = down[1];
	living.from = up[0];
	if (read(up[0], &byte, 1) != 1)
		prove_finding("an application does not begin");
}

/* It goes on, and ends well. */
static void end_living(void)
{
	int status;
	if (write(living.to, "g", 1) != 1)
		prove_finding("the application is gone");
	waitpid(living.process, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != HAD_RING)
		prove_finding("the living application ended with status %x", (unsigned)status);
}

/* Another one begins, and all that both tracked is stored. */
static void begin_another(void)
{
	struct oracle_sums sums;
	payi_client *client = place_client(&place, "new", 512 * 1024, false);
	for (uint32_t i = 0; i < EVENTS; i++)
		oracle_track(&oracle, client, 2, i);
	if (payi_flush(client, 10000) != PAYI_OK)
		prove_finding("what a new application tracks is not stored");
	payi_client_close(client);
	if (!place_wait_no_rings(&place, 20))
		prove_finding("rings that have ended are still open");
	const int code = place_agent_stop(&place);
	if (code != 0)
		prove_finding("the agent ended with %d", code);
	oracle_check(&oracle, &place, NULL, &sums);
	place_check_books(&place, NULL);
	if (sums.accepted == 0)
		prove_finding("nothing was accepted");
}

static void fills_up(void)
{
	char path[PLACE_PATH_BYTES + 32];
	mount_at(place.rings, "tmpfs", "size=4m,mode=700");
	begin_living();
	fill_up(place.rings);
	end_living();
	snprintf(path, sizeof(path), "%s/filler", place.rings);
	unlink(path);
	begin_another();
}

static void remove_rings(bool directory_too)
{
	DIR *dir = opendir(place.rings);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (directory_too && rmdir(place.rings))
		prove_broken("cannot remove %s", place.rings);
}

static void is_emptied(void)
{
	begin_living();
	remove_rings(false);
	end_living();
	begin_another();
}

static void is_removed(void)
{
	begin_living();
	remove_rings(true);
	end_living();
	begin_another();
}

static void is_replaced(void)
{
	char old[PLACE_PATH_BYTES + 16];
	begin_living();
	snprintf(old, sizeof(old), "%s/old", place.root);
	/* The agent makes the directory anew, too, if it is the first to miss it. */
	if (rename(place.rings, old) || (mkdir(place.rings, 0700) && errno != EEXIST))
		prove_broken("cannot replace %s", place.rings);
	end_living();
	begin_another();
	DIR *dir = opendir(old);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			prove_finding("the old directory still has a ring that has ended");
	if (dir)
		closedir(dir);
}

static void is_mounted_over(void)
{
	begin_living();
	mount_at(place.rings, "tmpfs", "mode=700");
	end_living();
	begin_another();
}

/* ---- All of them ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define X(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
	X(full_from_the_start), X(of_64_kib),  X(of_1_mib),    X(out_of_inodes),
	X(read_only),           X(on_overlay), X(on_ext4),     X(fills_up),
	X(is_emptied),          X(is_removed), X(is_replaced), X(is_mounted_over),
#undef X
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

/* In a process and mounts of its own: 0, 1 when it found something, CANNOT_MOUNT. */
static int run_case(int i)
{
	int status;
	const pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
			_exit(CANNOT_MOUNT);
		place_make(&place);
		oracle_open(&oracle, &place);
		cases[i].run();
		oracle_close(&oracle);
		umount2(place.rings, MNT_DETACH);
		place_remove(&place);
		exit(prove_findings() ? 1 : 0);
	}
	waitpid(child, &status, 0);
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CANNOT_MOUNT))
		return WEXITSTATUS(status);
	prove_finding("in case %s", cases[i].name);
	return 1;
}

int main(int argc, char **argv)
{
	static const char goal[] = "tmpfs full, tiny, read-only, not one, filled, emptied, "
				   "removed, replaced: no signal";
	int n = 0, n_skipped = 0;
	prove_begin(argc, argv);
	const char *only = getenv("PROVE_ONLY");
	for (int i = 0; i < N_CASES; i++) {
		if (only && *only && strcmp(only, cases[i].name) != 0)
			continue;
		if (run_case(i) == CANNOT_MOUNT) {
			fprintf(stderr, "skipped: %s\n", cases[i].name);
			n_skipped++;
		}
		n++;
	}
	if (n_skipped == n)
		prove_skip("M17", goal,
			   "mounting is not permitted: it wants root, or CAP_SYS_ADMIN");
	else
		prove_row("M17", goal, prove_findings() == 0, "%d cases, %d skipped, %d wrong", n,
			  n_skipped, prove_findings());
	return prove_end();
}
