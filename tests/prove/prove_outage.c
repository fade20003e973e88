/*
 * M11. The service is down for 72 hours, in one way after the other, while applications go on tracking; meanwhile the agent is
 * killed and stopped, five times, and twice the power goes. Then everything is there, once, in bounded time. In a simulated
 * world (tests/sim): the short share has fewer events, not fewer hours.
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

#define PART_US (24 * SIM_HOUR - 1) /* of the outage */

static void be_out(int64_t fate)
{
	net_outage((enum swarm_fate)fate, PART_US);
}

static void kill_agent(int64_t at_disk)
{
	if (at_disk)
		agent_kill_at_disk(false);
	else
		agent_kill();
}

static void stop_agent(int64_t number)
{
	(void)number;
	agent_stop();
}

static void cut_power(int64_t number)
{
	(void)number;
	agent_kill_at_disk(true);
}

static const struct run_order orders[] = {
	{SIM_HOUR, be_out, FATE_REFUSED},
	{9 * SIM_HOUR, kill_agent, false},
	{17 * SIM_HOUR, stop_agent, 0},
	{25 * SIM_HOUR, be_out, FATE_503},
	{31 * SIM_HOUR, cut_power, 0},
	{38 * SIM_HOUR, kill_agent, true},
	{49 * SIM_HOUR, be_out, FATE_SILENT},
	{52 * SIM_HOUR, kill_agent, false},
	{60 * SIM_HOUR, cut_power, 0},
	{66 * SIM_HOUR, stop_agent, 0},
	{0, NULL, 0},
};

static void print_row(const struct run *result)
{
	const struct agent_sums *agent = agent_sums();
	const int64_t restarts = agent->kills + agent->kills_at_disk + agent->stops - 1;
	char goal[120];
	snprintf(goal, sizeof(goal),
		 "72 hours without the service, 5 restarts, 2 power cuts, %s events: nothing lost",
		 prove_all() ? "1.3 million" : "40,000");
	prove_row("M11", goal, prove_findings() == 0 && restarts == 5 && agent->cuts == 2,
		  "%" PRId64 " accepted, %" PRId64 " delivered, %" PRId64
		  " gone with the host, %" PRId64 " went again; %" PRId64 " restarts, %" PRId64
		  " cuts; drained in %.0f s; %" PRId64 " requests in the outage",
		  result->accepted, result->delivered, result->lost, result->again, restarts,
		  agent->cuts, (double)result->drained_us / 1e6, net_sums()->outage_requests);
}

int main(int argc, char **argv)
{
	struct swarm swarm;
	struct run result;
	prove_begin(argc, argv);
	log_setup(getenv("PROVE_LOG") ? LOG_DEBUG : LOG_ERROR + 1, LOG_LOGFMT);
	world_follow(getenv("PROVE_FOLLOW") != NULL);
	swarm_calm(&swarm);
	swarm.active_us = 73 * SIM_HOUR;
	swarm.events = prove_figure(40000, 1300000);
	swarm.apps = 8;
	swarm.burst = prove_figure(40, 200);
	swarm.pause_us = swarm.active_us * swarm.apps * swarm.burst / swarm.events / 2;
	swarm.ring_bytes = 2 << 20;
	swarm.instances = 500;
	swarm.batch_events = 200;
	run(run_first_seed(), &swarm, orders, &result);
	run_no_more();
	print_row(&result);
	return prove_end();
}
