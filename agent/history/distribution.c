/*
 * How the instances of a use case differ: least, median, 95th percentile (both by nearest rank, exact) and most of
 * what one instance used. Of the instances that have events, and were active within the time asked for.
 */
#include "history/history_parts.h"

/* clang-format off */
/* Of one rank, so that what is left where room is short begins with what it is of. */
static const struct history_column columns[] = {
	{"use_case_name",     "USE CASE",   HISTORY_TEXT,    1},
	{"instances",         "INSTANCES",  HISTORY_INT,     1},
	{"units_min",         "UNITS MIN",  HISTORY_INT,     1},
	{"units_median",      "MEDIAN",     HISTORY_INT,     1},
	{"units_p95",         "P95",        HISTORY_INT,     1},
	{"units_max",         "MAX",        HISTORY_INT,     1},
	{"events_min",        "EVENTS MIN", HISTORY_INT,     2},
	{"events_median",     "MEDIAN",     HISTORY_INT,     2},
	{"events_p95",        "P95",        HISTORY_INT,     2},
	{"events_max",        "MAX",        HISTORY_INT,     2},
	{"duration_min_s",    "LASTED MIN", HISTORY_SECONDS, 3},
	{"duration_median_s", "MEDIAN",     HISTORY_SECONDS, 3},
	{"duration_p95_s",    "P95",        HISTORY_SECONDS, 3},
	{"duration_max_s",    "MAX",        HISTORY_SECONDS, 3},
};

#define UNITS    "t.input_units + t.output_units"
#define DURATION "(t.last_us - t.first_us) / 1000000"

#define RANKED(measure, rank) \
	measure " AS " rank ", row_number() OVER (PARTITION BY i.use_case_name ORDER BY " measure ") AS by_" rank

#define SPREAD(measure) \
	"min(q." measure "), min(CASE WHEN q.by_" measure " * 100 >= q.n * 50 THEN q." measure " END)," \
	" min(CASE WHEN q.by_" measure " * 100 >= q.n * 95 THEN q." measure " END), max(q." measure ")"

static const char spreads[] =
	"SELECT u.text, count(*), " SPREAD("units") ", " SPREAD("events") ", " SPREAD("duration")
	" FROM (SELECT i.use_case_name, count(*) OVER (PARTITION BY i.use_case_name) AS n, "
	RANKED(UNITS, "units") ", " RANKED("t.events", "events") ", " RANKED(DURATION, "duration")
	" FROM use_case_instances i JOIN instance_totals t ON t.instance = i.id WHERE t.events > 0";

static const char by_name[] =
	") q JOIN names u ON u.id = q.use_case_name GROUP BY q.use_case_name ORDER BY u.text LIMIT :limit";
/* clang-format on */

static int open_distribution(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, spreads);
	if (history->filters.since_us != INT64_MIN)
		buf_add_str(&sql, " AND t.last_us >= :since");
	if (history->filters.until_us != INT64_MAX)
		buf_add_str(&sql, " AND t.first_us < :until");
	history_filter_instances(&sql, &history->filters, &history->ids);
	buf_add_str(&sql, by_name);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	return 0;
}

const struct history_table history_use_case_distribution = {
	columns, sizeof(columns) / sizeof(columns[0]),
	HISTORY_KNOWS_INSTANCES & ~(unsigned)HISTORY_KNOWS_ORDER, open_distribution,
	history_read_once};
