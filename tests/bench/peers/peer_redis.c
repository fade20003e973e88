/*
 * Redis: XADD over its Unix socket, a command and its answer for each event, as its clients do it; with its append-only
 * file, synced every second (its own default).
 */
#include "bench/peers/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATH_BYTES = 512, COMMAND_BYTES = 2048, ANSWER_BYTES = 256 };

struct redis {
	pid_t pid;
	int fd;
	char command[COMMAND_BYTES];
	size_t command_bytes;
};

static void end(void *self)
{
	struct redis *redis = self;
	if (redis->fd >= 0)
		close(redis->fd);
	peer_stop(redis->pid);
	free(redis);
}

/* An answer is two lines: the length of the new entry's id, and the id; or one that begins with a minus. */
static int hand_over(void *self)
{
	const struct redis *redis = self;
	char answer[ANSWER_BYTES];
	size_t n = 0;
	if (send(redis->fd, redis->command, redis->command_bytes, MSG_NOSIGNAL) < 0)
		return -1;
	for (;;) {
		const ssize_t got = recv(redis->fd, answer + n, sizeof(answer) - 1 - n, 0);
		if (got <= 0 || answer[0] == '-')
			return -1;
		n += (size_t)got;
		answer[n] = '\0';
		const char *first = strstr(answer, "\r\n");
		if (first && strstr(first + 2, "\r\n"))
			return 0;
	}
}

/* Each answer says that it is done. */
static int wait_for(void *self, long n)
{
	(void)self;
	(void)n;
	return 0;
}

static pid_t process(const void *self)
{
	return ((const struct redis *)self)->pid;
}

static void add(struct redis *redis, const char *text, size_t len)
{
	redis->command_bytes += (size_t)snprintf(redis->command + redis->command_bytes,
						 COMMAND_BYTES - redis->command_bytes,
						 "$%zu\r\n%.*s\r\n", len, (int)len, text);
}

/* XADD events * key value key value ... */
static void make_command(struct redis *redis)
{
	int n_words = 3;
	for (const char *at = peer_line(); *at; at++)
		n_words += *at == '=' ? 2 : 0;
	redis->command_bytes = (size_t)snprintf(redis->command, COMMAND_BYTES, "*%d\r\n", n_words);
	add(redis, "XADD", 4);
	add(redis, "events", 6);
	add(redis, "*", 1);
	for (const char *at = peer_line(); *at;) {
		const size_t len = strcspn(at, "= ");
		add(redis, at, len);
		at += len + (at[len] != '\0');
	}
}

static int begin(const struct peer_place *place, void **self)
{
	char socket[PATH_BYTES];
	const char *dir = place->site->data;
	struct redis *redis = calloc(1, sizeof(*redis));
	if (!redis)
		return bench_fail(0, "out of memory");
	redis->fd = -1;
	make_command(redis);
	snprintf(socket, sizeof(socket), "%s/redis", dir);
	const char *const argv[] = {"redis-server",
				    "--port",
				    "0",
				    "--unixsocket",
				    socket,
				    "--dir",
				    dir,
				    "--save",
				    "",
				    "--appendonly",
				    "yes",
				    "--appendfsync",
				    "everysec",
				    NULL};
	int status = peer_start(argv, &redis->pid);
	if (!status) {
		redis->fd = peer_connect(socket, SOCK_STREAM);
		status = redis->fd < 0 ? -1 : 0;
	}
	if (status)
		end(redis);
	else
		*self = redis;
	return status;
}

const struct peer peer_redis = {
	.name = "Redis XADD, AOF every second",
	.events = 100000,
	.open = begin,
	.hand_over = hand_over,
	.wait = wait_for,
	.process = process,
	.close = end,
};
