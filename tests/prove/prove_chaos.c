/*
 * M2, M4, M5, M21, M34. Applications and the agent are killed, stopped, continued and restarted at random moments, all at
 * once, with a live service that drops connections now and then. Applications come and go: they are killed, they leave with
 * and without closing, they fork children that track on, they are stopped in the midst of a call. After each round the
 * oracle compares what was promised with SQLite and with the service, and the books of every ring are balanced.
 *
 * The seed makes the same decisions again; what the kernel makes of them is another matter.
 */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PRODUCERS = 5,
	CHILDREN_MAX = 2, /* that one application forks, one after the other */
	NUMBERS_EACH = CHILDREN_MAX + 1,
	RING_BYTES = 64 * 1024,
};

static struct place place;
static struct oracle oracle;
static struct standin service;
static char base_url[64];

static struct {
	int producers_killed, agents_killed, stops, forks, rounds;
	int64_t accepted, unknown, stored, in_flight, resent, dropped;
	int wrong_books;
} totals;

/* ---- An application ------------------------------------------------------------------------------- */

static _Noreturn void be_application(uint32_t number, uint64_t seed, payi_client *client);

/* A child tracks on, with the client of its parent, and under a number of its own. */
static void fork_child(uint32_t number, payi_client *client)
{
	if (fork() == 0)
		be_application(number, prove_random(), client);
	while (prove_below(2) && waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

static _Noreturn void leave(payi_client *client)
{
	if (prove_below(2))
		payi_client_close(client);
	_exit(0);
}

static _Noreturn void be_application(uint32_t number, uint64_t seed, payi_client *client)
{
	int children = client ? CHILDREN_MAX : 0; /* children have none */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prove_reseed(seed);
	signal(SIGCHLD, SIG_IGN);
	if (!client) {
		setpgid(0, 0);
		client = place_client(&place, "chaos", RING_BYTES, prove_below(2));
	}
	const int n_max = prove_below(4) ? 1 << 20 : 1 + prove_below(300);
	for (uint32_t i = 0; i < (uint32_t)n_max; i++) {
		oracle_track(&oracle, client, number, i);
		if (prove_below(6) == 0)
			prove_sleep_us(prove_below(6000));
		if (children < CHILDREN_MAX && prove_below(200) == 0)
			fork_child(number + (uint32_t)++children, client);
	}
	leave(client);
}

/* ---- The applications of a round ------------------------------------------------------------------ */

struct application {
	pid_t pid;
	double stopped_until; /* 0: it runs */
};

static struct application applications[PRODUCERS];
static uint32_t next_number;
static double agent_stopped_until;

static void start_application(struct application *it)
{
	const uint32_t number = next_number;
	const uint64_t seed = prove_random();
	next_number += NUMBERS_EACH;
	it->stopped_until = 0;
	it->pid = fork();
	if (it->pid < 0)
		prove_broken("cannot fork");
	if (it->pid == 0)
		be_application(number, seed, NULL);
	setpgid(it->pid, it->pid);
}

/* With all its children. */
static void kill_application(struct application *it)
{
	kill(-it->pid, SIGKILL);
	kill(it->pid, SIGKILL);
	while (waitpid(it->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	it->pid = 0;
}

static void replace_if_gone(struct application *it)
{
	if (waitpid(it->pid, NULL, WNOHANG) != it->pid)
		return;
	kill(-it->pid, SIGKILL); /* children that it has left behind */
	start_application(it);
}

static void continue_when_due(double now)
{
	for (int i = 0; i < PRODUCERS; i++)
		if (applications[i].stopped_until && now >= applications[i].stopped_until) {
			kill(-applications[i].pid, SIGCONT);
			applications[i].stopped_until = 0;
		}
	if (agent_stopped_until && now >= agent_stopped_until) {
		kill(place.agent, SIGCONT);
		agent_stopped_until = 0;
	}
}

/* ---- What happens --------------------------------------------------------------------------------- */

static void restart_agent(bool kindly)
{
	if (agent_stopped_until)
		kill(place.agent, SIGCONT);
	agent_stopped_until = 0;
	if (kindly) {
		const int code = place_agent_stop(&place);
		/* Before it handles signals a kind one ends it, too. */
		if (code != 0 && code != 128 + SIGTERM)
			prove_finding("the agent ended with %d", code);
	} else {
		place_agent_kill(&place);
		totals.agents_killed++;
	}
	if (prove_below(3) == 0)
		prove_sleep_us(prove_below(40000));
	place_agent_launch(&place);
}

static void stop_application(struct application *it, double now)
{
	if (it->stopped_until)
		return;
	kill(-it->pid, SIGSTOP);
	it->stopped_until = now + prove_below(300) / 1e3;
	totals.stops++;
}

static void stop_agent(double now)
{
	if (agent_stopped_until)
		return;
	kill(place.agent, SIGSTOP);
	agent_stopped_until = now + prove_below(200) / 1e3;
	totals.stops++;
}

static void check_agent_lives(void)
{
	int status;
	if (waitpid(place.agent, &status, WNOHANG) != place.agent)
		return;
	prove_finding("the agent ended by itself: %x, %s", (unsigned)status, place.log);
	place_agent_launch(&place);
}

static void happen(void)
{
	struct application *it = &applications[prove_below(PRODUCERS)];
	const double now = prove_now_s();
	const int what = prove_below(100);
	if (what < 55) {
		kill_application(it);
		start_application(it);
		totals.producers_killed++;
	} else if (what < 70) {
		stop_application(it, now);
	} else if (what < 74) {
		stop_agent(now);
	} else if (what < 80) {
		restart_agent(what == 79);
	}
	check_agent_lives();
	for (int i = 0; i < PRODUCERS; i++)
		replace_if_gone(&applications[i]);
	continue_when_due(now);
	prove_sleep_us(prove_below(6000));
}

/* Connections that break before the service has taken a request, or after; answers that say "later". */
static void misbehave(void)
{
	static const char *const scripts[] = {
		"[]",
		"[{\"times\":2,\"action\":\"reset_after\"}]",
		"[{\"times\":2,\"action\":\"reset_before\"},{\"times\":1,\"action\":\"reset_"
		"after\"}]",
		"[{\"times\":1,\"status\":503},{\"times\":1,\"action\":\"truncate\"}]",
	};
	if (standin_faults(&service, scripts[prove_below(4)]))
		prove_broken("the stand-in refuses a script");
}

/* ---- A round -------------------------------------------------------------------------------------- */

static void settle(void)
{
	for (int i = 0; i < PRODUCERS; i++)
		kill_application(&applications[i]);
	restart_agent(false);
	place_agent_ready(&place);
	standin_faults(&service, "[]");
	/* Liveness: what is new gets through at once, whatever was before. */
	payi_client *client = place_client(&place, "fresh", RING_BYTES, true);
	if (oracle_track(&oracle, client, next_number++, 0) || payi_flush(client, 20000))
		prove_finding("a fresh event does not get through: %s", payi_last_error());
	payi_client_close(client);
	if (!place_wait_no_rings(&place, 60))
		prove_finding("rings of dead applications are not reaped");
	if (!place_wait_number(&place, "SELECT stored - delivered FROM sink_books", 0, 90))
		prove_finding("not everything is delivered");
	const int code = place_agent_stop(&place);
	if (code != 0)
		prove_finding("the agent ended with %d", code);
	if (place_count_rings(&place) != 0)
		prove_finding("%d ring files are left", place_count_rings(&place));
}

static void check(uint64_t seed)
{
	struct oracle_sums sums;
	int64_t in_flight;
	const int before = prove_findings();
	settle();
	oracle_check(&oracle, &place, &service, &sums);
	totals.wrong_books += place_check_books(&place, &in_flight);
	totals.accepted += sums.accepted;
	totals.unknown += sums.unknown;
	totals.stored += sums.stored;
	totals.in_flight += in_flight;
	totals.resent += standin_stat(&service, "duplicates_same");
	totals.dropped += place_number(&place, "SELECT sum(dropped_full) FROM lanes");
	if (prove_findings() == before)
		return;
	fprintf(stderr, "in the round of seed %llu\n", (unsigned long long)seed);
	place_remove(&place); /* says where it is, and keeps it */
	exit(1);
}

static void run_round(int n_kills)
{
	const uint64_t seed = prove_random();
	const int until = totals.producers_killed + n_kills;
	place_empty(&place);
	standin_reset(&service);
	oracle_open(&oracle, &place);
	next_number = 0;
	place_agent_launch(&place);
	for (int i = 0; i < PRODUCERS; i++)
		start_application(&applications[i]);
	while (totals.producers_killed < until) {
		if (prove_below(100) == 0)
			misbehave();
		happen();
	}
	check(seed);
	oracle_close(&oracle);
	totals.rounds++;
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	const int kills = prove_figure(500, 22000), agents = prove_figure(30, 2000),
		  stops = prove_figure(100, 2000);
	if (standin_start(&service, NULL))
		prove_broken("no stand-in");
	place_make(&place);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	place.arguments[0] = base_url;
	place.arguments[1] = "--batch-age-ms=20";
	place.key = STANDIN_KEY;
	while (totals.producers_killed < kills || totals.agents_killed < agents ||
	       totals.stops < stops) {
		run_round(prove_figure(250, 1000));
		fprintf(stderr, "%d rounds, %d applications and %d agents killed, %lld events\n",
			totals.rounds, totals.producers_killed, totals.agents_killed,
			(long long)totals.stored);
	}
	place_remove(&place);
	standin_stop(&service);

	char goal[80];
	snprintf(goal, sizeof(goal),
		 "%d random kills of applications under load: 0 lost, 0 doubled", kills);
	prove_row("M2", goal, true,
		  "%d kills, %lld events accepted and %lld unknown, 0 lost, 0 doubled, 0 torn",
		  totals.producers_killed, (long long)totals.accepted, (long long)totals.unknown);
	snprintf(goal, sizeof(goal),
		 "%d random kills of the agent, live service: each there once in effect", agents);
	prove_row("M4", goal, true, "%d kills, %lld events stored once, the same at the service",
		  totals.agents_killed, (long long)totals.stored);
	snprintf(goal, sizeof(goal),
		 "%d times SIGSTOP and SIGCONT: nothing torn, reaped or held up", stops);
	prove_row("M5", goal, true,
		  "%d stops, 0 torn, a fresh event passed after each of %d rounds", totals.stops,
		  totals.rounds);
	prove_row("M21", "attempted = stored + refused + dropped + in flight, for every ring", true,
		  "%d rounds, 0 rings off, %lld dropped and counted, %lld in flight", totals.rounds,
		  (long long)totals.dropped, (long long)totals.in_flight);
	prove_row("M34", "sent again only with the same id and the same body", true,
		  "%lld sent again, 0 otherwise", (long long)totals.resent);
	return prove_end();
}
