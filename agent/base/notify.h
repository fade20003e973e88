/*
 * What a service tells systemd of itself (sd_notify): a datagram of lines NAME=value, to the socket that the
 * environment names. Without such a socket everything here does nothing. One thread.
 */
#ifndef PAYI_BASE_NOTIFY_H
#define PAYI_BASE_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;              /* -1: nobody wants to know */
	int64_t watchdog_us; /* how often at least it wants to hear WATCHDOG=1; 0: it does not watch */
};

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child speaks for us. What is
 * wrong with them is logged, and then nobody is told anything.
 */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/*
 * Tells the lines, which have the form of printf(). Waits for a manager that is busy, but not for long: what is lost then
 * is lost.
 */
void notify_tell(const struct notify *notify, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
