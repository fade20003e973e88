/*
 * The stand-in as a child process, for tests and benchmarks: start it, ask it, order it about, stop it. It ends
 * with the thread that started it, whatever becomes of that. What cannot work is said on standard error.
 *
 * The program is the one that the build made, or what the environment variable STANDIN_PROGRAM names.
 */
#ifndef PAYI_STANDIN_CLIENT_H
#define PAYI_STANDIN_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STANDIN_KEY "standin-key" /* unless started with --key */

struct standin {
	pid_t pid;
	int port;
	char url[40]; /* "http://127.0.0.1:PORT", or https */
};

/* Starts it with these further arguments (NULL ends them; NULL for none) and waits until it listens. 0 or -1. */
int standin_start(struct standin *standin, const char *const *arguments);
int standin_stop(struct standin *standin); /* SIGTERM; its exit code, or 128 + a signal's number */

/* ---- Questions and orders: paths below /control/ ---------------------------------------------------- */

/* The body of the answer, malloc'd; NULL unless it was a 200. */
char *standin_get(const struct standin *standin, const char *path);

int standin_faults(const struct standin *standin, const char *script); /* see faults.h; 0 or -1 */
int standin_reset(const struct standin *standin);

/* A number from /control/stats, by a path of members ("units.text.input"); 0 when there is none of it. */
int64_t standin_stat(const struct standin *standin, const char *member);

/* ---- Any request: one connection, one exchange ------------------------------------------------------ */

struct standin_reply {
	int status;    /* 0: there was no answer */
	int error;     /* errno, where the exchange broke off; 0 when it ended properly */
	char *headers; /* malloc'd, with their names; "" when there was no answer */
	char *body; /* malloc'd, ends with a NUL that body_bytes does not count; as sent: chunks stay chunks */
	size_t body_bytes;
	bool whole; /* as long as Content-Length says, where it says so */
};

/* headers: "Name: value\r\n", each; the key is added unless headers has one. body may be NULL. */
void standin_exchange(const struct standin *standin, const char *method, const char *path,
		      const char *headers, const char *body, size_t body_bytes,
		      struct standin_reply *reply);
void standin_reply_release(struct standin_reply *reply);

#endif
