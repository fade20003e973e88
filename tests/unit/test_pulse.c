/* What top shows: sums by use case, resource and instance, and how fast events are stored. */
#include "store_fixture.h"

#include "history/pulse.h"
#include "prices/price_list.h"

static struct fixture fixture[1];
static struct query_db *db;
static struct pulse_row rows[PULSE_ROWS_MAX];

static void begin(void)
{
	fixture_open(fixture);
	must(query_db_open(fixture->path, &db, &fixture->err));
}

static void end(void)
{
	query_db_close(db);
	fixture_close(fixture);
}

TestSuite(pulse, .init = begin, .fini = end);

static const struct sample samples[] = {
	{.time_us = START_US,
	 .use_case_name = "support",
	 .use_case_id = "t-1",
	 .resource = "gpt-4o",
	 .latency_ms = 100,
	 .input = 10,
	 .output = 1},
	{.time_us = START_US + SECOND_US,
	 .use_case_name = "support",
	 .use_case_id = "t-2",
	 .resource = "o3",
	 .latency_ms = 300,
	 .http_status = 500,
	 .input = 20,
	 .output = 2},
	{.time_us = START_US + 2 * SECOND_US, .resource = "gpt-4o", .input = 30, .output = 3},
	{.time_us = START_US - DAY_US,
	 .use_case_name = "old",
	 .use_case_id = "t-0",
	 .resource = "gpt-4o",
	 .input = 40,
	 .output = 4},
};

static int read_part(enum pulse_part part)
{
	const int n =
		pulse_read(db, part, PULSE_LAST_SEEN, START_US - HOUR_US, rows, &fixture->err);
	cr_assert_geq(n, 0, "%s", fixture->err.text);
	return n;
}

Test(pulse, sums_use_cases_of_the_time_asked_for)
{
	fixture_commit(fixture, samples, 4);
	cr_assert_eq(read_part(PULSE_USE_CASES), 2);
	cr_expect_str_eq(rows[0].name, "support");
	cr_expect_eq(rows[0].events, 2);
	cr_expect_eq(rows[0].failures, 1);
	cr_expect_eq(rows[0].input, 30);
	cr_expect_eq(rows[0].output, 3);
	cr_expect_eq(rows[0].latency_count, 2);
	cr_expect_eq(rows[0].latency_sum_ms, 400);
	cr_expect_eq(rows[0].last_us, START_US + SECOND_US);
	cr_expect_str_eq(rows[1].name, ""); /* events without a use case */
	cr_expect_eq(rows[1].events, 1);
}

Test(pulse, sums_resources)
{
	fixture_commit(fixture, samples, 4);
	cr_assert_eq(read_part(PULSE_RESOURCES), 2);
	cr_expect_str_eq(rows[0].name, "system.openai");
	cr_expect_str_eq(rows[0].detail, "gpt-4o");
	cr_expect_eq(rows[0].events, 2);
	cr_expect_eq(rows[0].input, 40);
	cr_expect_str_eq(rows[1].detail, "o3");
	cr_expect_eq(rows[1].failures, 1);
}

Test(pulse, names_the_instances_seen_last)
{
	fixture_commit(fixture, samples, 4);
	cr_assert_eq(read_part(PULSE_INSTANCES), 2);
	cr_expect_str_eq(rows[0].detail, "t-2");
	cr_expect_str_eq(rows[1].detail, "t-1");
	cr_expect_neq(rows[0].key[0], rows[1].key[0]);
}

/* Of more instances than are read, those come that are asked for, and not the last ones. */
Test(pulse, reads_the_greatest_of_many_instances)
{
	static const enum pulse_first firsts[] = {PULSE_MOST_EVENTS, PULSE_MOST_UNITS,
						  PULSE_MOST_FAILURES, PULSE_MOST_LATENCY,
						  PULSE_BY_NAME};
	must(store_begin(fixture->store, &fixture->err));
	for (int i = 0; i < PULSE_ROWS_MAX + 10; i++) {
		char id[16];
		snprintf(id, sizeof(id), "t-%05d", i);
		for (int k = 0; k < (i == 0 ? 2 : 1); k++)
			fixture_put(fixture, &(struct sample){.time_us = START_US + i,
							      .use_case_name = "support",
							      .use_case_id = id,
							      .latency_ms = i ? 100 : 200,
							      .http_status = i ? 200 : 500,
							      .input = i ? 1 : 2});
	}
	must(store_commit(fixture->store, &fixture->err));
	cr_assert_eq(read_part(PULSE_INSTANCES), PULSE_ROWS_MAX);
	cr_expect_str_eq(rows[0].detail, "t-01009");
	cr_expect_str_eq(rows[PULSE_ROWS_MAX - 1].detail, "t-00010");
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		cr_assert_eq(pulse_read(db, PULSE_INSTANCES, firsts[i], START_US - HOUR_US, rows,
					&fixture->err),
			     PULSE_ROWS_MAX);
		cr_expect_str_eq(rows[0].detail, "t-00000", "%zu", i);
	}
}

/* gpt-4o has a price, and o3 has none: of what costs nothing that is known, nothing is said. */
Test(pulse, estimates_costs)
{
	static const char json[] = "[{\"category\":\"system.openai\",\"resource\":\"gpt-4o\","
				   "\"start_timestamp\":\"1970-01-01T00:00:00Z\","
				   "\"active\":true,\"units\":{\"text\":{\"input_price\":0.01,"
				   "\"output_price\":0.1}}}]";
	struct price_list *list = NULL;
	fixture_commit(fixture, samples, 4);
	cr_assert_eq(read_part(PULSE_USE_CASES), 2);
	cr_expect_eq(rows[0].cost_picousd, -1);
	must(price_list_parse(json, sizeof(json) - 1, &list, &fixture->err));
	must(store_prices_replace(fixture->store, list, &fixture->err));
	free(list);
	cr_assert_eq(read_part(PULSE_USE_CASES), 2);
	cr_expect_eq(rows[0].cost_picousd, INT64_C(200000000000)); /* 10 and 1 of gpt-4o */
	cr_expect_eq(rows[1].cost_picousd, INT64_C(600000000000));
	cr_assert_eq(read_part(PULSE_RESOURCES), 2);
	cr_expect_eq(rows[0].cost_picousd, INT64_C(800000000000));
	cr_expect_eq(rows[1].cost_picousd, -1);
	cr_assert_eq(read_part(PULSE_INSTANCES), 2);
	cr_expect_eq(rows[0].cost_picousd, -1); /* t-2, of o3 */
	cr_expect_eq(rows[1].cost_picousd, INT64_C(200000000000));
}

/* Against a count, at every boundary, with holes where retention was. */
Test(pulse, counts_what_was_stored_since)
{
	struct err err;
	int64_t events = -1;
	must(pulse_stored_since(db, START_US, &events, &err));
	cr_expect_eq(events, 0);
	fixture_fill(fixture, 1000);
	must(pulse_stored_since(db, START_US, &events, &err));
	cr_expect_eq(events, 1000); /* all at START_US */
	must(pulse_stored_since(db, START_US + 1, &events, &err));
	cr_expect_eq(events, 0);
}
