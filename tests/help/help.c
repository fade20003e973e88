#define _GNU_SOURCE /* vasprintf() */
#include "help/help.h"

#include "payi/ring.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32 };

/* ---- Waiting -------------------------------------------------------------------------------------- */

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void help_wait(bool (*ask)(void *context), void *context, double seconds, const char *what)
{
	const double deadline = now_s() + seconds;
	while (!ask(context)) {
		if (now_s() > deadline)
			cr_assert(0, "waited %.1f s in vain: %s", seconds, what);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}

/* ---- Sites ---------------------------------------------------------------------------------------- */

void help_site_make(struct help_site *site)
{
	*site = (struct help_site){0};
	snprintf(site->rings, sizeof(site->rings), "/dev/shm/payi-test-XXXXXX");
	snprintf(site->data, sizeof(site->data), "/tmp/payi-test-XXXXXX");
	cr_assert(mkdtemp(site->rings), "cannot make %s", site->rings);
	cr_assert(mkdtemp(site->data), "cannot make %s", site->data);
	snprintf(site->database, sizeof(site->database), "%s/payi.db", site->data);
	snprintf(site->log, sizeof(site->log), "%s/agent.log", site->data);
	unsetenv("PAYI_CONFIG");
	setenv("PAYI_RING_DIR", site->rings, 1);
	setenv("PAYI_DATA_DIR", site->data, 1);
}

void help_site_remove(struct help_site *site)
{
	if (site->agent)
		help_agent_kill(site);
	char *output;
	help_shell(&output, "rm -rf '%s' '%s'", site->rings, site->data);
	free(output);
}

int help_count_rings(const struct help_site *site)
{
	int n = 0;
	DIR *dir = opendir(site->rings);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, PAYI_RING_FILE_PREFIX,
			     sizeof(PAYI_RING_FILE_PREFIX) - 1) == 0;
	if (dir)
		closedir(dir);
	return n;
}

/* ---- The agent ------------------------------------------------------------------------------------ */

const char *help_agent_program(void)
{
	const char *given = getenv("AGENT_PROGRAM");
	return given ? given : AGENT_PROGRAM;
}

static void exec_agent(const struct help_site *site, const char *const *arguments,
		       const char *const *environment)
{
	/* Events of a fixed day are used long after it: their sums stay, unless a test says otherwise. */
	const char *argv[ARGUMENTS_MAX] = {
		help_agent_program(), "run",       "--data-dir",       site->data,
		"--ring-dir",         site->rings, "--rollups-days=0",
	};
	int n = 7;
	for (; arguments && *arguments && n < ARGUMENTS_MAX - 1; arguments++)
		argv[n++] = *arguments;
	const int log = open(site->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	unsetenv("PAYI_API_KEY");
	unsetenv("ASCERTA_API_KEY");
	for (; environment && *environment; environment++)
		putenv((char *)(uintptr_t)*environment);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* The agent has the directory's lock, and has begun to beat in this life. */
static bool agent_serves(void *context)
{
	struct help_site *site = context;
	int status;
	if (waitpid(site->agent, &status, WNOHANG) == site->agent) {
		site->agent = 0;
		char *log;
		help_shell(&log, "cat '%s'", site->log);
		cr_assert(0, "the agent ended at once:\n%s", log);
	}
	char *output;
	const int code =
		help_shell(&output, "grep -q 'msg=\"agent is ready\"' '%s' 2>/dev/null", site->log);
	free(output);
	return code == 0;
}

void help_agent_start(struct help_site *site, const char *const *arguments,
		      const char *const *environment)
{
	unlink(site->log);
	site->agent = fork();
	cr_assert(site->agent >= 0);
	if (site->agent == 0)
		exec_agent(site, arguments, environment);
	help_wait(agent_serves, site, 20, "the agent to be ready");
}

void help_agent_kill(struct help_site *site)
{
	kill(site->agent, SIGKILL);
	waitpid(site->agent, NULL, 0);
	site->agent = 0;
}

int help_agent_stop(struct help_site *site)
{
	int status = 0;
	kill(site->agent, SIGTERM);
	cr_assert(waitpid(site->agent, &status, 0) == site->agent);
	site->agent = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- Commands ------------------------------------------------------------------------------------- */

static char *read_all(FILE *from)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	char part[4096];
	size_t n;
	while ((n = fread(part, 1, sizeof(part), from)) > 0)
		fwrite(part, 1, n, to);
	fclose(to);
	return text;
}

int help_shell(char **output, const char *format, ...)
{
	char *command;
	va_list arguments;
	va_start(arguments, format);
	cr_assert(vasprintf(&command, format, arguments) >= 0);
	va_end(arguments);
	FILE *pipe = popen(command, "r");
	cr_assert(pipe, "cannot run %s", command);
	*output = read_all(pipe);
	const int status = pclose(pipe);
	free(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- The database --------------------------------------------------------------------------------- */

static sqlite3_stmt *first_row(const struct help_site *site, const char *sql, sqlite3 **db)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_open_v2(site->database, db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_db_config(*db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(*db, 5000);
	if (sqlite3_prepare_v2(*db, sql, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		return statement;
	sqlite3_finalize(statement);
	return NULL;
}

int64_t help_query_int(const struct help_site *site, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = first_row(site, sql, &db);
	const int64_t value = statement ? sqlite3_column_int64(statement, 0) : -1;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

char *help_query_text(const struct help_site *site, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = first_row(site, sql, &db);
	const char *text = statement ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	char *copy = text ? strdup(text) : NULL;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return copy;
}

struct expectation {
	const struct help_site *site;
	const char *sql;
	int64_t expected;
};

static bool is_as_expected(void *context)
{
	const struct expectation *it = context;
	return help_query_int(it->site, it->sql) == it->expected;
}

void help_wait_query(const struct help_site *site, const char *sql, int64_t expected,
		     double seconds)
{
	struct expectation it = {site, sql, expected};
	char what[512];
	snprintf(what, sizeof(what), "%s to be %lld; it is %lld", sql, (long long)expected,
		 (long long)help_query_int(site, sql));
	help_wait(is_as_expected, &it, seconds, what);
}
