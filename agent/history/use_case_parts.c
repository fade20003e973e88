/*
 * What the instances of a use case add up to, by step or by user. From rollups, which outlive the events: the time
 * asked for chooses what was seen within it, and the sums are of all time.
 */
#include "history/history_parts.h"

/* clang-format off */
#define COLUMNS(part, heading) \
	{"use_case_name", "USE CASE",   HISTORY_TEXT, 1}, \
	{part,            heading,      HISTORY_TEXT, 1}, \
	{"instances",     "INSTANCES",  HISTORY_INT,  3}, \
	{"events",        "EVENTS",     HISTORY_INT,  1}, \
	{"failures",      "FAILED",     HISTORY_INT,  2}, \
	{"input_units",   "INPUT",      HISTORY_SUM,  1}, \
	{"output_units",  "OUTPUT",     HISTORY_SUM,  1}, \
	{"first_seen",    "FIRST SEEN", HISTORY_TIME, 5}, \
	{"last_seen",     "LAST SEEN",  HISTORY_TIME, 4}

static const struct history_column columns_of_steps[] = {COLUMNS("use_case_step", "STEP")};
static const struct history_column columns_of_users[] = {
	COLUMNS("user_id", "USER"), {"estimated_cost_usd", "EST. COST", HISTORY_MONEY, 2}};

#define VALUE(place, name) "j.value ->> " #place " AS " name

static const char sums[] =
	"SELECT k.text, n.text, q.instances, q.events, q.failures, q.input_units, q.output_units, q.first_us, q.last_us,"
	" q.cost FROM (SELECT s.*, %s AS cost FROM (SELECT " VALUE(0, "use_case_name") ", " VALUE(1, "part") ", "
	VALUE(2, "instances") ", " VALUE(3, "events") ", " VALUE(4, "failures") ", " VALUE(5, "input_units") ", "
	VALUE(6, "output_units") ", " VALUE(7, "first_us") ", " VALUE(8, "last_us")
	" FROM json_each((SELECT sums_by(t.use_case_name, u.%s, u.events, u.failures, u.input_units, u.output_units,"
	" u.first_us, u.last_us)";

static const char cost_of_user[] =
	"(SELECT " HISTORY_COST("v.input", "v.output") " FROM user_usage v CROSS JOIN prices p ON p.id = "
	HISTORY_PRICE("v.category", "v.resource", "v.unit_type", "v.day")
	" WHERE " HISTORY_ANY_PRICE " AND v.use_case_name = s.use_case_name AND v.user_id = s.part)";

static const char *const measures[] = {
	[HISTORY_SORT_OWN] = "q.input_units + q.output_units",
	[HISTORY_SORT_UNITS] = "q.input_units + q.output_units",
	[HISTORY_SORT_EVENTS] = "q.events",
	[HISTORY_SORT_LATENCY] = "0", /* is not known of parts, and refused */
	[HISTORY_SORT_FAILURES] = "q.failures",
	[HISTORY_SORT_LAST] = "q.last_us",
	[HISTORY_SORT_COST] = "q.cost",
};
/* clang-format on */

/* What leads to the rows: the planner would walk all of them by user. */
enum lead { LEAD_USER, LEAD_USE_CASE, LEAD_INSTANCES };

static enum lead lead_of(const struct history_filters *filters)
{
	if (filters->user_id)
		return LEAD_USER;
	return filters->use_case_name && filters->since_us == INT64_MIN ? LEAD_USE_CASE
									: LEAD_INSTANCES;
}

static void add_from(struct buf *sql, enum lead lead, const char *table)
{
	if (lead == LEAD_USER)
		buf_addf(sql, " FROM %s u JOIN instance_totals t ON t.instance = u.instance",
			 table);
	else if (lead == LEAD_USE_CASE)
		buf_addf(sql,
			 " FROM (SELECT f.id FROM use_case_instances f"
			 "  WHERE f.use_case_name = :use_case_name) f"
			 " CROSS JOIN instance_totals t ON t.instance = f.id"
			 " CROSS JOIN %s u ON u.instance = t.instance",
			 table);
	else
		buf_addf(sql, " FROM instance_totals t CROSS JOIN %s u ON u.instance = t.instance",
			 table);
	buf_add_str(sql, " WHERE true");
}

static int open_parts(struct history *history, struct err *err)
{
	const bool users = history->kind == HISTORY_USE_CASE_USERS;
	const char *table = users ? "instance_users" : "instance_steps";
	struct buf sql = BUF_INIT;
	buf_addf(&sql, sums, users ? cost_of_user : "NULL", users ? "user_id" : "step");
	add_from(&sql, lead_of(&history->filters), table);
	/* An instance was seen no earlier than what it has of a step or user. */
	if (history->filters.since_us != INT64_MIN)
		buf_add_str(&sql, " AND t.last_us >= :since AND u.last_us >= :since");
	if (history->filters.until_us != INT64_MAX)
		buf_add_str(&sql, " AND u.first_us < :until");
	history_filter_totals(&sql, &history->filters, &history->ids, false);
	if (users && history->filters.user_id)
		buf_add_str(&sql, " AND u.user_id = :user_id");
	buf_add_str(
		&sql,
		")) j) s) q JOIN names k ON k.id = q.use_case_name JOIN names n ON n.id = q.part");
	buf_addf(&sql, " ORDER BY %s %s, k.text, n.text LIMIT :limit",
		 measures[history->filters.sort], history_direction(history));
	const int status = history_prepare(history, &sql, &history->page, err);
	if (status)
		return status;
	query_bind_int(history->page, ":since", history->filters.since_us);
	query_bind_int(history->page, ":until", history->filters.until_us);
	return 0;
}

enum {
	N_COLUMNS = sizeof(columns_of_steps) / sizeof(columns_of_steps[0]),
	KNOWS = HISTORY_KNOWS_INSTANCES | HISTORY_KNOWS_SORT
};

const struct history_table history_use_case_steps = {columns_of_steps, N_COLUMNS, KNOWS, open_parts,
						     history_read_once};
const struct history_table history_use_case_users = {columns_of_users, N_COLUMNS + 1,
						     KNOWS | HISTORY_KNOWS_SORT_COST, open_parts,
						     history_read_once};
