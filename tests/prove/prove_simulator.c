/*
 * M12, M34. The agent in a simulated world (tests/sim): each seed is another world, with its own faults.
 *
 *     PROVE_SEED=N PROVE_RUNS=1 prove_simulator short    one world again
 *     PROVE_FOLLOW=1                                     with all that happens in it
 */
#include "base/log.h"
#include "prove/kit/prove.h"
#include "sim/agent.h"
#include "sim/apps.h"
#include "sim/net.h"
#include "sim/run.h"
#include "sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define YEAR_US (365 * SIM_DAY)

enum {
	RUNS = 2000,
	SHORT_S = 8,      /* of the processor */
	TWICE_EVERY = 50, /* runs, one is done again */
};

static struct run totals;
static int n_runs, n_twice, n_calm;

static void add(const struct run *run)
{
	totals.virtual_us += run->virtual_us;
	totals.accepted += run->accepted;
	totals.stored += run->stored;
	totals.delivered += run->delivered;
	totals.dead += run->dead;
	totals.lost += run->lost;
	totals.again += run->again;
	totals.gone += run->gone;
	totals.given_up += run->given_up;
	if (run->drained_us > totals.drained_us)
		totals.drained_us = run->drained_us;
}

static void run_one(uint64_t seed)
{
	struct run once, twice;
	bool good = run(seed, NULL, NULL, &once);
	if (good && n_runs % TWICE_EVERY == 0) {
		n_twice++;
		good = run(seed, NULL, NULL, &twice);
		if (good && once.digest != twice.digest)
			prove_finding("seed %" PRIu64 " does not do the same twice", seed);
	}
	if (good)
		add(&once);
	if (good && once.calm && once.again > 0)
		prove_finding("seed %" PRIu64 ": without faults %" PRId64 " went again", seed,
			      once.again);
	n_calm += once.calm;
	n_runs++;
}

static void print_rows(void)
{
	const struct agent_sums *agent = agent_sums();
	const bool good = prove_findings() == 0;
	char goal[120];
	snprintf(goal, sizeof(goal), "simulated worlds (%s of them): nothing lost, nothing twice",
		 prove_all() ? "2,000, 2 years" : "a share");
	prove_row("M12", goal,
		  good && (!prove_all() || n_runs < RUNS || totals.virtual_us > 2 * YEAR_US),
		  "%d worlds, %.2f virtual years, %" PRId64 " events, %" PRId64 " stored, %" PRId64
		  " dead, %" PRId64 " gone with the host, %" PRId64 " by age or size, %" PRId64
		  " of them undelivered; %" PRId64 " kills, %" PRId64 " at the disk, %" PRId64
		  " cuts, %" PRId64 " single failures of the disk, %" PRId64
		  " orders; %d worlds twice, the same",
		  n_runs, (double)totals.virtual_us / (double)YEAR_US, totals.accepted,
		  totals.stored, totals.dead, totals.lost, totals.gone, totals.given_up,
		  agent->kills, agent->kills_at_disk, agent->cuts, agent->disk_failures,
		  agent->orders, n_twice);
	prove_row("M34", "an event goes again only where it may not have been taken", good,
		  "%" PRId64 " of %" PRId64
		  " delivered went again; none in %d worlds without faults",
		  totals.again, totals.delivered, n_calm);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	const char *given = getenv("PROVE_RUNS");
	const int most = given && *given ? atoi(given) : prove_all() ? RUNS : INT32_MAX;
	const uint64_t first = run_first_seed();
	const bool in_time = !given && !prove_all();
	log_setup(getenv("PROVE_LOG") ? LOG_DEBUG : LOG_ERROR + 1, LOG_LOGFMT);
	world_follow(getenv("PROVE_FOLLOW") != NULL);
	while (prove_findings() == 0 && n_runs < most && !(in_time && sim_spent_s() > SHORT_S)) {
		run_one(first + (uint64_t)n_runs);
		if (n_runs % 100 == 0)
			fprintf(stderr, "%d runs, %.0f s\n", n_runs, sim_spent_s());
	}
	print_rows();
	run_no_more();
	return prove_end();
}
