/*
 * M28. Files of other versions. golden/ holds a ring and a database as today's programs write them, for those who come after: each
 * future agent must read them. Databases of all schema versions are made from the migrations, and are brought up to date. What
 * is newer than the agent, of whatever kind, is refused in words, and left as it is to the byte.
 *
 * PROVE_GOLDEN=DIRECTORY makes such files there instead: a ring of 30 events, and a database with 30 others (both gzipped).
 */
#include "payi/ring.h"
#include "prove/kit/prove.h"
#include "prove/kit/revival.h"
#include "prove/kit/stage.h"
#include "store/migrations.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_PRODUCER = 1, DATABASE_PRODUCER = 7, COMMAND_BYTES = 4096, HASH_OFFSET = 1469598103 };

static struct stage stage;
static int n_cases;

/* A command of the shell. */
__attribute__((format(printf, 1, 2))) static void command(const char *format, ...)
{
	char text[COMMAND_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (system(text) != 0) /* NOLINT(cert-env33-c): our own paths */
		prove_broken("it failed: %s", text);
}

/* ---- Golden files --------------------------------------------------------------------------------- */

static void begin(void)
{
	place_empty(&stage.place);
	oracle_open(&stage.oracle, &stage.place);
	stage_use_service(&stage, false);
	n_cases++;
}

static void leave_ring(void)
{
	const pid_t child = fork();
	if (child == 0) {
		payi_client *client = place_client(&stage.place, "golden", STAGE_RING_BYTES, false);
		for (uint32_t i = 0; i < STAGE_EVENTS; i++)
			oracle_track(&stage.oracle, client, RING_PRODUCER, i);
		kill(getpid(), SIGKILL);
	}
	waitpid(child, NULL, 0);
}

static void make_golden(const char *directory)
{
	begin();
	leave_ring();
	command("cd %s && for f in ring.*; do gzip -9n <$f >%s/$f.gz; done", stage.place.rings,
		directory);
	begin();
	stage_make_old_database(&stage, 1);
	place_agent_start(&stage.place);
	place_agent_stop(&stage.place);
	command("gzip -9n <%s >%s/payi.db.gz", stage.place.database, directory);
}

static const char *golden(void)
{
	static char path[COMMAND_BYTES];
	snprintf(path, sizeof(path), "%s/tests/prove/golden", getenv("PROVE_SOURCE"));
	return path;
}

static void accept_all(uint32_t producer)
{
	for (uint32_t i = 0; i < STAGE_EVENTS; i++)
		oracle_note_accepted(&stage.oracle, producer, i);
}

static void check(const char *what, int n_stored)
{
	const struct stage_scenario scenario = {.name = what, .n_stored = n_stored};
	if (!stage_check(&stage, &scenario))
		fprintf(stderr, "  of %s: %s\n", what, stage.place.log);
}

static void read_golden(void)
{
	begin();
	command("cd %s && for f in ring.*.gz; do gzip -dc $f >%s/$(basename $f .gz); done",
		golden(), stage.place.rings);
	command("gzip -dc %s/payi.db.gz >%s", golden(), stage.place.database);
	accept_all(RING_PRODUCER);
	accept_all(DATABASE_PRODUCER);
	check("golden files", 2 * STAGE_EVENTS);
}

static void read_schemas(void)
{
	for (int version = 1; version <= schema_n_migrations; version++) {
		char what[40];
		begin();
		stage_make_old_database(&stage, version);
		leave_ring();
		snprintf(what, sizeof(what), "schema version %d", version);
		check(what, 2 * STAGE_EVENTS);
	}
}

/* ---- What is newer -------------------------------------------------------------------------------- */

/* A file's bytes, in one number; 0: there is none. */
static uint64_t print_of(const char *path)
{
	uint8_t part[65536];
	uint64_t hash = HASH_OFFSET;
	ssize_t n;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while ((n = read(fd, part, sizeof(part))) > 0)
		for (ssize_t i = 0; i < n; i++)
			hash = (hash ^ part[i]) * UINT64_C(1099511628211);
	close(fd);
	return hash;
}

static void write_at(const char *path, const void *bytes, size_t n, off_t at)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, bytes, n, at) != (ssize_t)n)
		prove_broken("cannot write to %s", path);
	close(fd);
}

