/*
 * M18. An application whose memory control group is nearly full opens a client: pages of a ring beyond the limit would be
 * its SIGKILL. It gets its ring where there is room, an error where there is not, and lives. Filled to 70 to 99 percent by lot.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "prove/kit/place.h"
#include "prove/kit/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_RING = 7, HAD_RING = 8, PAGE = 4096 };

static const int64_t limit = 48 << 20;

static struct place place;
static char group[100]; /* of version 1 or 2, whichever this machine lets us make */
static bool v2;
static int n_rings, n_refused;

static bool put(const char *name, int64_t number)
{
	char path[160], text[32];
	snprintf(path, sizeof(path), "%s/%s", group, name);
	const int n = snprintf(text, sizeof(text), "%lld", (long long)number);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	const bool good = fd >= 0 && write(fd, text, (size_t)n) == n;
	if (fd >= 0)
		close(fd);
	return good;
}

static int64_t usage(void)
{
	char path[160], text[32] = "";
	snprintf(path, sizeof(path), "%s/%s", group,
		 v2 ? "memory.current" : "memory.usage_in_bytes");
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		_exit(1);
	close(fd);
	return strtoll(text, NULL, 10);
}

static bool make_group(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
	for (int i = 0; i < 2; i++) {
		v2 = i == 1;
		snprintf(group, sizeof(group), "%s/payi-prove-%ld", roots[i], (long)getpid());
		if (mkdir(group, 0700))
			continue;
		if (put(v2 ? "memory.max" : "memory.limit_in_bytes", limit))
			return true;
		rmdir(group);
	}
	return false;
}

static void be_application(int64_t target, size_t ring_bytes)
{
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = place.rings;
	options.ring_bytes = ring_bytes;
	if (!put("cgroup.procs", getpid()))
		_exit(1);
	char *memory = mmap(NULL, (size_t)limit, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int64_t at = 0; at < limit && (at % (64 * PAGE) != 0 || usage() < target); at += PAGE)
		memory[at] = 1;
	const payi_status status = payi_client_open(&options, &client);
	const payi_event event = PAYI_EVENT_INIT;
	for (int i = 0; i < 100; i++)
		payi_track(client, &event);
	payi_client_close(client);
	_exit(status == PAYI_OK ? HAD_RING : *payi_last_error() ? NO_RING : 1);
}

static void run(int percent, int doublings)
{
	int status;
	const size_t ring_bytes = (size_t)(256 * 1024) << doublings;
	const pid_t child = fork();
	if (child == 0)
		be_application(limit / 100 * percent, ring_bytes);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	n_rings += WIFEXITED(status) && WEXITSTATUS(status) == HAD_RING;
	n_refused += WIFEXITED(status) && WEXITSTATUS(status) == NO_RING;
	if (!WIFEXITED(status) || WEXITSTATUS(status) < NO_RING)
		prove_finding(
			"the application ended with status %x, at %d percent, ring of %zu bytes",
			(unsigned)status, percent, ring_bytes);
	place_empty(&place);
}

int main(int argc, char **argv)
{
	static const char goal[] =
		"a ring for an application at 70 to 99 percent of its memory limit";
	prove_begin(argc, argv);
	if (!make_group()) {
		prove_skip("M18", goal,
			   "no memory control group can be made: it wants root, and "
			   "/sys/fs/cgroup to be writable");
		return prove_end();
	}
	place_make(&place);
	const int n = prove_figure(12, 400);
	/* One that has room, and one that has none, whatever the lot says. */
	run(70, 0);
	run(99, 5);
	for (int i = 2; i < n; i++)
		run(70 + prove_below(30), prove_below(6));
	rmdir(group);
	prove_row("M18", goal, prove_findings() == 0 && n_rings > 0 && n_refused > 0,
		  "%d runs: %d rings, %d refused, %d killed or otherwise wrong", n, n_rings,
		  n_refused, prove_findings());
	place_remove(&place);
	return prove_end();
}
