#include "sink/payi/curl_loop.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct curl_loop_socket {
	uv_poll_t poll;
	curl_socket_t fd;
	struct curl_loop *loop;
	struct curl_loop_socket *next;
};

/* ---- Handles and their end ------------------------------------------------------------------------ */

static void one_handle_less(struct curl_loop *loop)
{
	if (--loop->n_handles == 0 && loop->closed)
		loop->closed(loop->ctx);
}

static void on_socket_closed(uv_handle_t *handle)
{
	struct curl_loop_socket *socket = handle->data;
	struct curl_loop *loop = socket->loop;
	free(socket);
	one_handle_less(loop);
}

static void on_timer_closed(uv_handle_t *handle)
{
	one_handle_less(handle->data);
}

/* ---- Into libcurl ---------------------------------------------------------------------------------- */

static void act(struct curl_loop *loop, curl_socket_t fd, int what)
{
	int n_running;
	const CURLMcode code = curl_multi_socket_action(loop->multi, fd, what, &n_running);
	loop->moved(loop->ctx, code != CURLM_OK);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct curl_loop_socket *socket = poll->data;
	int what = 0;
	if (status < 0)
		/* Readable and writable too: so libcurl asks the socket itself, reads an answer that came
		 * before the reset, and tries again at once where an idle connection had died. */
		what = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	act(socket->loop, socket->fd, what);
}

static void on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- Out of libcurl -------------------------------------------------------------------------------- */

/* A handful of connections: a list is enough. What libcurl remembers of a socket is not relied upon. */
static struct curl_loop_socket *find(const struct curl_loop *loop, curl_socket_t fd)
{
	struct curl_loop_socket *socket = loop->sockets;
	while (socket && socket->fd != fd)
		socket = socket->next;
	return socket;
}

static struct curl_loop_socket *watch(struct curl_loop *loop, curl_socket_t fd)
{
	struct curl_loop_socket *socket = memory_await(1, sizeof(*socket));
	if (uv_poll_init_socket(loop->uv, &socket->poll, fd)) {
		free(socket);
		return NULL;
	}
	socket->poll.data = socket;
	socket->fd = fd;
	socket->loop = loop;
	socket->next = loop->sockets;
	loop->sockets = socket;
	loop->n_handles++;
	return socket;
}

static void unwatch(struct curl_loop *loop, struct curl_loop_socket *socket)
{
	struct curl_loop_socket **at = &loop->sockets;
	while (*at != socket)
		at = &(*at)->next;
	*at = socket->next;
	uv_poll_stop(&socket->poll); /* takes it out of epoll at once, not at the next turn */
	uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
	(void)easy;
	(void)unused;
	struct curl_loop *loop = ctx;
	if (loop->closing)
		return 0;
	struct curl_loop_socket *socket = find(loop, fd);
	if (what == CURL_POLL_REMOVE) {
		if (socket)
			unwatch(loop, socket);
		return 0;
	}
	if (!socket)
		socket = watch(loop, fd);
	if (!socket)
		return -1;
	int events =
		(what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&socket->poll, events, on_ready) ? -1 : 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	(void)multi;
	struct curl_loop *loop = ctx;
	if (loop->closing)
		return 0;
	/* Zero means "soon": at the loop's next turn, as we are inside libcurl now. */
	if (timeout_ms < 0)
		uv_timer_stop(&loop->timer);
	else
		uv_timer_start(&loop->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

int curl_loop_close_socket(void *ctx, curl_socket_t fd)
{
	struct curl_loop *loop = ctx;
	struct curl_loop_socket *socket = find(loop, fd);
	if (socket)
		unwatch(loop, socket);
	return close(fd);
}

/* ---- Life ------------------------------------------------------------------------------------------ */

int curl_loop_open(struct curl_loop *loop, uv_loop_t *uv, void (*moved)(void *ctx, bool stuck),
		   void *ctx, struct err *err)
{
	CURLM *multi = curl_multi_init();
	if (!multi)
		return err_set(err, ERR_MEMORY, "libcurl cannot be set up: out of memory");
	*loop = (struct curl_loop){.uv = uv, .multi = multi, .moved = moved, .ctx = ctx};
	uv_timer_init(uv, &loop->timer);
	loop->timer.data = loop;
	loop->n_handles = 1;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop);
	return 0;
}

void curl_loop_close(struct curl_loop *loop, void (*closed)(void *ctx))
{
	loop->closing = true;
	loop->closed = closed;
	while (loop->sockets)
		unwatch(loop, loop->sockets);
	curl_multi_cleanup(loop->multi);
	loop->multi = NULL;
	uv_close((uv_handle_t *)&loop->timer, on_timer_closed);
}
