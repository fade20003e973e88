/*
 * The clocks and the kernel's random bytes, of the whole program: of the agent's code, the client library's, SQLite's,
 * libuv's and the stand-in's alike. clock_gettime() and its kin are defined here, and no library finds the C library's. So
 * time passes where sim_pass() says so, nobody can read another clock by mistake, and a run is a function of its seed.
 *
 *     monotonic    stands still while the host is suspended
 *     boot         does not: monotonic + what was slept
 *     true         what the rest of the world takes for the time
 *     wall         what the host takes for it: true + an error
 *
 * Until sim_clock_begin() all is as usual. One thread.
 */
#ifndef PAYI_SIM_CLOCK_H
#define PAYI_SIM_CLOCK_H

#include <stdint.h>

#define SIM_MS     INT64_C(1000)
#define SIM_SECOND (1000 * SIM_MS)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR   (60 * SIM_MINUTE)
#define SIM_DAY    (24 * SIM_HOUR)

/* Begins anew, at the same moment each time. seed: of the random bytes. */
void sim_clock_begin(uint64_t seed);

int64_t sim_monotonic_us(void);
int64_t sim_slept_us(void); /* boot = monotonic + slept */
int64_t sim_true_us(void);
int64_t sim_error_us(void);

void sim_pass(int64_t monotonic_us); /* goes on to there */
void sim_suspend(int64_t us);
void sim_set_error(int64_t us);
void sim_set_pace(
	int64_t us); /* each look at the clock takes so long: for work that measures how long it takes */

double sim_spent_s(void); /* of the processor, by this program: the one time that is real */

#endif
