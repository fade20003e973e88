/*
 * A function in a child process that is killed at a chosen machine instruction. The child sets the processor's trap flag
 * on itself: after each instruction comes SIGTRAP, whose handler counts, and sends the SIGKILL when its time has come. So a
 * step costs a signal and no switch to a tracer. A system call is one step.
 *
 *     parent:  steps_kill(program, n) ──fork──┐              ┌── between() ──┐            ──waits for the end
 *     child:                                     └── prepare() ─┘ stopped       └── test(), killed at step n
 *
 * x86-64 alone: elsewhere steps_possible() is false.
 */
#ifndef PAYI_PROVE_STEPS_H
#define PAYI_PROVE_STEPS_H

#include <stdbool.h>

struct steps_program {
	void (*prepare)(void); /* in the child; may be NULL */
	void (*between)(void); /* in the parent, with the child stopped; may be NULL */
	void (*test)(void);    /* in the child, step by step */
	/*
	 * In the child, before the first step and after each: in a signal's handler, in the midst of the test. May be NULL.
	 */
	void (*look)(int n);
};

bool steps_possible(void);

/* Runs it all, with a signal on its way or without (signal_at 0); how many steps the test takes. */
int steps_walk(const struct steps_program *program, int signal_number, int signal_at);

/*
 * Kills it at step n, counted from 1; the child is gone when this returns. False: the test was over before. At step
 * signal_at (0: never) a signal arrives; its handler's steps count from steps_resume() on.
 */
bool steps_kill(const struct steps_program *program, int n, int signal_number, int signal_at);

/* In that handler: go on step by step. */
void steps_resume(void);

#endif
