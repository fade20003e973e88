/*
 * M7. Allocations fail: in the agent, with SQLite, curl and all that it is made of, in six scenarios, and in an application
 * that uses every function of the library that may allocate. Each is the n-th since main(), alone or with all that follow
 * for 0.3 s. Nobody crashes or leaks; an agent either says why it cannot start and ends, or has done its work within ten seconds
 * of the trouble's end; what was accepted is stored once. The short share is the application's, by lot; all of it goes through
 * every n of the application and some thousand of the agent.
 */
#include "preload/memory.h"
#include "prove/kit/prove.h"
#include "prove/kit/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RUNS_MAX = 100, /* of one scenario, of each kind, by lot */
	EACH_MAX = 250, /* of so many none is left out */
};

static const double lifted_after_s = 0.3;
static const double soon_s = 10;

static struct stage stage;
static struct preload_memory *memory;
static char memory_path[] = "/dev/shm/payi-prove-memory-XXXXXX";
static int n_runs, n_refusals;
static int64_t n_failed;

static void open_memory(void)
{
	const int fd = mkstemp(memory_path);
	void *map = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, sizeof(*memory)) == 0)
		map = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		prove_broken("cannot make %s", memory_path);
	close(fd);
	memory = map;
}

static void set_memory(int64_t fail_at, bool onwards, bool counting)
{
	memset(memory, 0, sizeof(*memory));
	memory->fail_at = fail_at;
	memory->onwards = onwards;
	memory->counting = counting;
}

/* For what is started until preload(false). */
static void preload(bool on)
{
	if (on) {
		setenv("LD_PRELOAD", PRELOAD_MEMORY_MODULE, 1);
		setenv("PRELOAD_MEMORY", memory_path, 1);
	} else {
		unsetenv("LD_PRELOAD");
		unsetenv("PRELOAD_MEMORY");
	}
}

/* ---- The agent ------------------------------------------------------------------------------------ */

struct trial {
	int64_t at; /* 0: none fails */
	bool onwards;
	bool from_ready; /* counted from when the agent serves, and not from main() on */
};

/* Lets the agent run until it is done, is late, or has ended: that is *end, else -1. */
static void watch(const struct stage_scenario *scenario, const struct trial *trial, int *end)
{
	double began = 0, over = 0;
	const double start = prove_now_s();
	*end = -1;
	while (waitpid(stage.place.agent, end, WNOHANG) == 0) {
		const double now = prove_now_s();
		if (!began && memory->failed > 0)
			began = now;
		if (began && !over && (!memory->onwards || now - began > lifted_after_s)) {
			over = now;
			memory->onwards = 0;
		}
		if (!memory->counting)
			memory->counting = trial->from_ready ? stage_is_ready(&stage)
							     : scenario->armed(&stage);
		else if ((!began || over) && scenario->done && scenario->done(&stage))
			return;
		if ((over && now - over > soon_s) || now - start > 60) {
			prove_finding("it has not come right %.0f s after the trouble", soon_s);
			return;
		}
		prove_sleep_us(500);
	}
	stage.place.agent = 0;
}

static int64_t run(const struct stage_scenario *scenario, const struct trial *trial)
{
	int end;
	const int before = prove_findings();
	stage_set_up(&stage, scenario);
	set_memory(trial->at, trial->onwards, !scenario->armed && !trial->from_ready);
	preload(true);
	place_agent_launch(&stage.place);
	preload(false);
	watch(scenario, trial, &end);
	if (stage.place.agent) {
		place_agent_kill(&stage.place);
		end = -1;
	}
	n_failed += memory->failed;
	n_refusals += stage_judge_end(&stage, scenario, end);
	stage_check(&stage, scenario);
	if (prove_findings() != before)
		fprintf(stderr, "  in scenario %s, allocation %lld from %s, %s: %s.before\n",
			scenario->name, (long long)trial->at,
			trial->from_ready ? "ready" : "main()", trial->onwards ? "onwards" : "once",
			stage.place.log);
	return memory->n;
}

/* PROVE_ONLY: the name of one scenario, or "NAME from ready" for the second half of one; "" is all. */
static bool is_chosen(const char *name)
{
	const char *only = getenv("PROVE_ONLY");
	return !only || !*only || strcmp(only, name) == 0;
}

static bool is_chosen_from_ready(const char *name)
{
	char half[64];
	snprintf(half, sizeof(half), "%s from ready", name);
	return is_chosen(name) || is_chosen(half);
}

/* Who asks for one scenario asks whether anything is wrong in it. */
static bool is_enough(void)
{
	return prove_findings() > 0 && !is_chosen("");
}

/* As many as there are, if they are few; else by lot. */
static void run_scenario(const struct stage_scenario *scenario, bool from_ready)
{
	const double began = prove_now_s();
	struct trial trial = {.from_ready = from_ready};
	const int64_t n = run(scenario, &trial);
	const char *from =
		getenv("PROVE_AT"); /* the first of "all", which then are those that follow it */
	const int first = from && *from ? atoi(from) : 0;
	const bool each = prove_all() && (n <= EACH_MAX || first > 0);
	const int n_here = prove_figure(2, 2 * (n <= EACH_MAX ? (int)n : RUNS_MAX));
	for (int i = 0; n > 0 && i < n_here && !is_enough(); i++) {
		trial.at = each ? (first ? first : 1) + i / 2 : 1 + prove_below((int)n);
		trial.onwards = i % 2 == 1;
		run(scenario, &trial);
		n_runs++;
	}
	fprintf(stderr, "%-9s %5lld allocations from %s, %5d runs, %5.1f s\n", scenario->name,
		(long long)n, from_ready ? "ready " : "main()", n_here, prove_now_s() - began);
}

