/* For the tests of what the store knows of use cases: notices and answers, each in a transaction of its own. */
#ifndef PAYI_TESTS_USE_CASE_FIXTURE_H
#define PAYI_TESTS_USE_CASE_FIXTURE_H

#include "store_fixture.h"

#define HANDLE_1 PAYI_HANDLE_PREFIX "018f2b6e-0000-7000-8000-000000000001"
#define HANDLE_2 PAYI_HANDLE_PREFIX "018f2b6e-0000-7000-8000-000000000002"

static inline struct msgpack_text text_of(const char *text)
{
	return (struct msgpack_text){text, text ? (uint32_t)strlen(text) : 0};
}

/* text: the description or the id. Within a transaction. */
static inline void put_notice(struct fixture *fixture, enum use_case_kind kind, const char *name,
			      const char *text, int64_t time_us)
{
	struct use_case_notice notice = {.kind = kind, .time_us = time_us, .name = text_of(name)};
	if (kind == USE_CASE_DEFINE)
		notice.description = text_of(text);
	else
		notice.id = text_of(text);
	must(store_use_case_put(fixture->store, &notice, &fixture->err));
}

static inline void tell(struct fixture *fixture, enum use_case_kind kind, const char *name,
			const char *text, int64_t time_us)
{
	must(store_begin(fixture->store, &fixture->err));
	put_notice(fixture, kind, name, text, time_us);
	must(store_commit(fixture->store, &fixture->err));
}

static inline void answer(struct fixture *fixture, const struct sink_ask_outcome *outcome,
			  int64_t now_us)
{
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle_ask(fixture->store, outcome, now_us, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

static inline void give_id(struct fixture *fixture, int64_t instance, const char *id,
			   int64_t now_us)
{
	answer(fixture,
	       &(struct sink_ask_outcome){.kind = SINK_ASK_ID,
					  .key = instance,
					  .verdict = SINK_DELIVERED,
					  .given_id = id},
	       now_us);
}

/* Everything up to last_id is settled, all of it as verdict says. */
static inline void settle_up_to(struct fixture *fixture, int64_t after_id, int64_t last_id,
				enum sink_verdict verdict, int64_t now_us)
{
	struct sink_outcome outcomes[64];
	const size_t n = (size_t)(last_id - after_id);
	cr_assert_leq(n, 64);
	for (size_t i = 0; i < n; i++)
		outcomes[i] = (struct sink_outcome){
			.id = after_id + 1 + (int64_t)i, .verdict = verdict, .retry_us = now_us};
	const struct sink_settlement settlement = {
		.sink = "payi",
		.after_id = after_id,
		.last_id = last_id,
		.n_delivered = verdict == SINK_DELIVERED ? (int64_t)n : 0,
		.outcomes = outcomes,
		.n_outcomes = verdict == SINK_DELIVERED ? 0 : n};
	must(store_begin(fixture->store, &fixture->err));
	must(store_settle(fixture->store, &settlement, now_us, &fixture->err));
	must(store_commit(fixture->store, &fixture->err));
}

#endif
