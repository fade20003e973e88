#define _GNU_SOURCE /* program_invocation_name */
#include "sim/run.h"

#include "base/log.h"
#include "prove/kit/power.h"
#include "prove/kit/prove.h"
#include "sim/agent.h"
#include "sim/apps.h"
#include "sim/check.h"
#include "sim/cloud.h"
#include "sim/events.h"
#include "sim/net.h"
#include "sim/world.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

enum { DRAIN_LOOK_S = 20, WAKE_UPS_PER_S_MAX = 500 };

#define DRAINED_WITHIN_US (45 * SIM_MINUTE) /* and whatever the service told us to wait */

static const struct swarm *swarm;
static struct place place; /* of all runs, one after the other */
static bool healed, key_refused, puts_off;

/* ---- Faults --------------------------------------------------------------------------------------- */

static void in_active_time(int n, world_fn *fn)
{
	for (int i = 0; i < n; i++)
		world_in(world_between(0, swarm->active_us), fn, NULL, i);
}

static void kill_application(void *context, int64_t number)
{
	(void)context;
	(void)number;
	apps_kill_one();
}

static void kill_agent(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_kill();
}

static void stop_agent(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_stop();
}

static void kill_at_disk(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_kill_at_disk(false);
}

static void cut_power(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_kill_at_disk(true);
}

static void mend_disk(void *context, int64_t number)
{
	(void)context;
	(void)number;
	agent_set_disk(DISK_WELL);
}

static void spoil_disk(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (healed)
		return;
	agent_set_disk(world_chance(500) ? DISK_FULL : DISK_FAILS);
	world_in(world_around(2 * SIM_MINUTE), mend_disk, NULL, 0);
}

static void fail_at_disk(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_fail_at_disk();
}

static void step_clock(void *context, int64_t number)
{
	const int64_t to_1970_us = SIM_DAY - sim_true_us();
	const int64_t steps[] = {SIM_DAY, -SIM_DAY, 0, to_1970_us, 80 * 365 * SIM_DAY};
	(void)context;
	(void)number;
	if (healed)
		return;
	sim_set_error(steps[world_between(0, swarm->clock_far ? 4 : 2)]);
	world_note("the clock is wrong by %.0f s", (double)sim_error_us() / 1e6);
}

static void suspend(void *context, int64_t number)
{
	(void)context;
	(void)number;
	const int64_t us = world_chance(300) ? 3 * SIM_DAY : world_around(10 * SIM_MINUTE);
	if (healed)
		return;
	world_note("the host sleeps for %.0f s", (double)us / 1e6);
	sim_suspend(us);
}

static void begin_outage(void *context, int64_t number)
{
	static const enum swarm_fate fates[] = {FATE_REFUSED, FATE_UNREACHABLE, FATE_RESET_BEFORE,
						FATE_SILENT,  FATE_500,         FATE_502,
						FATE_503,     FATE_429,         FATE_408};
	(void)context;
	(void)number;
	net_outage(fates[world_between(0, 8)], world_around(swarm->outage_us));
}

static void turn_key(void *context, int64_t refused)
{
	(void)context;
	if (healed)
		return;
	key_refused = refused;
	world_note("the key is %s", refused ? "refused" : "good");
	cloud_set(key_refused, puts_off);
	if (refused)
		world_in(world_around(10 * SIM_MINUTE), turn_key, NULL, 0);
}

static void refuse_key(void *context, int64_t number)
{
	(void)number;
	turn_key(context, 1);
}

static void put_off(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (healed || swarm->put_off_permille == 0)
		return;
	puts_off = world_chance(500);
	cloud_set(key_refused, puts_off);
	world_in(world_around(5 * SIM_MINUTE), put_off, NULL, 0);
}

static void order_dead(void *context, int64_t number)
{
	(void)context;
	(void)number;
	if (!healed)
		agent_order_dead(swarm->drops && world_chance(400));
}

static void amend(void *context, int64_t number)
{
	(void)context;
	(void)number;
	world_note("the service takes what it refused");
	cloud_amend();
	if (!healed)
		cloud_set(key_refused, puts_off);
}

static void plan_faults(void)
{
	in_active_time(swarm->deaths, kill_application);
	in_active_time(swarm->kills, kill_agent);
	in_active_time(swarm->kills_at_disk, kill_at_disk);
	in_active_time(swarm->cuts, cut_power);
	in_active_time(swarm->stops, stop_agent);
	in_active_time(swarm->disk_phases, spoil_disk);
	in_active_time(swarm->disk_failures, fail_at_disk);
	in_active_time(swarm->clock_steps, step_clock);
	in_active_time(swarm->suspends, suspend);
	in_active_time(swarm->outages, begin_outage);
	in_active_time(swarm->key_phases, refuse_key);
	in_active_time(swarm->dead_orders, order_dead);
	in_active_time(swarm->amends, amend);
	world_in(0, put_off, NULL, 0);
}

static void heal(void)
{
	world_note("all is well from now on");
	healed = true;
	net_heal();
	cloud_heal();
	agent_set_disk(DISK_WELL);
	sim_set_error(0);
	apps_end();
}

/* ---- Running -------------------------------------------------------------------------------------- */

