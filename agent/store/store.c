#include "store/store.h"

#include "store/check.h"
#include "store/migrate.h"
#include "store/retention_parts.h"
#include "store/sql.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>

/*
 * Checkpoints. A page that many transactions changed is moved once, so a checkpoint is worth more the
 * longer the WAL; but the WAL must end somewhere. An idle store moves what is there from IDLE on; a busy one,
 * at the begin of a transaction, from LONG on: then no one waits for the transaction yet. All that is
 * PASSIVE, which never waits for readers, and once everything is moved the next commit starts the WAL
 * anew. Readers may keep that from happening, one after the other; so each time that another STARVED pages
 * have piled up we wait for them, for as long as the busy time-out says, and no longer: somebody's shell with
 * an open transaction must not stop the rings from being drained.
 */
enum {
	WAL_IDLE_PAGES = 512,      /* 4 MiB */
	WAL_LONG_PAGES = 6144,     /* 48 MiB */
	WAL_STARVED_PAGES = 32768, /* 256 MiB */
};

static int fenced(struct err *err)
{
	return err_set(err, ERR_FENCED,
		       "somebody else has written to the database, or has replaced it; a second "
		       "agent?");
}

/* ---- Opening -------------------------------------------------------------------------------------- */

static int note_wal(void *context, sqlite3 *db, const char *database, int pages)
{
	(void)db;
	(void)database;
	struct store *store = context;
	store->wal_pages = pages;
	return SQLITE_OK;
}

/*
 * SQLite rolls back by itself when memory or the disk runs out in a statement, and whatever is written after it would be
 * committed on its own: half of a settlement, say, that is then written whole once more; or our state, written last, that says
 * that what is gone is there. Within a transaction of ours, nothing else is committed.
 */
static int refuse_stray(void *context)
{
	const struct store *store = context;
	return store->within;
}

static int prepare(struct store *store, struct err *err)
{
	static const char *const sql[STORE_N_STATEMENTS] = {
#define X(name, text) [STORE_##name] = (text),
		STORE_STATEMENTS(X)
#undef X
	};
	for (int i = 0; i < STORE_N_STATEMENTS; i++) {
		const int status = sql_prepare(store->db, sql[i], &store->statement[i], err);
		if (status)
			return status;
	}
	return store_event_prepare(store, err);
}

static int open_parts(struct store *store, struct err *err)
{
	int status = migrate_open(store->path, store->sync_full, &store->db, err);
	if (!status)
		status = check_database(store->db, store->path, err);
	if (!status)
		status = ids_open(store->db, &ids_of_names, &store->names, err);
	if (!status)
		status = ids_open(store->db, &ids_of_instances, &store->instances, err);
	if (!status)
		status = rollups_open(store->db, &store->rollups, err);
	if (!status)
		status = packs_open(store->db, &store->packs, err);
	if (!status)
		status = prepare(store, err);
	if (!status)
		status = retain_prepare(store, err);
	if (status && store->db && sqlite3_errcode(store->db) == SQLITE_ERROR)
		err->code = ERR_CORRUPT; /* its version is ours, but its tables are not */
	if (status)
		return err_wrap(err, "cannot use the database %s", store->path);
	store->within = false;
	store->wal_pages = 0;
	store->wal_long = store->wal_long ? store->wal_long : WAL_LONG_PAGES;
	store->shrunk = false;
	store->wal_starved = WAL_STARVED_PAGES;
	sqlite3_wal_hook(store->db, note_wal, store);
	sqlite3_commit_hook(store->db, refuse_stray, store);
	return 0;
}

