/*
 * M27. Another user on the host tries to read, change, take away or hold up what is not his: rings, the agent's files, the
 * database, the socket. In a ring directory that a group shares, sticky and setgid, as somebody outside of the group, and as a
 * member, who may make files there as every application may; then he fills it with whatever may lead the agent astray.
 * In the end the application's events are all there, once.
 */
#define _GNU_SOURCE /* F_OFD_SETLK, setgroups */
#include "payi/ring.h"
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGENT = 65501, APPLICATION = 65502, ATTACKER = 65503, GROUP = 65500, EVENTS = 200 };
enum { PATH_BYTES = 600, SECRET_BYTES = 64, ALLOWED = 1, DENIED = 0 };

static struct place place;
static struct oracle oracle;
static int n_probes, n_successes;

static void become(uid_t uid, bool in_group)
{
	const gid_t group = GROUP;
	if (setgroups(in_group, &group) || setgid(in_group ? GROUP : uid) || setuid(uid))
		_exit(99);
}

/* ---- Probes: each is a process of the attacker's, and ends with ALLOWED if it had its way ------------- */

static int try_read(const char *path)
{
	char byte;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 && read(fd, &byte, 1) >= 0 ? ALLOWED : DENIED;
}

static int try_write(const char *path)
{
	return open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK) >= 0 ? ALLOWED : DENIED;
}

static int try_truncate(const char *path)
{
	return truncate(path, 0) == 0 ? ALLOWED : DENIED;
}

static int try_unlink(const char *path)
{
	return unlink(path) == 0 ? ALLOWED : DENIED;
}

static int try_rename(const char *path)
{
	char to[PATH_BYTES + 8];
	snprintf(to, sizeof(to), "%s.moved", path);
	return rename(path, to) == 0 ? ALLOWED : DENIED;
}

/* Puts a file of his own in its place. */
static int try_replace(const char *path)
{
	char own[PATH_BYTES + 8];
	snprintf(own, sizeof(own), "%s.own", path);
	const int fd = open(own, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	const bool replaced = fd >= 0 && rename(own, path) == 0;
	unlink(own);
	return replaced ? ALLOWED : DENIED;
}

static int try_chmod(const char *path)
{
	return chmod(path, 0777) == 0 ? ALLOWED : DENIED;
}

static int try_chown(const char *path)
{
	return chown(path, ATTACKER, (gid_t)-1) == 0 ? ALLOWED : DENIED;
}

/* A lock taken away from its owner: he would look dead, or a second agent could not start. */
static int try_lock(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0 ? ALLOWED : DENIED;
}

static int try_map(const char *path)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 && mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED
		       ? ALLOWED
		       : DENIED;
}

static int try_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof(address.sun_path))
		return DENIED;
	memcpy(address.sun_path, path, strlen(path) + 1);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? ALLOWED
										    : DENIED;
}

static int try_list(const char *path)
{
	return opendir(path) ? ALLOWED : DENIED;
}

static int try_create(const char *path)
{
	char own[PATH_BYTES + 8];
	snprintf(own, sizeof(own), "%s/own", path);
	const int fd = open(own, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	unlink(own);
	return fd >= 0 ? ALLOWED : DENIED;
}

static int try_second_name(const char *path)
{
	char to[PATH_BYTES + 8];
	snprintf(to, sizeof(to), "%s.link", path);
	const bool linked = link(path, to) == 0;
	unlink(to);
	return linked ? ALLOWED : DENIED;
}

static void probe(const char *what, int (*run)(const char *path), const char *path, bool in_group)
{
	int status = 0;
	fflush(NULL);
	const pid_t child = fork();
	if (child == 0) {
		become(ATTACKER, in_group);
		_exit(run(path));
	}
	waitpid(child, &status, 0);
	n_probes++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == DENIED)
		return;
	n_successes++;
	prove_finding("%s (%s): another user had his way, %x", what, path, (unsigned)status);
}

