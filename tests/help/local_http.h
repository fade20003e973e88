/* The agent's local HTTP, as a client that does as it is told: for tests. What cannot work fails the test. */
#ifndef PAYI_TESTS_LOCAL_HTTP_H
#define PAYI_TESTS_LOCAL_HTTP_H

#include "help/help.h"

#include <stdbool.h>

struct local_reply {
	int status; /* 0: there was no answer */
	char *text; /* head and body, as they came; malloc'd */
	char *body; /* in text */
};

int local_connect(const struct help_site *site); /* to DATA_DIR/agent.sock */
int local_connect_tcp(int port);
int local_port(const struct help_site *site); /* that the agent says it listens on */

/* Sends bytes; what the other side does not take any more is left out. */
void local_send(int fd, const char *bytes, size_t n);

/* Sends the request, reads until the other side ends, closes. */
void local_exchange(int fd, const char *request, struct local_reply *reply);
void local_release(struct local_reply *reply);

/* GET by the Unix socket. */
void local_get(const struct help_site *site, const char *path, struct local_reply *reply);

/* Its body, malloc'd; anything but a 200 fails the test. */
char *local_body(const struct help_site *site, const char *path);

/* Whether the peer has closed within so many seconds. */
bool local_is_closed_within(int fd, double seconds);

#endif
