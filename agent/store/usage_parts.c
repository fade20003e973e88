#include "store/usage_parts.h"

#include "store/functions.h"
#include "store/pack.h"
#include "store/sql.h"
#include "store/tally.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const char declaration[] =
	"CREATE TABLE usage_parts (part, use_case_name, category, resource, unit_type, day, events, failures,"
	" input_units, output_units, latency_count, latency_sum_ms, latency_max_ms, latency_p50_ms, latency_p95_ms,"
	" latency_p99_ms, by_what HIDDEN, low_us HIDDEN, high_us HIDDEN, of_user HIDDEN, of_use_case HIDDEN,"
	" of_category HIDDEN, of_resource HIDDEN)";
/* clang-format on */

enum column {
	PART,
	USE_CASE,
	CATEGORY,
	RESOURCE,
	UNIT_TYPE,
	DAY,
	EVENTS,
	FAILURES,
	INPUT,
	OUTPUT,
	LATENCY_COUNT,
	LATENCY_SUM,
	LATENCY_MAX,
	LATENCY_P50,
	LATENCY_P95,
	LATENCY_P99,
	FIRST_ARGUMENT,
};

enum { N_ARGUMENTS = 7, RANKS = 3 };

/* A row of either kind begins with a key: of sums it is the first four columns, of units the place of the sums, a day and a type. */
struct sums {
	int64_t key[TALLY_KEYS];
	int64_t events;
	int64_t failures;
	int64_t input;
	int64_t output;
	int64_t latency_count;
	int64_t latency_sum_ms;
	int64_t latency_max_ms;
	int64_t percentile_ms[RANKS];
};

struct units {
	int64_t key[TALLY_KEYS];
	int64_t input;
	int64_t output;
};

/* Small, as there are as many as events. */
struct latency {
	uint32_t sums; /* their place */
	int32_t ms;
};

struct question {
	bool by_step;
	int64_t low_us;
	int64_t high_us;
	int64_t user_id; /* 0: any; so are the next three */
	int64_t use_case_name;
	int64_t category;
	int64_t resource;
};

struct cursor {
	sqlite3_vtab_cursor base;
	sqlite3 *db;
	struct question question;
	struct tally sums;
	struct tally units;
	struct buf latencies; /* of struct latency */
	size_t at;            /* first the sums, then the units */
};

struct table {
	sqlite3_vtab base;
	sqlite3 *db;
};

static struct sums *sums_at(const struct cursor *cursor, size_t at)
{
	return (struct sums *)(void *)cursor->sums.rows.data + at;
}

/* ---- Adding up ------------------------------------------------------------------------------------ */

static bool is_asked_for(const struct question *question, const struct pack_event *event)
{
	return event->time_us >= question->low_us && event->time_us <= question->high_us &&
	       (!question->user_id || event->user_id == question->user_id) &&
	       (!question->use_case_name || event->use_case_name == question->use_case_name) &&
	       (!question->category || event->category == question->category) &&
	       (!question->resource || event->resource == question->resource);
}

/* Its units are taken in any case, since the next event lies behind them. */
static int add_units(struct cursor *cursor, struct pack *pack, const struct pack_event *event,
		     struct sums *sums)
{
	const size_t place = sums ? (size_t)(sums - sums_at(cursor, 0)) : 0;
	const int64_t day = event->time_us / (24 * PACK_HOUR_US);
	struct pack_units one;
	for (uint32_t i = 0; i < event->n_units; i++) {
		if (!pack_take_units(pack, &one))
			return SQLITE_CORRUPT;
		if (!sums)
			continue;
		struct units *units = tally_row(
			&cursor->units, (int64_t[TALLY_KEYS]){(int64_t)place, day, one.type, 0});
		if (!units)
			return SQLITE_NOMEM;
		functions_sum(&units->input, one.input);
		functions_sum(&units->output, one.output);
		functions_sum(&sums->input, one.input);
		functions_sum(&sums->output, one.output);
	}
	return SQLITE_OK;
}

static struct sums *add_event(struct cursor *cursor, const struct pack_event *event)
{
	const int64_t part = cursor->question.by_step ? event->step : event->user_id;
	struct sums *sums =
		tally_row(&cursor->sums, (int64_t[TALLY_KEYS]){part, event->use_case_name,
							       event->category, event->resource});
	if (!sums)
		return NULL;
	sums->events++;
	sums->failures += event->failed;
	if (!event->has_latency)
		return sums;
	const struct latency latency = {(uint32_t)(sums - sums_at(cursor, 0)),
					(int32_t)event->latency_ms};
	if (sums->latency_count == 0 || event->latency_ms > sums->latency_max_ms)
		sums->latency_max_ms = event->latency_ms;
	sums->latency_count++;
	functions_sum(&sums->latency_sum_ms, event->latency_ms);
	buf_add(&cursor->latencies, &latency, sizeof(latency));
	return cursor->latencies.failed ? NULL : sums;
}