static void probe_file(const char *path, bool in_group, bool may_read)
{
	if (!may_read)
		probe("read", try_read, path, in_group);
	probe("write", try_write, path, in_group);
	probe("truncate", try_truncate, path, in_group);
	probe("change rights", try_chmod, path, in_group);
	probe("change owner", try_chown, path, in_group);
	probe("take the lock", try_lock, path, in_group);
	probe("map for writing", try_map, path, in_group);
	probe("give a second name", try_second_name, path, in_group);
	probe("rename", try_rename, path, in_group);
	probe("replace", try_replace, path, in_group);
	probe("remove", try_unlink, path, in_group);
}

static void find_ring(char path[PATH_BYTES])
{
	DIR *dir = opendir(place.rings);
	const struct dirent *entry;
	*path = '\0';
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "ring.", 5) == 0)
			snprintf(path, PATH_BYTES, "%s/%s", place.rings, entry->d_name);
	if (dir)
		closedir(dir);
	if (!*path)
		prove_broken("the application has no ring");
}

static void probe_all(bool in_group)
{
	char path[PATH_BYTES];
	find_ring(path);
	/* In a group's directory the agent reads rings by the group; so its members may, as the manual says. */
	probe_file(path, in_group, in_group);
	snprintf(path, sizeof(path), "%s/agent", place.rings);
	probe_file(path, in_group, in_group);
	snprintf(path, sizeof(path), "%s/agent.lock", place.rings);
	probe_file(path, in_group, in_group);
	static const char *const files[] = {"payi.db", "payi.db-wal", "payi.db-shm"};
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", place.data, files[i]);
		probe_file(path, in_group, false);
	}
	snprintf(path, sizeof(path), "%s/agent.sock", place.data);
	probe("connect", try_connect, path, in_group);
	probe("list", try_list, place.data, in_group);
	probe("make a file", try_create, place.data, in_group);
	if (!in_group) {
		probe("list", try_list, place.rings, in_group);
		probe("make a file", try_create, place.rings, in_group);
	}
}

/* ---- Traps ------------------------------------------------------------------------------------------- */

/* Names of rings that are something else, and change all the while: the agent must neither follow nor stop. */
static void set_traps(int times)
{
	char name[PATH_BYTES], other[PATH_BYTES], secret[PATH_BYTES];
	snprintf(secret, sizeof(secret), "%s/secret", place.root);
	for (int i = 0; i < times; i++) {
		snprintf(name, sizeof(name), "%s/ring.%032x", place.rings, 0xabc000 + i % 64);
		snprintf(other, sizeof(other), "%s/own-%d", place.rings, i % 64);
		unlink(name);
		switch (i % 6) {
		case 0:
			if (symlink(secret, name))
				continue;
			break;
		case 1:
			mkfifo(name, 0666);
			break;
		case 2:
			mkdir(name, 0777);
			rmdir(name);
			break;
		case 3: { /* a ring, and in the next moment a link */
			const int fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
			if (fd < 0 || ftruncate(fd, 65536) || write(fd, PAYI_RING_MAGIC, 8) != 8)
				_exit(98);
			close(fd);
			rename(other, name);
			if (symlink(secret, other) == 0)
				rename(other, name);
			break;
		}
		case 4:
			if (link(secret, name) == 0)
				_exit(97); /* he must not be able to */
			break;
		default: {
			const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0000);
			close(fd);
			break;
		}
		}
	}
}

static pid_t start_traps(void)
{
	fflush(NULL);
	const pid_t child = fork();
	if (child == 0) {
		become(ATTACKER, true);
		set_traps(prove_figure(2000, 100000));
		_exit(0);
	}
	return child;
}

/* ---- The application, the agent, and a run ----------------------------------------------------------- */

