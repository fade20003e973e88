/* What the tests of the local HTTP share: a site, and events whose sums can be told. */
#ifndef PAYI_TESTS_LOCAL_FIXTURE_H
#define PAYI_TESTS_LOCAL_FIXTURE_H

#include "help/local_http.h"
#include "payi/payi.h"

extern struct help_site local_site;

/* For TestSuite's .init and .fini. No agent is started. */
void local_set_up(void);
void local_tear_down(void);

/* An agent's arguments: it listens on a port of its own choice, too. */
extern const char *const local_tcp[];

payi_client *local_client(void);

/* Tracks events number from to before to, each with as many input units as its number, and waits until they are stored. */
void local_track(payi_client *client, int from, int to);

/* The request's status; closes. */
int local_status(int fd, const char *request);

#endif
