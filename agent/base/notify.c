#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "base/notify.h"

#include "base/log.h"
#include "base/unix_address.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { LINES_BYTES = 1024, PATIENCE_S = 1 };

static int connect_by_path(int fd, const char *path, struct err *err)
{
	struct unix_address address;
	int status = unix_address_make(path, &address, err);
	if (status)
		return status;
	if (connect(fd, (const struct sockaddr *)&address.name, sizeof(address.name)))
		status = err_errno(err, "cannot connect");
	unix_address_release(&address);
	return status;
}

/* '@' stands for the NUL that begins an abstract name, which ends with its length and not with another NUL. */
static int connect_abstract(int fd, const char *name, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t len = strlen(name);
	if (len > sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, "the name is too long");
	memcpy(address.sun_path + 1, name + 1, len - 1);
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)))
		return err_errno(err, "cannot connect");
	return 0;
}

static int connect_to(const char *name, int *fd, struct err *err)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	if (*name != '/' && *name != '@')
		return err_set(err, ERR_INVALID, "it is neither a path nor an abstract name");
	*fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return err_errno(err, "cannot make a socket");
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return *name == '@' ? connect_abstract(*fd, name, err) : connect_by_path(*fd, name, err);
}

/* The watchdog is for the process that it names. */
static int64_t read_watchdog(void)
{
	const char *us = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	if (!us || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	const long long wanted = strtoll(us, NULL, 10);
	return wanted > 0 ? wanted : 0;
}

void notify_open(struct notify *notify)
{
	struct err err;
	const char *name = getenv("NOTIFY_SOCKET");
	*notify = (struct notify){.fd = -1};
	if (name && *name && connect_to(name, &notify->fd, &err)) {
		log_warn("cannot tell the service manager how things stand",
			 LOG_STR("socket", name), LOG_STR("error", err.text), LOG_END);
		notify_close(notify);
	}
	if (notify->fd >= 0)
		notify->watchdog_us = read_watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void notify_tell(const struct notify *notify, const char *format, ...)
{
	char lines[LINES_BYTES];
	va_list arguments;
	if (notify->fd < 0)
		return;
	va_start(arguments, format);
	vsnprintf(lines, sizeof(lines), format, arguments);
	va_end(arguments);
	ssize_t sent;
	do
		sent = send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
}
