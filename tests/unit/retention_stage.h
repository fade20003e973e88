/*
 * For the tests of retention: whole rounds of it, what sinks have settled, and whether the books balance.
 */
#ifndef PAYI_TESTS_RETENTION_STAGE_H
#define PAYI_TESTS_RETENTION_STAGE_H

#include "history/books.h"
#include "store/retention.h"
#include "use_case_fixture.h"

/* ---- Rounds --------------------------------------------------------------------------------------- */

/* Slices until the round is over, each in a transaction of its own. */
static inline void end_round(struct fixture *fixture, struct retention *retention, int64_t now_us,
			     int64_t wall_us)
{
	do {
		must(store_begin(fixture->store, &fixture->err));
		must(retention_step(retention, fixture->store, now_us, wall_us, &fixture->err));
		must(store_commit(fixture->store, &fixture->err));
	} while (retention->phase != 0);
}

static inline void run_round(struct fixture *fixture, const struct retention_policy *policy,
			     int64_t wall_us)
{
	struct retention retention;
	retention_init(&retention, policy);
	end_round(fixture, &retention, retention_due_us(&retention, START_US), wall_us);
}

static inline void settle(struct fixture *fixture, int64_t after_id, int64_t last_id,
			  int64_t n_delivered, const struct sink_outcome *outcomes, size_t n)
{
	const struct sink_settlement settlement = {.sink = "payi",
						   .after_id = after_id,
						   .last_id = last_id,
						   .n_delivered = n_delivered,
						   .outcomes = outcomes,
						   .n_outcomes = n};
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlement, START_US, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static inline void assert_balance(struct fixture *fixture)
{
	struct query_db *db = NULL;
	struct books_sink sink;
	must(query_db_open(fixture->path, &db, &fixture->err));
	cr_assert_eq(books_read_sink(db, "payi", &sink, &fixture->err), 1);
	cr_assert_null(books_check_sink(&sink),
		       "%s: stored %d, delivered %d, waiting %d, discarded %d",
		       books_check_sink(&sink), (int)sink.stored, (int)sink.delivered,
		       (int)sink.waiting, (int)sink.discarded);
	query_db_close(db);
}

#endif
