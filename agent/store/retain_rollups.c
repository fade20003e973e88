/*
 * Rollups: hours, and instances that nothing was heard of for long. An hour goes with its parts, row by row, and an
 * instance with all that is said of it, so that a view shows each whole or not at all.
 */
#include "store/retention_parts.h"
#include "store/sql.h"

#include <string.h>

#define HOUR_US INT64_C(3600000000)

/* ---- Hours ---------------------------------------------------------------------------------------- */

/*
 * An hour's packs go before it, a few at a time; what they are made of stands in its events, where it is looked for from the
 * first of them on.
 */
static int cut_packs(struct retain *job, int64_t hour, bool *any, struct err *err)
{
	int status = sql_run(retain_statement(job, RETAIN_HOUR_PACKED_FROM), err, SQL_INT(hour),
			     SQL_END);
	if (!status)
		status = sql_run(retain_statement(job, RETAIN_HOUR_PACKS_CUT), err, SQL_INT(hour),
				 SQL_END);
	*any = sqlite3_changes(job->store->db) > 0;
	return status;
}

int retain_hours(struct retain *job, struct err *err)
{
	static const enum retain_statement cuts[] = {RETAIN_HOUR_UNITS_CUT,
						     RETAIN_HOUR_LATENCIES_CUT, RETAIN_HOUR_CUT};
	const int64_t age_us = job->retention->policy.rollups_us;
	sqlite3_stmt *next = retain_statement(job, RETAIN_HOUR_NEXT);
	if (age_us == 0)
		return RETAIN_OVER;
	int status = sql_bind(next, err, SQL_INT(retain_cutoff(job, age_us) / HOUR_US), SQL_END);
	if (status)
		return status;
	const bool found = sqlite3_step(next) == SQLITE_ROW;
	struct sql_value key[] = {SQL_INT(0), SQL_INT(0), SQL_INT(0), SQL_INT(0), SQL_END};
	for (int i = 0; i < 4; i++)
		key[i].number = sqlite3_column_int64(next, i);
	status = sql_reset(next, err);
	if (status || !found)
		return status;
	bool packs = false;
	status = cut_packs(job, key[0].number, &packs, err);
	if (status || packs)
		return status ? status : RETAIN_MORE;
	for (size_t i = 0; !status && i < sizeof(cuts) / sizeof(cuts[0]); i++)
		status = sql_run_values(retain_statement(job, cuts[i]), err, key);
	if (!status)
		status = retain_count(job, "hours", RETAIN_AGE, 1, err);
	return status ? status : RETAIN_MORE;
}

/* ---- Users' days --------------------------------------------------------------------------------------- */

int retain_user_days(struct retain *job, struct err *err)
{
	const int64_t age_us = job->retention->policy.rollups_us;
	sqlite3_stmt *next = retain_statement(job, RETAIN_USER_NEXT);
	if (age_us == 0)
		return RETAIN_OVER;
	int status = sql_bind(next, err, SQL_INT(job->retention->after),
			      SQL_INT(job->retention->after_too), SQL_END);
	if (status)
		return status;
	const bool found = sqlite3_step(next) == SQLITE_ROW;
	job->retention->after = sqlite3_column_int64(next, 0);
	job->retention->after_too = sqlite3_column_int64(next, 1);
	status = sql_reset(next, err);
	if (status || !found)
		return status;
	status = sql_run(retain_statement(job, RETAIN_USER_CUT), err,
			 SQL_INT(job->retention->after), SQL_INT(job->retention->after_too),
			 SQL_INT(retain_cutoff(job, age_us) / (24 * HOUR_US)), SQL_END);
	return status ? status : RETAIN_MORE;
}

/* ---- Instances ------------------------------------------------------------------------------------ */

struct instance {
	int64_t id;
	int64_t last_us;
	bool found;
	bool in_use; /* has events, or waits for an id */
};

/* What the store has in memory of it must go as well: with all the rest, but that is seldom. */
static void forget(struct store *store, int64_t name, const unsigned char *text)
{
	const char *id = text ? (const char *)text : "";
	if (ids_knows(store->instances, name, id, strlen(id)))
		ids_forget(store->instances);
}

static int find_instance(struct retain *job, int64_t cutoff_us, struct instance *instance,
			 struct err *err)
{
	sqlite3_stmt *next = retain_statement(job, RETAIN_INSTANCE_NEXT);
	const int status = sql_bind(next, err, SQL_INT(cutoff_us), SQL_INT(job->retention->after),
				    SQL_INT(job->retention->after_too), SQL_END);
	if (status)
		return status;
	instance->found = sqlite3_step(next) == SQLITE_ROW;
	if (instance->found) {
		instance->id = sqlite3_column_int64(next, 0);
		instance->last_us = sqlite3_column_int64(next, 1);
		instance->in_use = sqlite3_column_int(next, 5) != 0;
	}
	if (instance->found && !instance->in_use) {
		const int64_t name = sqlite3_column_int64(next, 2);
		forget(job->store, name, sqlite3_column_text(next, 3));
		if (sqlite3_column_type(next, 4) != SQLITE_NULL)
			forget(job->store, name, sqlite3_column_text(next, 4));
	}
	return sql_reset(next, err);
}

static int cut_instance(struct retain *job, int64_t id, struct err *err)
{
	int status = 0;
	for (int i = RETAIN_INSTANCE_CUT_USAGE; !status && i <= RETAIN_INSTANCE_CUT; i++)
		status = sql_run(retain_statement(job, (enum retain_statement)i), err, SQL_INT(id),
				 SQL_END);
	return status ? status : retain_count(job, "instances", RETAIN_AGE, 1, err);
}

int retain_instances(struct retain *job, struct err *err)
{
	const int64_t age_us = job->retention->policy.rollups_us;
	struct instance instance = {0};
	if (age_us == 0)
		return RETAIN_OVER;
	int status = find_instance(job, retain_cutoff(job, age_us), &instance, err);
	if (status || !instance.found)
		return status;
	job->retention->after = instance.last_us;
	job->retention->after_too = instance.id;
	if (!instance.in_use)
		status = cut_instance(job, instance.id, err);
	return status ? status : RETAIN_MORE;
}
