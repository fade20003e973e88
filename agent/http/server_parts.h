/* The server from inside: what server.c, request.c and routes.c share. */
#ifndef PAYI_HTTP_SERVER_PARTS_H
#define PAYI_HTTP_SERVER_PARTS_H

#include "http/door.h"
#include "http/guard.h"
#include "http/params.h"
#include "http/response.h"
#include "http/server.h"
#include "http/web.h"
#include "http/work.h"
#include "store/query.h"

#include <stdatomic.h>

enum {
	SERVER_DOORS = 2,
	QUERY_MS_MAX = 5000,  /* what reads may take */
	ORDER_MS_MAX = 20000, /* what the storage thread has to carry out may wait */
};

struct request;

struct server {
	uv_loop_t *loop;
	struct server_host host;
	char *socket_path;
	char *database;
	char *ring_dir;
	char *extra_host;
	char listen_host[64];
	struct guard guard;
	struct door door[SERVER_DOORS];
	int n_doors;
	struct work_line line;
	bool owns_socket;
	struct request *suspended; /* a list */
	atomic_bool closing;       /* read by threads of the pool */
};

/* What a thread of the pool has to answer. */
struct question {
	struct query_db *db; /* NULL: it could not be opened, and err says why */
	const struct params *params;
	bool (*must_stop)(void *context); /* the time is over, or the server ends */
	void *stop_context;
};

/* ---- routes.c: which paths there are, and what each answers ---- */

struct route {
	const char *path;
	const char *method; /* GET (HEAD too), or POST */
	/* One of the two. On the loop's thread, at once: */
	void (*answer)(struct server *server, struct response *response);
	/* On a thread of the pool: */
	void (*work)(struct server *server, const struct question *question,
		     struct response *response, struct err *err);
	bool is_health;
};

/* NULL: there is none; *other_method says whether there is one for another method. */
const struct route *route_find(const char *path, const char *method, bool *other_method);

/* ---- request.c: from headers to answer ---- */

enum MHD_Result request_handle(void *door, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *bytes,
			       size_t *n_bytes, void **state);
void request_completed(void *door, struct MHD_Connection *connection, void **state,
		       enum MHD_RequestTerminationCode how);

/* Answers those that wait for a thread of the pool, as the server ends. */
void request_resume_all(struct server *server);

#endif
