#include "store/set_aside.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* text is longer than end. */
static bool ends_with(const char *text, const char *end)
{
	return strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* Those that were set aside before, their WALs and indexes not counted. */
static int count_before(const char *path)
{
	char directory[PATH_BYTES];
	char prefix[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	const int len = slash ? (int)(slash - path) + 1 : 0;
	snprintf(directory, sizeof(directory), "%.*s.", len, path);
	snprintf(prefix, sizeof(prefix), "%s.corrupt-", path + len);
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	int n = 0;
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		     !ends_with(entry->d_name, "-wal") && !ends_with(entry->d_name, "-shm");
	if (dir)
		closedir(dir);
	return n;
}

/* <path>.corrupt-20261123T120000Z, with a number behind it when there is one of this second. */
static int choose_name(const char *path, int64_t now_wall_us, char *name, size_t size,
		       struct err *err)
{
	char text[CLOCK_TEXT_BYTES];
	clock_text(now_wall_us, 0, text); /* 2026-11-23T12:00:00Z */
	for (int i = 0; i < SET_ASIDE_MAX; i++) {
		const int n = snprintf(name, size, "%s.corrupt-%.4s%.2s%.2sT%.2s%.2s%.2sZ", path,
				       text, text + 5, text + 8, text + 11, text + 14, text + 17);
		if ((size_t)n + sizeof("-99-wal") > size)
			return err_set(err, ERR_CONFIG, "the database's path is too long");
		if (i > 0)
			snprintf(name + n, size - (size_t)n, "-%d", i);
		if (access(name, F_OK) && errno == ENOENT)
			return 0;
	}
	return err_set(err, ERR_SYSTEM, "there are too many files %s-…", name);
}

static int move(const char *path, const char *name, const char *suffix, struct err *err)
{
	char from[PATH_BYTES];
	char to[PATH_BYTES];
	snprintf(from, sizeof(from), "%s%s", path, suffix); /* both fit: choose_name() */
	snprintf(to, sizeof(to), "%s%s", name, suffix);
	if (rename(from, to) && errno != ENOENT)
		return err_errno(err, "cannot rename %s to %s", from, to);
	return 0;
}

/* The WAL first, and the database last: SQLite would throw away a WAL that lies beside no database. */
int set_aside(const char *path, int64_t now_wall_us, char *name, size_t size, struct err *err)
{
	if (count_before(path) >= SET_ASIDE_MAX)
		return err_set(err, ERR_CORRUPT,
			       "%s is damaged, and %d such were set aside before: look after the "
			       "disk, and remove %s.corrupt-*",
			       path, SET_ASIDE_MAX, path);
	int status = choose_name(path, now_wall_us, name, size, err);
	if (!status)
		status = move(path, name, "-wal", err);
	if (!status)
		status = move(path, name, "-shm", err);
	return status ? status : move(path, name, "", err);
}
