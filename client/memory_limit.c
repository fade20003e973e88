#include "memory_limit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 512, FILE_BYTES = 4096 };

/* The two versions of control groups: where they are mounted as a rule, and what their files and their words are called. */
static const struct version {
	const char *root;
	const char *limit;
	const char *usage;
	const char *inactive;
	const char *active;
} versions[] = {
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	 "total_inactive_file ", "total_active_file "},
	{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "active_file "},
};

static bool read_file(const char *path, char text[FILE_BYTES])
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	const ssize_t n = read(fd, text, FILE_BYTES - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool read_group(const char *group, const char *name, char text[FILE_BYTES])
{
	char path[PATH_BYTES];
	return snprintf(path, sizeof(path), "%s/%s", group, name) < PATH_BYTES &&
	       read_file(path, text);
}

/* The number at the start of a line, behind the word; 0 when there is none. */
static int64_t number_behind(const char *text, const char *word)
{
	const size_t n = strlen(word);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, word, n) == 0)
			return strtoll(line + n, NULL, 10);
	}
	return 0;
}

/* What one group allows. "max", or a number near 2^63, is no limit. */
static int64_t left_in(const struct version *version, const char *group)
{
	char text[FILE_BYTES];
	if (!read_group(group, version->limit, text) || text[0] < '0' || text[0] > '9')
		return INT64_MAX;
	const int64_t limit = strtoll(text, NULL, 10);
	if (limit >= INT64_MAX / 2 || !read_group(group, version->usage, text))
		return INT64_MAX;
	int64_t used = strtoll(text, NULL, 10);
	if (read_group(group, "memory.stat", text))
		used -= number_behind(text, version->inactive) +
			number_behind(text, version->active);
	return used < limit ? limit - used : 0;
}

/* The path of our group in /proc/self/cgroup: of the line "N:memory:/…", or of "0::/…". */
static bool find_group(const char *text, bool v2, char path[PATH_BYTES])
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *name = strchr(line, ':');
		const char *colon = name ? strchr(name + 1, ':') : NULL;
		if (!colon)
			return false;
		const int n = (int)strcspn(colon + 1, "\n");
		if (strncmp(name, v2 ? "::" : ":memory:", v2 ? 2 : 8) == 0)
			return snprintf(path, PATH_BYTES, "%.*s", n, colon + 1) < PATH_BYTES;
		line = colon;
	}
	return false;
}

/*
 * Of the group and all that it lies in, up to the root, whose path is "". In a container the path may be the host's: then its
 * own group is the root's.
 */
static int64_t left_up_from(const struct version *version, char path[PATH_BYTES])
{
	char group[PATH_BYTES];
	int64_t least = INT64_MAX;
	if (strcmp(path, "/") == 0)
		*path = '\0';
	for (;;) {
		if (snprintf(group, sizeof(group), "%s%s", version->root, path) < PATH_BYTES) {
			const int64_t left = left_in(version, group);
			least = left < least ? left : least;
		}
		char *slash = strrchr(path, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Memory is counted by one of the two versions: by the first, where that has a line for it. */
int64_t payi__memory_left(void)
{
	char text[FILE_BYTES];
	char path[PATH_BYTES];
	if (!read_file("/proc/self/cgroup", text))
		return INT64_MAX;
	for (int v = 0; v < 2; v++)
		if (find_group(text, v == 1, path))
			return left_up_from(&versions[v], path);
	return INT64_MAX;
}
