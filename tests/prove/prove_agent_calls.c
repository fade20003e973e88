/*
 * M3. The agent is killed at every system call that it makes, in six scenarios; each time a new one is started, and has to
 * end up with every event stored once, the books balanced, the rings reaped, and each event at the service once in effect.
 * The short share kills at calls drawn by lot, some in each scenario. With "all" some are killed twice: the second time at
 * a call of the recovery.
 */
#include "prove/kit/calls.h"
#include "prove/kit/prove.h"
#include "prove/kit/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stage stage;
static int n_kills, n_calls, n_seconds;

/* ---- One run -------------------------------------------------------------------------------------- */

static void check(const struct stage_scenario *scenario, int n)
{
	if (!stage_check(&stage, scenario))
		fprintf(stderr, "  in scenario %s, killed at call %d: %s\n", scenario->name, n,
			stage.place.log);
}

/* Killed at call n, and, unless again is 0, at call again of the recovery. */
static int run(const struct stage_scenario *scenario, int n, int again)
{
	struct calls_plan plan = {
		.done = scenario->done, .armed = scenario->armed, .context = &stage};
	stage_set_up(&stage, scenario);
	const int counted = calls_kill_agent(&stage.place, &plan, n);
	if (again) {
		plan = (struct calls_plan){.done = scenario->done ? scenario->done : stage_is_ready,
					   .context = &stage};
		calls_kill_agent(&stage.place, &plan, again);
		n_seconds++;
	}
	check(scenario, n);
	return counted;
}

static void run_scenario(const struct stage_scenario *scenario)
{
	const double began = prove_now_s();
	const int n = run(scenario, 0, 0);
	const int n_runs = prove_figure(4, n);
	for (int i = 0; i < n_runs; i++) {
		const int again = prove_below(prove_figure(3, 5)) == 0 ? 1 + prove_below(n) : 0;
		run(scenario, prove_all() ? i + 1 : 1 + prove_below(n), again);
		n_kills++;
	}
	n_calls += n;
	fprintf(stderr, "%-9s %5d system calls, %5d kills, %5.1f s\n", scenario->name, n, n_runs,
		prove_now_s() - began);
}

/* ---- Last words ----------------------------------------------------------------------------------- */

/*
 * The other way round: the agent is held at one of its calls, and an application tracks one more event there and dies. Were
 * its lock asked after its positions are read, the event would be lost between the two.
 */
static int to_application;
static pid_t application;

static void begin_last_words(void)
{
	int ends[2];
	char byte;
	if (pipe(ends))
		prove_broken("no pipe");
	application = fork();
	if (application == 0) {
		payi_client *own =
			place_client(&stage.place, "last words", STAGE_RING_BYTES, false);
		close(ends[1]);
		for (uint32_t i = 0; i < STAGE_EVENTS; i++)
			oracle_track(&stage.oracle, own, 1, i);
		if (read(ends[0], &byte, 1) == 1)
			for (uint32_t i = STAGE_EVENTS; i < STAGE_EVENTS + 3; i++)
				oracle_track(&stage.oracle, own, 1, i);
		kill(getpid(), SIGKILL);
	}
	close(ends[0]);
	to_application = ends[1];
}

static void say_last_words(void *context)
{
	(void)context;
	if (!application)
		return;
	if (write(to_application, "s", 1) != 1)
		prove_broken("an application does not listen");
	close(to_application);
	while (waitpid(application, NULL, 0) < 0 && errno == EINTR)
		continue;
	application = 0;
}

static bool is_over(void *context)
{
	return !application && stage_is_reaped(context);
}

static int run_last_words(int n)
{
	const struct stage_scenario scenario = {.name = "last words", .n_stored = STAGE_EVENTS + 3};
	const struct calls_plan plan = {.done = is_over, .act = say_last_words, .context = &stage};
	place_empty(&stage.place);
	oracle_open(&stage.oracle, &stage.place);
	stage_use_service(&stage, false);
	place_copy_data(&stage.template, &stage.place);
	begin_last_words();
	while (place_count_rings(&stage.place) == 0)
		prove_sleep_us(1000);
	const int counted = calls_kill_agent(&stage.place, &plan, n);
	say_last_words(NULL); /* it was never held there */
	check(&scenario, n);
	return counted;
}

static void prove_last_words(void)
{
	const double began = prove_now_s();
	const int n = run_last_words(1);
	const int n_runs = prove_figure(8, n);
	for (int i = 0; i < n_runs; i++)
		run_last_words(prove_all() ? i + 1 : 1 + prove_below(n));
	fprintf(stderr, "last words at %d of %d calls, %.1f s\n", n_runs, n, prove_now_s() - began);
	prove_row("M3", "an application's last words, said while the agent is at any of its calls",
		  prove_findings() == 0, "%d runs over %d calls: %d wrong", n_runs, n,
		  prove_findings());
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	stage_open(&stage);
	const char *only = getenv("PROVE_ONLY"); /* the name of one scenario; "" is all */
	for (int i = 0; i < STAGE_SCENARIOS; i++)
		if (!only || !*only || strcmp(only, stage_scenarios[i].name) == 0)
			run_scenario(&stage_scenarios[i]);
	prove_row("M3",
		  prove_all() ? "agent killed at every system call, 6 scenarios: exactly once, "
				"books balance"
			      : "agent killed at system calls by lot, 6 scenarios: exactly once, "
				"books balance",
		  prove_findings() == 0,
		  "%d kills over %d calls, %d of them killed again in the recovery: %d wrong",
		  n_kills, n_calls, n_seconds, prove_findings());
	if (!only || !*only || strcmp(only, "last words") == 0)
		prove_last_words();
	stage_close(&stage);
	return prove_end();
}
