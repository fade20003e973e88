/*
 * What it costs: units by their prices, exact, the same whichever way it is added up, and right for lists that come late.
 */
#include "base/money.h"
#include "history/history.h"
#include "prices/price_list.h"
#include "store/retention.h"
#include "use_case_fixture.h"

#include <inttypes.h>

TestSuite(costs, .timeout = 60);

/* ---- Money ------------------------------------------------------------------------------------------ */

Test(costs, money_is_exact)
{
	char text[MONEY_TEXT_BYTES];
	cr_assert_str_eq(money_text(0, text), "0");
	cr_assert_str_eq(money_text(1, text), "0.000000000001");
	cr_assert_str_eq(money_text(2500000, text), "0.0000025");
	cr_assert_str_eq(money_text(INT64_C(10000000000000), text), "10");
	cr_assert_str_eq(money_text(INT64_MAX, text), "9223372.036854775807");
	cr_assert_str_eq(money_text(-INT64_C(1500000000000), text), "-1.5");
	cr_assert_eq(money_of_dollars(2.5e-06), 2500000);
	cr_assert_eq(money_of_dollars(0.1), INT64_C(100000000000));
	cr_assert_eq(money_of_dollars(3.75e-08), 37500);
	cr_assert_eq(money_of_dollars(-1), -1);
	cr_assert_eq(money_of_dollars(1e7), -1);
	cr_assert_eq(money_of_dollars(0.0 / 0.0), -1);
}

/* ---- Lists ------------------------------------------------------------------------------------------- */

static struct price_list *parse(const char *json)
{
	struct price_list *list = NULL;
	struct err err;
	cr_assert_eq(price_list_parse(json, strlen(json), &list, &err), 0, "%s", err.text);
	return list;
}

Test(costs, a_list_is_read_in_either_form)
{
	static const char item[] =
		"{\"category\":\"c\",\"resource\":\"r\",\"start_timestamp\":\"1970-01-03T05:00:"
		"00Z\","
		"\"end_timestamp\":\"1970-02-01T00:00:00Z\",\"active\":true,"
		"\"units\":{\"text\":{\"input_price\":2.5e-06,\"output_price\":\"0.00001\"},"
		"\"vision\":{\"input_price\":0.1,\"output_price\":null}}}";
	char json[2000];
	for (int form = 0; form < 2; form++) {
		snprintf(json, sizeof(json),
			 form ? "{\"request_id\":\"x\",\"items\":[%s]}" : "[%s]", item);
		struct price_list *list = parse(json);
		cr_assert_eq(list->n, 2);
		cr_assert_str_eq(list->prices[0].resource, "r");
		cr_assert_str_eq(list->prices[0].unit_type, "text");
		cr_assert_eq(list->prices[0].from_day, 2);
		cr_assert_eq(list->prices[0].until_day, 31);
		cr_assert_eq(list->prices[0].input, 2500000);
		cr_assert_eq(list->prices[0].output, 10000000);
		cr_assert_eq(list->prices[1].input, INT64_C(100000000000));
		cr_assert_eq(list->prices[1].output, -1);
		free(list);
	}
}

Test(costs, a_list_that_makes_no_sense_says_where)
{
	static const struct {
		const char *json;
		const char *part;
	} wrong[] = {
		{"", "no JSON"},
		{"{}", "\"items\""},
		{"[{\"resource\":\"r\",\"units\":{}}]", "item 0 has no category"},
		{"[{\"category\":\"c\",\"units\":{}}]", "item 0 has no resource"},
		{"[{\"category\":\"c\",\"resource\":\"r\"}]", "item 0 has no units"},
		{"[{\"category\":\"c\",\"resource\":\"r\",\"units\":{\"text\":{\"input_price\":-1}}"
		 "}]",
		 "units.text.input_price"},
		{"[{\"category\":\"c\",\"resource\":\"r\",\"units\":{\"text\":{\"output_price\":"
		 "\"1x\"}}}]",
		 "units.text.output_price"},
		{"[{\"category\":\"c\",\"resource\":\"r\",\"units\":{},\"start_timestamp\":"
		 "\"soon\"}]",
		 "start_timestamp \"soon\""},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct price_list *list = NULL;
		struct err err;
		cr_assert_eq(price_list_parse(wrong[i].json, strlen(wrong[i].json), &list, &err),
			     ERR_INVALID, "%s", wrong[i].json);
		cr_assert_not_null(strstr(err.text, wrong[i].part), "%s", err.text);
		cr_assert_null(list);
	}
}

