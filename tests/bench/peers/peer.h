/*
 * Ways to hand an event over to another process, each with the ten fields of sample_full(): ours, and what a service
 * could use instead. Each is opened, handed events by one thread, waited for until it has stored them, and closed.
 */
#ifndef PAYI_BENCH_PEERS_PEER_H
#define PAYI_BENCH_PEERS_PEER_H

#include "bench/bench.h"
#include "bench/site.h"

#include <stddef.h>
#include <sys/types.h>

struct peer_place {
	const struct bench *bench;
	struct site *site; /* directories for what the peer stores; its agent does not run */
};

enum { PEER_ABSENT = 1 };

struct peer {
	const char *name;
	long events; /* as many as take some seconds */
	/* 0 with *self for the others; PEER_ABSENT: not installed; -1 after saying what went wrong. */
	int (*open)(const struct peer_place *place, void **self);
	int (*hand_over)(void *self); /* one event; waits where the peer cannot take it; 0: fine */
	int (*wait)(void *self,
		    long n); /* until the peer is done with all n handed over; 0: fine */
	pid_t (*process)(const void *self); /* that stores; 0: it has none of its own */
	void (*close)(void *self);
};

extern const struct peer peer_agent;
extern const struct peer peer_datagram;
extern const struct peer peer_queue;
extern const struct peer peer_rsyslog;
extern const struct peer peer_syslog_ng;
extern const struct peer peer_redis;
extern const struct peer peer_https;

/* The event as a line of text, "key=value key=value": what a program without a schema sends. Static. */
const char *peer_line(void);

/* ---- A peer's daemon -------------------------------------------------------------------------------- */

/* Starts argv[0], looked for in PATH and in /usr/sbin; it ends with this program. 0, PEER_ABSENT or -1. */
int peer_start(const char *const argv[], pid_t *pid);
void peer_stop(pid_t pid);

/* A file of the place, with this content. */
int peer_write_file(const char *path, const char *content);

/* Connects to the Unix socket of a daemon that is starting; the descriptor, or -1 after saying why not. */
int peer_connect(const char *path, int type);

/* Waits until look(self) has reached n, as long as it gets on; 0, or -1 after saying where it stopped. */
int peer_wait_for(long (*look)(void *self), void *self, long n);

#endif
