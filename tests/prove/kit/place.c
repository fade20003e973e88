#define _GNU_SOURCE /* nftw(), prctl() */
#include "prove/kit/place.h"

#include "payi/ring.h"
#include "prove/kit/prove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Directories ---------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_directories(const struct place *place)
{
	if (mkdir(place->rings, 0700) || mkdir(place->data, 0700))
		prove_broken("cannot make %s", place->rings);
}

void place_make(struct place *place)
{
	*place = (struct place){0};
	snprintf(place->root, sizeof(place->root), "/dev/shm/payi-prove-XXXXXX");
	if (!mkdtemp(place->root))
		prove_broken("cannot make %s", place->root);
	snprintf(place->rings, sizeof(place->rings), "%s/rings", place->root);
	snprintf(place->data, sizeof(place->data), "%s/data", place->root);
	snprintf(place->database, sizeof(place->database), "%s/payi.db", place->data);
	snprintf(place->log, sizeof(place->log), "%s/agent.log", place->root);
	make_directories(place);
}

void place_remove(struct place *place)
{
	if (place->agent)
		place_agent_kill(place);
	if (prove_findings() > 0)
		fprintf(stderr, "kept: %s\n", place->root);
	else
		remove_tree(place->root);
	if (*place->program)
		remove_tree(place->program);
	place->program[0] = '\0';
}

void place_empty(struct place *place)
{
	remove_tree(place->rings);
	remove_tree(place->data);
	unlink(place->log);
	make_directories(place);
}

static void copy_file(const char *from, const char *to)
{
	char part[65536];
	const int in = open(from, O_RDONLY | O_CLOEXEC);
	const int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;
	if (in < 0 || out < 0)
		prove_broken("cannot copy %s", from);
	while ((n = read(in, part, sizeof(part))) > 0)
		if (write(out, part, (size_t)n) != n)
			prove_broken("cannot write %s", to);
	close(in);
	close(out);
}

void place_copy_data(const struct place *from, struct place *to)
{
	DIR *dir = opendir(from->data);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		char in[2 * PLACE_PATH_BYTES + 300], out[2 * PLACE_PATH_BYTES + 300];
		if (entry->d_name[0] == '.' || entry->d_type != DT_REG)
			continue;
		snprintf(in, sizeof(in), "%s/%s", from->data, entry->d_name);
		snprintf(out, sizeof(out), "%s/%s", to->data, entry->d_name);
		copy_file(in, out);
	}
	if (dir)
		closedir(dir);
}

int place_count_rings(const struct place *place)
{
	const size_t prefix = sizeof(PAYI_RING_FILE_PREFIX) - 1;
	int n = 0;
	DIR *dir = opendir(place->rings);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, PAYI_RING_FILE_PREFIX, prefix) == 0;
	if (dir)
		closedir(dir);
	return n;
}

/* ---- The agent ------------------------------------------------------------------------------------ */

static const char *program(void)
{
	const char *given = getenv("AGENT_PROGRAM");
	return given ? given : AGENT_PROGRAM;
}

/* Not beside the rings: programs may be kept from running there. */
void place_share_program(struct place *place)
{
	char path[sizeof(place->program) + 16];
	snprintf(place->program, sizeof(place->program), "/tmp/payi-prove-XXXXXX");
	if (!mkdtemp(place->program))
		prove_broken("cannot make a directory in /tmp: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/payi-agent", place->program);
	copy_file(program(), path);
	if (chmod(path, 0755) || chmod(place->program, 0755))
		prove_broken("cannot share %s: %s", path, strerror(errno));
}

