/*
 * A server that reads a request, takes it for accepted, and answers: what is left of delivering when the service
 * costs nothing. A process of its own, one more for each connection; they end with this one. On 127.0.0.1.
 */
#ifndef PAYI_BENCH_QUICK_SERVER_H
#define PAYI_BENCH_QUICK_SERVER_H

#include <sys/types.h>

struct quick_server {
	pid_t pid;
	char url[40];
};

int quick_server_start(struct quick_server *server);
void quick_server_stop(struct quick_server *server);

#endif
