#include "sim/swarm.h"

#include "sim/world.h"

void swarm_calm(struct swarm *swarm)
{
	*swarm = (struct swarm){
		.active_us = 30 * SIM_MINUTE,
		.events = 300,
		.apps = 3,
		.pause_us = 2 * SIM_SECOND,
		.burst = 4,
		.commit_events = 2000,
		.batch_events = 50,
		.batch_bytes = 1 << 19,
		.batch_age_ms = 1000,
		.in_flight = 4,
		.timeout_s = 30,
		.ring_bytes = 64 * 1024,
		.instances = 20,
	};
}

/* 0 mostly; else 1 to most. */
static int some(int most)
{
	return world_chance(350) ? (int)world_between(1, most) : 0;
}

static bool sometimes(void)
{
	return world_chance(250);
}

static void draw_size(struct swarm *swarm)
{
	static const int64_t actives[] = {10 * SIM_MINUTE, SIM_HOUR, 4 * SIM_HOUR, SIM_DAY};
	swarm->active_us = actives[world_between(0, 3)];
	swarm->events = (int)world_between(20, world_chance(200) ? 1500 : 400);
	swarm->apps = (int)world_between(1, 5);
	swarm->burst = (int)world_between(1, world_chance(200) ? 100 : 8);
	swarm->pause_us = swarm->active_us * swarm->burst * swarm->apps / swarm->events;
	swarm->ring_bytes = 1 << world_between(15, 18);
}

static void draw_settings(struct swarm *swarm)
{
	swarm->commit_events = (int)world_between(1, world_chance(500) ? 20 : 2000);
	swarm->batch_events = (int)world_between(1, world_chance(500) ? 10 : 200);
	swarm->batch_bytes = world_chance(300) ? (int)world_between(1024, 8000) : 1 << 19;
	swarm->batch_age_ms = (int)world_between(0, world_chance(500) ? 50 : 5000);
	swarm->in_flight = (int)world_between(1, 8);
	swarm->timeout_s = (int)world_between(5, 60);
}

static void draw_tracked(struct swarm *swarm)
{
	swarm->instances = world_chance(250) ? 0 : (int)world_between(1, 40);
	swarm->handles = sometimes();
	swarm->definitions = sometimes();
	swarm->refused_permille = some(100);
	swarm->poison_permille = some(40);
	swarm->put_off_permille = some(100);
}

static void draw_retention(struct swarm *swarm)
{
	if (world_chance(600))
		return;
	swarm->events_us = world_chance(800) ? world_between(SIM_MINUTE, swarm->active_us) : 0;
	swarm->dead_us = sometimes() ? world_between(SIM_MINUTE, swarm->active_us) : 0;
	swarm->rollups_us = sometimes() ? world_between(SIM_HOUR, 2 * SIM_DAY) : 0;
	swarm->database_bytes = sometimes() ? world_between(500000, 1500000) : 0;
	swarm->undelivered = world_chance(300);
}

static void draw_operator(struct swarm *swarm)
{
	swarm->dead_orders = some(12);
	swarm->drops = world_chance(500);
	swarm->amends = world_chance(500);
}

static void draw_trouble(struct swarm *swarm)
{
	swarm->deaths = some(20);
	swarm->kills = some(20);
	swarm->kills_at_disk = some(20);
	swarm->cuts = some(4);
	swarm->stops = some(8);
	swarm->disk_phases = some(6);
	swarm->disk_failures = some(60);
	swarm->clock_steps = some(6);
	swarm->clock_far = sometimes();
	swarm->suspends = some(3);
	swarm->outages = some(4);
	swarm->outage_us = world_between(SIM_MINUTE, swarm->active_us / 4);
	swarm->key_phases = some(3);
}

static void draw_service(struct swarm *swarm)
{
	const int most = world_chance(200) ? 400 : 60;
	for (int fate = FATE_GOOD + 1; fate < FATES; fate++)
		swarm->fate_permille[fate] = sometimes() ? (int)world_between(1, most) : 0;
	swarm->max_items = sometimes() ? (int)world_between(1, 30) : 0;
	swarm->max_bytes = sometimes() ? (int)world_between(2000, 20000) : 0;
	swarm->no_bulk = world_chance(150);
	swarm->says_known = world_chance(150);
	swarm->says_partly = sometimes();
}

void swarm_draw(struct swarm *swarm)
{
	swarm_calm(swarm);
	draw_size(swarm);
	draw_settings(swarm);
	draw_tracked(swarm);
	draw_retention(swarm);
	swarm->calm = world_chance(150) && swarm->refused_permille == 0 &&
		      swarm->poison_permille == 0 && swarm->put_off_permille == 0;
	if (swarm->calm)
		return; /* a day on which nothing happens */
	draw_operator(swarm);
	draw_trouble(swarm);
	draw_service(swarm);
}

bool swarm_retains(const struct swarm *swarm)
{
	return swarm->events_us || swarm->dead_us || swarm->rollups_us || swarm->database_bytes;
}

bool swarm_may_reorder(const struct swarm *swarm)
{
	return swarm->put_off_permille > 0;
}

void swarm_note(const struct swarm *swarm)
{
	world_note("swarm: %d s, %d events, %d apps, burst %d, ring %d, instances %d, handles %d",
		   (int)(swarm->active_us / SIM_SECOND), swarm->events, swarm->apps, swarm->burst,
		   swarm->ring_bytes, swarm->instances, swarm->handles);
	world_note("swarm: commit %d, batch %d of %d bytes after %d ms, %d at once, timeout %d s",
		   swarm->commit_events, swarm->batch_events, swarm->batch_bytes,
		   swarm->batch_age_ms, swarm->in_flight, swarm->timeout_s);
	world_note("swarm: deaths %d, kills %d + %d, cuts %d, stops %d, disk %d + %d, clock %d, "
		   "sleeps %d",
		   swarm->deaths, swarm->kills, swarm->kills_at_disk, swarm->cuts, swarm->stops,
		   swarm->disk_phases, swarm->disk_failures, swarm->clock_steps, swarm->suspends);
	world_note(
		"swarm: outages %d, key %d, refused %d, poison %d, put off %d, items %d, bytes %d",
		swarm->outages, swarm->key_phases, swarm->refused_permille, swarm->poison_permille,
		swarm->put_off_permille, swarm->max_items, swarm->max_bytes);
	world_note("swarm: events %d s, dead %d s, rollups %d s, %d bytes, undelivered %d, "
		   "orders %d, drops %d, amends %d",
		   (int)(swarm->events_us / SIM_SECOND), (int)(swarm->dead_us / SIM_SECOND),
		   (int)(swarm->rollups_us / SIM_SECOND), (int)swarm->database_bytes,
		   swarm->undelivered, swarm->dead_orders, swarm->drops, swarm->amends);
	world_note("swarm: no bulk %d, says known %d, says partly %d", swarm->no_bulk,
		   swarm->says_known, swarm->says_partly);
}
