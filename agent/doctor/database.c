/* The database: does it open, is it of our time, is it sound as far as a moment's look tells, does its WAL stay small. */
#include "base/clock.h"
#include "base/human.h"
#include "doctor/doctor_parts.h"
#include "settings.h"
#include "store/query.h"
#include "store/wal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
	LOOK_US = 3000000, /* no longer: meanwhile the WAL cannot be emptied */
};

static const char about[] = "database";

static void look_at_version(struct doctor *doctor, struct query_db *db)
{
	struct query *query = NULL;
	struct err err;
	const int known = query_schema_version();
	int status = query_prepare(db, "PRAGMA user_version", &query, &err);
	if (!status)
		status = query_step(query, &err);
	const int64_t version = status == 1 ? query_int(query, 0) : -1;
	query_free(query);
	if (status < 0) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s", err.text);
	} else if (version > known) {
		doctor_say(doctor, DOCTOR_FAILED, about,
			   "its schema is version %lld, a newer agent's; this one knows %d",
			   (long long)version, known);
		doctor_advise(doctor, "use the newer payi-agent");
	} else if (version < known) {
		doctor_say(doctor, DOCTOR_OK, about,
			   "its schema is version %lld; the agent brings it to %d when it starts",
			   (long long)version, known);
	} else {
		doctor_say(doctor, DOCTOR_OK, about, "opens; its schema is version %d, the newest",
			   known);
	}
}

static bool is_late(void *context)
{
	return clock_boot_us() > *(const int64_t *)context;
}

/* Every page is read, as far as a moment reaches. */
static void look_at_pages(struct doctor *doctor, struct query_db *db)
{
	struct query *query = NULL;
	struct err err;
	int64_t deadline_us = clock_boot_us() + LOOK_US;
	query_db_stop_when(db, is_late, &deadline_us);
	int status = query_prepare(db, "PRAGMA quick_check(1)", &query, &err);
	if (!status)
		status = query_step(query, &err);
	const char *found = status == 1 ? query_text(query, 0) : NULL;
	if (found && strcmp(found, "ok") == 0) {
		doctor_say(doctor, DOCTOR_OK, about, "every page was read, and is sound");
	} else if (found || !is_late(&deadline_us)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "it is damaged: %s",
			   found ? found : err.text);
		doctor_advise(doctor,
			      "save what can be saved (`sqlite3 %s .recover`), check the disk; "
			      "an agent sets it aside and begins a new one",
			      doctor->settings->database);
	} else {
		doctor_say(doctor, DOCTOR_OK, about,
			   "no damage found in the pages that %d seconds of reading reach",
			   LOOK_US / 1000000);
	}
	query_free(query);
}

static void look_at_wal(struct doctor *doctor, const struct stat *database)
{
	char path[PATH_MAX];
	char bytes[HUMAN_BYTES];
	char wal_bytes[HUMAN_BYTES];
	char who[WAL_HOLDER_BYTES] = "";
	struct stat wal = {0};
	snprintf(path, sizeof(path), "%s-wal", doctor->settings->database);
	if (stat(path, &wal))
		wal.st_size = 0;
	const bool large = wal.st_size > WAL_LARGE_BYTES;
	doctor_say(doctor, large ? DOCTOR_WARNING : DOCTOR_OK, about, "%s, its WAL %s",
		   human_bytes(database->st_size, bytes), human_bytes(wal.st_size, wal_bytes));
	if (large)
		wal_holder(doctor->settings->database, who);
	if (*who)
		doctor_advise(doctor, "%s keeps a transaction open on it: end that", who);
	else if (large)
		doctor_advise(doctor,
			      "somebody keeps a transaction open on it (a sqlite3 shell?), or "
			      "no agent runs: the agent empties it when nobody reads");
}

static void look_at_mode(struct doctor *doctor, const struct stat *stat_buf)
{
	char owner[DOCTOR_OWNER_BYTES];
	if (!(stat_buf->st_mode & (S_IRWXG | S_IRWXO)))
		return;
	doctor_say(doctor, DOCTOR_WARNING, about, "others than its owner have rights to it (%s)",
		   doctor_owner(stat_buf, owner));
	doctor_advise(doctor, "chmod 600 %s*", doctor->settings->database);
}

void doctor_database(struct doctor *doctor)
{
	const char *path = doctor->settings->database;
	struct stat stat_buf;
	struct query_db *db = NULL;
	struct err err;
	if (stat(path, &stat_buf)) {
		const bool none = errno == ENOENT;
		doctor_say(doctor, none ? DOCTOR_OK : DOCTOR_FAILED, about,
			   none ? "%s: there is none yet; the agent makes it" : "cannot look at %s",
			   path);
		return;
	}
	look_at_mode(doctor, &stat_buf);
	if (query_db_open(path, &db, &err)) {
		doctor_say(doctor, DOCTOR_FAILED, about, "%s", err.text);
		doctor_advise(doctor,
			      "run this as the agent's user; when it is damaged, an agent sets "
			      "it aside and begins a new one (corrupt_database)");
		return;
	}
	look_at_version(doctor, db);
	look_at_pages(doctor, db);
	look_at_wal(doctor, &stat_buf);
	query_db_close(db);
}
