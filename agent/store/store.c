#include "store/store.h"

#include "store/migrate.h"
#include "store/sql.h"
#include "store/store_parts.h"

#include <stdlib.h>

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

/* ---- Opening -------------------------------------------------------------------------------------- */

static int note_wal(void *context, sqlite3 *db, const char *database, int pages)
{
	(void)db;
	(void)database;
	struct store *store = context;
	store->wal_pages = pages;
	return SQLITE_OK;
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

static int open_parts(struct store *store, const struct store_options *options, struct err *err)
{
	int status = migrate_open(options->path, options->sync_full, &store->db, err);
	if (!status)
		status = ids_open(store->db, &ids_of_names, &store->names, err);
	if (!status)
		status = ids_open(store->db, &ids_of_instances, &store->instances, err);
	if (!status)
		status = rollups_open(store->db, store->names, &store->rollups, err);
	if (!status)
		status = prepare(store, err);
	if (!status)
		status = sql_number(store->db, "SELECT last_event_id FROM agent_state",
				    &store->committed_id, err);
	return status;
}

int store_open(const struct store_options *options, struct store **out, struct err *err)
{
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return err_set(err, ERR_MEMORY, "out of memory");
	const int status = open_parts(store, options, err);
	if (status) {
		store_close(store);
		return status;
	}
	store->last_id = store->committed_id;
	store->wal_starved = WAL_STARVED_PAGES;
	sqlite3_wal_hook(store->db, note_wal, store);
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	rows_close(store->events);
	rollups_close(store->rollups);
	ids_close(store->instances);
	ids_close(store->names);
	for (int i = 0; i < STORE_N_STATEMENTS; i++)
		sqlite3_finalize(store->statement[i]);
	sqlite3_close(store->db);
	free(store);
}

/* ---- Transactions --------------------------------------------------------------------------------- */

int store_begin(struct store *store, struct err *err)
{
	if (store->wal_pages >= WAL_LONG_PAGES)
		store_checkpoint(store);
	return sql_run(store->statement[STORE_BEGIN], err, SQL_END);
}

int store_commit(struct store *store, struct err *err)
{
	int status = rows_write(store->events, err);
	if (!status)
		status = rollups_write(store->rollups, err);
	if (!status && store->last_id != store->committed_id)
		status = sql_run(store->statement[STORE_LAST_ID], err, SQL_INT(store->last_id),
				 SQL_END);
	if (!status)
		status = sql_run(store->statement[STORE_COMMIT], err, SQL_END);
	if (!status)
		store->committed_id = store->last_id;
	return status;
}

/* SQLite may have rolled back by itself, after a full disk for instance. */
void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		(void)sql_run(store->statement[STORE_ROLLBACK], NULL, SQL_END);
	rows_forget(store->events);
	rollups_forget(store->rollups);
	ids_forget(store->instances);
	ids_forget(store->names);
	store->last_id = store->committed_id;
}

/* A checkpoint that fails is tried again with the next one: the WAL keeps what it did not move. */
void store_checkpoint(struct store *store)
{
	int pages = 0;
	int moved = 0;
	const bool starved = store->wal_pages >= store->wal_starved;
	const int mode = starved ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	if (store->wal_pages < WAL_IDLE_PAGES)
		return;
	if (sqlite3_wal_checkpoint_v2(store->db, "main", mode, &pages, &moved) == SQLITE_OK) {
		store->wal_pages = pages - moved;
		store->wal_starved = WAL_STARVED_PAGES;
	} else if (starved) {
		store->wal_starved = store->wal_pages + WAL_STARVED_PAGES;
	}
}
