/*
 * What happens when, and what has happened: a heap of moments, chance by thousandths, and a trace. For one run at a time;
 * one thread. Moments are of the monotonic clock (sim/clock.h).
 */
#ifndef PAYI_SIM_WORLD_H
#define PAYI_SIM_WORLD_H

#include "sim/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void world_begin(uint64_t seed);

/* ---- Moments -------------------------------------------------------------------------------------- */

typedef void world_fn(void *context, int64_t number);

/* Calls it then, or at once when that is past; of the same moment in the order of asking. Nothing is taken back. */
void world_at(int64_t at_us, world_fn *fn, void *context, int64_t number);
void world_in(int64_t us, world_fn *fn, void *context, int64_t number);

int64_t world_next_us(void); /* INT64_MAX: nothing is to come */
void world_step(void);       /* the next one, if its moment has come */

/* ---- Chance --------------------------------------------------------------------------------------- */

bool world_chance(int permille);
int64_t world_between(int64_t least, int64_t most);
int64_t world_around(int64_t mean); /* mostly less, seldom much more */

/* ---- The trace ------------------------------------------------------------------------------------ */

/* The last lines are kept, all go into the digest: two runs are the same when it is. */
void world_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_tell(FILE *to);
uint64_t world_digest(void);
void world_follow(bool on); /* each line on standard error as it comes */

/* As prove_finding(), and a line in the trace. */
void world_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
