#include "store/migrate.h"

#include "store/migrations.h"
#include "store/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BUSY_MS =
		1000, /* how long an outsider's transaction is waited for before the caller retries */
	VERSION_MAX = 1000, /* of a schema: above it is no newer one, but a damaged number */
};

/*
 * Page size and auto-vacuum only take effect before the first table, and before WAL. Pages of 8 KiB halve
 * the system calls of a commit and gain a fifth over 4 KiB; 16 KiB gain no more. Checkpoints are
 * store_checkpoint()'s; the WAL file is cut back to journal_size_limit when it starts anew, so that
 * one long reader does not cost the disk for ever. No mmap: an I/O error shall be an error, not SIGBUS.
 *
 * auto_vacuum is written at each opening, which syncs the WAL: what a process wrote that was killed before its sync is read by the
 * next one, which gives the rings' space back for it.
 */
static const char settings[] = "PRAGMA page_size = 8192;"
			       "PRAGMA auto_vacuum = INCREMENTAL;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA journal_size_limit = 67108864;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA cache_size = -16384;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA foreign_keys = OFF;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;";

/* SQLite takes an empty file for a new database, and throws away the WAL beside it. */
static int check_file(const char *path, struct err *err)
{
	char wal[4096 + sizeof("-wal")]; /* there is a file at path: that is shorter */
	struct stat stat_buf;
	if (stat(path, &stat_buf))
		return err_errno(err, "cannot look at it");
	if (!S_ISREG(stat_buf.st_mode))
		return err_set(err, ERR_SYSTEM, "it is not a regular file; move it away");
	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (stat_buf.st_size > 0 || stat(wal, &stat_buf))
		return 0;
	return stat_buf.st_size == 0 ? 0
				     : err_set(err, ERR_CORRUPT, "it is empty, but %s is not", wal);
}

/*
 * SQLite would make the file with the umask's mode; its -wal and -shm take the mode of the file. One that is
 * there is not opened by us: closing it would drop the locks that SQLite holds on it for our readers.
 */
static int create_file(const char *path, struct err *err)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return check_file(path, err);
	if (fd < 0)
		return err_errno(err, "cannot create it");
	close(fd);
	return 0;
}

/* It does not say that it is ours; but it may have said so once. */
static int refuse_stranger(sqlite3 *db, struct err *err)
{
	int64_t ours = 0;
	const int status = sql_number(
		db, "SELECT count(*) FROM sqlite_schema WHERE name = 'agent_state'", &ours, err);
	if (status)
		return status;
	return ours ? err_set(err, ERR_CORRUPT, "its header does not fit its tables")
		    : err_set(err, ERR_STORE, "it is a database of another program");
}

/* Before anything is written: is it empty, or ours, and not of a later make? */
static int check(sqlite3 *db, int64_t *version, struct err *err)
{
	int64_t application = 0;
	int64_t tables = 0;
	int status = sql_number(db, "PRAGMA user_version", version, err);
	if (!status)
		status = sql_number(db, "PRAGMA application_id", &application, err);
	if (!status)
		status = sql_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (status)
		return status;
	if (application != MIGRATE_APPLICATION_ID && (application || *version || tables))
		return refuse_stranger(db, err);
	if (application && (*version < 1 || *version > VERSION_MAX))
		return err_set(err, ERR_CORRUPT, "its schema version is %lld", (long long)*version);
	if (*version > schema_n_migrations)
		return err_set(err, ERR_STORE,
			       "it has schema version %lld, made by a newer payi-agent; this one "
			       "knows versions up to %d: use the newer one",
			       (long long)*version, schema_n_migrations);
	return 0;
}

static int apply_from(sqlite3 *db, int64_t version, struct err *err)
{
	char stamp[96];
	for (int64_t i = version; i < schema_n_migrations; i++)
		if (sql_exec(db, schema_migrations[i], err))
			return err_wrap(err, "migration %lld", (long long)i + 1);
	if (sql_exec(db, schema_views, err))
		return err_wrap(err, "views");
	snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		 MIGRATE_APPLICATION_ID, schema_n_migrations);
	return sql_exec(db, stamp, err);
}

/* Checked again under the write lock: only what is seen there stays true. */
static int migrate(sqlite3 *db, struct err *err)
{
	int64_t version = 0;
	int status = sql_exec(db, "BEGIN IMMEDIATE", err);
	if (status)
		return status;
	status = check(db, &version, err);
	if (!status && version < schema_n_migrations)
		status = apply_from(db, version, err);
	if (!status)
		status = sql_exec(db, "COMMIT", err);
	if (status && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

static int set_up(sqlite3 *db, bool sync_full, struct err *err)
{
	int64_t version = 0;
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	int status = check(db, &version, err);
	if (!status)
		status = sql_exec(db, settings, err);
	if (!status)
		status = sql_exec(
			db, sync_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
			err);
	return status ? status : migrate(db, err);
}

int migrate_open(const char *path, bool sync_full, sqlite3 **out, struct err *err)
{
	sqlite3 *db = NULL;
	int status = create_file(path, err);
	if (status)
		return status;
	/* No statistics of memory, which nobody reads: they cost a lock per allocation. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		status =
			db ? sql_error(db, err, "open") : err_set(err, ERR_MEMORY, "out of memory");
	if (!status)
		status = set_up(db, sync_full, err);
	if (status) {
		sqlite3_close(db);
		return status;
	}
	*out = db;
	return 0;
}
