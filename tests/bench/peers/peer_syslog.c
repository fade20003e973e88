/*
 * The log daemons that a Debian host has, with the queue on disk that their manuals call reliable: a line by a Unix
 * datagram, through the queue, into a file (rsyslog) or to a receiver of ours (syslog-ng, which has such a queue in
 * front of the network and of sockets alone).
 */
#include "bench/peers/peer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATH_BYTES = 512, CONFIG_BYTES = 4096, LINE_BYTES = 1024, READ_BYTES = 65536 };

struct log_daemon {
	pid_t pid;
	int fd; /* of the socket that takes lines */
	char socket[PATH_BYTES];
	char output[PATH_BYTES]; /* a file, or the receiver's socket */
	char line[LINE_BYTES];
	size_t line_bytes;
	/* syslog-ng's receiver: */
	int listener;
	pthread_t thread;
	bool has_thread;
	atomic_long bytes; /* received */
	long stored_bytes; /* that a line takes when it is stored */
};

static struct log_daemon *make(const struct peer_place *place)
{
	struct log_daemon *it = calloc(1, sizeof(*it));
	if (!it)
		return NULL;
	it->fd = it->listener = -1;
	snprintf(it->socket, sizeof(it->socket), "%s/log", place->site->data);
	snprintf(it->output, sizeof(it->output), "%s/out", place->site->data);
	it->line_bytes = (size_t)snprintf(it->line, sizeof(it->line), "<13>payi: %s", peer_line());
	return it;
}

static void end(void *self)
{
	struct log_daemon *it = self;
	if (it->fd >= 0)
		close(it->fd);
	peer_stop(it->pid);
	if (it->listener >= 0)
		shutdown(it->listener, SHUT_RDWR); /* ends the receiver */
	if (it->has_thread)
		pthread_join(it->thread, NULL);
	if (it->listener >= 0)
		close(it->listener);
	free(it);
}

static int hand_over(void *self)
{
	const struct log_daemon *it = self;
	return send(it->fd, it->line, it->line_bytes, 0) < 0;
}

static pid_t process(const void *self)
{
	return ((const struct log_daemon *)self)->pid;
}

static int run(const struct peer_place *place, struct log_daemon *it, const char *config,
	       const char *const argv[])
{
	char path[PATH_BYTES];
	snprintf(path, sizeof(path), "%s/conf", place->site->data);
	int status = peer_write_file(path, config);
	if (!status)
		status = peer_start(argv, &it->pid);
	if (!status) {
		it->fd = peer_connect(it->socket, SOCK_DGRAM);
		status = it->fd < 0 ? -1 : 0;
	}
	return status;
}

/* ---- rsyslog -------------------------------------------------------------------------------------- */

static long count_in_file(void *self)
{
	const struct log_daemon *it = self;
	struct stat status;
	return stat(it->output, &status) ? 0 : (long)status.st_size / it->stored_bytes;
}

static int wait_for_file(void *self, long n)
{
	return peer_wait_for(count_in_file, self, n);
}

static int open_rsyslog(const struct peer_place *place, void **self)
{
	char config[CONFIG_BYTES], path[PATH_BYTES], pid_file[PATH_BYTES];
	struct log_daemon *it = make(place);
	const char *dir = place->site->data;
	if (!it)
		return bench_fail(0, "out of memory");
	it->stored_bytes = (long)strlen(peer_line()) + 2; /* a space before, a newline behind */
	snprintf(config, sizeof(config),
		 "global(workDirectory=\"%s\")\n"
		 "module(load=\"imuxsock\" SysSock.Use=\"off\")\n"
		 "main_queue(queue.type=\"Disk\" queue.filename=\"queue\" "
		 "queue.saveOnShutdown=\"on\" queue.timeoutEnqueue=\"60000\")\n"
		 "input(type=\"imuxsock\" Socket=\"%s\" RateLimit.Interval=\"0\")\n"
		 "template(name=\"line\" type=\"string\" string=\"%%msg%%\\n\")\n"
		 "action(type=\"omfile\" file=\"%s\" template=\"line\")\n",
		 dir, it->socket, it->output);
	snprintf(path, sizeof(path), "%s/conf", dir);
	snprintf(pid_file, sizeof(pid_file), "%s/pid", dir);
	const char *const argv[] = {"rsyslogd", "-n", "-f", path, "-i", pid_file, NULL};
	const int status = run(place, it, config, argv);
	if (status)
		end(it);
	else
		*self = it;
	return status;
}

const struct peer peer_rsyslog = {
	.name = "rsyslog, queue on disk",
	.events = 100000,
	.open = open_rsyslog,
	.hand_over = hand_over,
	.wait = wait_for_file,
	.process = process,
	.close = end,
};

/* ---- syslog-ng ------------------------------------------------------------------------------------ */

static void *receive(void *self)
{
	struct log_daemon *it = self;
	static char bytes[READ_BYTES];
	const int fd = accept(it->listener, NULL, NULL);
	ssize_t n;
	while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
		atomic_fetch_add_explicit(&it->bytes, n, memory_order_release);
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int start_receiver(struct log_daemon *it)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const size_t len = strlen(it->output);
	if (len >= sizeof(address.sun_path))
		return bench_fail(0, "the path %s is too long for a socket", it->output);
	memcpy(address.sun_path, it->output, len + 1);
	it->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (it->listener < 0 ||
	    bind(it->listener, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(it->listener, 1))
		return bench_fail(errno, "cannot listen on %s", it->output);
	const int error = pthread_create(&it->thread, NULL, receive, it);
	if (error)
		return bench_fail(error, "cannot start a thread");
	it->has_thread = true;
	return 0;
}

static long count_received(void *self)
{
	struct log_daemon *it = self;
	return atomic_load_explicit(&it->bytes, memory_order_acquire) / it->stored_bytes;
}

static int wait_for_receiver(void *self, long n)
{
	return peer_wait_for(count_received, self, n);
}

static int open_syslog_ng(const struct peer_place *place, void **self)
{
	char config[CONFIG_BYTES], path[4][PATH_BYTES];
	static const char *const files[] = {"conf", "persist", "control", "pid"};
	struct log_daemon *it = make(place);
	const char *dir = place->site->data;
	if (!it)
		return bench_fail(0, "out of memory");
	it->stored_bytes = (long)strlen(peer_line()) + 1;
	snprintf(config, sizeof(config),
		 "@version: 3.38\n"
		 "source s { unix-dgram(\"%s\"); };\n"
		 "destination d { unix-stream(\"%s\" template(\"$MSG\\n\") "
		 "disk-buffer(reliable(yes) disk-buf-size(268435456) mem-buf-size(10485760) "
		 "dir(\"%s\"))); };\n"
		 "log { source(s); destination(d); flags(flow-control); };\n",
		 it->socket, it->output, dir);
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, files[i]);
	const char *const argv[] = {"syslog-ng", "-F", "--no-caps", "-f", path[0], "-R",
				    path[1],     "-c", path[2],     "-p", path[3], NULL};
	int status = start_receiver(it);
	if (!status)
		status = run(place, it, config, argv);
	if (status)
		end(it);
	else
		*self = it;
	return status;
}

const struct peer peer_syslog_ng = {
	.name = "syslog-ng, reliable disk buffer",
	.events = 100000,
	.open = open_syslog_ng,
	.hand_over = hand_over,
	.wait = wait_for_receiver,
	.process = process,
	.close = end,
};
