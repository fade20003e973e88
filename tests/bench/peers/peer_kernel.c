/*
 * What the kernel has for handing messages over: Unix datagrams, as StatsD's clients use them, and POSIX message queues.
 * The receiver is a process that reads each message and forgets it: an event is done when it was read.
 */
#include "bench/peers/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 8192, QUEUE_MESSAGES = 10 /* as many as every user may have */ };

struct kernel {
	pid_t receiver;
	int sockets[2];
	mqd_t queue;
	atomic_long *n_received; /* shared with the receiver */
	char name[64];           /* of the queue */
};

static long look(void *self)
{
	const struct kernel *kernel = self;
	return atomic_load_explicit(kernel->n_received, memory_order_acquire);
}

static int wait_for(void *self, long n)
{
	return peer_wait_for(look, self, n);
}

static pid_t process(const void *self)
{
	return ((const struct kernel *)self)->receiver;
}

static void end(void *self)
{
	struct kernel *kernel = self;
	peer_stop(kernel->receiver);
	for (int i = 0; i < 2; i++)
		if (kernel->sockets[i] >= 0)
			close(kernel->sockets[i]);
	if (kernel->queue != (mqd_t)-1) {
		mq_close(kernel->queue);
		mq_unlink(kernel->name);
	}
	if (kernel->n_received)
		munmap(kernel->n_received, sizeof(*kernel->n_received));
	free(kernel);
}

static struct kernel *make(void)
{
	struct kernel *kernel = malloc(sizeof(*kernel));
	if (!kernel)
		return NULL;
	*kernel = (struct kernel){.sockets = {-1, -1}, .queue = (mqd_t)-1};
	const int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	void *memory = mmap(NULL, sizeof(*kernel->n_received), PROT_READ | PROT_WRITE, MAP_SHARED,
			    zero, 0);
	close(zero);
	if (memory != MAP_FAILED) {
		kernel->n_received = memory;
		return kernel;
	}
	free(kernel);
	return NULL;
}

/* receive() returns what it has read, or less than 1 at the end. */
static int start_receiver(struct kernel *kernel, ssize_t (*receive)(struct kernel *, char *))
{
	static char message[MESSAGE_BYTES];
	fflush(NULL);
	kernel->receiver = fork();
	if (kernel->receiver < 0)
		return bench_fail(errno, "cannot fork");
	if (kernel->receiver > 0)
		return 0;
	site_child();
	while (receive(kernel, message) > 0)
		atomic_fetch_add_explicit(kernel->n_received, 1, memory_order_release);
	_exit(0);
}

/* ---- Datagrams ------------------------------------------------------------------------------------ */

static ssize_t receive_datagram(struct kernel *kernel, char *message)
{
	return recv(kernel->sockets[1], message, MESSAGE_BYTES, 0);
}

static int open_datagram(const struct peer_place *place, void **self)
{
	struct kernel *kernel = make();
	(void)place;
	if (!kernel)
		return bench_fail(0, "out of memory");
	*self = kernel;
	int status = socketpair(AF_UNIX, SOCK_DGRAM, 0, kernel->sockets);
	if (status)
		status = bench_fail(errno, "cannot make a pair of sockets");
	else
		status = start_receiver(kernel, receive_datagram);
	if (status)
		end(kernel);
	return status;
}

static int send_datagram(void *self)
{
	const struct kernel *kernel = self;
	return send(kernel->sockets[0], peer_line(), strlen(peer_line()), 0) < 0;
}

const struct peer peer_datagram = {
	.name = "Unix datagram",
	.events = 400000,
	.open = open_datagram,
	.hand_over = send_datagram,
	.wait = wait_for,
	.process = process,
	.close = end,
};

/* ---- Message queues ------------------------------------------------------------------------------- */

static ssize_t receive_queued(struct kernel *kernel, char *message)
{
	return mq_receive(kernel->queue, message, MESSAGE_BYTES, NULL);
}

static int open_queue(const struct peer_place *place, void **self)
{
	struct mq_attr attributes = {.mq_maxmsg = QUEUE_MESSAGES, .mq_msgsize = MESSAGE_BYTES};
	struct kernel *kernel = make();
	(void)place;
	if (!kernel)
		return bench_fail(0, "out of memory");
	snprintf(kernel->name, sizeof(kernel->name), "/payi-bench-%ld", (long)getpid());
	kernel->queue = mq_open(kernel->name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	const bool absent = kernel->queue == (mqd_t)-1 && errno == ENOSYS;
	int status = absent ? PEER_ABSENT : 0;
	if (!absent && kernel->queue == (mqd_t)-1)
		status = bench_fail(errno, "cannot make a message queue");
	if (!status)
		status = start_receiver(kernel, receive_queued);
	if (status)
		end(kernel);
	else
		*self = kernel;
	return status;
}

static int send_queued(void *self)
{
	const struct kernel *kernel = self;
	return mq_send(kernel->queue, peer_line(), strlen(peer_line()), 0);
}

const struct peer peer_queue = {
	.name = "POSIX message queue",
	.events = 400000,
	.open = open_queue,
	.hand_over = send_queued,
	.wait = wait_for,
	.process = process,
	.close = end,
};
