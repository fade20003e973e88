/* What the tests of delivery share: a site, a stand-in for Pay-i, and the flag that points an agent at it. */
#ifndef PAYI_TESTS_SERVICE_FIXTURE_H
#define PAYI_TESTS_SERVICE_FIXTURE_H

#include "help/help.h"
#include "standin/standin_client.h"

extern struct help_site site;
extern struct standin service;
extern char base_url[64]; /* "--base-url=…" */

/* For TestSuite's .init and .fini. No agent is started. */
void service_set_up(void);
void service_tear_down(void);

#endif
