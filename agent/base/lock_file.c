#define _GNU_SOURCE /* F_OFD_SETLK */
#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int busy(int fd, const char *path, struct err *err)
{
	char who[160];
	const ssize_t n = pread(fd, who, sizeof(who) - 1, 0);
	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
	return err_set(err, ERR_BUSY, "%s is held by another agent (%s); stop that one first", path,
		       who[0] ? who : "it has not said which");
}

int lock_file_take(const char *path, const char *who, int *fd_out, struct err *err)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_errno(err, "cannot open the lock file %s", path);
	struct stat stat;
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int status = 0;
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
		status = err_set(err, ERR_INVALID, "%s is not a regular file; remove it", path);
	else if (fcntl(fd, F_OFD_SETLK, &lock))
		status = errno == EAGAIN || errno == EACCES
				 ? busy(fd, path, err)
				 : err_errno(err, "cannot lock %s", path);
	else if (ftruncate(fd, 0) || pwrite(fd, who, strlen(who), 0) < 0)
		status = err_errno(err, "cannot write %s", path);
	if (status) {
		close(fd);
		return status;
	}
	*fd_out = fd;
	return 0;
}
