/*
 * Which files settings are read from. Whoever can write to one decides where events and the key go: so what anybody
 * may write to is refused, rather than believed.
 */
#include "settings_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20 /* fifty times the sample */ };

static int refuse(const char *path, const char *why, struct err *err)
{
	errno = 0;
	return err_set(err, ERR_CONFIG, "the configuration %s %s", path, why);
}

static int check(const char *path, const struct stat *stat, struct err *err)
{
	/* A FIFO would stop a running agent that reads its configuration again. /dev/null is an empty file. */
	if (!S_ISREG(stat->st_mode) && !S_ISCHR(stat->st_mode))
		return refuse(path, "is no file", err);
	if (S_ISREG(stat->st_mode) && (stat->st_mode & S_IWOTH))
		return refuse(path, "can be written by everybody; chmod o-w it", err);
	if (stat->st_size > FILE_BYTES_MAX)
		return refuse(path, "is larger than 1 MiB", err);
	return 0;
}

FILE *settings_open_file(const char *path, struct err *err)
{
	struct stat stat;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	FILE *stream = NULL;
	if (fstat(fd, &stat) == 0 && check(path, &stat, err) == 0)
		stream = fdopen(fd, "r");
	if (!stream) {
		const int error = errno;
		close(fd);
		errno = error;
	}
	return stream;
}

/* As a shell's *.conf: hidden files and what editors leave behind are not meant. */
static int is_part(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);
	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int read_part(struct settings *settings, const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "the path of %s is too long", name);
	return settings_read_file(settings, path, true, err);
}

int settings_read_parts(struct settings *settings, const char *path, struct err *err)
{
	char dir[PATH_MAX];
	struct dirent **parts = NULL;
	struct stat stat_buf;
	if (snprintf(dir, sizeof(dir), "%s.d", path) >= (int)sizeof(dir) || stat(dir, &stat_buf) ||
	    !S_ISDIR(stat_buf.st_mode))
		return 0;
	if (stat_buf.st_mode & S_IWOTH)
		return refuse(dir, "can be written by everybody; chmod o-w it", err);
	const int n = scandir(dir, &parts, is_part, alphasort);
	if (n < 0) {
		err_errno(err, "cannot read the configuration directory %s", dir);
		return err->code = ERR_CONFIG;
	}
	int status = 0;
	for (int i = 0; i < n; i++) {
		if (!status)
			status = settings_pass_over(
				settings, read_part(settings, dir, parts[i]->d_name, err), err);
		free(parts[i]);
	}
	free(parts);
	return status;
}
