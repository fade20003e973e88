/*
 * M33. Clocks that are wrong, hosts that sleep, use cases that go on for sixty days: nothing lost, nothing stuck, and no more
 * than a request in a second while the service is down. In simulated worlds (tests/sim), each with a script.
 */
#include "base/log.h"
#include "prove/kit/prove.h"
#include "sim/agent.h"
#include "sim/net.h"
#include "sim/run.h"
#include "sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAYS = 60 };

static int n_worlds;
static int64_t longest_us; /* a use case instance went on for */

/* ---- Orders --------------------------------------------------------------------------------------- */

static void set_clock(int64_t error_us)
{
	world_note("the clock is wrong by %" PRId64 " s", error_us / SIM_SECOND);
	sim_set_error(error_us);
}

/* Whatever it says now, it says 1970 then. */
static void set_clock_to_1970(int64_t number)
{
	(void)number;
	set_clock(SIM_DAY - sim_true_us());
}

static void sleep_for(int64_t us)
{
	world_note("the host sleeps for %" PRId64 " s", us / SIM_SECOND);
	sim_suspend(us);
}

static void be_out(int64_t fate)
{
	net_outage((enum swarm_fate)fate, SIM_HOUR);
}

static void kill_agent(int64_t number)
{
	(void)number;
	agent_kill();
}

static void take_longest(void *context, sqlite3_stmt *row)
{
	(void)context;
	longest_us = sqlite3_column_int64(row, 0);
}

static void look_at_instances(int64_t number)
{
	(void)number;
	agent_look("SELECT max(last_us - first_us) FROM instance_totals", take_longest, NULL);
}

/* ---- Worlds --------------------------------------------------------------------------------------- */

/* Some of everything that waits for a time to come. */
static void begin_swarm(struct swarm *swarm)
{
	swarm_calm(swarm);
	swarm->active_us = 6 * SIM_HOUR;
	swarm->events = 600;
	swarm->pause_us = swarm->active_us * swarm->apps * swarm->burst / swarm->events;
	swarm->handles = swarm->definitions = true;
	swarm->put_off_permille = 100;
	swarm->refused_permille = 20;
	swarm->fate_permille[FATE_503] = 40;
	swarm->fate_permille[FATE_LOST] = 20;
}

static void run_world(const struct swarm *swarm, const struct run_order *orders)
{
	struct run result;
	if (prove_findings() == 0)
		run(run_first_seed() + (uint64_t)n_worlds++, swarm, orders, &result);
}

/* The clock jumps while the service is down, and back, or not; twice. */
static void jump(void (*order)(int64_t), int64_t argument, bool back)
{
	const int64_t never_us = SIM_DAY;
	const struct run_order orders[] = {
		{0, be_out, FATE_503},
		{10 * SIM_MINUTE, order, argument},
		{back ? 40 * SIM_MINUTE : never_us, set_clock, 0},
		{3 * SIM_HOUR, be_out, FATE_RESET_BEFORE},
		{3 * SIM_HOUR + 30 * SIM_MINUTE, order, argument},
		{back ? 5 * SIM_HOUR : never_us, set_clock, 0},
		{0, NULL, 0},
	};
	struct swarm swarm;
	begin_swarm(&swarm);
	run_world(&swarm, orders);
}

static void jumps(void)
{
	for (int i = 0; i < 2; i++) {
		jump(set_clock, SIM_DAY, i);
		jump(set_clock, -SIM_DAY, i);
		jump(set_clock_to_1970, 0, i);
		jump(set_clock, 80 * 365 * SIM_DAY, i);
	}
}

static void sleeps(void)
{
	const struct run_order orders[] = {
		{SIM_HOUR, be_out, FATE_429},
		{SIM_HOUR + 10 * SIM_MINUTE, sleep_for, 3 * SIM_DAY},
		{3 * SIM_HOUR, sleep_for, 3 * SIM_DAY},
		{0, NULL, 0},
	};
	struct swarm swarm;
	begin_swarm(&swarm);
	run_world(&swarm, orders);
}

/* Sixty days: awake all the time, or half an hour of each day. The agent is killed each day. */
static void sixty_days(bool awake)
{
	struct run_order orders[2 * DAYS + 2] = {0};
	const int64_t day_us = awake ? SIM_DAY : SIM_HOUR / 2;
	struct swarm swarm;
	int n = 0;
	begin_swarm(&swarm);
	swarm.active_us = DAYS * day_us;
	swarm.instances = 5;
	swarm.pause_us = 3 * swarm.active_us * swarm.apps * swarm.burst / swarm.events / 2;
	for (int day = 1; day < DAYS; day++) {
		orders[n++] = (struct run_order){day * day_us - SIM_MINUTE, kill_agent, day};
		if (!awake)
			orders[n++] = (struct run_order){day * day_us, sleep_for, SIM_DAY - day_us};
	}
	orders[n] = (struct run_order){swarm.active_us - SIM_SECOND, look_at_instances, 0};
	run_world(&swarm, orders);
	/* The last burst of events is drawn by lot: it may come days before the end. */
	if (longest_us < (DAYS - 10) * SIM_DAY && prove_findings() == 0)
		prove_finding("the longest use case went on for %.1f days only",
			      (double)longest_us / (double)SIM_DAY);
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	log_setup(getenv("PROVE_LOG") ? LOG_DEBUG : LOG_ERROR + 1, LOG_LOGFMT);
	world_follow(getenv("PROVE_FOLLOW") != NULL);
	for (int i = prove_figure(1, 20); i > 0; i--) {
		jumps();
		sleeps();
	}
	sixty_days(false);
	if (prove_all())
		sixty_days(true);
	run_no_more();
	prove_row("M33",
		  "clocks a day off, at 1970, at 2106; 3 days asleep; use cases of 60 days: none "
		  "lost, "
		  "none stuck, no storm",
		  prove_findings() == 0 && net_sums()->most_per_s <= 1,
		  "%d worlds, the longest use case %.1f days; %" PRId64
		  " requests in outages of %.1f h, at the most %.2f in a second",
		  n_worlds, (double)longest_us / (double)SIM_DAY, net_sums()->outage_requests,
		  (double)net_sums()->outage_us / (double)SIM_HOUR, net_sums()->most_per_s);
	return prove_end();
}
