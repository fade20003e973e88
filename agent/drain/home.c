#include "drain/home.h"

#include "base/lock_file.h"
#include "payi/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * One that we have made is for this user alone; but for the group where the directory above is a setgid one, as a volume
 * that a pod's containers share is (fsGroup), or a /run/payi that an operator has made so; sticky, so that nobody but its
 * owner, the agent, takes away what is another's. The umask has no say in that.
 */
static int open_to_group(const struct home *home, const char *path, struct err *err)
{
	struct stat above;
	if (fstatat(home->dir, "..", &above, 0) || !(above.st_mode & S_ISGID))
		return 0;
	return fchmod(home->dir, 03770)
		       ? err_errno(err, "cannot open the ring directory %s to its group", path)
		       : 0;
}

static int open_directory(struct home *home, const char *path, bool *group, struct err *err)
{
	const bool made = mkdir(path, 0700) == 0;
	if (!made && errno != EEXIST)
		return err_errno(err, "cannot make the ring directory %s", path);
	home->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home->dir < 0)
		return err_errno(err, "cannot open the ring directory %s", path);
	struct stat stat;
	const int status = made ? open_to_group(home, path, err) : 0;
	if (status)
		return status;
	if (fstat(home->dir, &stat))
		return err_errno(err, "cannot look at the ring directory %s", path);
	if (stat.st_mode & S_IWOTH)
		return err_set(err, ERR_INVALID,
			       "the ring directory %s can be written by everybody; give it mode "
			       "0700, or 3770 for a group",
			       path);
	home->device = stat.st_dev;
	home->inode = stat.st_ino;
	*group = (stat.st_mode & S_ISGID) != 0;
	return 0;
}

static int take_lock(struct home *home, const char *path, struct err *err)
{
	/* The directory is open: its path is shorter. */
	char lock[4096 + sizeof("/" PAYI_RING_LOCK_FILE)];
	char who[64];
	snprintf(lock, sizeof(lock), "%s/" PAYI_RING_LOCK_FILE, path);
	snprintf(who, sizeof(who), "pid %ld\n", (long)getpid());
	return lock_file_take(lock, who, &home->lock, err);
}

static int open_agent_file(struct home *home, bool group, struct err *err)
{
	struct stat stat;
	const int status = agent_file_open(home->dir, group, &home->agent_file, err);
	if (status)
		return status;
	if (fstatat(home->dir, PAYI_RING_AGENT_FILE, &stat, AT_SYMLINK_NOFOLLOW))
		return err_errno(err, "cannot look at the agent's file");
	home->agent_inode = stat.st_ino;
	return 0;
}

int home_open(const char *path, struct home **out, struct err *err)
{
	struct home *home = calloc(1, sizeof(*home));
	if (!home)
		return err_set(err, ERR_MEMORY, "out of memory");
	home->dir = home->lock = -1;
	bool group = false;
	int status = open_directory(home, path, &group, err);
	if (!status)
		status = take_lock(home, path, err);
	if (!status)
		status = open_agent_file(home, group, err);
	if (status) {
		home_close(home);
		return status;
	}
	*out = home;
	return 0;
}

void home_close(struct home *home)
{
	if (!home)
		return;
	agent_file_close(home->agent_file);
	if (home->dir >= 0)
		close(home->dir);
	if (home->lock >= 0)
		close(home->lock);
	free(home);
}

/* What cannot be looked at just now is taken to be there. */
bool home_is_there(const struct home *home, const char *path)
{
	struct stat stat_buf;
	if (stat(path, &stat_buf))
		return errno != ENOENT;
	if (stat_buf.st_dev != home->device || stat_buf.st_ino != home->inode)
		return false;
	if (fstatat(home->dir, PAYI_RING_AGENT_FILE, &stat_buf, AT_SYMLINK_NOFOLLOW))
		return errno != ENOENT;
	return stat_buf.st_ino == home->agent_inode;
}