void place_exec_agent(const struct place *place)
{
	char shared[sizeof(place->program) + 16];
	snprintf(shared, sizeof(shared), "%s/payi-agent", place->program);
	const char *argv[PLACE_ARGUMENTS_MAX + 8] = {*place->program ? shared : program(),
						     "run",
						     "--data-dir",
						     place->data,
						     "--ring-dir",
						     place->rings,
						     "--rollups-days=0"};
	for (int i = 0; i < PLACE_ARGUMENTS_MAX && place->arguments[i]; i++)
		argv[7 + i] = place->arguments[i];
	const int log = open(place->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	unsetenv("PAYI_API_KEY");
	unsetenv("ASCERTA_API_KEY");
	if (place->key)
		setenv("PAYI_API_KEY", place->key, 1);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

void place_agent_launch(struct place *place)
{
	unlink(place->log);
	place->agent = fork();
	if (place->agent < 0)
		prove_broken("cannot fork");
	if (place->agent == 0)
		place_exec_agent(place);
}

int place_count_log(const struct place *place, const char *text)
{
	char *line = NULL;
	size_t bytes = 0;
	int n = 0;
	FILE *log = fopen(place->log, "re");
	while (log && getline(&line, &bytes, log) > 0)
		n += strstr(line, text) != NULL;
	free(line);
	if (log)
		fclose(log);
	return n;
}

void place_agent_ready(struct place *place)
{
	const double deadline = prove_now_s() + 60;
	while (place_count_log(place, "agent is ready") == 0) {
		int status;
		if (waitpid(place->agent, &status, WNOHANG) == place->agent) {
			place->agent = 0;
			prove_finding("the agent ended at its start, %x: %s", (unsigned)status,
				      place->log);
			exit(1);
		}
		if (prove_now_s() > deadline) {
			prove_finding("the agent was not ready after 60 s: %s", place->log);
			exit(1);
		}
		prove_sleep_us(1000);
	}
}

void place_agent_start(struct place *place)
{
	place_agent_launch(place);
	place_agent_ready(place);
}

void place_agent_kill(struct place *place)
{
	kill(place->agent, SIGKILL);
	kill(place->agent, SIGCONT);
	waitpid(place->agent, NULL, 0);
	place->agent = 0;
}

int place_agent_stop(struct place *place)
{
	int status = 0;
	kill(place->agent, SIGTERM);
	while (waitpid(place->agent, &status, 0) < 0 && errno == EINTR)
		continue;
	place->agent = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- Clients -------------------------------------------------------------------------------------- */

payi_client *place_client(const struct place *place, const char *app_name, size_t ring_bytes,
			  bool block)
{
	payi_client_options options = PAYI_CLIENT_OPTIONS_INIT;
	options.ring_dir = place->rings;
	options.ring_bytes = ring_bytes;
	options.app_name = app_name;
	options.when_full = block ? PAYI_WHEN_FULL_BLOCK : PAYI_WHEN_FULL_DROP;
	options.block_ms = block ? 30000 : 0;
	payi_client *client;
	if (payi_client_open(&options, &client))
		prove_broken("cannot open a client: %s", payi_last_error());
	return client;
}

/* ---- The database --------------------------------------------------------------------------------- */

sqlite3 *place_open_database(const struct place *place)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(place->database, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_busy_timeout(db, 10000);
	return db;
}

/* Made, but not migrated yet. */
static bool is_blank(sqlite3 *db)
{
	sqlite3_stmt *count = NULL;
	const bool blank = sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_schema", -1, &count,
					      NULL) == SQLITE_OK &&
			   sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int(count, 0) == 0;
	sqlite3_finalize(count);
	return blank;
}

void place_each_row(const struct place *place, const char *sql,
		    void (*each)(void *context, sqlite3_stmt *row), void *context)
{
	sqlite3 *db = place_open_database(place);
	sqlite3_stmt *statement = NULL;
	/* No database yet is no row; anything else that does not work would make a check pass for nothing. */
	int result = db ? sqlite3_prepare_v2(db, sql, -1, &statement, NULL) : SQLITE_DONE;
	const bool blank = result == SQLITE_ERROR && is_blank(db);
	while (statement && (result = sqlite3_step(statement)) == SQLITE_ROW)
		each(context, statement);
	if (result != SQLITE_DONE && !blank)
		prove_broken("%s: %s", sqlite3_errmsg(db), sql);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

static void take_number(void *context, sqlite3_stmt *row)
{
	*(int64_t *)context = sqlite3_column_int64(row, 0);
}

int64_t place_number(const struct place *place, const char *sql)
{
	int64_t number = -1;
	place_each_row(place, sql, take_number, &number);
	return number;
}

int64_t place_number_now(const struct place *place, const char *sql)
{
	int64_t number = -1;
	sqlite3 *db = place_open_database(place);
	sqlite3_stmt *row = NULL;
	if (db) {
		sqlite3_busy_timeout(db, 0);
		if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK &&
		    sqlite3_step(row) == SQLITE_ROW)
			number = sqlite3_column_int64(row, 0);
	}
	sqlite3_finalize(row);
	sqlite3_close(db);
	return number;
}

bool place_wait_number(const struct place *place, const char *sql, int64_t number, double seconds)
{
	const double deadline = prove_now_s() + seconds;
	while (place_number(place, sql) != number) {
		if (prove_now_s() > deadline)
			return false;
		prove_sleep_us(2000);
	}
	return true;
}

bool place_wait_no_rings(const struct place *place, double seconds)
{
	static const char open_rings[] = "SELECT count(*) FROM rings WHERE state = 'open'";
	const double deadline = prove_now_s() + seconds;
	while (place_count_rings(place) > 0) {
		if (prove_now_s() > deadline)
			return false;
		prove_sleep_us(2000);
	}
	return place_wait_number(place, open_rings, 0, seconds);
}
