/*
 * The agent, killed at a chosen system call: ptrace over all its threads. Calls are counted in the order in which the
 * kernel sees them, over all threads; the one that it is killed at does not happen. What comes before the agent's own first
 * mkdir() is the loader's, and not counted.
 */
#ifndef PAYI_PROVE_CALLS_H
#define PAYI_PROVE_CALLS_H

#include "prove/kit/place.h"

#include <stdbool.h>

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
	void *context;
};

/*
 * Starts the place's agent and kills it at its nth call; 0: never, but when done. Returns how many calls were counted. In
 * the end no agent runs.
 */
int calls_kill_agent(struct place *place, const struct calls_plan *plan, int n);

#endif
