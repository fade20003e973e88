/*
 * The agent: its own intake, letters, feed and Pay-i sink, joined as agent.c and storage.c join them, but on one thread and
 * in the world's time. It can be stopped, killed at any moment and within any operation of its disk, and started again. For
 * one run at a time.
 */
#ifndef PAYI_SIM_AGENT_H
#define PAYI_SIM_AGENT_H

#include "prove/kit/place.h"
#include "sim/swarm.h"

#include <stdbool.h>
#include <stdint.h>

/* The place's database is another one after each cut. */
void agent_begin(const struct swarm *swarm, struct place *place);
void agent_end(void); /* stops it in peace, and waits for that */

void agent_moved(void); /* something is new in the ring directory */

bool agent_is_up(void);
int agent_n_rings(void);

/* Each row of its database to each(), whatever the disk is like. */
void agent_look(const char *sql, void (*each)(void *context, sqlite3_stmt *row), void *context);

/* ---- Trouble -------------------------------------------------------------------------------------- */

void agent_kill(void);
void agent_stop(void); /* as by SIGTERM; it comes back after a while */

/* Within one of the next operations of its disk: it is killed, or the power goes. */
void agent_kill_at_disk(bool power);

/* By an operator: its dead letters, or some of them, are sent again, or given up. */
void agent_order_dead(bool drop);

/* One of the next operations of its disk fails, alone. */
void agent_fail_at_disk(void);

enum agent_disk { DISK_WELL, DISK_FULL, DISK_FAILS };
void agent_set_disk(enum agent_disk disk);

/* ---- Time ----------------------------------------------------------------------------------------- */

void agent_turn(void);       /* does what is due */
int64_t agent_next_us(void); /* when something is; INT64_MAX: nothing */

struct agent_sums {
	int64_t lives, kills, kills_at_disk, cuts, stops, disk_failures, orders;
	int64_t stop_us; /* the longest */
	int64_t settled, steps;
};
const struct agent_sums *agent_sums(void); /* of all runs */

#endif
