/*
 * M6. System calls fail: in the agent, in six scenarios, and in an application that opens, tracks and flushes. At a call an
 * error begins, one that the kernel may answer there: for that once, or for every call of its kind until it is lifted 0.3 s
 * later. Nobody crashes; an agent either says why it cannot start and ends, or has done its work within ten seconds of the
 * error's end; what was accepted is stored once. All of it is some hundred calls of each scenario, spread evenly; the short
 * share a few.
 */
#include "prove/kit/calls.h"
#include "prove/kit/errors.h"
#include "prove/kit/prove.h"
#include "prove/kit/stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RUNS_MAX = 300 /* of one scenario */ };

static const double lifted_after_s = 0.3;
static const double soon_s = 10;

static struct stage stage;
static int n_runs, n_failed_calls, n_refusals;

/* ---- The error ------------------------------------------------------------------------------------ */

static struct {
	const struct stage_scenario *scenario; /* NULL: the application */
	int at;                                /* from this call on, the next that can fail */
	uint64_t lot;                          /* which of its errors */
	bool onwards;

	int64_t number; /* of the call; -1: it has not failed yet */
	int error;
	double began_s, lifted_s; /* 0: not yet */
	bool late;
} fault;

static bool may_answer(const int errors[], int n, int error)
{
	for (int i = 0; i < n; i++)
		if (errors[i] == error)
			return true;
	return false;
}

static bool is_lifted(void)
{
	if (fault.number >= 0 && !fault.lifted_s &&
	    (!fault.onwards || prove_now_s() - fault.began_s > lifted_after_s))
		fault.lifted_s = prove_now_s();
	return fault.lifted_s != 0;
}

/* The oracle's own words are not to be lost. */
static bool is_oracles(const struct calls_call *call)
{
	return !fault.scenario && call->argument[0] == (uint64_t)stage.oracle.log;
}

static int fail(void *context, int n, const struct calls_call *call)
{
	(void)context;
	int errors[ERRORS_MAX];
	if (n < fault.at || (fault.number >= 0 && call->number != fault.number) || is_lifted() ||
	    is_oracles(call))
		return 0;
	const int n_errors = errors_of(call, errors);
	if (n_errors == 0)
		return 0;
	if (fault.number < 0) {
		fault.number = call->number;
		fault.error = errors[fault.lot % (uint64_t)n_errors];
		fault.began_s = prove_now_s();
	} else if (!may_answer(errors, n_errors, fault.error)) {
		return 0;
	}
	n_failed_calls++;
	return fault.error;
}

static void begin_fault(const struct stage_scenario *scenario, int at, bool onwards)
{
	memset(&fault, 0, sizeof(fault));
	fault.scenario = scenario;
	fault.at = at;
	fault.lot = prove_random();
	fault.onwards = onwards;
	fault.number = -1;
}

/* ---- The agent ------------------------------------------------------------------------------------ */

static bool is_late(void)
{
	fault.late = is_lifted() && prove_now_s() - fault.lifted_s > soon_s;
	return fault.late;
}

static bool is_done(void *context)
{
	const bool done = fault.scenario->done && fault.scenario->done(context);
	return (done && (fault.number < 0 || is_lifted())) || is_late();
}

/* Returns how many calls there were. */
static int run(const struct stage_scenario *scenario, int at, bool onwards)
{
	int end;
	const int before = prove_findings();
	const struct calls_plan plan = {.done = is_done,
					.armed = scenario->armed,
					.fail = at ? fail : NULL,
					.context = &stage,
					.end = &end};
	stage_set_up(&stage, scenario);
	begin_fault(scenario, at, onwards);
	const int n = calls_kill_agent(&stage.place, &plan, 0);
	n_refusals += stage_judge_end(&stage, scenario, end);
	if (fault.late)
		prove_finding("it has not come right %.0f s after the error", soon_s);
	stage_check(&stage, scenario);
	if (prove_findings() != before)
		fprintf(stderr,
			"  in scenario %s, from call %d on, call number %d: errno %d, %s: %s\n",
			scenario->name, at, (int)fault.number, fault.error,
			onwards ? "onwards" : "once", stage.place.log);
	return n;
}

static bool is_chosen(const char *name)
{
	const char *only = getenv("PROVE_ONLY"); /* the name of one scenario; "" is all */
	return !only || !*only || strcmp(only, name) == 0;
}

/* Who asks for one scenario asks whether anything is wrong in it. */
static bool is_enough(void)
{
	return prove_findings() > 0 && !is_chosen("");
}