/* The agent's answer to what is at path: to start all the same, or not to; with these words; and no byte changed. */
static void must_be_left(const char *path, enum revival_result expected, const char *words)
{
	struct revival revival;
	const uint64_t before = print_of(path);
	const enum revival_result result = revival_try(&stage.place, &revival);
	if (result != expected)
		prove_finding("the agent %s: %s",
			      result == REVIVAL_GOOD ? "starts" : "does not start", path);
	if (place_count_log(&stage.place, words) == 0)
		prove_finding("the agent does not say \"%s\"", words);
	if (before == 0 || print_of(path) != before)
		prove_finding("%s is not as it was", path);
}

static void find_ring(char path[], size_t size)
{
	DIR *dir = opendir(stage.place.rings);
	const struct dirent *entry;
	path[0] = '\0';
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, PAYI_RING_FILE_PREFIX,
			    sizeof(PAYI_RING_FILE_PREFIX) - 1) == 0)
			snprintf(path, size, "%s/%s", stage.place.rings, entry->d_name);
	if (dir)
		closedir(dir);
}

static void meet_newer_ring(void)
{
	char path[COMMAND_BYTES];
	const uint32_t major = PAYI_RING_ABI_MAJOR + 1;
	begin();
	leave_ring();
	find_ring(path, sizeof(path));
	write_at(path, &major, sizeof(major), offsetof(struct payi_ring_header, abi_major));
	must_be_left(path, REVIVAL_GOOD, "version");
}

/* A minor version adds what may be ignored. */
static void meet_later_minor_ring(void)
{
	char path[COMMAND_BYTES];
	const uint32_t minor = PAYI_RING_ABI_MINOR + 1;
	begin();
	leave_ring();
	find_ring(path, sizeof(path));
	write_at(path, &minor, sizeof(minor), offsetof(struct payi_ring_header, abi_minor));
	check("a ring of a later minor version", STAGE_EVENTS);
}

static void meet_newer_agent_file(void)
{
	char path[COMMAND_BYTES];
	const uint32_t major = PAYI_RING_ABI_MAJOR + 1;
	begin();
	place_agent_start(&stage.place);
	place_agent_stop(&stage.place);
	snprintf(path, sizeof(path), "%s/" PAYI_RING_AGENT_FILE, stage.place.rings);
	write_at(path, &major, sizeof(major), offsetof(struct payi_ring_agent, abi_major));
	must_be_left(path, REVIVAL_REFUSED, "is laid out as version");
}

/* The rings of those who track meanwhile wait for the agent that fits. */
static void meet_newer_database(void)
{
	char ring[COMMAND_BYTES];
	sqlite3 *db = NULL;
	begin();
	command("gzip -dc %s/payi.db.gz >%s", golden(), stage.place.database);
	char *sql = sqlite3_mprintf("PRAGMA journal_mode = DELETE; PRAGMA user_version = %d",
				    schema_n_migrations + 1);
	if (sqlite3_open(stage.place.database, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL))
		prove_broken("cannot make a newer database");
	sqlite3_free(sql);
	sqlite3_close(db);
	leave_ring();
	find_ring(ring, sizeof(ring));
	const uint64_t before = print_of(ring);
	must_be_left(stage.place.database, REVIVAL_REFUSED, "made by a newer payi-agent");
	if (before == 0 || print_of(ring) != before)
		prove_finding("a ring is not as it was");
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	stage_open(&stage);
	const char *made = getenv("PROVE_GOLDEN");
	if (made && *made) {
		make_golden(made);
		stage_close(&stage);
		return 0;
	}
	read_golden();
	read_schemas();
	meet_newer_ring();
	meet_later_minor_ring();
	meet_newer_agent_file();
	meet_newer_database();
	prove_row("M28",
		  "files of older versions are read, of newer ones refused and left as they are",
		  prove_findings() == 0, "%d kinds of files: %d wrong", n_cases, prove_findings());
	stage_close(&stage);
	return prove_end();
}
