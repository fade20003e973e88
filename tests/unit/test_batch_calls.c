/*
 * A batch while each of its allocations fails once, at each place: what it could not do is done when it is tried again, and
 * no request, verdict or event is another than without the failure. Then what its callers may ask of it out of turn.
 */
#include "batch_stage.h"
#include "help/fault_calls.h"

TestSuite(batch_calls, .init = set_up, .fini = tear_down);

enum { EVENTS = 8, RUNS_MAX = 100 };

static bool faulty;
static int n_failed;
static struct sink_event events[EVENTS];
static struct sink_item items[EVENTS];

static void arm(void)
{
	if (faulty)
		fault_calls_arm();
}

static bool disarm(void)
{
	const bool failed = faulty && fault_calls_disarm();
	n_failed += failed;
	return failed;
}

/* What says that it has failed must have met a failure, and works when it is tried again. */
#define TRY(call)                                                                                  \
	do {                                                                                       \
		arm();                                                                             \
		const bool done = (call);                                                          \
		const bool failed = disarm();                                                      \
		cr_assert(done || failed, #call);                                                  \
		if (done)                                                                          \
			break;                                                                     \
	} while (true)

static void pack_events(void)
{
	static char large[1500];
	memset(large, 'l', sizeof(large) - 1);
	for (int i = 0; i < EVENTS; i++) {
		events[i] = sink_event(
			i + 1, (struct sink_event_more){.use_case_name = "chat",
							.use_case_id = i % 2 ? "id" : NULL,
							.limit_ids = {i == 3 ? "lim" : NULL},
							.user_id = "ann",
							.property = i == 4 ? large : "p"});
		items[i] = (struct sink_item){.id = i + 1,
					      .record = events[i].record,
					      .record_bytes = events[i].bytes,
					      .instance = 1,
					      .use_case_id = i == 5 ? "given" : NULL};
	}
}

static bool has_init(void)
{
	if (batch_init(&batch, 4) == 0)
		return true;
	batch_release(&batch);
	return false;
}

/* Everything that would go over the wire, and every verdict. */
static void note(struct buf *all)
{
	buf_addf(all, "%d %d|", (int)batch.form, (int)batch.n_in_body);
	buf_add(all, batch.body.data, batch.body.len);
	buf_add_char(all, '|');
	buf_add(all, batch.query.data, batch.query.len);
	buf_add_char(all, '|');
	buf_add(all, batch.headers.data, batch.headers.len);
	buf_add_char(all, '\n');
}

static void note_verdicts(struct buf *all)
{
	const size_t n = batch_outcomes(&batch, outcomes);
	for (size_t i = 0; i < n; i++)
		buf_addf(all, "%d %d %d\n", (int)outcomes[i].id, (int)outcomes[i].verdict,
			 outcomes[i].http_status);
}

/* At the first time, whatever fails: going again as it is, the event would have the same answer at the network's speed. */
static void judge_limits(void)
{
	const struct reply_error error = {.message = "'lim' blocks"};
	arm();
	cr_assert(batch_cut_limits(&batch, 3, &error));
	disarm();
	cr_assert(batch.items[3].limits_cut);
}

/* The next request is made with what memory it can get; what the last one had is kept as a rule. */
static bool prepare(enum ingest_form form)
{
	buf_release(&batch.body);
	buf_release(&batch.query);
	buf_release(&batch.headers);
	return batch_prepare(&batch, form);
}

/* In half of them there is no room for the body, in the others none for the record. */
static bool add_item(int i)
{
	if (i % 2 && batch.records.len > 0)
		batch.records.capacity = batch.records.len;
	return batch_add(&batch, &items[i], wall_us);
}

static void play(struct buf *all)
{
	n_failed = 0;
	batch_release(&batch);
	TRY(has_init());
	TRY(batch_resize(&batch, EVENTS) == 0);
	batch_begin(&batch, false, 1 << 20);
	for (int i = 0; i < EVENTS; i++)
		TRY(add_item(i));
	batch.body.capacity = batch.body.len; /* as full as it may happen to be */
	TRY(batch_prepare(&batch, INGEST_BULK));
	note(all);
	batch.records.capacity = batch.records.len;
	judge_limits();
	TRY((batch_dead(&batch, 0, 400, "bad", "a word"), true));
	batch_delivered(&batch, 2);
	batch_advance(&batch);
	TRY(prepare(INGEST_BULK));
	note(all);
	batch_doubt_all(&batch);
	TRY(prepare(INGEST_BULK));
	note(all);
	batch_found(&batch);
	for (int i = 0; i < 3; i++) {
		TRY(prepare(INGEST_BULK));
		batch_missing(&batch);
	}
	batch.items[0].in_doubt = batch.items[1].in_doubt = batch.items[2].in_doubt = false;
	batch.items[3].in_doubt = batch.items[4].in_doubt = false;
	while (batch.n_items > 0) {
		TRY(prepare(INGEST_SINGLE));
		note(all);
		if (batch.n_in_body > 0)
			TRY((batch_defer(&batch, 0, 5, 503, "later", "a word"), true));
		batch_advance(&batch);
	}
	note_verdicts(all);
}

Test(batch_calls, each_allocation_fails_once_and_nothing_else_is_said)
{
	struct buf wanted = BUF_INIT, got = BUF_INIT;
	int runs = 0;
	pack_events();
	play(&wanted);
	faulty = true;
	do {
		buf_clear(&got);
		play(&got);
		cr_assert_eq(got.len, wanted.len, "%s\nand not\n%s", buf_text(&got),
			     buf_text(&wanted));
		cr_assert_arr_eq(got.data, wanted.data, wanted.len);
		cr_assert_lt(++runs, RUNS_MAX);
	} while (n_failed > 0);
	cr_assert_gt(fault_calls_places(), 15, "%d", fault_calls_places());
	buf_release(&wanted);
	buf_release(&got);
}

/* ---- Out of turn ----------------------------------------------------------------------------------- */

/* The service says two things of one event: the first stands. */
Test(batch_calls, a_second_verdict_is_ignored)
{
	add_n(2);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	batch_dead(&batch, 0, 400, "bad", "first");
	batch_dead(&batch, 0, 500, "other", "second");
	batch_defer(&batch, 0, 5, 503, "other", "third");
	batch_delivered(&batch, 0);
	batch_defer(&batch, 1, 5, 503, "later", "first");
	batch_dead(&batch, 1, 400, "bad", "second");
	batch_advance(&batch);
	settle();
	cr_assert_eq(settlement.n_outcomes, 2);
	cr_assert_eq(settlement.n_delivered, 0);
	cr_assert_eq(outcome_of(101)->verdict, SINK_DEAD);
	cr_assert_str_eq(outcome_of(101)->message, "first");
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEFERRED);
}

