/*
 * M16. Agent and application in PID namespaces of their own, where both are process 1, and in a user namespace: whether an
 * application lives is told by its lock alone. In every combination its events are stored while it lives and is stopped, its
 * ring stays then, whatever its number means elsewhere; and once it is killed the rest is stored and the ring reaped.
 */
#define _GNU_SOURCE /* unshare() */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EVENTS = 40, REAPED_SOON_S = 20 };

static struct place place;
static struct oracle oracle;

/* Forks a child that is process 1 of namespaces of these kinds; 0: of the ones we are in. */
static pid_t start_in(int namespaces, void (*run)(void *context), void *context)
{
	const pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (namespaces) {
		if (unshare(namespaces))
			_exit(77);
		const pid_t first = fork(); /* the one that is in the new PID namespace */
		int status = 0;
		if (first != 0) {
			waitpid(first, &status, 0);
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	run(context);
	_exit(0);
}

static void be_agent(void *context)
{
	place_exec_agent(context);
}

struct told {
	int to_parent;
	int from_parent;
};

static char wait_byte(int from)
{
	char byte = 0;
	while (read(from, &byte, 1) < 0 && errno == EINTR)
		continue;
	return byte;
}

static void tell(int to)
{
	if (write(to, "t", 1) != 1)
		_exit(1);
}

/* Tracks, waits to be told, tracks on, and is killed by itself in the end. */
static void be_application(void *context)
{
	const struct told *told = context;
	payi_client *client = place_client(&place, "namespaces", 256 * 1024, false);
	for (uint32_t i = 0; i < EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	tell(told->to_parent);
	wait_byte(told->from_parent);
	for (uint32_t i = EVENTS; i < 2 * EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	kill(getpid(), SIGKILL); /* of no effect for process 1: then it just leaves */
}

static bool is_permitted(int namespaces)
{
	int status = 0;
	const pid_t child = fork();
	if (child == 0)
		_exit(unshare(namespaces) ? 1 : 0);
	waitpid(child, &status, 0);
	return status == 0;
}

static bool all_stored(int64_t n)
{
	return place_wait_number(&place, "SELECT count(*) FROM events", n, REAPED_SOON_S);
}

static void run_combination(int agents, int applications)
{
	int up[2], down[2];
	struct oracle_sums sums;
	place_make(&place);
	oracle_open(&oracle, &place);
	if (pipe(up) || pipe(down))
		prove_broken("no pipe");
	struct told told = {up[1], down[0]};
	place.agent = start_in(agents, be_agent, &place);
	place_agent_ready(&place);
	const pid_t application = start_in(applications, be_application, &told);
	wait_byte(up[0]);
	if (!all_stored(EVENTS))
		prove_finding("the events of a living application are not stored");
	prove_sleep_us(300000); /* longer than any interval of the agent's */
	if (place_count_rings(&place) != 1)
		prove_finding("the ring of a living application was taken away");
	tell(down[1]);
	waitpid(application, NULL, 0);
	if (!all_stored(2 * EVENTS) ||
	    !place_wait_number(&place, "SELECT count(*) FROM rings WHERE state = 'closed'", 1,
			       REAPED_SOON_S))
		prove_finding("the ring of a dead application is not reaped");
	place_agent_kill(&place);
	oracle_check(&oracle, &place, NULL, &sums);
	place_check_books(&place, NULL);
	oracle_close(&oracle);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
	place_remove(&place);
}

int main(int argc, char **argv)
{
	static const char goal[] =
		"agent and application in the same and in other PID and user namespaces";
	static const int agents[] = {0, CLONE_NEWPID};
	static const int applications[] = {0, CLONE_NEWPID, CLONE_NEWPID | CLONE_NEWNS,
					   CLONE_NEWUSER | CLONE_NEWPID};
	int n = 0, n_skipped = 0;
	prove_begin(argc, argv);
	for (size_t a = 0; a < 2; a++)
		for (size_t p = 0; p < 4; p++) {
			if ((agents[a] && !is_permitted(agents[a])) ||
			    (applications[p] && !is_permitted(applications[p]))) {
				n_skipped++;
				continue;
			}
			run_combination(agents[a], applications[p]);
			n++;
		}
	if (n_skipped > 6)
		prove_skip("M16", goal,
			   "unshare() is not permitted: %d of 8 combinations could be tried", n);
	else
		prove_row("M16", goal, prove_findings() == 0,
			  "%d combinations, %d skipped, %d wrong", n, n_skipped, prove_findings());
	return prove_end();
}
