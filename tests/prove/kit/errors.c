#define _GNU_SOURCE /* F_OFD_SETLK */
#include "prove/kit/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a call's first argument is, if that is a descriptor. */
enum kind {
	ANY, /* nothing is asked of it */
	FILE_KIND,
	SOCKET,
	OTHER, /* a pipe, an eventfd, an epoll */
};

static enum kind kind_of(const struct calls_call *call)
{
	char path[64], target[256];
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)call->thread, (int)call->argument[0]);
	const ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return OTHER;
	target[n] = '\0';
	if (strncmp(target, "socket:", 7) == 0)
		return SOCKET;
	return target[0] == '/' ? FILE_KIND : OTHER;
}

/*
 * Not here: brk(), which answers no errno (failing allocations have a proof of their own); futex(), and what libuv ends the
 * process for, as the kernel has no such answer but for a descriptor of another kind: epoll_ctl(), reads and writes of
 * an eventfd; close(), which has closed whatever it says; exits and clocks.
 */
static const struct rule {
	int64_t number;
	enum kind kind;
	int errors[ERRORS_MAX];
} rules[] = {
	/* Files. */
	{SYS_openat, ANY, {ENOSPC, EMFILE, EACCES, EROFS, EIO, ENOMEM, EINTR}},
	{SYS_read, FILE_KIND, {EIO, EINTR}},
	{SYS_pread64, FILE_KIND, {EIO, EINTR}},
	{SYS_write, FILE_KIND, {ENOSPC, EIO, EINTR}},
	{SYS_pwrite64, FILE_KIND, {ENOSPC, EIO, EINTR}},
	{SYS_pwritev, FILE_KIND, {ENOSPC, EIO, EINTR}},
	{SYS_fsync, FILE_KIND, {EIO, ENOSPC}},
	{SYS_fdatasync, FILE_KIND, {EIO, ENOSPC}},
	{SYS_ftruncate, FILE_KIND, {EIO, ENOSPC, EINTR}},
	{SYS_fallocate, FILE_KIND, {ENOSPC, EINTR, EIO, EOPNOTSUPP}},
	{SYS_fstat, FILE_KIND, {EIO, ENOMEM}},
	{SYS_newfstatat, ANY, {EACCES, EIO, ENOMEM}},
	{SYS_statx, ANY, {EACCES, EIO, ENOMEM}},
	{SYS_statfs, ANY, {EIO, EACCES}},
	{SYS_fstatfs, ANY, {EIO}},
	{SYS_faccessat, ANY, {EACCES, EIO}},
	{SYS_faccessat2, ANY, {EACCES, EIO}},
	{SYS_readlinkat, ANY, {EACCES, EIO}},
	{SYS_getdents64, FILE_KIND, {EIO, ENOMEM}},
	{SYS_mkdirat, ANY, {ENOSPC, EACCES, EROFS, EIO}},
	{SYS_unlinkat, ANY, {EACCES, EROFS, EIO}},
	{SYS_renameat, ANY, {ENOSPC, EACCES, EROFS, EIO}},
	{SYS_linkat, ANY, {ENOSPC, EACCES, EROFS, EIO}},
	{SYS_fchmod, ANY, {EPERM, EROFS, EIO}},
	{SYS_fchmodat, ANY, {EPERM, EROFS, EIO}},
	{SYS_getcwd, ANY, {ENOENT, ENOMEM}},
#ifdef SYS_open /* what newer machines have no longer */
	{SYS_open, ANY, {ENOSPC, EMFILE, EACCES, EROFS, EIO, ENOMEM, EINTR}},
	{SYS_stat, ANY, {EACCES, EIO, ENOMEM}},
	{SYS_lstat, ANY, {EACCES, EIO, ENOMEM}},
	{SYS_access, ANY, {EACCES, EIO}},
	{SYS_readlink, ANY, {EACCES, EIO}},
	{SYS_mkdir, ANY, {ENOSPC, EACCES, EROFS, EIO}},
	{SYS_unlink, ANY, {EACCES, EROFS, EIO}},
	{SYS_rmdir, ANY, {EACCES, EROFS, EIO}},
	{SYS_rename, ANY, {ENOSPC, EACCES, EROFS, EIO}},
	{SYS_chmod, ANY, {EPERM, EROFS, EIO}},
	{SYS_epoll_wait, ANY, {EINTR}},
	{SYS_poll, ANY, {EINTR}},
	{SYS_pipe, ANY, {EMFILE}},
#endif
	/* Memory and threads. */
	{SYS_mmap, ANY, {ENOMEM}},
	{SYS_mprotect, ANY, {ENOMEM}},
	{SYS_madvise, ANY, {ENOMEM, EFAULT}},
	{SYS_clone, ANY, {EAGAIN, ENOMEM}},
	{SYS_clone3, ANY, {EAGAIN, ENOMEM}},
	/* Descriptors. */
	{SYS_eventfd2, ANY, {EMFILE, ENOMEM}},
	{SYS_epoll_create1, ANY, {EMFILE, ENOMEM}},
	{SYS_inotify_init1, ANY, {EMFILE, ENOMEM}},
	{SYS_inotify_add_watch, ANY, {ENOSPC, ENOMEM}},
	{SYS_pipe2, ANY, {EMFILE}},
	{SYS_epoll_pwait, ANY, {EINTR}},
	{SYS_ppoll, ANY, {EINTR}},
	{SYS_clock_nanosleep, ANY, {EINTR}},
	/* The network. */
	{SYS_socket, ANY, {EMFILE, ENOBUFS, EACCES}},
	{SYS_socketpair, ANY, {EMFILE}},
	{SYS_bind, ANY, {EADDRINUSE, EACCES}},
	{SYS_listen, ANY, {EADDRINUSE}},
	{SYS_connect, ANY, {ECONNREFUSED, ENETUNREACH, EAGAIN}},
	{SYS_accept4, ANY, {EMFILE, ECONNABORTED}},
	{SYS_sendto, SOCKET, {EPIPE, ECONNRESET, EAGAIN}},
	{SYS_sendmsg, SOCKET, {EPIPE, ECONNRESET, EAGAIN}},
	{SYS_recvfrom, SOCKET, {ECONNRESET, EAGAIN, EINTR}},
	{SYS_getrandom, ANY, {EINTR}},
	{SYS_prlimit64, ANY, {EPERM}},
};

