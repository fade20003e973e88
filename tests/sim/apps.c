#include "sim/apps.h"

#include "client/client.h"
#include "prove/kit/prove.h"
#include "sim/events.h"
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

enum { APPS_MAX = 64, HANDLES = 4, FILL_MAX = 300 };

struct app {
	payi_client *client; /* NULL: it does not run */
	int life;
	int32_t first; /* its ring's events that are not promised, the last one first; 0: none */
	uint64_t tails[PAYI_RING_LANES];
	char handles[HANDLES][PAYI_USE_CASE_ID_MAX];
};

static struct {
	const struct swarm *swarm;
	const struct place *place;
	void (*moved)(void);
	struct app app[APPS_MAX];
	bool ended;
	int host_life;
	struct apps_sums sums;
} it;

static void burst(void *context, int64_t life);

/* ---- One event ------------------------------------------------------------------------------------ */

static char draw_kind(void)
{
	if (world_chance(it.swarm->refused_permille))
		return EVENT_REFUSED;
	if (world_chance(it.swarm->poison_permille))
		return EVENT_POISON;
	return world_chance(it.swarm->put_off_permille) ? EVENT_PUT_OFF : EVENT_TAKEN;
}

static const char *draw_use_case(struct app *app, char text[40])
{
	char *handle = app->handles[prove_below(HANDLES)];
	if (it.swarm->instances == 0 || world_chance(300))
		return NULL;
	if (it.swarm->handles && world_chance(300)) {
		if (!handle[0] && payi_use_case_request(app->client, "proof", handle))
			return NULL; /* full */
		it.sums.use_cases++;
		return handle;
	}
	snprintf(text, 40, "case-%d", prove_below(it.swarm->instances));
	return text;
}

/* It is given back when its lane is, up to its end. Whatever was put there is seen by where the lanes end. */
static void enter(struct app *app, int32_t number)
{
	struct sim_event *event = events_at(number);
	event->accepted = true;
	event->host_life = it.host_life;
	event->next = app->first;
	app->first = number;
	for (int lane = 0; lane < PAYI_RING_LANES; lane++) {
		const uint64_t tail = payi_ring_tail(&app->client->file.counters->lane[lane]);
		if (tail == app->tails[lane])
			continue;
		event->lane = lane;
		event->ring_end = tail;
		app->tails[lane] = tail;
	}
}

static void track(struct app *app)
{
	static char fill[FILL_MAX + 1];
	char id[EVENT_ID_BYTES], use_case_id[40];
	int32_t number;
	const char *use_case = draw_use_case(app, use_case_id);
	const char kind = events_add(draw_kind(), &number)->kind;
	const payi_units units[] = {{"text", number, 1}};
	memset(fill, 'a' + number % 26, FILL_MAX);
	fill[number * 37 % FILL_MAX] = '\0';
	const payi_property properties[] = {{"fill", fill}};
	payi_event event = PAYI_EVENT_INIT;
	event_id(number, kind, id);
	event.event_timestamp_us = sim_true_us();
	event.category = "system.openai";
	event.resource = "gpt-4o";
	event.units = units;
	event.n_units = 1;
	event.provider_response_id = id;
	event.use_case_name = use_case ? "proof" : NULL;
	event.use_case_id = use_case;
	event.properties = properties;
	event.n_properties = 1;
	const payi_status status = payi_track(app->client, &event);
	if (status == PAYI_OK)
		enter(app, number);
	else if (status != PAYI_ERR_FULL)
		world_wrong("%s is refused: %s", id, payi_last_error());
	it.sums.accepted += status == PAYI_OK;
	it.sums.refused += status != PAYI_OK;
}

/* ---- Life ----------------------------------------------------------------------------------------- */

static void start(void *context, int64_t number)
{
	struct app *app = context;
	(void)number;
	if (it.ended || app->client)
		return;
	app->first = 0;
	memset(app->tails, 0, sizeof(app->tails));
	app->client = place_client(it.place, "sim", (size_t)it.swarm->ring_bytes, false);
	world_note("application %d starts", (int)(app - it.app));
	it.moved();
	world_in(world_around(it.swarm->pause_us), burst, app, app->life);
}

static void burst(void *context, int64_t life)
{
	struct app *app = context;
	if (!app->client || app->life != life || !apps_have_more())
		return;
	if (it.swarm->definitions && world_chance(50))
		payi_use_case_define(app->client, "proof",
				     world_chance(500) ? "one thing" : "another thing");
	for (int n = (int)world_between(1, it.swarm->burst); n > 0 && apps_have_more(); n--)
		track(app);
	world_note("application %d has tracked up to %d", (int)(app - it.app), events_count());
	it.moved();
	world_in(world_around(it.swarm->pause_us), burst, app, app->life);
}

static void end(struct app *app)
{
	payi_client_close(app->client);
	app->client = NULL;
	app->life++;
	memset(app->handles, 0, sizeof(app->handles));
}

void apps_begin(const struct swarm *swarm, const struct place *place, void (*moved)(void))
{
	it.swarm = swarm;
	it.place = place;
	it.moved = moved;
	it.ended = false;
	for (int i = 0; i < swarm->apps; i++)
		world_in(world_around(SIM_SECOND), start, &it.app[i], 0);
}

void apps_kill_one(void)
{
	struct app *app = &it.app[prove_below(it.swarm->apps)];
	if (!app->client || it.ended)
		return;
	world_note("application %d dies", (int)(app - it.app));
	apps_note_promises();
	end(app);
	it.sums.deaths++;
	it.moved();
	world_in(world_around(10 * SIM_SECOND), start, app, 0);
}

void apps_end(void)
{
	it.ended = true;
	for (int i = 0; i < it.swarm->apps; i++)
		if (it.app[i].client)
			end(&it.app[i]);
	it.moved();
}

bool apps_have_more(void)
{
	return !it.ended && events_count() < it.swarm->events;
}

/* ---- The host ------------------------------------------------------------------------------------- */

/* In SQLite up to here, the agent has told the client. */
static uint64_t done_of(struct app *app, int lane)
{
	if (!payi__client_attach(app->client, true))
		return 0;
	return payi_ring_load_acquire(&atomic_load(&app->client->slot)->done[lane]);
}

static void note_promises(struct app *app)
{
	int32_t *at = &app->first;
	while (*at) {
		struct sim_event *event = events_at(*at);
		event->promised = event->ring_end <= done_of(app, event->lane);
		if (event->promised)
			*at = event->next;
		else
			at = &event->next;
	}
}

void apps_note_promises(void)
{
	for (int i = 0; i < it.swarm->apps; i++)
		if (it.app[i].client)
			note_promises(&it.app[i]);
}

int apps_host_life(void)
{
	return it.host_life;
}

void apps_lose_host(void)
{
	it.host_life++;
	for (int i = 0; i < it.swarm->apps; i++) {
		struct app *app = &it.app[i];
		if (app->client)
			end(app);
		if (!it.ended)
			world_in(world_around(20 * SIM_SECOND), start, app, 0);
	}
}

const struct apps_sums *apps_sums(void)
{
	return &it.sums;
}