static bool add_of(int64_t id, int64_t instance, bool behind)
{
	const struct sink_event event =
		sink_event(id, (struct sink_event_more){.use_case_name = "chat",
							.use_case_id = instance ? "id" : NULL});
	const struct sink_item item = {.id = id,
				       .record = event.record,
				       .record_bytes = event.bytes,
				       .instance = instance ? instance : 9,
				       .behind = behind};
	return batch_add(&batch, &item, wall_us);
}

/* One that has its verdict is not kept back behind another that is put off after it. */
Test(batch_calls, what_has_its_verdict_waits_behind_nothing)
{
	for (int64_t id = 101; id <= 103; id++)
		cr_assert(add_of(id, 1, false));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	batch_dead(&batch, 1, 400, "bad", "no");
	batch_defer(&batch, 0, 5, 503, "later", "not now");
	batch_let_go(&batch);
	settle();
	cr_assert_eq(settlement.n_outcomes, 3);
	cr_assert_eq(outcome_of(102)->verdict, SINK_DEAD);
	cr_assert_eq(outcome_of(103)->verdict, SINK_BEHIND);
}

/* Only what waits keeps back, only what came after it, and only of its own instance; who is of none is behind nobody. */
Test(batch_calls, keeps_back_what_came_later_of_the_same_instance)
{
	cr_assert(add_of(101, 1, false));
	cr_assert(add_of(102, 2, false));
	cr_assert(add_of(103, 0, true));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.n_in_body, 3);
	batch_defer(&batch, 0, 5, 503, "later", "not now");
	batch_dead(&batch, 1, 400, "bad", "no");
	cr_expect(batch_keeps_back(&batch, 1, 200));
	cr_expect_not(batch_keeps_back(&batch, 1, 101));
	cr_expect_not(batch_keeps_back(&batch, 2, 200));
	cr_expect_not(batch_keeps_back(&batch, 3, 200));
}

