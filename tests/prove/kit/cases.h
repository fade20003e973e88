/*
 * Cases of what a process may do to itself: each is a process of its own, with 30 seconds, in a place that is drained all the
 * while. Whatever becomes of it, its promises are checked then: what was accepted is stored once, the books balance, the
 * rings are reaped.
 */
#ifndef PAYI_PROVE_CASES_H
#define PAYI_PROVE_CASES_H

#include "prove/kit/oracle.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cases_case {
	const char *name;
	void (*run)(void);
};

/* Runs each so many times, and prints the row M19. */
void cases_run(const char *goal, const struct cases_case *cases, int n, int times);

/* ---- Within a case -------------------------------------------------------------------------------- */

enum { CASES_RING_BYTES = 256 * 1024, CASES_EVENTS = 50 };

const struct place *cases_place(void);
const struct oracle *cases_oracle(void);

payi_client *cases_client(void); /* opened in the place */

/* Tracks CASES_EVENTS, which must all be accepted. producer must be one that nobody else uses in this case. */
void cases_track(payi_client *client, uint32_t producer);

/* Waits for the child, which must end with 0. */
void cases_must_end_well(pid_t child);

_Noreturn void cases_skip(void);

/* Ends the process: the case is wrong, with the line. */
void cases_must(bool condition, const char *text, int line);
#define MUST(condition) cases_must((condition), #condition, __LINE__)

#endif
