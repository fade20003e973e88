#define _GNU_SOURCE /* secure_getenv() */
#include "ring_dir.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TMPFS_MAGIC_NUMBER 0x01021994 /* linux/magic.h */

payi_status payi_ring_dir(char *path, size_t size)
{
	if (!path || size == 0)
		return payi__fail(PAYI_ERR_INVALID, "payi_ring_dir: there is no buffer");
	const char *set = secure_getenv("PAYI_RING_DIR");
	int n;
	if (set && *set)
		n = snprintf(path, size, "%s", set);
	else if (access("/run/payi/rings", F_OK) == 0)
		n = snprintf(path, size, "/run/payi/rings");
	else
		n = snprintf(path, size, "/dev/shm/payi-%lu", (unsigned long)geteuid());
	if (n < 0 || (size_t)n >= size)
		return payi__fail(PAYI_ERR_INVALID,
				  "the ring directory's path is longer than %zu bytes", size - 1);
	return PAYI_OK;
}

payi_status payi__ring_dir_resolve(const char *given, char path[PAYI__PATH_BYTES])
{
	char name[PAYI__PATH_BYTES];
	if (given && *given) {
		if (snprintf(name, sizeof(name), "%s", given) >= PAYI__PATH_BYTES)
			return payi__fail(PAYI_ERR_INVALID, "ring_dir is longer than %d bytes",
					  PAYI__PATH_BYTES - 1);
	} else {
		const payi_status status = payi_ring_dir(name, sizeof(name));
		if (status)
			return status;
	}
	if (name[0] == '/') {
		memcpy(path, name, sizeof(name));
		return PAYI_OK;
	}
	char here[PAYI__PATH_BYTES];
	if (!getcwd(here, sizeof(here)))
		return payi__fail_errno(PAYI_ERR_RING_DIR,
					"cannot find out where the relative ring_dir %s is", name);
	if (snprintf(path, PAYI__PATH_BYTES, "%s/%s", here, name) >= PAYI__PATH_BYTES)
		return payi__fail(PAYI_ERR_INVALID, "ring_dir %s/%s is longer than %d bytes", here,
				  name, PAYI__PATH_BYTES - 1);
	return PAYI_OK;
}

static payi_status check(struct payi__ring_dir *dir, const char *path)
{
	struct stat stat;
	struct statfs fs;
	if (fstat(dir->fd, &stat) || fstatfs(dir->fd, &fs))
		return payi__fail_errno(PAYI_ERR_RING_DIR, "cannot look at the ring directory %s",
					path);
	if (fs.f_type != TMPFS_MAGIC_NUMBER)
		return payi__fail(
			PAYI_ERR_RING_DIR,
			"the ring directory %s is not on tmpfs; choose one below /dev/shm or /run",
			path);
	if (stat.st_mode & S_IWOTH)
		return payi__fail(PAYI_ERR_RING_DIR,
				  "the ring directory %s can be written by everybody; give it mode "
				  "0700, or 3770 for "
				  "a group",
				  path);
	dir->mode = stat.st_mode;
	dir->free_bytes = fs.f_blocks ? (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize : UINT64_MAX;
	return PAYI_OK;
}

payi_status payi__ring_dir_open(const char *path, struct payi__ring_dir *dir)
{
	*dir = (struct payi__ring_dir){.fd = -1};
	if (mkdir(path, 0700) && errno != EEXIST)
		return payi__fail_errno(PAYI_ERR_RING_DIR, "cannot make the ring directory %s",
					path);
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0)
		return payi__fail_errno(PAYI_ERR_RING_DIR, "cannot open the ring directory %s",
					path);
	const payi_status status = check(dir, path);
	if (status) {
		close(dir->fd);
		dir->fd = -1;
	}
	return status;
}
