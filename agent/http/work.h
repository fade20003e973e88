/*
 * What takes time, on libuv's thread pool: a few at once, some more in line, and no more than that. From the
 * loop's thread, all but run().
 */
#ifndef PAYI_HTTP_WORK_H
#define PAYI_HTTP_WORK_H

#include <stdbool.h>
#include <uv.h>

enum { WORK_RUNNING_MAX = 2, WORK_WAITING_MAX = 62 };

struct work {
	uv_work_t uv;
	struct work *next; /* in line */
	struct work_line *line;
	void (*run)(struct work *work); /* on a thread of the pool */
	void (*done)(
		struct work
			*work); /* on the loop's thread, afterwards; the work may be freed in it */
};

struct work_line {
	uv_loop_t *loop;
	struct work *first;
	struct work **last;
	int n_running;
	int n_waiting;
};

void work_line_init(struct work_line *line, uv_loop_t *loop);

/* run and done are set. False: too many are in line already. */
bool work_post(struct work_line *line, struct work *work);

/* Calls done() for those in line without running them; those that run end by themselves. */
void work_line_clear(struct work_line *line);

#endif
