/*
 * A place of its own for one run: a ring directory and a data directory, both on tmpfs (kills need no disk, and a
 * commit there takes no time), an agent in it as a process, and questions to its database. What cannot work ends the
 * program. One thread; the agents die with it.
 */
#ifndef PAYI_PROVE_PLACE_H
#define PAYI_PROVE_PLACE_H

#include "payi/payi.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PLACE_PATH_BYTES = 256, PLACE_ARGUMENTS_MAX = 12 };

struct place {
	char root[PLACE_PATH_BYTES];
	char rings[PLACE_PATH_BYTES + 8];
	char data[PLACE_PATH_BYTES + 8];
	char database[PLACE_PATH_BYTES + 16];
	char log[PLACE_PATH_BYTES + 16]; /* what the agents say, one after the other */
	const char *arguments
		[PLACE_ARGUMENTS_MAX]; /* of the agents, beside the directories; NULL ends them */
	const char *key;               /* PAYI_API_KEY of the agents; NULL: none */
	char program[32];              /* the shared copy's directory; "": there is none */
	pid_t agent;                   /* 0: none runs */
};

void place_make(struct place *place);
void place_remove(struct place *place); /* kept, and told where, when there are findings */

/* As place_make() left it, but for the paths. No agent may run. */
void place_empty(struct place *place);

/* Copies one place's data directory over another's. */
void place_copy_data(const struct place *from, struct place *to);

/* ---- The agent ------------------------------------------------------------------------------------ */

/*
 * Has agents of this place run from a copy that every user may execute, wherever the build is: for agents of other users.
 * Gone with place_remove().
 */
void place_share_program(struct place *place);

/* In a child: becomes the agent. */
_Noreturn void place_exec_agent(const struct place *place);

void place_agent_launch(struct place *place); /* starts it, and does not wait */
void place_agent_ready(struct place *place);  /* waits until it serves */
void place_agent_start(struct place *place);  /* both */
void place_agent_kill(struct place *place);   /* SIGKILL, and waits for its end */
int place_agent_stop(struct place *place); /* SIGTERM; its exit code, or 128 + a signal's number */

/* How often the log says that an agent was ready. */
int place_count_log(const struct place *place, const char *text);

/* ---- Clients -------------------------------------------------------------------------------------- */

/* Opens a client in the place, blocking for 30 s when the ring is full, or dropping. */
payi_client *place_client(const struct place *place, const char *app_name, size_t ring_bytes,
			  bool block);

/* How many files with a ring's name there are. */
int place_count_rings(const struct place *place);

/* ---- The database --------------------------------------------------------------------------------- */

/* A reader's connection; NULL when there is no database yet. */
sqlite3 *place_open_database(const struct place *place);

/* One value; -1 when there is no row or no database. */
int64_t place_number(const struct place *place, const char *sql);

/* Likewise, and -1 when the database cannot be read just now: for those who hold the agent, and must not wait for it. */
int64_t place_number_now(const struct place *place, const char *sql);

/* Each row to each(); no row when there is no database. */
void place_each_row(const struct place *place, const char *sql,
		    void (*each)(void *context, sqlite3_stmt *row), void *context);

/* Waits until the query gives this number; false after seconds. */
bool place_wait_number(const struct place *place, const char *sql, int64_t number, double seconds);

/*
 * Waits until no ring is left: one that the agent has not found yet is in the directory alone, one that it is about to be done
 * with in the database alone. False after seconds.
 */
bool place_wait_no_rings(const struct place *place, double seconds);

#endif
