/*
 * The stage for tests of one batch: events are put into it, its requests are looked at, and answers are made up.
 * No loop, no network. For one program at a time: the state is the program's.
 */
#ifndef PAYI_TESTS_BATCH_STAGE_H
#define PAYI_TESTS_BATCH_STAGE_H

#include "sink/payi/answer.h"
#include "sink/payi/batch.h"
#include "sink_events.h"

#include <criterion/criterion.h>
#include <jansson.h>

enum { SECOND = 1000000 };

static const int64_t wall_us = INT64_C(1790000000) * SECOND;
static struct batch batch;
static struct endpoint endpoint;
static struct answer answer;
static struct sink_settlement settlement;
static struct sink_outcome outcomes[64];
static bool probe, body_cut; /* of the next answer */
static int64_t service_us;

static inline void set_up(void)
{
	endpoint_init(&endpoint);
	endpoint.indexing =
		INDEXING_FROM_0; /* test_sink_indexing.c has how that comes to be known */
	cr_assert_eq(batch_init(&batch, 8), 0);
	batch_begin(&batch, false, 1 << 20);
}

static inline void tear_down(void)
{
	batch_release(&batch);
}

static inline bool add_with(int64_t id, struct sink_event_more more)
{
	struct sink_event event = sink_event(id, more);
	const struct sink_item item = {
		.id = id, .record = event.record, .record_bytes = event.bytes};
	return batch_add(&batch, &item, wall_us);
}

static inline bool add(int64_t id)
{
	return add_with(id, (struct sink_event_more){0});
}

static inline void add_n(int n)
{
	for (int i = 1; i <= n; i++)
		cr_assert(add(100 + i));
}

static inline json_t *body(void)
{
	json_t *root = json_loadb((const char *)batch.body.data, batch.body.len, 0, NULL);
	cr_assert_not_null(root, "the body is no JSON: %.*s", (int)batch.body.len,
			   (const char *)batch.body.data);
	return root;
}

/* The number behind "event-" of the item at index of the body. */
static inline int sent_number(size_t index)
{
	json_t *root = body();
	const json_t *item = json_array_get(root, index);
	const char *id = json_string_value(json_object_get(item, "provider_response_id"));
	int number = id ? (int)strtol(id + strlen("event-"), NULL, 10) : -1;
	json_decref(root);
	return number;
}

static inline void answer_with(int status, const char *text)
{
	const struct http_answer http = {
		.status = status,
		.error = status ? NULL : "reset",
		.body = text,
		.body_bytes = strlen(text),
		.body_cut = body_cut,
		.retry_after_us = -1,
		.date_us = service_us,
	};
	const struct answer_clocks clocks = {.now_us = 0, .wall_us = wall_us};
	answer_take(&batch, &endpoint, &http, probe, clocks, &answer);
}

static inline const struct sink_outcome *outcome_of(int64_t id)
{
	for (size_t i = 0; i < settlement.n_outcomes; i++)
		if (settlement.outcomes[i].id == id)
			return &settlement.outcomes[i];
	return NULL;
}

static inline void settle(void)
{
	cr_assert_eq(batch.n_items, 0);
	settlement.outcomes = outcomes;
	settlement.n_outcomes = batch_outcomes(&batch, outcomes);
	settlement.n_delivered = batch.n_delivered;
}

#define TAKEN "{\"request_id\":\"r\"}"

#define ERROR_OF(i, status, code, message)                                                         \
	"{\"item_index\":" #i ",\"xproxy_result\":{\"message\":\"" message                         \
	"\",\"statusCode\":" #status ",\"xproxy_error\":{\"code\":\"" code "\"}}}"

/* That the next request asks after the event of this number. */
static inline void expect_lookup(int number)
{
	char path[128];
	snprintf(path, sizeof(path), "/api/v1/requests/provider/system.openai/event-%d/result",
		 number);
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.form, INGEST_LOOKUP);
	cr_assert_str_eq(buf_text(&batch.query), path);
	cr_assert_eq(batch.body.len, 0);
}

static inline void expect_sent(int first, size_t n)
{
	cr_assert(batch_prepare(&batch, INGEST_BULK));
	cr_assert_eq(batch.form, INGEST_BULK);
	cr_assert_eq(batch.n_in_body, n);
	cr_assert_eq(sent_number(0), first);
}

#endif
