#define _GNU_SOURCE /* __WALL, PTRACE_GET_SYSCALL_INFO */
#include "prove/kit/calls.h"

#include "prove/kit/prove.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 5000, THREADS_MAX = 64 };

static const double patience_s = 60;

/* Wakes waitpid(), and does nothing else. */
static void on_alarm(int signal_number)
{
	(void)signal_number;
}

static void set_alarm(int us)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval timer = {{0, us}, {0, us}};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void start_traced(struct place *place, const struct calls_plan *plan)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
	int status;
	unlink(place->log);
	place->agent = fork();
	if (place->agent < 0)
		prove_broken("cannot fork");
	if (place->agent == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(4);
		if (!plan->be)
			place_exec_agent(place);
		raise(SIGSTOP); /* as an exec stops */
		plan->be(plan->context);
		_exit(0);
	}
	if (waitpid(place->agent, &status, 0) != place->agent || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, place->agent, NULL, options) ||
	    ptrace(PTRACE_SYSCALL, place->agent, NULL, NULL))
		prove_broken("cannot trace the agent");
}

/* The call that a thread is about to make; false when it comes back from one. */
static bool call_entered(pid_t thread, struct calls_call *call)
{
	struct __ptrace_syscall_info info;
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): that is how ptrace() takes it */
	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof(info), &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	*call = (struct calls_call){.number = (int64_t)info.entry.nr, .thread = thread};
	for (int i = 0; i < 6; i++)
		call->argument[i] = info.entry.args[i];
	return true;
}

/* ---- Calls that fail ------------------------------------------------------------------------------ */

#ifdef __x86_64__
bool calls_can_fail(void)
{
	return true;
}

/* At a call's entry: the kernel finds no such call. */
static void keep_from_happening(pid_t thread)
{
	struct user_regs_struct registers;
	ptrace(PTRACE_GETREGS, thread, NULL, &registers);
	registers.orig_rax = (unsigned long long)-1;
	ptrace(PTRACE_SETREGS, thread, NULL, &registers);
}

/* At its exit. */
static void answer(pid_t thread, int error)
{
	struct user_regs_struct registers;
	ptrace(PTRACE_GETREGS, thread, NULL, &registers);
	registers.rax = (unsigned long long)-error;
	ptrace(PTRACE_SETREGS, thread, NULL, &registers);
}
#else
bool calls_can_fail(void)
{
	return false;
}

static void keep_from_happening(pid_t thread)
{
	(void)thread;
}

static void answer(pid_t thread, int error)
{
	(void)thread;
	(void)error;
}
#endif

/* ---- The trace ------------------------------------------------------------------------------------ */

static bool is_mkdir(int64_t number)
{
#ifdef SYS_mkdir
	if (number == SYS_mkdir)
		return true;
#endif
	return number == SYS_mkdirat;
}

/* SIGKILL, and the ends of all threads. */
static void finish(struct place *place)
{
	int status;
	pid_t thread;
	kill(place->agent, SIGKILL);
	do {
		thread = waitpid(-1, &status, __WALL);
	} while ((thread < 0 && errno == EINTR) ||
		 (thread > 0 &&
		  !(thread == place->agent && (WIFSIGNALED(status) || WIFEXITED(status)))));
	place->agent = 0;
}

struct trace {
	const struct calls_plan *plan;
	int wanted;
	int n;
	bool counting;
	bool over; /* killed, done, or ended by itself */
	struct {
		pid_t thread;
		int error;
	} failing[THREADS_MAX]; /* between a call's entry and its exit; thread 0: free */
};

static void look(struct trace *trace)
{
	const struct calls_plan *plan = trace->plan;
	if (!trace->counting && plan->armed)
		trace->counting = plan->armed(plan->context);
	else if (plan->done && plan->done(plan->context))
		trace->over = true;
}

static void arrive(struct trace *trace)
{
	if (trace->plan->act)
		trace->plan->act(trace->plan->context);
	else
		trace->over = true;
}

static void fail(struct trace *trace, pid_t thread, int error)
{
	int i = 0;
	while (i < THREADS_MAX && trace->failing[i].thread)
		i++;
	if (i == THREADS_MAX)
		prove_broken("more than %d threads fail at once", THREADS_MAX);
	trace->failing[i].thread = thread;
	trace->failing[i].error = error;
	keep_from_happening(thread);
}

static void enter(struct trace *trace, const struct calls_call *call)
{
	const struct calls_plan *plan = trace->plan;
	if (!plan->armed && is_mkdir(call->number))
		trace->counting = true;
	if (!trace->counting)
		return;
	trace->n++;
	const int error = plan->fail ? plan->fail(plan->context, trace->n, call) : 0;
	if (error)
		fail(trace, call->thread, error);
	if (trace->n == trace->wanted)
		arrive(trace);
}

static void leave(struct trace *trace, pid_t thread)
{
	for (int i = 0; i < THREADS_MAX; i++)
		if (trace->failing[i].thread == thread) {
			trace->failing[i].thread = 0;
			answer(thread, trace->failing[i].error);
		}
}

/* One stop of one thread. */
static void handle(struct trace *trace, pid_t thread, int status)
{
	struct calls_call call;
	int signal_number = WSTOPSIG(status);
	if (signal_number == (SIGTRAP | 0x80)) {
		if (call_entered(thread, &call))
			enter(trace, &call);
		else
			leave(trace, thread);
		signal_number = 0;
	} else if (signal_number == SIGTRAP || signal_number == SIGSTOP) {
		signal_number = 0; /* a new thread, or its first stop */
	}
	if (!trace->over)
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): likewise */
		ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(intptr_t)signal_number);
}

int calls_kill_agent(struct place *place, const struct calls_plan *plan, int n)
{
	struct trace trace = {.plan = plan, .wanted = n};
	int end = -1;
	const double deadline = prove_now_s() + patience_s;
	start_traced(place, plan);
	set_alarm(LOOK_EVERY_US);
	while (!trace.over) {
		int status;
		const pid_t thread = waitpid(-1, &status, __WALL);
		if (prove_now_s() > deadline) {
			prove_finding("the agent took longer than %.0f s, in call %d", patience_s,
				      trace.n);
			break;
		}
		if (thread < 0 && errno != EINTR)
			prove_broken("the traced agent is gone");
		if (thread < 0) {
			look(&trace);
		} else if (WIFSTOPPED(status)) {
			handle(&trace, thread, status);
		} else if (thread == place->agent) {
			place->agent = 0; /* it has ended by itself */
			end = status;
		}
		trace.over |= !place->agent;
	}
	set_alarm(0);
	if (place->agent)
		finish(place);
	if (plan->end)
		*plan->end = end;
	return trace.n;
}