static void close_parts(struct store *store)
{
	retain_finalize(store);
	rows_close(store->events);
	packs_close(store->packs);
	rollups_close(store->rollups);
	ids_close(store->instances);
	ids_close(store->names);
	store->events = NULL;
	store->packs = NULL;
	store->rollups = NULL;
	store->instances = store->names = NULL;
	for (int i = 0; i < STORE_N_STATEMENTS; i++) {
		sqlite3_finalize(store->statement[i]);
		store->statement[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
}

static int read_state(const struct store *store, int64_t *last_id, int64_t *epoch, struct err *err)
{
	int status = sql_number(store->db, "SELECT last_event_id FROM agent_state", last_id, err);
	if (!status)
		status = sql_number(store->db, "SELECT epoch FROM agent_state", epoch, err);
	return status;
}

int store_open(const struct store_options *options, struct store **out, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (store)
		store->path = strdup(options->path);
	if (!store || !store->path) {
		free(store);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	store->sync_full = options->sync_full;
	int status = open_parts(store, err);
	if (status == ERR_CORRUPT) {
		/* A page that was not read once is damage, too, in SQLite's words: it must be found again. */
		close_parts(store);
		status = open_parts(store, err);
	}
	if (!status)
		status = read_state(store, &store->committed_id, &store->epoch, err);
	if (status) {
		store_close(store);
		return status;
	}
	store->last_id = store->committed_id;
	*out = store;
	return 0;
}

/* What the database says of the transaction whose commit failed. */
static int settle_doubt(struct store *store, struct err *err)
{
	int64_t last_id = 0;
	int64_t epoch = 0;
	const int status = read_state(store, &last_id, &epoch, err);
	if (status)
		return status;
	const bool committed = store->in_doubt && epoch == store->epoch + 1;
	if (!committed && epoch != store->epoch)
		return fenced(err);
	store->in_doubt = false;
	store->epoch = epoch;
	store->last_id = store->committed_id = last_id;
	return committed ? STORE_COMMITTED : 0;
}

int store_reopen(struct store *store, struct err *err)
{
	close_parts(store);
	int status = open_parts(store, err);
	if (!status)
		status = settle_doubt(store, err);
	if (status < 0)
		close_parts(store);
	return status;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close_parts(store);
	free(store->path);
	free(store);
}

/* ---- Transactions --------------------------------------------------------------------------------- */

int store_begin(struct store *store, struct err *err)
{
	if (store->wal_pages >= store->wal_long)
		(void)store_checkpoint(store, NULL); /* the WAL takes more, if need be */
	const int status = sql_run(store->statement[STORE_BEGIN], err, SQL_END);
	store->within = !status;
	return status;
}

static int put_state(struct store *store, struct err *err)
{
	const int status = sql_run(store->statement[STORE_STATE], err, SQL_INT(store->last_id),
				   SQL_INT(store->epoch), SQL_END);
	return status || sqlite3_changes(store->db) == 1 ? status : fenced(err);
}

int store_commit(struct store *store, struct err *err)
{
	int status = rows_write(store->events, err);
	if (!status)
		status = packs_write(store->packs, err);
	if (!status)
		status = rollups_write(store->rollups, err);
	if (!status)
		status = put_state(store, err);
	if (status)
		return status;
	store->within = false;
	status = sql_run(store->statement[STORE_COMMIT], err, SQL_END);
	store->in_doubt = status != 0;
	if (!status) {
		store->committed_id = store->last_id;
		store->epoch++;
	}
	return status;
}

/* SQLite may have rolled back by itself, after a full disk for instance. */
void store_rollback(struct store *store)
{
	store->within = false;
	if (!sqlite3_get_autocommit(store->db))
		(void)sql_run(store->statement[STORE_ROLLBACK], NULL, SQL_END);
	rows_forget(store->events);
	packs_forget(store->packs);
	rollups_forget(store->rollups);
	ids_forget(store->instances);
	ids_forget(store->names);
	store->last_id = store->committed_id;
}

const char *store_path(const struct store *store)
{
	return store->path;
}

void store_bound_wal(struct store *store, int64_t bytes)
{
	const int64_t pages = bytes / STORE_PAGE_BYTES;
	store->wal_long = pages > WAL_LONG_PAGES   ? WAL_LONG_PAGES
			  : pages < WAL_IDLE_PAGES ? WAL_IDLE_PAGES
						   : (int)pages;
}

int store_checkpoint(struct store *store, struct err *err)
{
	int pages = 0;
	int moved = 0;
	const bool starved = store->wal_pages >= store->wal_starved;
	const int mode = starved ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	if (store->wal_pages < WAL_IDLE_PAGES && !store->shrunk)
		return 0;
	const int result = sqlite3_wal_checkpoint_v2(store->db, "main", mode, &pages, &moved);
	if (result == SQLITE_OK) {
		store->wal_pages = pages - moved;
		store->shrunk &= pages > moved;
		store->wal_starved = WAL_STARVED_PAGES;
		return 0;
	}
	if (starved)
		store->wal_starved = store->wal_pages + WAL_STARVED_PAGES;
	return result == SQLITE_BUSY ? 0 : sql_error(store->db, err, "cannot checkpoint");
}

int64_t store_wal_bytes(const struct store *store)
{
	return store->wal_pages * (int64_t)STORE_PAGE_BYTES;
}
