/*
 * Closed rings that no event is of any more: their counters are added up in one row, so that the books keep them.
 */
#include "store/retention_parts.h"
#include "store/sql.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* So long they stay at the least. */
#define RECENT_US INT64_C(86400000000)

/*
 * A file that could not be removed, when all of its ring was stored, would be read once more if its ring was not
 * known. What cannot be told is taken for a yes.
 */
static bool has_file(const char *ring_dir, const uint8_t *id)
{
	char path[4200];
	int at = snprintf(path, sizeof(path), "%.4000s/ring.", ring_dir);
	for (int i = 0; i < PAYI_RING_ID_BYTES; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", id[i]);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

static int cut_ring(struct retain *job, int64_t id, struct err *err)
{
	static const enum retain_statement cuts[] = {RETAIN_RING_ADD_UP, RETAIN_LANES_CUT,
						     RETAIN_RING_CUT};
	int status = 0;
	for (size_t i = 0; !status && i < sizeof(cuts) / sizeof(cuts[0]); i++)
		status = sql_run(retain_statement(job, cuts[i]), err, SQL_INT(id), SQL_END);
	return status ? status : retain_count(job, "rings", RETAIN_AGE, 1, err);
}

int retain_rings(struct retain *job, struct err *err)
{
	sqlite3_stmt *from = retain_statement(job, RETAIN_RINGS_USED_FROM);
	sqlite3_stmt *next = retain_statement(job, RETAIN_RING_NEXT);
	const char *ring_dir = job->retention->policy.ring_dir;
	int64_t used_from_us = 0;
	bool found = false;
	if (!ring_dir || job->retention->policy.events_us == 0)
		return RETAIN_OVER;
	int status = sql_bind(from, err, SQL_INT(job->wall_us - RECENT_US), SQL_END);
	if (!status)
		status = retain_number(from, &used_from_us, &found, err);
	if (!status)
		status = sql_bind(next, err, SQL_INT(job->retention->after), SQL_INT(used_from_us),
				  SQL_END);
	if (status)
		return status;
	found = sqlite3_step(next) == SQLITE_ROW;
	const int64_t id = sqlite3_column_int64(next, 0);
	const bool free = found && sqlite3_column_bytes(next, 1) == PAYI_RING_ID_BYTES &&
			  !has_file(ring_dir, sqlite3_column_blob(next, 1));
	status = sql_reset(next, err);
	if (status || !found)
		return status;
	job->retention->after = id;
	if (free)
		status = cut_ring(job, id, err);
	return status ? status : RETAIN_MORE;
}
