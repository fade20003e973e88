#include "store/check.h"

#include "store/sql.h"

#include <stdio.h>
#include <sys/stat.h>

/*
 * PRAGMA quick_check reads every page, at some 200 MB/s from the page cache: of 10 million events that is half a
 * minute, or minutes from a disk, in which no ring is drained. So a database is read whole while that takes
 * a moment. Of a larger one we ask what the next transaction builds upon: the schema (every statement is
 * prepared), the state, the end of the history. A page that is damaged elsewhere is noticed when it is read,
 * as SQLite checks the form of each page it reads (cell_size_check), and is told then.
 */
enum { WHOLE_BYTES_MAX = 64 << 20 };

static int check_state(sqlite3 *db, struct err *err)
{
	int64_t rows = 0;
	int64_t beyond = 0;
	int status = sql_number(db, "SELECT count(*) FROM agent_state", &rows, err);
	if (!status)
		status = sql_number(
			db, "SELECT max(id) > (SELECT last_event_id FROM agent_state) FROM events",
			&beyond, err);
	if (!status && (rows != 1 || beyond))
		status = err_set(err, ERR_CORRUPT,
				 "it is damaged: the agent's state does not fit the events");
	return status;
}

/* 1 when it is sound, 0 with what was found, negative when it cannot be told. */
static int quick_check(sqlite3 *db, char *found, size_t size, struct err *err)
{
	sqlite3_stmt *check = NULL;
	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &check, NULL) != SQLITE_OK)
		return sql_error(db, err, "cannot check it");
	const char *text = sqlite3_step(check) == SQLITE_ROW
				   ? (const char *)sqlite3_column_text(check, 0)
				   : NULL;
	snprintf(found, size, "%s", text ? text : "");
	if (sqlite3_finalize(check) != SQLITE_OK)
		return sql_error(db, err, "cannot check it");
	return sqlite3_stricmp(found, "ok") == 0;
}

/*
 * A page that could not be read is damage in the words of quick_check. It is a disk's failure, and may pass: so a
 * finding is believed when everything can be read, and it is found again.
 */
static int check_pages(sqlite3 *db, struct err *err)
{
	char found[200];
	int sound = quick_check(db, found, sizeof(found), err);
	if (sound)
		return sound < 0 ? sound : 0;
	if (!sql_is_readable(db))
		return err_set(err, ERR_STORE, "it cannot be read: %s", found);
	sound = quick_check(db, found, sizeof(found), err);
	if (sound)
		return sound < 0 ? sound : 0;
	return err_set(err, ERR_CORRUPT, "it is damaged: %s", found);
}

int check_database(sqlite3 *db, const char *path, struct err *err)
{
	struct stat stat_buf;
	const int status = check_state(db, err);
	if (status || stat(path, &stat_buf) || stat_buf.st_size > WHOLE_BYTES_MAX)
		return status;
	return check_pages(db, err);
}
