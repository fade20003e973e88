/*
 * A web server whose sessions are the runs of document_chatbot: the use_case_id is the session's own id, which comes
 * with each request, to whatever thread or process. Requests of one session add up to one instance.
 *
 * The server is real, if small: a few threads that accept on one socket. The browsers are one thread that asks
 * it: curl 'http://127.0.0.1:PORT/ask?session=ID' would do as well.
 */
#include "ask.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_THREADS = 3, N_SESSIONS = 4, N_REQUESTS = 20 };

static payi_client *client;
static int listener;

/* ---- The server ------------------------------------------------------------------------------------- */

static void answer_question(struct dice *dice)
{
	PAYI_TRACK_CONTEXT (client, .use_case_step = "retrieve")
		ask(client, dice,
		    &(struct prompt){NOVA_LITE, .prompt_tokens = 900, .answer_tokens = 60});
	PAYI_TRACK_CONTEXT (client, .use_case_step = "answer")
		ask(client, dice,
		    &(struct prompt){GPT_4O, .prompt_tokens = 1800, .answer_tokens = 220});
}

static void serve(int connection, struct dice *dice)
{
	static const char reply[] = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	char request[512] = "";
	char session[64];
	if (recv(connection, request, sizeof(request) - 1, 0) <= 0 ||
	    sscanf(request, "GET /ask?session=%63[^ ]", session) != 1)
		return;
	PAYI_TRACK_CONTEXT (client, .use_case_name = "document_chatbot", .use_case_id = session)
		answer_question(dice);
	if (send(connection, reply, sizeof(reply) - 1, MSG_NOSIGNAL) < 0)
		perror("web_server: send");
}

static void *server_thread(void *context)
{
	int connection;
	while ((connection = accept(listener, NULL, NULL)) >= 0) {
		serve(connection, context);
		close(connection);
	}
	return NULL;
}

/* ---- The browsers ----------------------------------------------------------------------------------- */

static int visit(const struct sockaddr_in *address, int session)
{
	char request[128];
	char reply[128];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const int n = snprintf(request, sizeof(request),
			       "GET /ask?session=session-%d HTTP/1.0\r\n\r\n", session);
	const int ok = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
		       send(fd, request, (size_t)n, MSG_NOSIGNAL) == n &&
		       recv(fd, reply, sizeof(reply), 0) > 0;
	close(fd);
	return ok;
}

int main(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	pthread_t threads[N_THREADS];
	struct dice dice[N_THREADS];
	int served = 0;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &size)) {
		perror("web_server");
		return 1;
	}
	client = open_client("web_server");
	for (int i = 0; i < N_THREADS; i++) {
		dice[i].state = (uint64_t)i;
		pthread_create(&threads[i], NULL, server_thread, &dice[i]);
	}
	for (int i = 0; i < N_REQUESTS; i++)
		served += visit(&address, i % N_SESSIONS);
	shutdown(listener, SHUT_RDWR); /* wakes the threads up: there is no more to accept */
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	close(listener);
	payi_client_close(client);
	printf("%d requests of %d sessions served\n", served, N_SESSIONS);
	return served != N_REQUESTS;
}
