#include "prove/kit/cases.h"

#include "prove/kit/drainer.h"
#include "prove/kit/prove.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77, WRONG = 1, CASE_SECONDS = 30 };

static struct place place;
static struct drainer drainer;
static struct oracle oracle;

/* ---- Within a case -------------------------------------------------------------------------------- */

const struct place *cases_place(void)
{
	return &place;
}

const struct oracle *cases_oracle(void)
{
	return &oracle;
}

void cases_must(bool condition, const char *text, int line)
{
	if (condition)
		return;
	fprintf(stderr, "line %d: %s; %s\n", line, text, payi_last_error());
	_exit(WRONG);
}

void cases_skip(void)
{
	_exit(SKIPPED);
}

payi_client *cases_client(void)
{
	return place_client(&place, "process", CASES_RING_BYTES, false);
}

void cases_track(payi_client *client, uint32_t producer)
{
	for (uint32_t i = 0; i < CASES_EVENTS; i++)
		MUST(oracle_track(&oracle, client, producer, i) == PAYI_OK);
}

void cases_must_end_well(pid_t child)
{
	int status = -1;
	MUST(child > 0 && waitpid(child, &status, 0) == child);
	MUST(status == 0);
}

/* ---- One case ------------------------------------------------------------------------------------- */

static int n_passed, n_skipped;

/* Drains as an agent would, until the process has ended; false: it has not, in its time. */
static bool drain_until_ended(pid_t child, int *status)
{
	const double deadline = prove_now_s() + CASE_SECONDS;
	while (waitpid(child, status, WNOHANG) != child) {
		if (prove_now_s() > deadline) {
			kill(-child, SIGKILL);
			waitpid(child, status, 0);
			return false;
		}
		drainer_tick(&drainer);
		prove_sleep_us(2000);
	}
	return true;
}

static void check_promises(const char *name)
{
	struct oracle_sums sums;
	const double deadline = prove_now_s() + 5;
	do { /* children that were left behind are ending */
		drainer_drain(&drainer);
	} while (place_count_rings(&place) > 0 && prove_now_s() < deadline);
	oracle_check(&oracle, &place, NULL, &sums);
	if (oracle_wrongs(&sums) != 0 || place_check_books(&place, NULL) != 0 ||
	    place_count_rings(&place) != 0)
		prove_finding("%s: promises were not kept, or %d rings are left", name,
			      place_count_rings(&place));
}

static void run_case(const struct cases_case *it)
{
	int status = 0;
	const int before = prove_findings();
	place_empty(&place);
	oracle_open(&oracle, &place);
	drainer_open(&drainer, &place, false);
	const pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		it->run();
		_exit(0);
	}
	setpgid(child, child);
	if (!drain_until_ended(child, &status))
		prove_finding("%s: it stood still", it->name);
	kill(-child, SIGKILL);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		n_skipped++;
	else if (status != 0)
		prove_finding("%s: ended with %x", it->name, (unsigned)status);
	check_promises(it->name);
	drainer_close(&drainer);
	oracle_close(&oracle);
	n_passed += prove_findings() == before;
	fprintf(stderr, "%-32s %s\n", it->name,
		prove_findings() != before                            ? "WRONG"
		: WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED ? "skipped"
								      : "well");
}

void cases_run(const char *goal, const struct cases_case *cases, int n, int times)
{
	const int before = prove_findings();
	place_make(&place);
	for (int round = 0; round < times && prove_findings() == before; round++)
		for (int i = 0; i < n; i++)
			run_case(&cases[i]);
	place_remove(&place);
	prove_row("M19", goal, prove_findings() == before,
		  "%d cases, %d times: %d well, %d of these skipped", n, times, n_passed,
		  n_skipped);
}
