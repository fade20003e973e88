/* Rings and their lanes: where events come from, and how far each was read. */
#include "store/sql.h"
#include "store/store_parts.h"

#include <string.h>

/*
 * Rejected records are kept to be looked at, the last ones and their first bytes: whoever floods us with
 * nonsense shall not fill the disk. All are counted, in lanes.
 */
enum { REJECTED_ROWS_MAX = 10000, REJECTED_BYTES_MAX = 65536 };

static int find_ring(struct store *store, const uint8_t *ring_id, int64_t *key, bool *aside,
		     struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_RING_FIND];
	const int status = sql_bind(find, err, SQL_BLOB(ring_id, PAYI_RING_ID_BYTES), SQL_END);
	if (status)
		return status;
	*key = 0;
	if (sqlite3_step(find) == SQLITE_ROW) {
		*key = sqlite3_column_int64(find, 0);
		*aside = sqlite3_column_int(find, 1) != 0;
	}
	return sql_reset(find, err);
}

static int add_ring(struct store *store, const struct store_ring *ring, int64_t now_us,
		    int64_t *key, struct err *err)
{
	const int status = sql_run(store->statement[STORE_RING_ADD], err,
				   SQL_BLOB(ring->ring_id, PAYI_RING_ID_BYTES),
				   SQL_TEXT(ring->app_name), SQL_INT(ring->pid), SQL_INT(ring->uid),
				   SQL_INT(ring->created_us), SQL_INT(now_us), SQL_END);
	if (!status)
		*key = sqlite3_last_insert_rowid(store->db);
	return status;
}

static void read_lane(sqlite3_stmt *row, struct store_lane lanes[PAYI_RING_LANES_MAX])
{
	const int64_t lane = sqlite3_column_int64(row, 0);
	if (lane < 0 || lane >= PAYI_RING_LANES_MAX)
		return;
	lanes[lane] = (struct store_lane){
		.position = (uint64_t)sqlite3_column_int64(row, 1),
		.sequence = (uint64_t)sqlite3_column_int64(row, 2),
		.rejected = (uint64_t)sqlite3_column_int64(row, 3),
		.notices = (uint64_t)sqlite3_column_int64(row, 4),
		.attempted = (uint64_t)sqlite3_column_int64(row, 5),
		.refused = (uint64_t)sqlite3_column_int64(row, 6),
		.dropped_full = (uint64_t)sqlite3_column_int64(row, 7),
		.dropped_too_big = (uint64_t)sqlite3_column_int64(row, 8),
	};
}

static int find_lanes(struct store *store, int64_t key,
		      struct store_lane lanes[PAYI_RING_LANES_MAX], struct err *err)
{
	sqlite3_stmt *find = store->statement[STORE_LANES_FIND];
	const int status = sql_bind(find, err, SQL_INT(key), SQL_END);
	if (status)
		return status;
	while (sqlite3_step(find) == SQLITE_ROW)
		read_lane(find, lanes);
	return sql_reset(find, err);
}

int store_ring_open(struct store *store, const struct store_ring *ring, int64_t now_us,
		    int64_t *key, struct store_lane lanes[PAYI_RING_LANES_MAX], struct err *err)
{
	bool aside = false;
	memset(lanes, 0, PAYI_RING_LANES_MAX * sizeof(*lanes));
	int status = find_ring(store, ring->ring_id, key, &aside, err);
	if (!status)
		status = *key ? find_lanes(store, *key, lanes, err)
			      : add_ring(store, ring, now_us, key, err);
	if (status)
		return err_wrap(err, "ring");
	return aside ? STORE_RING_ASIDE : 0;
}

int store_lane_put(struct store *store, int64_t ring, uint32_t lane,
		   const struct store_lane *values, struct err *err)
{
	return sql_run(store->statement[STORE_LANE_PUT], err, SQL_INT(ring), SQL_INT(lane),
		       SQL_INT(values->position), SQL_INT(values->sequence),
		       SQL_INT(values->rejected), SQL_INT(values->notices),
		       SQL_INT(values->attempted), SQL_INT(values->refused),
		       SQL_INT(values->dropped_full), SQL_INT(values->dropped_too_big), SQL_END);
}

int store_ring_busy(struct store *store, int64_t ring, uint64_t dropped_busy, struct err *err)
{
	return sql_run(store->statement[STORE_RING_BUSY], err, SQL_INT(ring), SQL_INT(dropped_busy),
		       SQL_END);
}

int store_ring_end(struct store *store, int64_t ring, const char *reason, int64_t now_us,
		   struct err *err)
{
	return sql_run(store->statement[STORE_RING_END], err, SQL_INT(ring),
		       SQL_TEXT(reason ? "aside" : "closed"), SQL_TEXT(reason), SQL_INT(now_us),
		       SQL_END);
}

int store_rejected_put(struct store *store, int64_t ring, uint32_t lane,
		       const struct payi_ring_record *record, const uint8_t *payload,
		       const char *reason, int64_t now_us, struct err *err)
{
	const uint32_t kept = record->payload_bytes < REJECTED_BYTES_MAX ? record->payload_bytes
									 : REJECTED_BYTES_MAX;
	const int status =
		sql_run(store->statement[STORE_REJECTED_PUT], err, SQL_INT(ring), SQL_INT(lane),
			SQL_INT(record->sequence), SQL_INT(now_us), SQL_TEXT(reason),
			SQL_INT(record->payload_bytes), SQL_BLOB(payload, kept), SQL_END);
	if (status)
		return err_wrap(err, "rejected record");
	const int64_t id = sqlite3_last_insert_rowid(store->db);
	return sql_run(store->statement[STORE_REJECTED_CUT], err, SQL_INT(id - REJECTED_ROWS_MAX),
		       SQL_END);
}
