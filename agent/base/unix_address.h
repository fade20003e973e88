/*
 * The address of a Unix socket at a path of any length. The kernel takes 107 bytes; for a longer path the socket's
 * directory is opened, and the address goes by way of that descriptor.
 */
#ifndef PAYI_BASE_UNIX_ADDRESS_H
#define PAYI_BASE_UNIX_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct unix_address {
	struct sockaddr_un name;
	int dir; /* -1: the path itself is short enough */
};

/* On success give *address to unix_address_release() once it was bound or connected to. */
int unix_address_make(const char *path, struct unix_address *address, struct err *err);
void unix_address_release(struct unix_address *address);

#endif
