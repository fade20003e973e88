/* Use cases themselves: defined with a description, or only ever used; and what the service knows of them. */
#include "history/history_parts.h"

/* clang-format off */
static const struct history_column columns[] = {
	{"use_case_name",   "USE CASE",    HISTORY_TEXT, 1},
	{"definition",      "DEFINITION",  HISTORY_TEXT, 2},
	{"service_state",   "AT PAY-I",    HISTORY_TEXT, 3},
	{"service_message", "WHY",         HISTORY_TEXT, HISTORY_RANK_IF_ANY},
	{"instances",       "INSTANCES",   HISTORY_INT,  2},
	{"events",          "EVENTS",      HISTORY_INT,  1},
	{"failures",        "FAILED",      HISTORY_INT,  5},
	{"input_units",     "INPUT",       HISTORY_SUM,  4},
	{"output_units",    "OUTPUT",      HISTORY_SUM,  4},
	{"first_seen",      "FIRST SEEN",  HISTORY_TIME, 7},
	{"last_seen",       "LAST SEEN",   HISTORY_TIME, 3},
	{"description",     "DESCRIPTION", HISTORY_TEXT, 6},
};

static const char definitions[] =
	"SELECT d.use_case_name, d.definition, d.service_state, d.service_message, d.instances, d.events, d.failures,"
	" d.input_units, d.output_units, d.first_us, d.last_us, d.description FROM use_cases d";
/* clang-format on */

static int open_definitions(struct history *history, struct err *err)
{
	struct buf sql = BUF_INIT;
	buf_add_str(&sql, definitions);
	if (history->filters.use_case_name)
		buf_add_str(&sql, " WHERE d.use_case_name ="
				  " (SELECT text FROM names WHERE id = :use_case_name)");
	buf_add_str(&sql, " ORDER BY d.use_case_name LIMIT :limit");
	return history_prepare(history, &sql, &history->page, err);
}

const struct history_table history_use_case_definitions = {
	columns, sizeof(columns) / sizeof(columns[0]), HISTORY_KNOWS_USE_CASE, open_definitions,
	history_read_once};
