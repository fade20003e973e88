/*
 * What was used and has no price: by category, resource and unit type, over whole hours.
 */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"category",     "CATEGORY",  HISTORY_TEXT, 1},
	{"resource",     "RESOURCE",  HISTORY_TEXT, 1},
	{"unit_type",    "UNITS",     HISTORY_TEXT, 1},
	{"events",       "EVENTS",    HISTORY_INT,  2},
	{"input_units",  "INPUT",     HISTORY_SUM,  1},
	{"output_units", "OUTPUT",    HISTORY_SUM,  1},
	{"first_hour",   "FROM HOUR", HISTORY_HOUR, 4},
	{"last_hour",    "TO HOUR",   HISTORY_HOUR, 3},
};

static const char sums[] =
	"SELECT c.text, r.text, n.text, sum(h.events), sum(CASE WHEN p.input IS NULL THEN h.input ELSE 0 END),"
	" sum(CASE WHEN p.output IS NULL THEN h.output ELSE 0 END), min(h.hour) * 3600000000, max(h.hour) * 3600000000"
	" FROM usage_hour_units h JOIN names n ON n.id = h.unit_type JOIN names c ON c.id = h.category"
	" LEFT JOIN names r ON r.id = h.resource LEFT JOIN prices p ON p.id = "
	HISTORY_PRICE("h.category", "h.resource", "h.unit_type", "(h.hour / 24)")
	" WHERE h.hour BETWEEN :low AND :high AND " HISTORY_HAS_NO_PRICE("h.input", "h.output");
/* clang-format on */

static int open_unpriced(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, sums);
	history_filter_hours(&sql, &history->filters);
	buf_addf(&sql,
		 " GROUP BY h.category, h.resource, h.unit_type"
		 " ORDER BY sum(h.input) + sum(h.output) %s, 1, 2, 3 LIMIT :limit",
		 history_direction(history));
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":low", history->first_hour);
	query_bind_int(history->page, ":high", history->last_hour);
	return 0;
}

enum {
	KNOWS = HISTORY_KNOWS_USE_CASE | HISTORY_KNOWS_CATEGORY | HISTORY_KNOWS_RESOURCE |
		HISTORY_KNOWS_TIME | HISTORY_KNOWS_ORDER
};

const struct history_table history_unpriced = {columns, sizeof(columns) / sizeof(columns[0]), KNOWS,
					       open_unpriced, history_read_once};
