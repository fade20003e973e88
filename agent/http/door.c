#include "http/door.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
	SWEEP_MS = 1000,
	IDLE_S = 10,                  /* libmicrohttpd's own clock: no byte either way */
	CONNECTION_BYTES = 32 * 1024, /* headers that do not fit are refused (431) */
	READ_BYTES = 4 * 1024,
};

struct door_peer {
	struct door_peer *next;
	struct door_peer **link; /* what points to this one */
	struct MHD_Connection *connection;
	uint64_t deadline_ms; /* of uv_now() */
};

/* ---- libmicrohttpd's turn ------------------------------------------------------------------------- */

static void on_again(uv_timer_t *timer);

static void run(struct door *door)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;
	door->kicked = false;
	MHD_run(door->daemon);
	if (door->kicked)
		door_kick(door);
	else if (MHD_get_timeout(door->daemon, &wait_ms) == MHD_YES)
		uv_timer_start(&door->again, on_again, wait_ms, 0);
	else
		uv_timer_stop(&door->again);
}

static void on_again(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

void door_kick(struct door *door)
{
	door->kicked = true;
	uv_timer_start(&door->again, on_again, 0, 0);
}

/* ---- Deadlines ------------------------------------------------------------------------------------ */

/* Libmicrohttpd owns the descriptor: it finds the connection at its end, and closes it. */
static void cut_off(const struct door_peer *peer)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(peer->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

static void on_sweep(uv_timer_t *timer)
{
	struct door *door = timer->data;
	const uint64_t now_ms = uv_now(door->loop);
	bool any = false;
	for (const struct door_peer *peer = door->peers; peer; peer = peer->next)
		if (now_ms >= peer->deadline_ms) {
			cut_off(peer);
			any = true;
		}
	if (any)
		door_kick(door);
	if (!door->peers)
		uv_timer_stop(&door->sweep);
}

static struct door_peer *peer_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void set_deadline(struct door *door, struct MHD_Connection *connection, uint64_t ms)
{
	struct door_peer *peer = peer_of(connection);
	if (peer)
		peer->deadline_ms = uv_now(door->loop) + ms;
}

void door_heard(struct door *door, struct MHD_Connection *connection)
{
	set_deadline(door, connection, DOOR_ANSWER_MS);
}

void door_idle(struct door *door, struct MHD_Connection *connection)
{
	set_deadline(door, connection, DOOR_ASK_MS);
}

static void add_peer(struct door *door, struct MHD_Connection *connection, void **context)
{
	struct door_peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return; /* libmicrohttpd's clock has to do for this one */
	peer->connection = connection;
	peer->deadline_ms = uv_now(door->loop) + DOOR_ASK_MS;
	peer->next = door->peers;
	peer->link = &door->peers;
	if (peer->next)
		peer->next->link = &peer->next;
	door->peers = peer;
	*context = peer;
	uv_timer_start(&door->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

static void remove_peer(struct door_peer *peer)
{
	*peer->link = peer->next;
	if (peer->next)
		peer->next->link = peer->link;
	free(peer);
}

/* With the last place taken, libmicrohttpd listens again only when it is called after one was given up. */
static void on_connection(void *context, struct MHD_Connection *connection, void **peer_context,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		add_peer(context, connection, peer_context);
		return;
	}
	if (*peer_context)
		remove_peer(*peer_context);
	door_kick(context);
}

/* ---- Life ----------------------------------------------------------------------------------------- */

static struct MHD_Daemon *start(struct door *door, int fd, const struct door_callbacks *callbacks)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, callbacks->handle, door,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, on_connection, door,
		MHD_OPTION_NOTIFY_COMPLETED, callbacks->completed, door,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)DOOR_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
		(size_t)READ_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

int door_open(struct door *door, uv_loop_t *loop, int fd, const struct door_callbacks *callbacks,
	      struct err *err)
{
	door->loop = loop;
	door->peers = NULL;
	door->daemon = start(door, fd, callbacks);
	if (!door->daemon)
		return err_set(err, ERR_HTTP, "libmicrohttpd cannot serve here");
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	const int error = info ? uv_poll_init(loop, &door->poll, info->epoll_fd) : UV_EINVAL;
	if (error) {
		MHD_stop_daemon(door->daemon);
		return err_set(err, ERR_HTTP, "cannot watch libmicrohttpd: %s", uv_strerror(error));
	}
	door->n_handles = 3;
	uv_timer_init(loop, &door->again);
	uv_timer_init(loop, &door->sweep);
	door->poll.data = door->again.data = door->sweep.data = door;
	uv_poll_start(&door->poll, UV_READABLE, on_ready);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct door *door = handle->data;
	door->n_handles--;
}

/* The watching ends before the descriptor does. */
void door_close(struct door *door)
{
	uv_poll_stop(&door->poll);
	uv_close((uv_handle_t *)&door->poll, on_closed);
	uv_close((uv_handle_t *)&door->again, on_closed);
	uv_close((uv_handle_t *)&door->sweep, on_closed);
	MHD_stop_daemon(door->daemon);
}
