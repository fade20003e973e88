/*
 * A reader holds a lock on one of five bytes of the -shm file for as long as its transaction lasts, a writer on one of the bytes
 * before them as well (https://sqlite.org/walformat.html, 2.3). They are looked for among all locks of the kernel: to ask the file
 * itself, it would have to be opened, and closing it would drop SQLite's locks, which are the process's.
 */
#include "store/wal.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCKS_FROM = 120, /* to write, to checkpoint, to recover; then those of readers */
	READ_LOCKS_FROM = 123,
	READ_LOCKS_TO = 127,
	LOCKS_MAX = 64,
	LOOKS = 4, /* a transaction that ends is over by the last of them */
	LOOK_NS = 20000000,
};

struct lock {
	long pid;
	long long at;
};

/* A line of /proc/locks: whether it is about such a lock of that file, or of one with the same number elsewhere. */
static bool read_lock(const char *line, uintmax_t inode, struct lock *lock)
{
	uintmax_t of = 0;
	return sscanf(line, "%*[^:]: POSIX %*s %*s %ld %*[0-9a-f]:%*[0-9a-f]:%ju %lld", &lock->pid,
		      &of, &lock->at) == 3 &&
	       of == inode && lock->at >= LOCKS_FROM && lock->at <= READ_LOCKS_TO;
}

static int read_locks(uintmax_t inode, struct lock locks[LOCKS_MAX])
{
	char line[256];
	int n = 0;
	FILE *file = fopen("/proc/locks", "re");
	while (file && n < LOCKS_MAX && fgets(line, sizeof(line), file))
		n += read_lock(line, inode, &locks[n]);
	if (file)
		fclose(file);
	return n;
}

static bool writes(long pid, const struct lock *locks, int n)
{
	for (int i = 0; i < n; i++)
		if (locks[i].pid == pid && locks[i].at < READ_LOCKS_FROM)
			return true;
	return false;
}

static bool holds(const struct lock *lock, const struct lock *locks, int n)
{
	for (int i = 0; i < n; i++)
		if (locks[i].pid == lock->pid && locks[i].at == lock->at)
			return true;
	return false;
}

/* The process that reads in each of several looks, and does not write in any: 0 where there is none. */
static long find_reader(uintmax_t inode)
{
	struct lock readers[LOCKS_MAX], now[LOCKS_MAX];
	int n = read_locks(inode, readers);
	for (int look = 0; look < LOOKS && n > 0; look++) {
		int kept = 0;
		const int n_now = read_locks(inode, now);
		for (int i = 0; i < n; i++)
			if (readers[i].at >= READ_LOCKS_FROM && readers[i].pid != (long)getpid() &&
			    holds(&readers[i], now, n_now) && !writes(readers[i].pid, now, n_now))
				readers[kept++] = readers[i];
		n = kept;
		if (n > 0 && look + 1 < LOOKS)
			nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
	return n > 0 ? readers[0].pid : 0;
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
	struct stat shm;
	*who = '\0';
	if (snprintf(path, sizeof(path), "%s-shm", database) >= (int)sizeof(path) ||
	    stat(path, &shm))
		return;
	const long pid = find_reader((uintmax_t)shm.st_ino);
	if (pid > 0)
		name_process(pid, who);
}
