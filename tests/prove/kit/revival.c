#include "prove/kit/revival.h"

#include "prove/kit/oracle.h"
#include "prove/kit/prove.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { STARTS = 2, EVENTS = 20, RING_BYTES = 64 * 1024 };

static const double soon_s = 10;

/* 1: ready; 0: it has ended, by itself; negative: a finding. */
static int start(struct place *place)
{
	const double began = prove_now_s();
	int status;
	place_agent_launch(place);
	while (place_count_log(place, "agent is ready") == 0) {
		if (waitpid(place->agent, &status, WNOHANG) == place->agent) {
			place->agent = 0;
			if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
				return 0;
			prove_finding("the agent ended at its start with status %x",
				      (unsigned)status);
			return -1;
		}
		if (prove_now_s() - began > soon_s) {
			prove_finding("the agent is not ready after %.0f s", soon_s);
			place_agent_kill(place);
			return -1;
		}
		prove_sleep_us(500);
	}
	return 1;
}

/* Events of this producer, in the database at path; 0 when it cannot be read. */
static int count_in(const char *path, uint32_t producer)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *count = NULL;
	char like[40];
	int n = 0;
	snprintf(like, sizeof(like), "e%u-%%", producer);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, "SELECT count(*) FROM events WHERE provider_response_id LIKE ?",
			       -1, &count, NULL) == SQLITE_OK) {
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_busy_timeout(db, 10000);
		sqlite3_bind_text(count, 1, like, -1, SQLITE_STATIC);
		if (sqlite3_step(count) == SQLITE_ROW)
			n = sqlite3_column_int(count, 0);
	}
	sqlite3_finalize(count);
	sqlite3_close(db);
	return n;
}

int revival_count_aside(const struct place *place)
{
	int n = 0;
	DIR *dir = opendir(place->data);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		n += strncmp(entry->d_name, "payi.db.corrupt-", 16) == 0 &&
		     !strstr(entry->d_name, "-wal") && !strstr(entry->d_name, "-shm");
	if (dir)
		closedir(dir);
	return n;
}

/* Damage that is found while the agent runs takes with it what was stored there: it must be said then. */
static void ingest(const struct place *place, uint32_t producer)
{
	struct oracle_event event;
	const int aside = revival_count_aside(place);
	payi_client *client = place_client(place, "revival", RING_BYTES, false);
	for (uint32_t i = 0; i < EVENTS; i++) {
		oracle_event(&event, producer, i);
		if (payi_track(client, &event.event) != PAYI_OK)
			prove_finding("an event is refused: %s", payi_last_error());
	}
	if (payi_flush(client, (int)soon_s * 1000) != PAYI_OK)
		prove_finding("what is tracked is not stored within %.0f s", soon_s);
	else if (count_in(place->database, producer) != EVENTS &&
		 revival_count_aside(place) == aside)
		prove_finding("what was stored is not in the database");
	payi_client_close(client);
}

enum revival_result revival_try(struct place *place, struct revival *revival)
{
	const int before = prove_findings();
	*revival = (struct revival){0};
	for (uint32_t i = 0; i < STARTS; i++) {
		const int started = start(place);
		if (started > 0) {
			ingest(place, 1000 + i);
			const int code = place_agent_stop(place);
			if (code != 0)
				prove_finding("the agent ended with %d", code);
		}
		revival->n_said += place_count_log(place, "set_aside=");
		if (started == 0 && i == 0)
			return REVIVAL_REFUSED;
		if (started == 0)
			prove_finding("it starts once, and not again");
		if (prove_findings() != before)
			return REVIVAL_BAD;
	}
	return REVIVAL_GOOD;
}
