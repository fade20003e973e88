#define _GNU_SOURCE /* F_OFD_GETLK */
#include "fuzz/memory_file.h"

#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The linker names them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum { FD = MEMORY_FILE_DIR + 1 };

static const struct forge *file;
static bool locked;
static unsigned fails_every, n_reads;

void memory_file_put(const struct forge *forge, bool alive)
{
	file = forge;
	locked = alive;
}

void memory_file_fail(unsigned every)
{
	fails_every = every;
	n_reads = 0;
}

static int open_memory(const char *name)
{
	if (file && strcmp(name, file->name) == 0)
		return FD;
	errno = ENOENT;
	return -1;
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...)
{
	va_list arguments;
	if (dir == MEMORY_FILE_DIR)
		return open_memory(name);
	va_start(arguments, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return __real_openat(dir, name, flags, mode);
}

/* Its name in builds with _FORTIFY_SOURCE. */
int __real___openat_2(int dir, const char *name, int flags);
int __wrap___openat_2(int dir, const char *name, int flags)
{
	return dir == MEMORY_FILE_DIR ? open_memory(name) : __real___openat_2(dir, name, flags);
}

int __real_close(int fd);
int __wrap_close(int fd)
{
	return fd == FD ? 0 : __real_close(fd);
}

int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags)
{
	if (dir != MEMORY_FILE_DIR)
		return __real_unlinkat(dir, name, flags);
	fuzz_must(file && strcmp(name, file->name) == 0);
	file = NULL;
	return 0;
}

int __real_fstat(int fd, struct stat *to);
int __wrap_fstat(int fd, struct stat *to)
{
	if (fd != FD)
		return __real_fstat(fd, to);
	*to = (struct stat){
		.st_mode = S_IFREG | 0600, .st_nlink = 1, .st_size = (off_t)file->bytes};
	return 0;
}

int __real_fstatfs(int fd, struct statfs *to);
int __wrap_fstatfs(int fd, struct statfs *to)
{
	if (fd != FD)
		return __real_fstatfs(fd, to);
	*to = (struct statfs){.f_type = 0x01021994}; /* tmpfs */
	return 0;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	va_list arguments;
	va_start(arguments, command);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fd != FD)
		return __real_fcntl(fd, command, argument);
	fuzz_must(command == F_OFD_GETLK);
	((struct flock *)argument)->l_type = locked ? F_WRLCK : F_UNLCK;
	return 0;
}

/* How many of the bytes that begin at a place lie before the end. */
static size_t up_to(size_t bytes, off_t at, size_t end)
{
	const size_t left = (size_t)at < end ? end - (size_t)at : 0;
	return bytes < left ? bytes : left;
}

ssize_t __real_pread(int fd, void *to, size_t bytes, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at)
{
	if (fd != FD)
		return __real_pread(fd, to, bytes, at);
	fuzz_must(at >= 0);
	if (fails_every && ++n_reads % fails_every == 0) {
		errno = EIO;
		return -1;
	}
	const size_t n = up_to(bytes, at, file->bytes);
	const size_t there = up_to(n, at, sizeof(file->at));
	memcpy(to, file->at + (there ? at : 0), there);
	memset((char *)to + there, 0, n - there);
	return (ssize_t)n;
}
