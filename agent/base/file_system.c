#define _DEFAULT_SOURCE /* statfs() is not POSIX's */
#include "base/file_system.h"

#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

#define CIFS_MAGIC 0xff534d42u /* not in linux/magic.h of old */
#define FUSE_MAGIC 0x65735546u

static const struct file_system_kind kinds[] = {
	{NFS_SUPER_MAGIC, FILE_SYSTEM_UNFIT, "is on NFS, where SQLite cannot lock",
	 "choose a data_dir on a local disk"},
	{CIFS_MAGIC, FILE_SYSTEM_UNFIT, "is on a network share, where SQLite cannot lock",
	 "choose a data_dir on a local disk"},
	{FUSE_MAGIC, FILE_SYSTEM_RISKY, "is on FUSE, which may not keep locks or syncs",
	 "choose a data_dir on a local disk"},
	{TMPFS_MAGIC, FILE_SYSTEM_RISKY, "is on tmpfs: what waits there is lost with the host",
	 "choose a data_dir on a disk"},
	{OVERLAYFS_SUPER_MAGIC, FILE_SYSTEM_RISKY,
	 "is in a container's own layer: what waits there is lost with the container",
	 "mount a volume for data_dir"},
};

const struct file_system_kind *file_system_of(const char *path)
{
	struct statfs fs;
	if (statfs(path, &fs))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((unsigned long)fs.f_type == kinds[i].magic)
			return &kinds[i];
	return NULL;
}
