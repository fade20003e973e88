#define _GNU_SOURCE /* SOCK_NONBLOCK, SOCK_CLOEXEC */
#include "http/listen.h"

#include "base/unix_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128 };

/* ---- Unix ----------------------------------------------------------------------------------------- */

static int remove_old(const char *path, struct err *err)
{
	struct stat stat;
	if (lstat(path, &stat))
		return errno == ENOENT ? 0 : err_errno(err, "cannot look at %s", path);
	if (!S_ISSOCK(stat.st_mode))
		return err_set(err, ERR_INVALID, "%s is not a socket; remove it", path);
	return unlink(path) && errno != ENOENT ? err_errno(err, "cannot replace %s", path) : 0;
}

/* The mode is set before there is a name, so at no moment may another user connect. */
static int bind_unix(int fd, const char *path, struct err *err)
{
	struct unix_address address;
	int status = unix_address_make(path, &address, err);
	if (status)
		return status;
	if (fchmod(fd, 0600) ||
	    bind(fd, (const struct sockaddr *)&address.name, sizeof(address.name)) ||
	    listen(fd, BACKLOG))
		status = err_errno(err, "cannot listen on %s", path);
	unix_address_release(&address);
	return status;
}

int listen_unix(const char *path, int *out, struct err *err)
{
	int status = remove_old(path, err);
	if (status)
		return status;
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	status = bind_unix(fd, path, err);
	if (status)
		close(fd);
	else
		*out = fd;
	return status;
}

/* ---- TCP ------------------------------------------------------------------------------------------ */

static bool parse_port(const char *text, unsigned *port)
{
	const size_t digits = strspn(text, "0123456789");
	if (digits < 1 || digits > 5 || text[digits])
		return false;
	*port = (unsigned)strtoul(text, NULL, 10);
	return *port <= 65535;
}

static bool parse_host(const char *host, struct listen_address *address)
{
	char bare[LISTEN_HOST_BYTES];
	const size_t len = strlen(host);
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, address->family_address) == 1) {
		address->family = AF_INET;
		address->is_loopback = address->family_address[0] == 127;
		return true;
	}
	if (len < 2 || host[0] != '[' || host[len - 1] != ']')
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)len - 2, host + 1);
	if (inet_pton(AF_INET6, bare, address->family_address) != 1)
		return false;
	address->family = AF_INET6;
	address->is_loopback =
		memcmp(address->family_address, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
	return true;
}

int listen_parse(const char *text, struct listen_address *address, struct err *err)
{
	const char *colon = strrchr(text, ':');
	*address = (struct listen_address){0};
	const size_t len = colon ? (size_t)(colon - text) : 0;
	if (colon && len < sizeof(address->host) && parse_port(colon + 1, &address->port)) {
		memcpy(address->host, text, len);
		if (parse_host(address->host, address))
			return 0;
	}
	return err_set(err, ERR_CONFIG,
		       "http_listen is \"%s\"; it must be an address and a port, as 127.0.0.1:9464 "
		       "or [::1]:9464",
		       text);
}

static socklen_t make_name(const struct listen_address *address, struct sockaddr_storage *name)
{
	*name = (struct sockaddr_storage){0};
	if (address->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)name;
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)address->port);
		memcpy(&in->sin_addr, address->family_address, sizeof(in->sin_addr));
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)name;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)address->port);
	memcpy(&in6->sin6_addr, address->family_address, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

static unsigned port_of(int fd)
{
	union {
		struct sockaddr_in6 in6;
		struct sockaddr_in in;
		struct sockaddr any;
	} name = {.in6 = {0}};
	socklen_t len = sizeof(name);
	if (getsockname(fd, &name.any, &len))
		return 0;
	return ntohs(name.any.sa_family == AF_INET ? name.in.sin_port : name.in6.sin6_port);
}

int listen_tcp(const struct listen_address *address, int *out, unsigned *port, struct err *err)
{
	struct sockaddr_storage name;
	const socklen_t len = make_name(address, &name);
	const int fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (address->family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
	if (bind(fd, (const struct sockaddr *)&name, len) || listen(fd, BACKLOG)) {
		const int status =
			err_errno(err, "cannot listen on %s:%u", address->host, address->port);
		close(fd);
		return status;
	}
	*port = port_of(fd);
	*out = fd;
	return 0;
}
