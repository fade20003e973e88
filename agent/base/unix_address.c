#define _GNU_SOURCE /* O_PATH: the directory need not be readable */
#include "base/unix_address.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_directory(const char *path, size_t len, int *dir, struct err *err)
{
	char name[PATH_MAX];
	if (snprintf(name, sizeof(name), "%.*s", (int)len, path) >= (int)sizeof(name))
		return err_set(err, ERR_CONFIG, "the path of the socket %.100s… is too long", path);
	*dir = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *dir < 0 ? err_errno(err, "cannot open the directory %s", name) : 0;
}

int unix_address_make(const char *path, struct unix_address *address, struct err *err)
{
	*address = (struct unix_address){.name = {.sun_family = AF_UNIX}, .dir = -1};
	char *to = address->name.sun_path;
	const size_t room = sizeof(address->name.sun_path);
	const char *slash = strrchr(path, '/');
	if (snprintf(to, room, "%s", path) < (int)room)
		return 0;
	if (!slash)
		return err_set(err, ERR_CONFIG, "the name of the socket %s is too long", path);
	const int status = open_directory(path, (size_t)(slash - path), &address->dir, err);
	if (status)
		return status;
	if (snprintf(to, room, "/proc/self/fd/%d/%s", address->dir, slash + 1) < (int)room)
		return 0;
	unix_address_release(address);
	return err_set(err, ERR_CONFIG, "the name of the socket %s is too long", path);
}

void unix_address_release(struct unix_address *address)
{
	if (address->dir >= 0)
		close(address->dir);
	address->dir = -1;
}
