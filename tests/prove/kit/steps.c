#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "prove/kit/steps.h"

#include "prove/kit/prove.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEVER = INT32_MAX, CHILD_FAILED = 77 };

static struct {
	int kill_at;
	int signal_number, signal_at;
	void (*look)(int n);
} plan;

static int *n_taken; /* shared with the child */

/* ---- The child ------------------------------------------------------------------------------------ */

#ifdef __x86_64__
/* Below the red zone, which may hold what the compiler keeps. The trap comes after the instruction behind popfq. */
#define SET_FLAGS(operation)                                                                       \
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" operation                          \
			 ", (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp" ::                          \
				 : "memory", "cc")
#define TRAP_ON()  SET_FLAGS("orq $0x100")
#define TRAP_OFF() SET_FLAGS("andq $-0x101")
#else
#define TRAP_ON()  (void)0
#define TRAP_OFF() (void)0
#endif

bool steps_possible(void)
{
#ifdef __x86_64__
	return true;
#else
	return false;
#endif
}

void steps_resume(void)
{
	TRAP_ON();
}

/* The kernel clears the flag for the handler, and sets it again with the return. */
static void on_trap(int signal_number)
{
	(void)signal_number;
	const int n = ++*n_taken;
	if (plan.look)
		plan.look(n);
	if (n == plan.kill_at)
		kill(getpid(), SIGKILL);
	if (n == plan.signal_at)
		raise(plan.signal_number);
}

static _Noreturn void be_child(const struct steps_program *program)
{
	/* SA_NODEFER: a signal that arrives in the handler has a handler with steps of its own. */
	const struct sigaction action = {.sa_handler = on_trap, .sa_flags = SA_NODEFER};
	sigaction(SIGTRAP, &action, NULL);
	if (program->prepare)
		program->prepare();
	if (program->between)
		raise(SIGSTOP);
	*n_taken = 0;
	if (plan.look)
		plan.look(0);
	TRAP_ON();
	program->test();
	TRAP_OFF();
	_exit(0);
}

/* ---- The parent ----------------------------------------------------------------------------------- */

static void pause_between(const struct steps_program *program, pid_t child)
{
	int status;
	if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
		prove_broken("a child did not get to its test: %x", (unsigned)status);
	program->between();
	kill(child, SIGCONT);
}

static bool run(const struct steps_program *program)
{
	int status;
	const pid_t child = fork();
	if (child < 0)
		prove_broken("cannot fork");
	if (child == 0)
		be_child(program);
	if (program->between)
		pause_between(program, child);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			prove_broken("a child is gone");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		prove_finding("a child ended otherwise than it was meant to: %x", (unsigned)status);
	return false;
}

static void need_counter(void)
{
	if (n_taken)
		return;
	n_taken = mmap(NULL, sizeof(*n_taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (n_taken == MAP_FAILED)
		prove_broken("no memory");
}

int steps_walk(const struct steps_program *program, int signal_number, int signal_at)
{
	steps_kill(program, NEVER, signal_number, signal_at);
	return *n_taken;
}

bool steps_kill(const struct steps_program *program, int n, int signal_number, int signal_at)
{
	need_counter();
	plan.kill_at = n;
	plan.signal_number = signal_number;
	plan.signal_at = signal_at;
	plan.look = program->look;
	return run(program);
}
