/*
 * Retention by free disk on a file system that is really small: a tmpfs of its own, in a mount namespace. What the
 * agent stores, more than the disk holds, does not fill it.
 */
#define _GNU_SOURCE /* unshare() */
#include "help/help.h"
#include "payi/payi.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
	MIB = 1 << 20,
	DISK_MIB = 256,
	FREE_MIB = 25, /* a tenth of the disk, which is what min_free_mb means at the most there */
	BODY_BYTES = 16 * 1024,
	WAVE = 1000, /* of 16 MB, less than shall be free: it may come before anybody looks */
	N_WAVES = 16,
};

static struct help_site site;

static void write_text(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		cr_skip_test("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/* A mount namespace of this process's own: as root, or as the root of a user namespace. */
static void leave_the_others(void)
{
	char map[64];
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	if (unshare(CLONE_NEWNS)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			cr_skip_test("no mount namespace: %s; it wants root, or user namespaces",
				     strerror(errno));
		snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
		write_text("/proc/self/uid_map", map);
		write_text("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", (unsigned)gid);
		write_text("/proc/self/gid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		cr_skip_test("mounts cannot be made private: %s", strerror(errno));
}

static void mount_small_disk(void)
{
	char options[64];
	snprintf(options, sizeof(options), "size=%dm,mode=700", DISK_MIB);
	if (mount("tmpfs", site.data, "tmpfs", 0, options))
		cr_skip_test("no tmpfs can be mounted: %s", strerror(errno));
}

static void set_up(void)
{
	leave_the_others();
	help_site_make(&site);
	mount_small_disk();
	snprintf(site.log, sizeof(site.log), "%s/agent.log", site.rings);
}

static void tear_down(void)
{
	if (site.agent)
		help_agent_stop(&site);
	if (*site.data)
		umount2(site.data, MNT_DETACH);
	help_site_remove(&site);
}

TestSuite(retention_disk, .init = set_up, .fini = tear_down, .timeout = 120);

static void start_agent(void)
{
	static const char *const arguments[] = {"--min-free-mb=4096", "--drop-bodies=all",
						"--drop-undelivered=yes", NULL};
	help_agent_start(&site, arguments, NULL);
}

/* Each flush waits until the disk has what was tracked: it fails while the agent cannot store. */
static void track(int n)
{
	static char body[BODY_BYTES];
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	payi_client *client;
	memset(body, 'x', sizeof(body) - 1);
	options.ring_dir = site.rings;
	cr_assert(payi_client_open(&options, &client) == PAYI_OK, "%s", payi_last_error());
	for (int i = 0; i < n; i++) {
		payi_event event = PAYI_EVENT_INIT;
		event.category = "system.openai";
		event.resource = "gpt-4o";
		event.units = &(const payi_units){"text", i, 1};
		event.n_units = 1;
		event.provider_request_json = body;
		cr_assert(payi_track(client, &event) == PAYI_OK, "%s", payi_last_error());
		if (i % 100 == 99)
			cr_assert(payi_flush(client, 20000) == PAYI_OK, "event %d: %s", i,
				  payi_last_error());
	}
	cr_assert(payi_flush(client, 20000) == PAYI_OK, "%s", payi_last_error());
	payi_client_close(client);
}

static int64_t free_bytes(void)
{
	struct statvfs disk;
	cr_assert_eq(statvfs(site.data, &disk), 0);
	return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

static bool has_room(void *context)
{
	const int64_t *wanted = context;
	return free_bytes() >= *wanted;
}

static void disk_has(int64_t bytes)
{
	help_wait(has_room, &bytes, 40, "the disk to have room");
}

static bool log_has(const char *text)
{
	char *output;
	const int code = help_shell(&output, "grep -q -- '%s' '%s'", text, site.log);
	free(output);
	return code == 0;
}

static void check_well(int n)
{
	char *output;
	cr_expect_not(log_has("cannot store"));
	cr_expect_eq(help_query_int(&site, "SELECT stored FROM sink_books"), n);
	cr_expect_gt(
		help_query_int(&site, "SELECT sum(n) FROM retention_counts WHERE reason = 'disk'"),
		0);
	cr_expect_eq(help_query_int(&site, "SELECT sum(events) FROM usage_hours"), n,
		     "summaries stay");
	cr_expect_eq(help_shell(&output, AGENT_PROGRAM " status --data-dir '%s' --ring-dir '%s'",
				site.data, site.rings),
		     0);
	cr_expect(strstr(output, "for want of room on the disk"), "%s", output);
	cr_expect(strstr(output, "balanced") && !strstr(output, "NOT BALANCED"), "%s", output);
	free(output);
	cr_expect_eq(help_agent_stop(&site), 0);
}

Test(retention_disk, is_not_filled_by_what_is_stored)
{
	start_agent();
	for (int i = 0; i < N_WAVES; i++) {
		track(WAVE);
		disk_has(FREE_MIB * (int64_t)MIB);
	}
	check_well(N_WAVES * WAVE);
}
