#define _GNU_SOURCE /* F_OFD_SETLK */
#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void read_who(int fd, char *who, size_t size)
{
	const ssize_t n = pread(fd, who, size - 1, 0);
	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
}

static void read_note(int fd, size_t at, char *note, size_t size)
{
	const ssize_t n = pread(fd, note, size - 1, (off_t)at);
	note[n > 0 ? n : 0] = '\0';
	note[strcspn(note, "\n")] = '\0';
}

static int busy(int fd, const char *path, struct err *err)
{
	char who[160];
	read_who(fd, who, sizeof(who));
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

/* Written before the rest is cut off: who it is can be read at any moment. */
int lock_file_tell(int fd, const char *who, const char *note, struct err *err)
{
	char text[3 * LOCK_FILE_WHO_BYTES];
	const int n = snprintf(text, sizeof(text), "%s\n%s%s", who, note, *note ? "\n" : "");
	const size_t len = n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1;
	if (pwrite(fd, text, len, 0) < 0 || ftruncate(fd, (off_t)len))
		return err_errno(err, "cannot write the lock file");
	return 0;
}

int lock_file_look(const char *path, struct lock_file_holder *holder, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0)
		return err_errno(err, "cannot open the lock file %s", path);
	struct stat stat;
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	int status = 0;
	if (fstat(fd, &stat) || fcntl(fd, F_OFD_GETLK, &lock)) {
		status = err_errno(err, "cannot ask for the lock of %s", path);
	} else {
		holder->holds = lock.l_type != F_UNLCK;
		holder->since_us = (int64_t)stat.st_mtim.tv_sec * 1000000;
		read_who(fd, holder->who, sizeof(holder->who));
		read_note(fd, strlen(holder->who) + 1, holder->note, sizeof(holder->note));
	}
	close(fd);
	return status;
}
