/*
 * The doctor: looks at everything that the agent needs on this host, in the order in which the agent meets it, and
 * says of each whether it is well and what to do if it is not. It changes nothing. For `payi-agent doctor`;
 * with or without a running agent. One thread.
 */
#ifndef PAYI_DOCTOR_DOCTOR_H
#define PAYI_DOCTOR_DOCTOR_H

#include <stdbool.h>

struct settings;

enum doctor_result { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED };
enum { DOCTOR_RESULTS = 3, DOCTOR_TEXT_BYTES = 600 };

struct doctor_finding {
	enum doctor_result result;
	const char *about; /* "ring directory": a constant */
	char text[DOCTOR_TEXT_BYTES];
	char advice[DOCTOR_TEXT_BYTES]; /* what to do; "": nothing */
};

typedef void doctor_take_fn(void *ctx, const struct doctor_finding *finding);

/* Gives each finding to take() as it is made. Without the network: nothing is sent to the service. */
void doctor_examine(const struct settings *settings, bool network, doctor_take_fn *take, void *ctx);

#endif
