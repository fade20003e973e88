/*
 * What an agent does in its life, as six scenarios on one stage: a place, a stand-in, an oracle, and the applications that
 * the scenario wants. What is done to the agent meanwhile is the caller's; stage_check() then starts a new one, and all that
 * was accepted has to come right.
 */
#ifndef PAYI_PROVE_STAGE_H
#define PAYI_PROVE_STAGE_H

#include "prove/kit/oracle.h"

#include <stdbool.h>
#include <stdint.h>

enum { STAGE_EVENTS = 30, STAGE_RING_BYTES = 64 * 1024, STAGE_SCENARIOS = 6 };

struct stage {
	struct place place;
	struct place template; /* an empty database of today's schema */
	struct oracle oracle;
	struct standin service;
	char base_url[64];
	payi_client *client; /* of this program, where the scenario wants a live one */
};

/* done and armed are as struct calls_plan has them, with the stage as their context. */
struct stage_scenario {
	const char *name;
	void (*begin)(struct stage *stage);
	bool (*done)(void *stage);
	bool (*armed)(void *stage);
	int n_stored; /* in the end; of a shutdown: what was accepted */
};

/* Start, drain, reap, send, migrate, shutdown. */
extern const struct stage_scenario stage_scenarios[STAGE_SCENARIOS];

void stage_open(struct stage *stage);
void stage_close(struct stage *stage);

/* An empty place, and what the scenario begins with. No agent runs. */
void stage_set_up(struct stage *stage, const struct stage_scenario *scenario);

/* Without and with the service: part of stage_set_up(), for those who set up otherwise. */
void stage_use_service(struct stage *stage, bool use);

/* A database as an agent of that schema version left it, with STAGE_EVENTS of producer 7, which count as accepted. */
void stage_make_old_database(struct stage *stage, int version);

bool stage_is_ready(void *stage);
bool stage_is_reaped(void *stage);

/*
 * Of an agent that was in trouble and has ended by itself: end is what waitpid() told; -1: it has not. It may do so where it
 * cannot begin, if it says why: true then. Anything else but a shutdown is a finding. Its log is kept beside the next one's.
 */
bool stage_judge_end(struct stage *stage, const struct stage_scenario *scenario, int end);

/* The clean restart: all there is must come right by itself. False when something was found. */
bool stage_check(struct stage *stage, const struct stage_scenario *scenario);

#endif
