#include "bench/watch.h"
#include "base/clock.h"

#include "bench/bench.h"
#include "bench/ticks.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum {
	PATH_BYTES = 512,
	POLL_US = 1000,
	SHARE = 8,         /* one of so many is looked up */
	SAMPLES = 1 << 22, /* in a report, at the most */
	EVENTS_ID = 1,
};

struct watch {
	const struct site *site;
	char path[PATH_BYTES];
	sqlite3 *db;
	sqlite3_stmt *last;
	sqlite3_stmt *time;
	int64_t seen; /* the last event found */
	int64_t from; /* the last of the report before */
	double from_s;
	double wal_mb;
	size_t n;
	uint32_t *us;
};

static double file_mb(const struct watch *watch, const char *suffix)
{
	char path[PATH_BYTES + 8];
	struct stat stat_buf;
	snprintf(path, sizeof(path), "%s%s", watch->path, suffix);
	return stat(path, &stat_buf) ? 0 : (double)stat_buf.st_size / 1048576;
}

static int64_t ask(sqlite3_stmt *statement, int64_t value)
{
	sqlite3_bind_int64(statement, EVENTS_ID, value);
	const int64_t answer =
		sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return answer;
}

struct watch *watch_open(const struct site *site)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	if (watch)
		watch->us = malloc(SAMPLES * sizeof(*watch->us));
	if (!watch || !watch->us) {
		bench_fail(0, "out of memory");
		free(watch);
		return NULL;
	}
	watch->site = site;
	snprintf(watch->path, sizeof(watch->path), "%s/payi.db", site->data);
	if (sqlite3_open_v2(watch->path, &watch->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(watch->db, 1000) != SQLITE_OK ||
	    sqlite3_prepare_v2(watch->db, "SELECT max(id) FROM events WHERE id >= ?1", -1,
			       &watch->last, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(watch->db, "SELECT event_timestamp_us FROM events WHERE id = ?1", -1,
			       &watch->time, NULL) != SQLITE_OK) {
		bench_fail(0, "%s: %s", watch->path, sqlite3_errmsg(watch->db));
		watch_close(watch);
		return NULL;
	}
	watch->from = watch->seen = ask(watch->last, 0);
	watch->from_s = seconds_now();
	return watch;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	sqlite3_finalize(watch->last);
	sqlite3_finalize(watch->time);
	sqlite3_close(watch->db);
	free(watch->us);
	free(watch);
}

/* An event that retention has taken already bears no time any more. */
static void look_up(struct watch *watch, int64_t id, int64_t found_us)
{
	const int64_t tracked_us = ask(watch->time, id);
	if (tracked_us && watch->n < SAMPLES)
		watch->us[watch->n++] =
			found_us > tracked_us ? (uint32_t)(found_us - tracked_us) : 0;
}

static void look(struct watch *watch)
{
	sqlite3_exec(watch->db, "BEGIN", NULL, NULL, NULL);
	const int64_t last = ask(watch->last, watch->seen);
	const int64_t found_us = clock_wall_us();
	for (int64_t id = watch->seen + 1; id <= last; id++)
		if (id % SHARE == 0 || id == last)
			look_up(watch, id, found_us);
	sqlite3_exec(watch->db, "COMMIT", NULL, NULL, NULL);
	if (last > watch->seen)
		watch->seen = last;
	const double wal_mb = file_mb(watch, "-wal");
	if (wal_mb > watch->wal_mb)
		watch->wal_mb = wal_mb;
}

int watch_for(struct watch *watch, double seconds)
{
	const struct timespec pause = {.tv_nsec = POLL_US * 1000L};
	const double end_s = seconds_now() + seconds;
	while (seconds_now() < end_s) {
		look(watch);
		nanosleep(&pause, NULL);
	}
	return sqlite3_errcode(watch->db) == SQLITE_OK || sqlite3_errcode(watch->db) == SQLITE_DONE
		       ? 0
		       : bench_fail(0, "%s: %s", watch->path, sqlite3_errmsg(watch->db));
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double at(const struct watch *watch, double share)
{
	return watch->n ? watch->us[(size_t)(share * (double)(watch->n - 1))] / 1e3 : 0;
}

struct watch_report watch_report(struct watch *watch)
{
	const double now_s = seconds_now();
	qsort(watch->us, watch->n, sizeof(*watch->us), compare);
	const struct watch_report report = {
		.events = (double)(watch->seen - watch->from),
		.seconds = now_s - watch->from_s,
		.p50_ms = at(watch, 0.5),
		.p99_ms = at(watch, 0.99),
		.max_ms = at(watch, 1),
		.wal_mb = watch->wal_mb,
		.database_mb = file_mb(watch, ""),
		.rss_mb = process_use(watch->site->agent).rss_mb,
	};
	watch->from = watch->seen;
	watch->from_s = now_s;
	watch->n = 0;
	watch->wal_mb = 0;
	return report;
}