/* Giving a lock back does not fail. */
static bool is_unlock(const struct calls_call *call)
{
	char path[64];
	struct flock lock = {.l_type = F_UNLCK};
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)call->thread);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = pread(fd, &lock, sizeof(lock), (off_t)call->argument[2]);
	close(fd);
	return n != sizeof(lock) || lock.l_type == F_UNLCK;
}

/* Locks alone. */
static int errors_of_fcntl(const struct calls_call *call, int errors[ERRORS_MAX])
{
	switch (call->argument[1]) {
	case F_OFD_SETLK:
	case F_SETLK:
		if (is_unlock(call))
			return 0;
		errors[0] = EAGAIN;
		errors[1] = ENOLCK;
		return 2;
	case F_OFD_GETLK:
	case F_GETLK:
		errors[0] = ENOLCK;
		return 1;
	default:
		return 0;
	}
}

/*
 * Rights that are missing are mended by somebody: a ring that may not be opened or removed is tried again a minute later, which
 * is no use to wait for.
 */
static bool comes_right_soon(const struct calls_call *call, int error)
{
	const bool of_a_ring = (call->number == SYS_openat && call->argument[2] & O_NOFOLLOW) ||
			       call->number == SYS_unlinkat;
	return !of_a_ring || (error != EACCES && error != EROFS);
}

int errors_of(const struct calls_call *call, int errors[ERRORS_MAX])
{
	if (call->number == SYS_fcntl)
		return errors_of_fcntl(call, errors);
	if (call->number == SYS_write && call->argument[0] <= STDERR_FILENO)
		return 0; /* by what it says we know how it fares */
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int n = 0;
		if (rules[i].number != call->number)
			continue;
		if (rules[i].kind != ANY && rules[i].kind != kind_of(call))
			return 0;
		for (int k = 0; k < ERRORS_MAX && rules[i].errors[k]; k++)
			if (comes_right_soon(call, rules[i].errors[k]))
				errors[n++] = rules[i].errors[k];
		return n;
	}
	return 0;
}
