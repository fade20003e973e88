/*
 * A server that reads a request, takes it for accepted, and answers: what is left of delivering when the service
 * costs nothing; or the least that a real one does, which parses the JSON (with jansson) and answers 400 where it is
 * no array. A process of its own, one more for each connection; they end with this one. On 127.0.0.1.
 */
#ifndef PAYI_BENCH_QUICK_SERVER_H
#define PAYI_BENCH_QUICK_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct quick_server {
	pid_t pid;
	char url[40];
};

int quick_server_start(struct quick_server *server, bool parses);
void quick_server_stop(struct quick_server *server);

#endif