static void run_scenario(const struct stage_scenario *scenario)
{
	const double began = prove_now_s();
	const int n = run(scenario, 0, false);
	const char *from = getenv("PROVE_AT"); /* the call to begin with, then each that follows */
	const int first = from && *from ? atoi(from) : 0;
	const int n_all = first ? n - first + 1 : n < RUNS_MAX ? n : RUNS_MAX;
	const int n_wanted = prove_figure(3, n_all);
	for (int i = 0; i < n_wanted && !is_enough(); i++) {
		const int evenly = 1 + (int)((int64_t)i * n / n_wanted) + prove_below(n / n_wanted);
		const int at = first && prove_all() ? first + i : evenly;
		run(scenario, at, i % 2 == 1);
		n_runs++;
	}
	fprintf(stderr, "%-9s %5d system calls, %5d runs, %5.1f s\n", scenario->name, n, n_wanted,
		prove_now_s() - began);
}

static void prove_agent(void)
{
	for (int i = 0; i < STAGE_SCENARIOS; i++)
		if (is_chosen(stage_scenarios[i].name))
			run_scenario(&stage_scenarios[i]);
	prove_row("M6", "the agent's system calls fail, once or for a while: harmless, said, over",
		  prove_findings() == 0,
		  "%d runs, %d calls failed, %d times it would not start: %d wrong", n_runs,
		  n_failed_calls, n_refusals, prove_findings());
}

/* ---- The application ------------------------------------------------------------------------------ */

/* Opens as soon as that works, tracks, and flushes, whatever that says. */
static void be_application(void *context)
{
	const struct stage *its = context;
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = its->place.rings;
	options.ring_bytes = STAGE_RING_BYTES;
	mkdir("", 0700); /* from here on calls count */
	for (int i = 0; payi_client_open(&options, &client) != PAYI_OK; i++) {
		if (i == 1000 || !*payi_last_error())
			_exit(2);
		prove_sleep_us(10000);
	}
	for (uint32_t i = 0; i < STAGE_EVENTS; i++)
		oracle_track(&its->oracle, client, 1, i);
	for (int i = 0; i < 100 && payi_flush(client, 100) != PAYI_OK; i++)
		continue;
	const bool flushed = payi_flush(client, 1000) == PAYI_OK;
	payi_client_close(client);
	_exit(flushed ? 0 : 3);
}

static int run_application(int at, bool onwards)
{
	static const struct stage_scenario afterwards = {.name = "application"};
	int end;
	const int before = prove_findings();
	struct place traced;
	const struct calls_plan plan = {
		.fail = at ? fail : NULL, .be = be_application, .context = &stage, .end = &end};
	place_empty(&stage.place);
	oracle_open(&stage.oracle, &stage.place);
	stage_use_service(&stage, false);
	place_copy_data(&stage.template, &stage.place);
	place_agent_start(&stage.place);
	traced = stage.place;
	begin_fault(NULL, at, onwards);
	const double began = prove_now_s();
	const int n = calls_kill_agent(&traced, &plan, 0);
	if (end == -1 || !WIFEXITED(end) || WEXITSTATUS(end) != 0)
		prove_finding("the application ended with status %x", (unsigned)end);
	if (prove_now_s() - began > soon_s + lifted_after_s)
		prove_finding("the application took %.1f s", prove_now_s() - began);
	place_agent_kill(&stage.place);
	struct stage_scenario check = afterwards;
	check.n_stored = (int)oracle_accepted(&stage.oracle);
	stage_check(&stage, &check);
	if (prove_findings() != before)
		fprintf(stderr,
			"  in the application, from call %d on, call number %d: errno %d, %s\n", at,
			(int)fault.number, fault.error, onwards ? "onwards" : "once");
	return n;
}

static void prove_application(void)
{
	const int before = prove_findings();
	const double began = prove_now_s();
	const int n = run_application(0, false);
	const int n_wanted = prove_figure(6, 4 * n);
	for (int i = 0; i < n_wanted && !is_enough(); i++)
		run_application(prove_all() ? 1 + i / 4 : 1 + prove_below(n), i % 2 == 1);
	fprintf(stderr, "application %3d system calls, %5d runs, %5.1f s\n", n, n_wanted,
		prove_now_s() - began);
	prove_row("M6", "an application's system calls fail: refused or stored, never harmed",
		  prove_findings() == before, "%d runs over %d calls: %d wrong", n_wanted, n,
		  prove_findings() - before);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	if (!calls_can_fail()) {
		prove_skip("M6", "system calls fail", "it wants an x86-64 processor");
		return prove_end();
	}
	stage_open(&stage);
	prove_agent();
	if (is_chosen("application"))
		prove_application();
	stage_close(&stage);
	return prove_end();
}
