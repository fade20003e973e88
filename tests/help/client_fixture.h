/* What the tests of libpayi share: a site, a client on it, a small event, the accounts of a ring. */
#ifndef PAYI_TESTS_CLIENT_FIXTURE_H
#define PAYI_TESTS_CLIENT_FIXTURE_H

#include "help/help.h"
#include "help/ring_view.h"
#include "payi/payi.h"

extern struct help_site client_site;

/* For TestSuite's .init and .fini. */
void client_set_up(void);
void client_tear_down(void);

payi_client *client_open(size_t ring_bytes);

/* A category and one unit type; no id, no time. */
payi_event client_small_event(void);

/* attempted == records + refused + dropped, over all lanes; the ring's owner must be quiet. */
void client_check_accounts(const struct ring_view *view, uint64_t records);

#endif