static const struct run_order *next_order;
static int64_t began_us, idle_since_us;
static int n_wake_ups;

static void take_order(void *context, int64_t number)
{
	const struct run_order *order = context;
	(void)number;
	order->order(order->argument);
}

/* Between two things that happen in the world, the agent has few reasons to wake up by itself. */
static void check_idle(int64_t world_us, int64_t agent_us)
{
	if (agent_us >= world_us || sim_monotonic_us() > idle_since_us + SIM_SECOND) {
		idle_since_us = sim_monotonic_us();
		n_wake_ups = 0;
	}
	if (++n_wake_ups == WAKE_UPS_PER_S_MAX)
		world_wrong("the sink wakes up without end");
}

/* To the next moment at which anything happens, or to that one. */
static void go_on(int64_t until_us)
{
	int64_t next_us = world_next_us();
	const int64_t agent_us = agent_next_us();
	check_idle(next_us, agent_us);
	if (agent_us < next_us)
		next_us = agent_us;
	sim_pass(next_us < until_us ? next_us : until_us);
	world_step();
	agent_turn();
}

static void run_until(int64_t until_us)
{
	while (sim_monotonic_us() < until_us && prove_findings() == 0)
		go_on(until_us);
}

static int64_t wait_still_us(void)
{
	const int64_t us = net_asked_until_us() - sim_monotonic_us() - sim_slept_us();
	return us > 0 ? us : 0;
}

static void drain(struct run *result)
{
	const int64_t from_us = sim_monotonic_us();
	const int64_t within_us = DRAINED_WITHIN_US + wait_still_us();
	while (!check_is_drained() && prove_findings() == 0) {
		if (sim_monotonic_us() > from_us + within_us) {
			check_say_what_waits();
			world_wrong("not drained after %.0f s", (double)within_us / 1e6);
		}
		run_until(sim_monotonic_us() + DRAIN_LOOK_S * SIM_SECOND);
	}
	result->drained_us = sim_monotonic_us() - from_us;
}

/* What is too old goes within an hour or so, also where nothing else happens. */
static void wait_for_retention(void)
{
	if (swarm_retains(swarm))
		run_until(sim_monotonic_us() + CHECK_OLD_US);
}

static void end_agent(void)
{
	agent_end();
	run_until(sim_monotonic_us() + SIM_MINUTE);
}

static void begin(uint64_t seed)
{
	healed = key_refused = puts_off = false;
	json_object_seed(1);
	if (!place.root[0])
		place_make(&place);
	place_empty(&place);
	world_begin(seed);
	sqlite3_randomness(0, NULL); /* begins anew, with our random bytes */
	events_begin();
	began_us = idle_since_us = sim_monotonic_us();
}

static void end(void)
{
	power_fail(NULL);
	power_remove(place.database);
	net_end();
	cloud_end();
}

static void carry_out(const struct run_order *orders, struct run *result)
{
	swarm_note(swarm);
	cloud_begin(swarm);
	net_begin(swarm);
	apps_begin(swarm, &place, agent_moved);
	agent_begin(swarm, &place);
	plan_faults();
	for (next_order = orders; next_order && next_order->order; next_order++)
		world_in(next_order->at_us, take_order, (void *)(uintptr_t)next_order, 0);
	run_until(began_us + swarm->active_us);
	heal();
	drain(result);
	wait_for_retention();
	if (prove_findings() == 0)
		end_agent();
	if (prove_findings() == 0)
		check_all(swarm, result);
}

static bool finish(uint64_t seed, struct run *result)
{
	result->virtual_us = sim_monotonic_us() - began_us + sim_slept_us();
	result->digest = world_digest();
	if (prove_findings() > 0) {
		world_tell(stderr);
		fprintf(stderr, "REPLAY: PROVE_SEED=%llu PROVE_RUNS=1 %s short\n",
			(unsigned long long)seed, program_invocation_name);
	}
	end();
	return prove_findings() == 0;
}

struct task {
	uint64_t seed;
	const struct swarm *swarm; /* NULL: what the seed draws */
	const struct run_order *orders;
	struct run *result;
};

static void *carry_out_task(void *context)
{
	static struct swarm drawn;
	const struct task *task = context;
	begin(task->seed);
	swarm = task->swarm;
	if (!swarm) {
		swarm_draw(&drawn);
		swarm = &drawn;
	}
	task->result->calm = swarm->calm;
	carry_out(task->orders, task->result);
	return NULL;
}

/* On a thread of its own: what libraries keep for each thread, such as the client its lane, begins anew, too. */
bool run(uint64_t seed, const struct swarm *given, const struct run_order *orders,
	 struct run *result)
{
	struct task task = {seed, given, orders, result};
	pthread_t thread;
	*result = (struct run){0};
	if (pthread_create(&thread, NULL, carry_out_task, &task) || pthread_join(thread, NULL))
		prove_broken("cannot run a thread");
	return finish(seed, result);
}

uint64_t run_first_seed(void)
{
	const char *given = getenv("PROVE_SEED");
	return prove_all() || (given && *given) ? prove_seed() : 1;
}

void run_no_more(void)
{
	if (place.root[0])
		place_remove(&place);
}
