#include "http/server.h"

#include "base/log.h"
#include "http/listen.h"
#include "http/server_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- The token ------------------------------------------------------------------------------------ */

/* Its first line, without blanks around it. */
static int read_token(const char *path, char token[GUARD_TOKEN_BYTES], struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, token, GUARD_TOKEN_BYTES - 1);
	if (n < 0) {
		err_errno(err, "http_token_file: cannot read %s", path);
		if (fd >= 0)
			close(fd);
		return err_code(err->code = ERR_CONFIG);
	}
	close(fd);
	token[n] = '\0';
	const size_t blanks = strspn(token, " \t\r\n");
	const size_t len = strcspn(token + blanks, " \t\r\n");
	memmove(token, token + blanks, len);
	token[len] = '\0';
	if (len < 8)
		return err_set(err, ERR_CONFIG,
			       "http_token_file: %s holds no token of 8 characters or more", path);
	return 0;
}

/* ---- Where to listen ------------------------------------------------------------------------------ */

/* Trouble costs the door, not the agent. */
static void open_door(struct server *server, int fd, bool over_tcp)
{
	static const struct door_callbacks callbacks = {request_handle, request_completed};
	struct door *door = &server->door[server->n_doors];
	struct err err;
	door->owner = server;
	door->over_tcp = over_tcp;
	if (door_open(door, server->loop, fd, &callbacks, &err))
		log_error("no local HTTP", LOG_STR("error", err.text), LOG_END);
	else
		server->n_doors++;
}

static void open_unix(struct server *server)
{
	struct err err;
	int fd;
	if (listen_unix(server->socket_path, &fd, &err)) {
		log_error("no local HTTP on the Unix socket; commands that change something cannot "
			  "reach the agent",
			  LOG_STR("error", err.text), LOG_END);
		return;
	}
	server->owns_socket = true;
	open_door(server, fd, false);
}

static void open_tcp(struct server *server, const struct listen_address *address)
{
	struct err err;
	unsigned port = 0;
	int fd;
	if (listen_tcp(address, &fd, &port, &err)) {
		log_error("no local HTTP by TCP", LOG_STR("error", err.text), LOG_END);
		return;
	}
	open_door(server, fd, true);
	log_info("local HTTP listens", LOG_STR("address", address->host), LOG_INT("port", port),
		 LOG_END);
}

static int check_remote(const struct server_options *options, const struct listen_address *address,
			struct err *err)
{
	if (address->is_loopback || (options->allow_remote && *options->token_file))
		return 0;
	return err_set(
		err, ERR_CONFIG,
		"http_listen is %s, which other hosts can reach: listen on 127.0.0.1, or set "
		"http_allow_remote = yes and http_token_file",
		options->listen);
}

/* Token and address are filled in where there are such. */
static int read_options(const struct server_options *options, char token[GUARD_TOKEN_BYTES],
			struct listen_address *address, struct err *err)
{
	int status = 0;
	if (*options->token_file)
		status = read_token(options->token_file, token, err);
	if (!status && *options->listen)
		status = listen_parse(options->listen, address, err);
	if (!status && *options->listen)
		status = check_remote(options, address, err);
	return status;
}

int server_check(const struct server_options *options, struct err *err)
{
	char token[GUARD_TOKEN_BYTES];
	struct listen_address address;
	return read_options(options, token, &address, err);
}

static int open_doors(struct server *server, const struct server_options *options, struct err *err)
{
	struct listen_address address;
	const int status = read_options(options, server->guard.token, &address, err);
	if (status)
		return status;
	open_unix(server);
	if (*options->listen) {
		memcpy(server->listen_host, address.host, sizeof(server->listen_host));
		open_tcp(server, &address);
	}
	return 0;
}

/* ---- Life ----------------------------------------------------------------------------------------- */

static void name_hosts(struct server *server)
{
	const char *const all[] = {"localhost", "127.0.0.1", "[::1]", server->listen_host,
				   server->extra_host};
	int n = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*all[i])
			server->guard.host[n++] = all[i];
}

static int copy_options(struct server *server, const struct server_options *options,
			struct err *err)
{
	server->socket_path = strdup(options->socket_path);
	server->database = strdup(options->database);
	server->ring_dir = strdup(options->ring_dir);
	server->extra_host = strdup(options->host);
	if (server->socket_path && server->database && server->ring_dir && server->extra_host)
		return 0;
	return err_set(err, ERR_MEMORY, "out of memory");
}

int server_open(uv_loop_t *loop, const struct server_options *options,
		const struct server_host *host, struct server **out, struct err *err)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_MEMORY, "out of memory");
	server->loop = loop;
	server->host = *host;
	work_line_init(&server->line, loop);
	int status = copy_options(server, options, err);
	if (!status)
		status = open_doors(server, options, err);
	if (status) {
		server_free(server);
		return status;
	}
	name_hosts(server);
	*out = server;
	return 0;
}

void server_close(struct server *server)
{
	if (!server)
		return;
	atomic_store_explicit(&server->closing, true, memory_order_relaxed);
	work_line_clear(&server->line);
	request_resume_all(server);
	for (int i = 0; i < server->n_doors; i++)
		door_close(&server->door[i]);
	if (server->owns_socket)
		unlink(server->socket_path);
}

bool server_is_closed(const struct server *server)
{
	int n = 0;
	for (int i = 0; server && i < server->n_doors; i++)
		n += server->door[i].n_handles;
	return !server || n + server->line.n_running == 0;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	free(server->socket_path);
	free(server->database);
	free(server->ring_dir);
	free(server->extra_host);
	free(server);
}
