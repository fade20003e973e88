/*
 * What the tests share: temporary directories, the agent as a process, commands with their output, and
 * questions to the database. For Criterion tests: what cannot work fails the test at once.
 */
#ifndef PAYI_TESTS_HELP_H
#define PAYI_TESTS_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HELP_PATH_BYTES = 256 };

/*
 * A place of its own for one test: rings on tmpfs, data elsewhere. It is the default of this process, and of the
 * commands that it runs, by the environment. Removed with all in it by help_site_remove().
 */
struct help_site {
	char rings[HELP_PATH_BYTES];
	char data[HELP_PATH_BYTES];
	char database[HELP_PATH_BYTES + 16];
	pid_t agent;                    /* 0: none runs */
	char log[HELP_PATH_BYTES + 16]; /* the agent's standard error */
};

void help_site_make(struct help_site *site);
void help_site_remove(struct help_site *site); /* stops the agent first */

/*
 * Starts `payi-agent run` on the site, with these further arguments (NULL ends them; NULL for none) and
 * environment entries ("NAME=value"), and waits until it serves the ring directory.
 */
void help_agent_start(struct help_site *site, const char *const *arguments,
		      const char *const *environment);
const char *help_agent_program(void); /* AGENT_PROGRAM in the environment names another build */
void help_agent_kill(struct help_site *site); /* SIGKILL, and waits for its end */
int help_agent_stop(struct help_site *site);  /* SIGTERM; returns its exit code */

/* Runs a command by the shell; returns its exit code and, malloc'd, what it wrote to standard output. */
int help_shell(char **output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Waits, looking again every few milliseconds, until ask() is true; fails the test after seconds. */
void help_wait(bool (*ask)(void *context), void *context, double seconds, const char *what);

/* One value from the site's database; -1 when there is no row or no database yet. */
int64_t help_query_int(const struct help_site *site, const char *sql);
char *help_query_text(const struct help_site *site, const char *sql); /* malloc'd; NULL likewise */

/* Waits until the query gives the number. */
void help_wait_query(const struct help_site *site, const char *sql, int64_t expected,
		     double seconds);

/* How many ring files the site's directory holds. */
int help_count_rings(const struct help_site *site);

#endif