/* ---- Costs ------------------------------------------------------------------------------------------- */

/* From 2026-11-20 on the larger model costs half. START_US is 2026-11-18T11:06:40Z. */
static const char prices[] =
	"[{\"category\":\"system.openai\",\"resource\":\"gpt-4o\",\"end_timestamp\":\"2026-11-"
	"20T00:00:00Z\","
	"  \"units\":{\"text\":{\"input_price\":0.0000025,\"output_price\":0.00001}}},"
	" {\"category\":\"system.openai\",\"resource\":\"gpt-4o\",\"start_timestamp\":\"2026-11-"
	"20T00:00:00Z\","
	"  \"units\":{\"text\":{\"input_price\":0.00000125,\"output_price\":0.000005}}},"
	" {\"category\":\"system.openai\",\"resource\":\"mini\",\"units\":{\"text\":{\"input_"
	"price\":1.5e-07}}}]";

static void set_prices(struct fixture *fixture, const char *json)
{
	struct price_list *list = json ? parse(json) : NULL;
	must(store_prices_replace(fixture->store, list, &fixture->err));
	free(list);
}

static void open_priced(struct fixture *fixture)
{
	const struct sample samples[] = {
		{.time_us = START_US,
		 .use_case_name = "chat",
		 .use_case_id = "a",
		 .user_id = "ann",
		 .resource = "gpt-4o",
		 .input = 1000,
		 .output = 100},
		{.time_us = START_US + DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "a",
		 .user_id = "bob",
		 .resource = "gpt-4o",
		 .input = 1000,
		 .output = 100},
		{.time_us = START_US + 2 * DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "a",
		 .user_id = "ann",
		 .resource = "gpt-4o",
		 .input = 1000,
		 .output = 100},
		{.time_us = START_US + 2 * DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "b",
		 .user_id = "ann",
		 .resource = "mini",
		 .input = 7,
		 .output = 0},
		{.time_us = START_US + 2 * DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "b",
		 .user_id = "ann",
		 .resource = "mini",
		 .input = 7,
		 .output = 5},
		{.time_us = START_US + 2 * DAY_US,
		 .use_case_name = "chat",
		 .use_case_id = "b",
		 .resource = "gpt-4o",
		 .unit_type = "vision",
		 .input = 3},
		{.time_us = START_US + 3 * DAY_US, .resource = "other", .input = 9},
		{.time_us = START_US + 3 * DAY_US, .resource = "gpt-4o", .input = 1},
	};
	fixture_open(fixture);
	fixture_commit(fixture, samples, sizeof(samples) / sizeof(samples[0]));
}

static const char by_event[] = "SELECT event, estimated_cost_usd, estimated_cost_picousd, "
			       "unpriced_units FROM event_history";
static const char by_instance[] =
	"SELECT use_case_id, estimated_cost_usd, unpriced_units FROM use_case_history ORDER BY 1";

Test(costs, follow_the_price_of_the_day)
{
	struct fixture fixture[1];
	open_priced(fixture);
	set_prices(fixture, prices);
	assert_rows(by_event, "1|0.0035|3500000000|\n"
			      "2|0.0035|3500000000|\n"
			      "3|0.00175|1750000000|\n"
			      "4|0.00000105|1050000|\n"
			      "5|0.00000105|1050000|text\n"
			      "6|||vision\n"
			      "7|||text\n"
			      "8|0.00000125|1250000|\n");
	assert_rows(by_instance, "a|0.00875|\nb|0.0000021|text, vision\n");
	assert_rows("SELECT user_id, estimated_cost_usd FROM use_case_users ORDER BY 1",
		    "ann|0.0052521\nbob|0.0035\n");
	assert_rows("SELECT hour, use_case_name, resource, estimated_cost_usd, unpriced_units FROM "
		    "usage_by_hour"
		    " ORDER BY 1, 2, 3",
		    "2026-11-18T11:00:00Z|chat|gpt-4o|0.0035|\n"
		    "2026-11-19T11:00:00Z|chat|gpt-4o|0.0035|\n"
		    "2026-11-20T11:00:00Z|chat|gpt-4o|0.00175|vision\n"
		    "2026-11-20T11:00:00Z|chat|mini|0.0000021|text\n"
		    "2026-11-21T11:00:00Z||gpt-4o|0.00000125|\n"
		    "2026-11-21T11:00:00Z||other||text\n");
	assert_rows("SELECT resource, unit_type, input_units, output_units FROM unpriced_usage "
		    "ORDER BY 1, 2",
		    "gpt-4o|vision|3|0\nmini|text|0|5\nother|text|9|0\n");
	fixture_close(fixture);
}