static int add_pack(struct cursor *cursor, struct pack *pack, uint64_t gone)
{
	struct pack_event event;
	int found;
	while ((found = pack_take(pack, &event)) == 1) {
		const bool counts = !(gone >> event.id % PACK_EVENTS & 1) &&
				    is_asked_for(&cursor->question, &event);
		struct sums *sums = counts ? add_event(cursor, &event) : NULL;
		if (counts && !sums)
			return SQLITE_NOMEM;
		const int result = add_units(cursor, pack, &event, sums);
		if (result != SQLITE_OK)
			return result;
	}
	return found < 0 ? SQLITE_CORRUPT : SQLITE_OK;
}

static int add_packs(struct cursor *cursor, sqlite3_stmt *statement)
{
	int result = sqlite3_bind_int64(statement, 1, cursor->question.low_us / PACK_HOUR_US);
	if (result == SQLITE_OK)
		result = sqlite3_bind_int64(statement, 2, cursor->question.high_us / PACK_HOUR_US);
	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		const uint8_t *bytes = sqlite3_column_blob(statement, 3);
		struct pack pack = {
			bytes, bytes ? bytes + sqlite3_column_bytes(statement, 3) : NULL,
			sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)};
		result = add_pack(cursor, &pack, (uint64_t)sqlite3_column_int64(statement, 2));
	}
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

/* ---- Percentiles ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const int32_t x = *(const int32_t *)a;
	const int32_t y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

/* By nearest rank. */
static void rank(struct sums *sums, int32_t *ms)
{
	static const int64_t ranks[RANKS] = {50, 95, 99};
	qsort(ms, (size_t)sums->latency_count, sizeof(*ms), compare);
	for (int i = 0; i < RANKS; i++)
		sums->percentile_ms[i] = ms[(sums->latency_count * ranks[i] + 99) / 100 - 1];
}

/* Latencies are put beside those of the same sums, and sorted there. */
static int find_percentiles(struct cursor *cursor)
{
	const struct latency *latencies = (const void *)cursor->latencies.data;
	const size_t n = cursor->latencies.len / sizeof(*latencies);
	int32_t *ms = malloc((n + 1) * sizeof(*ms));
	size_t *ends = malloc((cursor->sums.n + 1) * sizeof(*ends));
	size_t end = 0;
	for (size_t i = 0; ends && i < cursor->sums.n; i++) {
		ends[i] = end;
		end += (size_t)sums_at(cursor, i)->latency_count;
	}
	for (size_t i = 0; ms && ends && i < n; i++)
		ms[ends[latencies[i].sums]++] = latencies[i].ms;
	for (size_t i = 0; ms && ends && i < cursor->sums.n; i++) {
		struct sums *sums = sums_at(cursor, i);
		if (sums->latency_count)
			rank(sums, ms + ends[i] - sums->latency_count);
	}
	const int result = ms && ends ? SQLITE_OK : SQLITE_NOMEM;
	free(ms);
	free(ends);
	return result;
}

/* ---- The table, as SQLite sees it ----------------------------------------------------------------- */

