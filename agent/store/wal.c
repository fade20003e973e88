/*
 * A reader holds a lock on one of five bytes of the -shm file (https://sqlite.org/walformat.html, 2.3). It is looked for among all
 * locks of the kernel: to ask the file itself, it would have to be opened, and closing it would drop SQLite's locks, which are
 * the process's.
 */
#include "store/wal.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_LOCKS_FROM = 123, READ_LOCKS_TO = 127 };

/* The process that a line of /proc/locks is about, if it is such a lock of that file; else 0. */
static long reader_of(const char *line, uintmax_t inode)
{
	long pid = 0;
	uintmax_t of = 0;
	long long from = 0;
	if (sscanf(line, "%*[^:]: POSIX %*s %*s %ld %*[0-9a-f]:%*[0-9a-f]:%ju %lld", &pid, &of,
		   &from) != 3)
		return 0;
	const bool reads = of == inode && from >= READ_LOCKS_FROM && from <= READ_LOCKS_TO;
	return reads && pid != (long)getpid() ? pid : 0;
}

static void name_process(long pid, char who[WAL_HOLDER_BYTES])
{
	char path[64];
	char name[32] = "";
	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	FILE *file = fopen(path, "re");
	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	if (*name)
		snprintf(who, WAL_HOLDER_BYTES, "pid %ld (%s)", pid, name);
	else
		snprintf(who, WAL_HOLDER_BYTES, "pid %ld", pid);
}

void wal_holder(const char *database, char who[WAL_HOLDER_BYTES])
{
	char path[PATH_MAX];
	char line[256];
	struct stat shm;
	long pid = 0;
	*who = '\0';
	if (snprintf(path, sizeof(path), "%s-shm", database) >= (int)sizeof(path) ||
	    stat(path, &shm))
		return;
	FILE *locks = fopen("/proc/locks", "re");
	while (locks && !pid && fgets(line, sizeof(line), locks))
		pid = reader_of(line, (uintmax_t)shm.st_ino);
	if (locks)
		fclose(locks);
	if (pid > 0)
		name_process(pid, who);
}
