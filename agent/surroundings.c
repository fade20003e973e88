#include "surroundings.h"

#include "base/file_system.h"
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void surroundings_clean(void)
{
	static const char name[] = "SSLKEYLOGFILE";
	if (!getenv(name))
		return;
	unsetenv(name);
	log_warn("a variable of the environment would give secrets away; it is ignored",
		 LOG_STR("variable", name), LOG_END);
}

static int make_directories(const char *path, struct err *err)
{
	char part[PATH_MAX];
	if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
		return err_set(err, ERR_CONFIG, "the data directory's path is too long");
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return err_errno(err, "cannot make the directory %s", part);
		*slash = '/';
	}
	if (mkdir(part, 0700) && errno != EEXIST)
		return err_errno(err, "cannot make the data directory %s", part);
	return 0;
}

static int check_rights(const char *path, struct err *err)
{
	struct stat stat_buf;
	if (stat(path, &stat_buf))
		return err_errno(err, "cannot look at the data directory %s", path);
	if (stat_buf.st_mode & S_IWOTH)
		return err_set(err, ERR_CONFIG,
			       "the data directory %s can be written by everybody; chmod 0700 it",
			       path);
	if (stat_buf.st_mode & S_IWGRP)
		log_warn("the data directory can be written by its group; chmod 0700 it",
			 LOG_STR("data_dir", path), LOG_END);
	return 0;
}

int surroundings_make_data_dir(const char *path, struct err *err)
{
	int status = make_directories(path, err);
	if (!status)
		status = check_rights(path, err);
	const struct file_system_kind *kind = status ? NULL : file_system_of(path);
	if (kind)
		log_warn("the data directory is in no good place", LOG_STR("data_dir", path),
			 LOG_STR("because", kind->text), LOG_STR("advice", kind->advice), LOG_END);
	return status;
}