static void prove_agent(void)
{
	for (int i = 0; i < STAGE_SCENARIOS; i++) {
		const struct stage_scenario *scenario = &stage_scenarios[i];
		if (is_chosen(scenario->name))
			run_scenario(scenario, false);
		if (is_chosen_from_ready(scenario->name) && scenario->done &&
		    scenario->done != stage_is_ready)
			run_scenario(scenario, true);
	}
	prove_row("M7", "the agent's allocations fail, once or for a while: harmless, said, over",
		  prove_findings() == 0,
		  "%d runs, %lld allocations failed, %d times it would not start: %d wrong", n_runs,
		  (long long)n_failed, n_refusals, prove_findings());
}

/* ---- The application ------------------------------------------------------------------------------ */

/* Everything that may allocate; what fails says so, and all works once the trouble is over. */
static bool use_contexts(payi_client *client)
{
	char id[PAYI_USE_CASE_ID_MAX];
	payi_track_context given = PAYI_TRACK_CONTEXT_INIT;
	const payi_property property = {"name", "value"};
	const char *const limit[] = {"limit"};
	given.use_case_name = "memory";
	given.properties = &property;
	given.n_properties = 1;
	given.limit_ids = limit;
	given.n_limit_ids = 1;
	bool good = payi_use_case_define(client, "memory", "of a proof") == PAYI_OK;
	good &= payi_use_case_create(client, "memory", id) == PAYI_OK;
	for (int depth = 0; depth < 40; depth++)
		good &= payi_track_context_begin(client, &given) == PAYI_OK;
	payi_context *captured = payi_context_capture(client);
	good &= captured && payi_context_attach(client, captured) == PAYI_OK;
	payi_track_context_end(client);
	payi_context_release(captured);
	for (int depth = 0; depth < 40; depth++)
		payi_track_context_end(client);
	return good;
}

static payi_client *open_client(const char *rings)
{
	payi_client *client = NULL;
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = rings;
	options.ring_bytes = STAGE_RING_BYTES;
	while (payi_client_open(&options, &client) != PAYI_OK && *payi_last_error())
		memory->onwards = 0; /* refused, and asked again later */
	return client;
}

/* Under the preloaded allocator, with its own copy of the memory's page. */
static int be_application(char **argv)
{
	memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE, MAP_SHARED,
		      open(getenv("PRELOAD_MEMORY"), O_RDWR | O_CLOEXEC), 0);
	struct oracle oracle = {.log = open(argv[3], O_WRONLY | O_APPEND | O_CLOEXEC)};
	memory->counting = 1;
	payi_client *client = open_client(argv[2]);
	const bool good = use_contexts(client);
	for (uint32_t i = 0; i < STAGE_EVENTS; i++)
		oracle_track(&oracle, client, 1, i);
	memory->onwards = 0;
	if (!good && !use_contexts(client))
		return 4;
	if (payi_flush(client, 10000) != PAYI_OK)
		return 3;
	payi_client_close(client);
	memory->counting = 0;
	return memory->live > 0 ? 5
				: 0; /* what this thread's contexts took stays for the next ones */
}

static int64_t run_application(int64_t at, bool onwards, int64_t *live)
{
	int status;
	const int before = prove_findings();
	const struct stage_scenario check = {.name = "application", .n_stored = STAGE_EVENTS};
	place_empty(&stage.place);
	oracle_open(&stage.oracle, &stage.place);
	stage_use_service(&stage, false);
	place_copy_data(&stage.template, &stage.place);
	place_agent_start(&stage.place);
	set_memory(at, onwards, false);
	preload(true);
	const pid_t child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "prove_memory", "application", stage.place.rings,
		      stage.oracle.path, (char *)NULL);
		_exit(127);
	}
	preload(false);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		prove_finding("the application ended with status %x", (unsigned)status);
	*live = memory->live;
	place_agent_kill(&stage.place);
	stage_check(&stage, &check);
	if (prove_findings() != before)
		fprintf(stderr, "  in the application, allocation %lld, %s\n", (long long)at,
			onwards ? "onwards" : "once");
	return memory->n;
}

static void prove_application(void)
{
	int64_t live;
	const int before = prove_findings();
	const int64_t n = run_application(0, false, &live);
	for (int64_t at = 1; at <= n && !is_enough(); at++)
		for (int onwards = 0; onwards < 2; onwards++)
			if (prove_all() || prove_below((int)n) < 4)
				run_application(at, onwards, &live);
	prove_row("M7", "an application's allocations fail: refused, never harmed, nothing leaked",
		  prove_findings() == before && n > 0, "all of %lld: %d wrong", (long long)n,
		  prove_findings() - before);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "application") == 0)
		return be_application(argv);
	prove_begin(argc, argv);
	open_memory();
	stage_open(&stage);
	if (prove_all())
		prove_agent();
	if (is_chosen("application"))
		prove_application();
	stage_close(&stage);
	unlink(memory_path);
	return prove_end();
}