/* What one batch has put off keeps its instance back in another; what it has settled does not. */
Test(batch_calls, leaves_behind_what_another_batch_has_put_off)
{
	struct batch other;
	cr_assert_eq(batch_init(&other, EVENTS), 0);
	cr_assert(add_of(101, 1, false));
	cr_assert(add_of(102, 2, false));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	batch_defer(&batch, 0, 5, 503, "later", "not now");
	batch_dead(&batch, 1, 400, "bad", "no");
	batch_advance(&batch);
	const struct batch empty = other;
	other = batch;
	batch = empty;
	batch_begin(&batch, false, 1 << 20);
	cr_assert(add_of(111, 1, false));
	cr_assert(add_of(112, 2, false));
	batch_keep_back(&batch, 1, 0);
	cr_expect(batch_keeps_back(&batch, 1, 120));
	cr_expect_not(batch_keeps_back(&batch, 1, 110), "it came before");
	batch_leave_behind(&batch, &other);
	cr_assert_eq(batch.n_verdicts, 1);
	cr_expect_eq(batch.verdicts[0].outcome.id, 111);
	cr_expect_eq(batch.verdicts[0].outcome.verdict, SINK_BEHIND);
	cr_assert_eq(batch.n_items, 1, "of the other instance nothing waits");
	cr_expect_eq(batch.items[0].id, 112);
	batch_release(&other);
}

/* All that was taken has its verdict: there is no request, in whatever form, and no body that is closed. */
Test(batch_calls, a_batch_without_an_event_to_send_has_no_request)
{
	const struct sink_item broken = {
		.id = 101, .record = (const uint8_t *)"\xc1", .record_bytes = 1};
	static const enum ingest_form forms[] = {INGEST_BULK, INGEST_SINGLE};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		batch_begin(&batch, false, 1 << 20);
		cr_assert(batch_add(&batch, &broken, wall_us));
		cr_assert(batch_prepare(&batch, forms[i]));
		cr_assert_eq(batch.n_in_body, 0);
		cr_assert_eq(batch.body.len, 0);
	}
}

/* Those that nothing was said of are looked up once; and again only when that is asked for. */
Test(batch_calls, what_nothing_was_said_of_is_doubted_once)
{
	add_n(3);
	expect_sent(101, 3);
	batch_delivered(&batch, 0);
	cr_assert(batch_doubt(&batch, 1));
	batch_doubt_rest(&batch, false);
	batch_advance(&batch);
	expect_lookup(102);
	batch_missing(&batch);
	expect_lookup(103);
	batch_missing(&batch);
	expect_sent(102, 2);
	batch_doubt_rest(&batch, false);
	cr_assert_not(batch.items[0].in_doubt, "it was, and was not found");
	batch_doubt_rest(&batch, true);
	batch_advance(&batch);
	expect_lookup(102);
}

/* An id that was given for an event which names none is not put into it. */
Test(batch_calls, a_given_id_replaces_one_that_is_there)
{
	const struct sink_event event = sink_event(101, (struct sink_event_more){0});
	const struct sink_item item = {.id = 101,
				       .record = event.record,
				       .record_bytes = event.bytes,
				       .use_case_id = "given"};
	cr_assert(batch_add(&batch, &item, wall_us));
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	json_t *root = body();
	cr_assert_null(json_object_get(json_array_get(root, 0), "use_case_id"));
	json_decref(root);
}
