/*
 * Stands in for the agent, in the client's own process: copies what is in a ring and gives the space back, by
 * the protocol of payi/ring.h, and forgets it. Makes no system call once it is open. One thread at a time.
 */
#ifndef PAYI_BENCH_DRAINER_H
#define PAYI_BENCH_DRAINER_H

struct drainer;

/* For the one ring in the directory. Returns 0, or -1 after saying why not. */
int drainer_open(const char *ring_dir, struct drainer **drainer);
void drainer_close(struct drainer *drainer);

void drainer_empty(struct drainer *drainer);

/*
 * Gives all space back, unread. Several threads may at once, while nothing else is done with it: if one of them sets a word back to
 * what it was a moment ago, the producer does not believe it.
 */
void drainer_forget(struct drainer *drainer);

#endif
