/*
 * A place to measure in, with nobody else's data: fresh directories for rings and database, and the real agent
 * as a process on them.
 */
#ifndef PAYI_BENCH_SITE_H
#define PAYI_BENCH_SITE_H

#include "payi/payi.h"

#include <sys/types.h>

struct bench;

struct site {
	char rings[64];
	char data[256];
	const char *
		base_url; /* where the agent sends to, with the stand-in's key; NULL: it is offline */
	const char *settings; /* of its file; NULL: none but the defaults */
	pid_t agent;          /* 0: none runs */
};

/* One at a time: a signal that ends the program removes it, too. */
int site_make(struct site *site, const struct bench *bench);
void site_remove(struct site *site); /* stops the agent first */

/* A client on the site's rings, with ring_bytes (0: the default) and PAYI_WHEN_FULL_BLOCK. */
int site_client(const struct site *site, size_t ring_bytes, payi_client **client);

int site_agent_start(struct site *site, const struct bench *bench);

/* Returns when the agent has stored an event: then it runs, and its database is made. */
int site_agent_await(const struct site *site);
int site_agent_stop(struct site *site); /* SIGTERM; -1 after saying so when it ends badly */

/* To be called in a child: it ends with its parent. */
void site_child(void);

/* A process, by what the kernel tells of it. */
struct process_use {
	double cpu_s;
	double wake_ups; /* times that a thread of it gave up the processor, to wait */
	double rss_mb;
	double peak_rss_mb;
};
struct process_use process_use(pid_t pid);

#endif
