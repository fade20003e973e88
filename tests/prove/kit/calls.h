/*
 * The agent, killed at a chosen system call, or told that calls fail: ptrace over all its threads. Calls are counted in the
 * order in which the kernel sees them, over all threads; the one that it is killed at, or that fails, does not happen. What
 * comes before the agent's own first mkdir() is the loader's, and not counted.
 */
#ifndef PAYI_PROVE_CALLS_H
#define PAYI_PROVE_CALLS_H

#include "prove/kit/place.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct calls_call {
	int64_t number;
	uint64_t argument[6];
	pid_t thread;
};

struct calls_plan {
	/* True once the scenario has run its course; asked every few milliseconds. NULL: it ends by itself. */
	bool (*done)(void *context);
	/*
	 * Not NULL: counting begins when this has said true, instead of with the first mkdir(). Asked likewise; it may then
	 * send a signal to place->agent.
	 */
	bool (*armed)(void *context);
	/* Not NULL: called at the nth call, before it happens, in place of the kill; then the agent goes on. */
	void (*act)(void *context);
	/* Not NULL: asked at each call that is counted; an errno is what the call fails with, 0 lets it happen. */
	int (*fail)(void *context, int n, const struct calls_call *call);
	/* Not NULL: what is traced in place of the agent; its first mkdir(), too, begins the count. */
	void (*be)(void *context);
	void *context;
	int *end; /* not NULL: how it ended, as waitpid() tells; -1: not by itself */
};

/* Whether calls can be made to fail on this machine: x86-64 alone. */
bool calls_can_fail(void);

/*
 * Starts the place's agent and kills it at its nth call; 0: never, but when done. Returns how many calls were counted. In
 * the end no agent runs.
 */
int calls_kill_agent(struct place *place, const struct calls_plan *plan, int n);

#endif
