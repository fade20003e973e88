/*
 * One call to a model (a made-up one: provider.h), tracked: what the instrumented client of a provider does for
 * its caller. It knows nothing of use cases: the context that is open says what the call belongs to.
 */
#ifndef PAYI_EXAMPLE_ASK_H
#define PAYI_EXAMPLE_ASK_H

#include "provider.h"

#include <payi/payi.h>
#include <stddef.h>

/* Fills in what an answer used: only the kinds of units that were. Returns how many. */
enum { ANSWER_UNITS_MAX = 4 };
size_t answer_units(const struct answer *answer, payi_units units[ANSWER_UNITS_MAX]);

/* Asks, and tracks the call in the innermost context of this thread. */
void ask(payi_client *client, struct dice *dice, const struct prompt *prompt);

/* Opens a client, or says why not and returns NULL: tracking must never be what breaks a service. */
payi_client *open_client(const char *app_name);

#endif