Test(costs, are_none_without_prices_and_right_when_they_come_late)
{
	struct fixture fixture[1];
	open_priced(fixture);
	assert_rows("SELECT count(estimated_cost_usd), count(unpriced_units) FROM event_history",
		    "0|0\n");
	assert_rows("SELECT count(estimated_cost_usd) FROM use_case_history", "0\n");
	set_prices(fixture, prices);
	assert_rows("SELECT sum(estimated_cost_picousd) FROM use_case_history", "8752100000\n");
	set_prices(fixture, "[]");
	assert_rows("SELECT count(estimated_cost_usd) FROM use_case_history", "0\n");
	fixture_close(fixture);
}

/* What raw events said is known of instances and hours when they are gone, and is priced as before. */
Test(costs, outlive_the_events)
{
	struct fixture fixture[1];
	open_priced(fixture);
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store,
			  &(struct sink_settlement){.sink = "payi", .last_id = 8, .n_delivered = 8},
			  START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
	struct retention retention;
	retention_init(&retention, &(struct retention_policy){.events_us = DAY_US});
	do {
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(&retention, fixture->store, 0, START_US + 5 * DAY_US,
				    &fixture->err));
		must(store_commit(fixture->store, &fixture->err));
	} while (retention.phase != 0);
	assert_rows("SELECT count(*) FROM event_history", "0\n");
	set_prices(fixture, prices);
	assert_rows(by_instance, "a|0.00875|\nb|0.0000021|text, vision\n");
	fixture_close(fixture);
}

/* ---- Through the history -------------------------------------------------------------------------------- */

struct summing {
	int column;
	int64_t sum;
};

static int add(void *taker, const struct query *row)
{
	struct summing *summing = taker;
	summing->sum += query_int(row, summing->column);
	return 0;
}

static int64_t sum_of(const struct fixture *fixture, enum history_kind kind, const char *user)
{
	struct query_db *db = NULL;
	struct history *history = NULL;
	struct history_filters filters = HISTORY_FILTERS_INIT;
	struct err err = {0};
	struct summing summing = {.column = -1};
	int n = 0;
	const struct history_column *columns = history_columns(kind, &n);
	filters.user_id = user;
	for (int i = 0; i < n; i++)
		if (strcmp(columns[i].name, "estimated_cost_usd") == 0)
			summing.column = i;
	cr_assert_geq(summing.column, 0);
	cr_assert_eq(query_db_open(fixture->path, &db, &err), 0, "%s", err.text);
	cr_assert_eq(history_open(db, kind, &filters, &history, &err), 0, "%s", err.text);
	while ((n = history_read(history, add, &summing, &err)) > 0)
		;
	cr_assert_eq(n, 0, "%s", err.text);
	history_close(history);
	query_db_close(db);
	return summing.sum;
}

Test(costs, are_the_same_through_every_door)
{
	const int64_t all = 8753350000;
	const int64_t of_instances = 8752100000;
	const int64_t of_ann = 5252100000;
	struct fixture fixture[1];
	open_priced(fixture);
	set_prices(fixture, prices);
	cr_expect_eq(sum_of(fixture, HISTORY_EVENTS, NULL), all);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_HOUR, NULL), all);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_DAY, NULL), all);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_USER, NULL), all);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_STEP, NULL), all);
	cr_expect_eq(sum_of(fixture, HISTORY_USE_CASES, NULL), of_instances);
	cr_expect_eq(sum_of(fixture, HISTORY_EVENTS, "ann"), of_ann);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_HOUR, "ann"), of_ann);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_DAY, "ann"), of_ann);
	cr_expect_eq(sum_of(fixture, HISTORY_USAGE_BY_USER, "ann"), of_ann);
	cr_expect_eq(sum_of(fixture, HISTORY_USE_CASE_USERS, "ann"), of_ann);
	assert_rows("SELECT sum(estimated_cost_picousd) FROM event_history", "8753350000\n");
	assert_rows("SELECT sum(estimated_cost_picousd) FROM usage_by_hour", "8753350000\n");
	fixture_close(fixture);
}
