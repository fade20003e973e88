/* When what the sinks say is committed: settlements in company, what somebody waits for at once. */
#include "help/client_fixture.h"
#include "intake.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(intake_letters, .init = client_set_up, .fini = client_tear_down, .timeout = 20);

enum { START_US = 1000000 };

static struct intake *open_idle(void)
{
	const struct intake_options options = {.database = client_site.database,
					       .ring_dir = client_site.rings,
					       .commit_events = 10,
					       .sync_full = false};
	struct intake *intake;
	struct err err;
	snprintf(client_site.database, sizeof(client_site.database), "%s/payi.db",
		 client_site.rings);
	cr_assert_eq(intake_open(&options, &intake, &err), 0, "%s", err.text);
	cr_assert_eq(intake_step(intake, START_US, START_US, false), INTAKE_IDLE);
	return intake;
}

static enum intake_result step_at(struct intake *intake, int64_t now_us)
{
	return intake_step(intake, now_us, now_us, false);
}

static void post_settlement(struct intake *intake)
{
	struct letter_box box;
	letter_box_init(&box);
	letter_box_settle(&box, &(struct sink_settlement){.sink = "payi"});
	intake_post(intake, letter_box_take(&box));
	letter_box_release(&box);
}

static void post_answer(struct intake *intake)
{
	const struct sink_ask_outcome answer = {
		.kind = SINK_ASK_ID, .key = 1, .verdict = SINK_DELIVERED, .given_id = "given"};
	struct letter_box box;
	letter_box_init(&box);
	letter_box_settle_ask(&box, &answer);
	intake_post(intake, letter_box_take(&box));
	letter_box_release(&box);
}

Test(intake_letters, settlements_wait_a_moment_and_are_committed_together)
{
	struct intake *intake = open_idle();
	post_settlement(intake);
	cr_assert_eq(step_at(intake, START_US), INTAKE_IDLE);
	const int64_t due_us = intake_next_us(intake);
	cr_assert(due_us > START_US && due_us <= START_US + 20000, "%lld",
		  (long long)due_us - START_US);
	post_settlement(intake);
	cr_assert_eq(step_at(intake, due_us - 1), INTAKE_IDLE);
	cr_assert_eq(intake_next_us(intake), due_us, "one that comes later puts nothing off");
	cr_assert_eq(intake_settlements(intake), 0);
	cr_assert_eq(step_at(intake, due_us), INTAKE_STORED);
	cr_assert_eq(intake_settlements(intake), 2);
	cr_assert(intake_is_empty(intake));
	intake_close(intake);
}

Test(intake_letters, what_somebody_waits_for_takes_settlements_with_it)
{
	struct intake *intake = open_idle();
	post_settlement(intake);
	cr_assert_eq(step_at(intake, START_US), INTAKE_IDLE);
	post_answer(intake);
	cr_assert_eq(step_at(intake, START_US), INTAKE_STORED);
	cr_assert_eq(intake_settlements(intake), 1);
	intake_close(intake);
}

Test(intake_letters, an_agent_that_ends_waits_for_no_company)
{
	struct intake *intake = open_idle();
	post_settlement(intake);
	cr_assert_eq(intake_step(intake, START_US, START_US, true), INTAKE_STORED);
	cr_assert(intake_is_empty(intake));
	intake_close(intake);
}