static int connect_table(sqlite3 *db, void *context, int n, const char *const *words,
			 sqlite3_vtab **out, char **error)
{
	(void)context;
	(void)n;
	(void)words;
	(void)error;
	const int result = sqlite3_declare_vtab(db, declaration);
	struct table *table = result == SQLITE_OK ? sqlite3_malloc(sizeof(*table)) : NULL;
	if (!table)
		return result == SQLITE_OK ? SQLITE_NOMEM : result;
	memset(table, 0, sizeof(*table));
	table->db = db;
	*out = &table->base;
	return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

/* All arguments must be there. */
static int plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	int n = 0;
	(void)table;
	for (int i = 0; i < info->nConstraint; i++) {
		const int column = info->aConstraint[i].iColumn;
		if (column < FIRST_ARGUMENT || !info->aConstraint[i].usable ||
		    info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
			continue;
		info->aConstraintUsage[i].argvIndex = column - FIRST_ARGUMENT + 1;
		info->aConstraintUsage[i].omit = 1;
		n++;
	}
	return n == N_ARGUMENTS ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
	struct cursor *cursor = sqlite3_malloc(sizeof(*cursor));
	if (!cursor)
		return SQLITE_NOMEM;
	memset(cursor, 0, sizeof(*cursor));
	cursor->db = ((struct table *)table)->db;
	*out = &cursor->base;
	return SQLITE_OK;
}

static void forget(struct cursor *cursor)
{
	tally_release(&cursor->sums);
	tally_release(&cursor->units);
	buf_release(&cursor->latencies);
	cursor->sums = (struct tally){.row_bytes = sizeof(struct sums)};
	cursor->units = (struct tally){.row_bytes = sizeof(struct units)};
	cursor->at = 0;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	forget((struct cursor *)base);
	sqlite3_free(base);
	return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *text, int n,
		  sqlite3_value **values)
{
	struct cursor *cursor = (struct cursor *)base;
	const char *by = (const char *)sqlite3_value_text(values[0]);
	sqlite3_stmt *statement = NULL;
	(void)number;
	(void)text;
	(void)n;
	forget(cursor);
	cursor->question =
		(struct question){by && strcmp(by, "step") == 0,  sqlite3_value_int64(values[1]),
				  sqlite3_value_int64(values[2]), sqlite3_value_int64(values[3]),
				  sqlite3_value_int64(values[4]), sqlite3_value_int64(values[5]),
				  sqlite3_value_int64(values[6])};
	int result = sqlite3_prepare_v2(cursor->db,
					"SELECT hour, block, gone, pack FROM event_packs"
					" WHERE hour BETWEEN ?1 AND ?2",
					-1, &statement, NULL);
	if (result == SQLITE_OK)
		result = add_packs(cursor, statement);
	sqlite3_finalize(statement);
	return result == SQLITE_OK ? find_percentiles(cursor) : result;
}

static int next(sqlite3_vtab_cursor *base)
{
	((struct cursor *)base)->at++;
	return SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *base)
{
	const struct cursor *cursor = (struct cursor *)base;
	return cursor->at >= cursor->sums.n + cursor->units.n;
}

static void tell_sums(sqlite3_context *context, const struct sums *sums, int column)
{
	const int64_t numbers[] = {
		sums->events,          sums->failures,         sums->input,
		sums->output,          sums->latency_count,    sums->latency_sum_ms,
		sums->latency_max_ms,  sums->percentile_ms[0], sums->percentile_ms[1],
		sums->percentile_ms[2]};
	if (column >= EVENTS && (column < LATENCY_MAX || sums->latency_count))
		sqlite3_result_int64(context, numbers[column - EVENTS]);
}

static void tell_units(sqlite3_context *context, const struct units *units, int column)
{
	if (column == DAY)
		sqlite3_result_int64(context, units->key[1]);
	else if (column == INPUT)
		sqlite3_result_int64(context, units->input);
	else if (column == OUTPUT)
		sqlite3_result_int64(context, units->output);
}

static int tell(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct cursor *cursor = (struct cursor *)base;
	const bool is_sums = cursor->at < cursor->sums.n;
	const struct units *units =
		is_sums ? NULL
			: (const struct units *)(const void *)cursor->units.rows.data +
				  (cursor->at - cursor->sums.n);
	const struct sums *sums = sums_at(cursor, is_sums ? cursor->at : (size_t)units->key[0]);
	if (column < UNIT_TYPE)
		sqlite3_result_int64(context, sums->key[column]);
	else if (column == UNIT_TYPE)
		sqlite3_result_int64(context, is_sums ? 0 : units->key[2]);
	else if (column < FIRST_ARGUMENT && is_sums)
		tell_sums(context, sums, column);
	else if (column < FIRST_ARGUMENT)
		tell_units(context, units, column);
	return SQLITE_OK;
}

static int tell_row(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
	*row = (sqlite3_int64)((struct cursor *)base)->at;
	return SQLITE_OK;
}

/* Without xCreate it is there for every statement, and cannot be made. */
static const sqlite3_module module = {
	.xConnect = connect_table,
	.xBestIndex = plan,
	.xDisconnect = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next,
	.xEof = is_at_end,
	.xColumn = tell,
	.xRowid = tell_row,
};

int usage_parts_add_table(sqlite3 *db, struct err *err)
{
	return sqlite3_create_module(db, "usage_parts", &module, NULL) == SQLITE_OK
		       ? 0
		       : sql_error(db, err, "cannot add a table to SQL");
}
