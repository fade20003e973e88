/*
 * How many instances used how much: instances counted by their units, in classes of equal width on a scale of powers,
 * six to a power of ten. Of the instances that have events, and were active within the time asked for.
 */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"units_from",  "UNITS FROM", HISTORY_INT, 1},
	{"units_below", "BELOW",      HISTORY_INT, 1},
	{"instances",   "INSTANCES",  HISTORY_INT, 1},
	{"events",      "EVENTS",     HISTORY_INT, 2},
	{"units",       "UNITS",      HISTORY_SUM, 2},
};

static const char by_class[] =
	" END AS units_from, t.events, t.input_units + t.output_units AS units"
	" FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id WHERE t.events > 0";

static const char sums[] =
	") SELECT units_from, b.units_below, count(*), sum(a.events), sum(a.units)"
	" FROM active a JOIN bound b USING (units_from) GROUP BY units_from ORDER BY units_from LIMIT :limit";
/* clang-format on */

enum { PER_POWER = 6, BOUNDS = 16 * PER_POWER };

/* The n-th bound: 0, 1, 2, 3, 5, 7, then 10, 15, 22, 33, 47, 68 times a power of ten. */
static int64_t bound(int n)
{
	static const int64_t small[] = {0, 1, 2, 3, 5, 7};
	static const int64_t large[] = {10, 15, 22, 33, 47, 68};
	int64_t power = 1;
	if (n < PER_POWER)
		return small[n];
	for (int i = n / PER_POWER; i > 1; i--)
		power *= 10;
	return large[n % PER_POWER] * power;
}

static void add_classes(struct buf *sql)
{
	buf_add_str(sql, "WITH bound (units_from, units_below) AS (VALUES ");
	for (int n = 0; n < BOUNDS; n++)
		buf_addf(sql, "%s(%lld,%lld)", n ? "," : "", (long long)bound(n),
			 (long long)bound(n + 1));
	buf_add_str(sql, "), active AS (SELECT CASE");
	for (int n = 0; n < BOUNDS; n++)
		buf_addf(sql, " WHEN t.input_units + t.output_units < %lld THEN %lld",
			 (long long)bound(n + 1), (long long)bound(n));
}

static int open_histogram(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	add_classes(&sql);
	buf_add_str(&sql, by_class);
	if (history->filters.since_us != INT64_MIN)
		buf_add_str(&sql, " AND t.last_us >= :since");
	if (history->filters.until_us != INT64_MAX)
		buf_add_str(&sql, " AND t.first_us < :until");
	history_filter_instances(&sql, &history->filters, &history->ids);
	buf_add_str(&sql, sums);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	return 0;
}

const struct history_table history_use_case_histogram = {
	columns, sizeof(columns) / sizeof(columns[0]),
	HISTORY_KNOWS_INSTANCES & ~(unsigned)HISTORY_KNOWS_ORDER, open_histogram,
	history_read_once};
