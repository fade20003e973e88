/*
 * How instances differ, of those that have events and were active within the time asked for: counted in classes by their
 * units, or per use case least, median, 95th percentile (both by nearest rank, exact) and most of what one used.
 */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns_of_classes[] = {
	{"units_from",  "UNITS FROM", HISTORY_INT, 1},
	{"units_below", "BELOW",      HISTORY_INT, 1},
	{"instances",   "INSTANCES",  HISTORY_INT, 1},
	{"events",      "EVENTS",     HISTORY_INT, 2},
	{"units",       "UNITS",      HISTORY_SUM, 2},
};

/* Of one rank, so that what is left where room is short begins with what it is of. */
static const struct history_column columns_of_use_cases[] = {
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

#define VALUE(place) "j.value ->> " #place

static const char classes[] =
	"SELECT " VALUE(0) ", " VALUE(1) ", " VALUE(2) ", " VALUE(3) ", " VALUE(4)
	" FROM json_each((SELECT classes(t.input_units + t.output_units, t.events)";

static const char spreads[] =
	"SELECT u.text, " VALUE(1) ", " VALUE(2) ", " VALUE(3) ", " VALUE(4) ", " VALUE(5) ", " VALUE(6) ", " VALUE(7) ", "
	VALUE(8) ", " VALUE(9) ", " VALUE(10) ", " VALUE(11) ", " VALUE(12) ", " VALUE(13)
	" FROM json_each((SELECT spreads(t.use_case_name, t.input_units + t.output_units, t.events,"
	" (t.last_us - t.first_us) / 1000000)";

static const char class_order[] = ")) j ORDER BY j.key LIMIT :limit";
static const char name_order[] = ")) j JOIN names u ON u.id = j.value ->> 0 ORDER BY u.text LIMIT :limit";
/* clang-format on */

static int open_differences(struct history *history, struct err *err)
{
	const bool by_class = history->kind == HISTORY_USE_CASE_HISTOGRAM;
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, by_class ? classes : spreads);
	buf_add_str(&sql, " FROM instance_totals t WHERE t.events > 0");
	if (history->filters.since_us != INT64_MIN)
		buf_add_str(&sql, " AND t.last_us >= :since");
	if (history->filters.until_us != INT64_MAX)
		buf_add_str(&sql, " AND t.first_us < :until");
	history_filter_totals(&sql, &history->filters, &history->ids, false);
	buf_add_str(&sql, by_class ? class_order : name_order);
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	return 0;
}

enum { KNOWS = HISTORY_KNOWS_INSTANCES & ~(unsigned)HISTORY_KNOWS_ORDER };

const struct history_table history_use_case_histogram = {
	columns_of_classes, sizeof(columns_of_classes) / sizeof(columns_of_classes[0]), KNOWS,
	open_differences, history_read_once};
const struct history_table history_use_case_distribution = {
	columns_of_use_cases, sizeof(columns_of_use_cases) / sizeof(columns_of_use_cases[0]), KNOWS,
	open_differences, history_read_once};
