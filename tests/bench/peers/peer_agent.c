/* payi_track(), the ring, the agent, SQLite: an event is done when it is committed and synced. */
#include "bench/peers/peer.h"
#include "bench/sample.h"

#include <stdlib.h>

enum { FLUSH_MS = 60000 };

struct agent {
	struct site *site;
	payi_client *client;
	payi_event event;
};

static void end(void *self)
{
	struct agent *agent = self;
	payi_client_close(agent->client);
	if (agent->site->agent)
		site_agent_stop(agent->site);
	free(agent);
}

static int wait_for(void *self, long n)
{
	struct agent *agent = self;
	(void)n;
	return payi_flush(agent->client, FLUSH_MS) ? bench_fail(0, "%s", payi_last_error()) : 0;
}

static int hand_over(void *self)
{
	struct agent *agent = self;
	return payi_track(agent->client, &agent->event);
}

static int begin(const struct peer_place *place, void **self)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	if (!agent)
		return bench_fail(0, "out of memory");
	agent->site = place->site;
	agent->event = sample_full();
	int status = site_agent_start(place->site, place->bench);
	if (!status)
		status = site_client(place->site, 0, &agent->client);
	/* Its database is made, its ring is known. */
	if (!status && hand_over(agent))
		status = bench_fail(0, "%s", payi_last_error());
	if (!status)
		status = wait_for(agent, 1);
	if (status)
		end(agent);
	else
		*self = agent;
	return status;
}

static pid_t process(const void *self)
{
	return ((const struct agent *)self)->site->agent;
}

const struct peer peer_agent = {
	.name = "payi_track, payi-agent",
	.events = 400000,
	.open = begin,
	.hand_over = hand_over,
	.wait = wait_for,
	.process = process,
	.close = end,
};
