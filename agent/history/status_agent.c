#define _GNU_SOURCE /* F_OFD_GETLK */
#include "history/status.h"

#include "base/clock.h"
#include "payi/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor of a regular file of the directory, or -1 with errno. */
static int open_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat stat;
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &stat) || !S_ISREG(stat.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static void read_lock(int fd, struct status_agent *agent)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	if (fcntl(fd, F_OFD_GETLK, &lock)) {
		snprintf(agent->note, sizeof(agent->note), "cannot ask for its lock: %s",
			 strerror(errno));
		return;
	}
	agent->runs = lock.l_type != F_UNLCK;
	const ssize_t n = pread(fd, agent->who, sizeof(agent->who) - 1, 0);
	agent->who[n > 0 ? n : 0] = '\0';
	agent->who[strcspn(agent->who, "\n")] = '\0';
}

static int64_t read_heartbeat(int fd)
{
	char magic[sizeof(PAYI_RING_AGENT_MAGIC) - 1];
	uint64_t beat_us = 0;
	if (pread(fd, magic, sizeof(magic), 0) != (ssize_t)sizeof(magic) ||
	    memcmp(magic, PAYI_RING_AGENT_MAGIC, sizeof(magic)) != 0 ||
	    pread(fd, &beat_us, sizeof(beat_us), offsetof(struct payi_ring_agent, heartbeat_us)) !=
		    (ssize_t)sizeof(beat_us))
		return -1;
	const int64_t age_us = clock_boot_us() - (int64_t)beat_us;
	return age_us < 0 ? 0 : age_us;
}

void status_read_agent(const char *ring_dir, struct status_agent *agent)
{
	*agent = (struct status_agent){.heartbeat_us = -1};
	const int lock = open_file(ring_dir, PAYI_RING_LOCK_FILE);
	if (lock >= 0) {
		read_lock(lock, agent);
		close(lock);
	} else if (errno != ENOENT && errno != ENOTDIR) {
		snprintf(agent->note, sizeof(agent->note), "cannot open its lock: %s",
			 strerror(errno));
	}
	const int beat = open_file(ring_dir, PAYI_RING_AGENT_FILE);
	if (beat < 0)
		return;
	agent->heartbeat_us = read_heartbeat(beat);
	close(beat);
}