static pid_t start_application(int go)
{
	fflush(NULL);
	const pid_t child = fork();
	if (child != 0)
		return child;
	become(APPLICATION, true);
	payi_client *client = place_client(&place, "victim", 256 * 1024, true);
	for (uint32_t i = 0; i < EVENTS / 2; i++)
		oracle_track(&oracle, client, 1, i);
	char byte;
	if (read(go, &byte, 1) != 1)
		_exit(1);
	for (uint32_t i = EVENTS / 2; i < EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	_exit(payi_flush(client, 30000) != PAYI_OK);
}

static void start_agent(bool shared)
{
	place_share_program(&place);
	const int log = open(place.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (log < 0 || fchown(log, AGENT, GROUP))
		prove_broken("cannot make the log: %s", strerror(errno));
	close(log);
	fflush(NULL);
	place.agent = fork();
	if (place.agent == 0) {
		become(AGENT, shared);
		place_exec_agent(&place);
	}
	place_agent_ready(&place);
}

static void make_place(bool shared)
{
	char secret[PATH_BYTES];
	place_make(&place);
	oracle_open(&oracle, &place);
	snprintf(secret, sizeof(secret), "%s/secret", place.root);
	FILE *file = fopen(secret, "we");
	if (!file || fputs("nobody's business", file) < 0 || fclose(file) || chmod(secret, 0600) ||
	    chmod(place.root, 0755) || chown(place.data, AGENT, GROUP) || chmod(place.data, 0700) ||
	    chown(place.rings, AGENT, shared ? GROUP : AGENT) ||
	    chmod(place.rings, shared ? 03770 : 0700) || fchown(oracle.log, APPLICATION, GROUP))
		prove_broken("cannot share the place out: %s", strerror(errno));
}

static void run_shared(void)
{
	int go[2], status = 0;
	struct oracle_sums sums;
	make_place(true);
	if (pipe(go))
		prove_broken("no pipe");
	start_agent(true);
	const pid_t application = start_application(go[0]);
	if (!place_wait_number(&place, "SELECT count(*) FROM events", EVENTS / 2, 30))
		prove_broken("the first events are not stored: %s", place.log);
	probe_all(false);
	probe_all(true);
	if (n_successes > 0) { /* what he has changed would be waited for */
		kill(application, SIGKILL);
		waitpid(application, &status, 0);
		place_agent_kill(&place);
		return;
	}
	const pid_t traps = start_traps();
	if (write(go[1], "g", 1) != 1)
		prove_broken("no pipe");
	waitpid(application, &status, 0);
	if (status)
		prove_finding("the application cannot go on beside the traps: %x",
			      (unsigned)status);
	waitpid(traps, &status, 0);
	if (status)
		prove_finding("the traps ended with %x", (unsigned)status);
	if (!place_wait_number(&place, "SELECT count(*) FROM rings WHERE state = 'closed'", 1, 30))
		prove_finding("the ring is not reaped beside the traps");
	if (place_agent_stop(&place) != 0)
		prove_finding("the agent ended badly: %s", place.log);
	if (place_count_log(&place, "nobody's business"))
		prove_finding("the agent has followed a link: %s", place.log);
	oracle_check(&oracle, &place, NULL, &sums);
	if (sums.accepted != EVENTS)
		prove_finding("%d of %d events were accepted", (int)sums.accepted, EVENTS);
	place_check_books(&place, NULL);
	oracle_close(&oracle);
	place_remove(&place);
	close(go[0]);
	close(go[1]);
}

int main(int argc, char **argv)
{
	static const char goal[] =
		"another user reads, writes, locks, replaces, misleads: 0 successes";
	prove_begin(argc, argv);
	if (geteuid() != 0) {
		prove_skip("M27", goal, "needs root, to be several users");
		return prove_end();
	}
	run_shared();
	prove_row("M27", goal, n_successes == 0 && prove_findings() == 0,
		  "%d probes, %d traps, %d successes", n_probes, prove_figure(2000, 100000),
		  n_successes);
	return prove_end();
}
