/*
 * M24. A long life in short: thousands of applications come and go, a backlog builds up, and is sent at last; the agent's memory and
 * its descriptors stay what they were. M25. Somebody holds a transaction open on the database all the while: storing goes on,
 * the WAL that grows then is told of, and is cut back when the reader has gone.
 */
#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	AT_ONCE = 8, /* applications that live */
	SMALL_RING = 64 * 1024,
	LARGE_RING = 8 << 20,
	EVENTS_OF_EACH = 10,
	MEMORY_MAX = 64 << 20,
	DESCRIPTORS_MAX = 256,
	WAL_MAX = 64 << 20, /* once nobody holds it */
};

static struct place place;
static struct oracle oracle;
static struct standin service;
static long memory_max;     /* of what was seen */
static int descriptors_max; /* beside one for each ring that there is */

/* ---- What the agent takes --------------------------------------------------------------------------- */

static long memory_now(void)
{
	char path[64];
	long pages = 0;
	snprintf(path, sizeof(path), "/proc/%ld/statm", (long)place.agent);
	FILE *file = fopen(path, "re");
	if (!file || fscanf(file, "%*s %ld", &pages) != 1)
		prove_broken("cannot read %s", path);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static int descriptors_now(void)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)place.agent);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2;
}

static void look(void)
{
	const long memory = memory_now();
	const int descriptors = descriptors_now() - place_count_rings(&place);
	memory_max = memory > memory_max ? memory : memory_max;
	descriptors_max = descriptors > descriptors_max ? descriptors : descriptors_max;
}

/* ---- The life ------------------------------------------------------------------------------------- */

static void come_and_go(int n)
{
	int living = 0;
	for (int i = 0; i < n || living > 0; i++) {
		if (i < n) {
			const pid_t child = fork();
			if (child == 0) {
				payi_client *client =
					place_client(&place, "passing", SMALL_RING, true);
				for (uint32_t k = 0; k < EVENTS_OF_EACH; k++)
					oracle_track(&oracle, client, 1 + (uint32_t)i, k);
				_exit(0);
			}
			living++;
		}
		if (living == AT_ONCE || i >= n) {
			waitpid(-1, NULL, 0);
			living--;
		}
		if (i % 100 == 0)
			look();
	}
}

/* Tracks so many, as fast as they are stored. */
static void pour(const char *name, int n)
{
	struct oracle_event event;
	payi_client *client = place_client(&place, name, LARGE_RING, true);
	oracle_event(&event, 0, 1);
	event.event.provider_response_id = NULL; /* each has one of its own */
	for (int i = 0; i < n; i++) {
		if (payi_track(client, &event.event) != PAYI_OK)
			prove_finding("an event is refused: %s", payi_last_error());
		if (i % 20000 == 0)
			look();
	}
	if (payi_flush(client, 60000) != PAYI_OK)
		prove_finding("%s", payi_last_error());
	look();
	payi_client_close(client);
}

static void expect_ended(void)
{
	if (!place_wait_no_rings(&place, 30))
		prove_finding("not all rings are closed");
	if (place_check_books(&place, NULL))
		prove_finding("the books do not balance");
}

static void live(int n_rings, int n_backlog)
{
	pour("warm", 20000); /* caches are full from here on */
	come_and_go(n_rings / 2);
	const long halfway = memory_now();
	come_and_go(n_rings / 2);
	expect_ended();
	const int descriptors = descriptors_now();
	if (memory_now() > halfway + (4 << 20))
		prove_finding("memory grows with each ring: %ld, then %ld bytes", halfway,
			      memory_now());
	pour("backlog", n_backlog);
	expect_ended();
	if (descriptors_now() > descriptors + 4)
		prove_finding("descriptors were lost: %d, then %d", descriptors, descriptors_now());
}

/* A new agent, with a key, sends it all. */
static void send_backlog(void)
{
	char base_url[64];
	const int64_t n = place_number(&place, "SELECT count(*) FROM events");
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
	place_agent_stop(&place);
	place.arguments[0] = base_url;
	place.arguments[1] = "--batch-events=1000";
	place.key = STANDIN_KEY;
	place_agent_start(&place);
	const double deadline = prove_now_s() + 120;
	while (place_number(&place, "SELECT delivered FROM sinks") < n) {
		look();
		if (prove_now_s() > deadline) {
			prove_finding("the backlog is not sent");
			break;
		}
		prove_sleep_us(20000);
	}
	place_agent_stop(&place);
	place.key = NULL;
	place.arguments[0] = NULL;
}

static void prove_flat(void)
{
	const int n_rings = prove_figure(300, 10000);
	const int n_backlog = prove_figure(20000, 1000000);
	place_agent_start(&place);
	live(n_rings, n_backlog);
	send_backlog();
	if (memory_max > MEMORY_MAX)
		prove_finding("the agent took %ld bytes", memory_max);
	if (descriptors_max > DESCRIPTORS_MAX)
		prove_finding("the agent had %d descriptors", descriptors_max);
	prove_row("M24", "many rings and a backlog: 64 MiB and 256 descriptors beside the rings",
		  prove_findings() == 0,
		  "%d rings, %d events that waited: %ld MiB, %d descriptors at the most", n_rings,
		  n_backlog, memory_max >> 20, descriptors_max);
}

/* ---- Somebody who reads for long -------------------------------------------------------------------- */

static int64_t wal_bytes(void)
{
	char path[PLACE_PATH_BYTES + 32];
	struct stat stat_buf;
	snprintf(path, sizeof(path), "%s-wal", place.database);
	return stat(path, &stat_buf) ? 0 : (int64_t)stat_buf.st_size;
}

static void prove_reader(void)
{
	const int before = prove_findings();
	const int n = prove_figure(20000, 500000);
	place_empty(&place);
	place_agent_start(&place);
	pour("first", 1000);
	sqlite3 *reader = place_open_database(&place);
	if (!reader || sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL))
		prove_broken("cannot read");
	pour("beside a reader", n);
	const int64_t held = wal_bytes();
	char who[64];
	snprintf(who, sizeof(who), "who=\"pid %ld (", (long)getpid());
	const bool told =
		place_count_log(&place, "keeps the WAL") == 1 && place_count_log(&place, who) == 1;
	if (held > (int64_t)100 << 20 && !told)
		prove_finding("a WAL of %lld bytes is not told of", (long long)held);
	sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(reader);
	/* The next transactions move it, and begin it anew. */
	const double deadline = prove_now_s() + 30;
	while (wal_bytes() > WAL_MAX && prove_now_s() < deadline)
		pour("afterwards", 1000);
	const int64_t free_again = wal_bytes();
	if (free_again > WAL_MAX)
		prove_finding("the WAL stays at %lld bytes", (long long)free_again);
	if (place_number(&place, "SELECT count(*) FROM events") < n + 1000)
		prove_finding("events are missing");
	place_agent_stop(&place);
	prove_row("M25",
		  "a reader that never ends: storing goes on, the WAL is cut back afterwards",
		  prove_findings() == before,
		  "%d events beside it: a WAL of %lld MiB%s, then of %lld", n,
		  (long long)(held >> 20), told ? ", told of" : "", (long long)(free_again >> 20));
}

int main(int argc, char **argv)
{
	prove_begin(argc, argv);
	if (standin_start(&service, NULL))
		prove_broken("no stand-in");
	place_make(&place);
	oracle_open(&oracle, &place);
	prove_flat();
	prove_reader();
	oracle_close(&oracle);
	place_remove(&place);
	standin_stop(&service);
	return prove_end();
}
