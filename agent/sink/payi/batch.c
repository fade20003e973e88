#include "sink/payi/batch.h"

#include "base/memory.h"
#include "event/event.h"
#include "sink/payi/batch_body.h"
#include "sink/payi/limits.h"

#include <stdlib.h>
#include <string.h>

enum {
	TEXT_BYTES_MAX = 300, /* of what the service says of an event */
	MISSING_ENOUGH = 3,
	UNANSWERED_ENOUGH = 10,
	LIST_HEAD_BYTES = 5,
	GROWTH = 4, /* of a request, after one that went well */
};

/* ---- Life ------------------------------------------------------------------------------------------- */

int batch_init(struct batch *batch, int32_t events_max)
{
	size_t n = (size_t)events_max;
	*batch = (struct batch){.events_max = events_max, .events_room = events_max};
	batch->items = calloc(n, sizeof(*batch->items));
	batch->verdicts = calloc(n, sizeof(*batch->verdicts));
	batch->instances = calloc(n, sizeof(*batch->instances));
	return batch->items && batch->verdicts && batch->instances ? 0 : -1;
}

/* What was grown before memory ran out stays so: there is room for more than is said. */
static int make_room(struct batch *batch, size_t n)
{
	void *items = realloc(batch->items, n * sizeof(*batch->items));
	batch->items = items ? items : batch->items;
	void *verdicts = realloc(batch->verdicts, n * sizeof(*batch->verdicts));
	batch->verdicts = verdicts ? verdicts : batch->verdicts;
	void *instances = realloc(batch->instances, n * sizeof(*batch->instances));
	batch->instances = instances ? instances : batch->instances;
	return items && verdicts && instances ? 0 : -1;
}

int batch_resize(struct batch *batch, int32_t events_max)
{
	if (events_max > batch->events_room) {
		if (make_room(batch, (size_t)events_max))
			return -1;
		batch->events_room = events_max;
	}
	batch->events_max = events_max;
	return 0;
}

void batch_release(struct batch *batch)
{
	free(batch->items);
	free(batch->verdicts);
	free(batch->instances);
	buf_release(&batch->records);
	buf_release(&batch->body);
	buf_release(&batch->query);
	buf_release(&batch->headers);
	buf_release(&batch->texts);
}

/* What one huge event made large shall not stay large. */
static void empty(struct buf *buf, size_t keep_bytes)
{
	if (buf->capacity > keep_bytes)
		buf_release(buf);
	buf_clear(buf);
}

void batch_begin(struct batch *batch, bool deferred, size_t bytes_max)
{
	size_t keep_bytes = 2 * bytes_max;
	empty(&batch->records, keep_bytes);
	empty(&batch->body, keep_bytes);
	empty(&batch->query, keep_bytes);
	empty(&batch->headers, keep_bytes);
	empty(&batch->texts, keep_bytes);
	batch->deferred = deferred;
	batch->bytes_max = bytes_max;
	batch->filling = true;
	batch->n_items = 0;
	batch->n_taken = 0;
	batch->n_delivered = 0;
	batch->n_verdicts = 0;
	batch->n_instances = 0;
	batch->any_kept_back = false;
	batch->form = INGEST_BULK;
	batch->n_in_body = 0;
	batch->n_found = 0;
	batch->n_missing = 0;
	batch->n_conflicts = 0;
	batch->n_failures = 0;
	batch->suspected = false;
	batch->n_wanted = (size_t)batch->events_max;
	batch->grows = true;
	batch->n_suspects = 0;
	batch->n_delivered_before = 0;
}

/* ---- Verdicts --------------------------------------------------------------------------------------- */

/* Copies a text of the service's; its position + 1, or 0 for none. */
static size_t keep_text(struct batch *batch, const char *text)
{
	if (!text)
		return 0;
	size_t len = reply_text_cut(text, TEXT_BYTES_MAX);
	size_t at = batch->texts.len;
	if (!buf_reserve(&batch->texts, len + 1))
		return 0; /* the verdict matters more than its words */
	buf_add(&batch->texts, text, len);
	buf_add_char(&batch->texts, '\0');
	return at + 1;
}

static void add_verdict(struct batch *batch, struct sink_outcome outcome)
{
	struct batch_verdict *verdict = &batch->verdicts[batch->n_verdicts++];
	verdict->code_at = keep_text(batch, outcome.code);
	verdict->message_at = keep_text(batch, outcome.message);
	verdict->outcome = outcome;
}

static struct batch_item *without_verdict(struct batch *batch, size_t index)
{
	struct batch_item *item = &batch->items[index];
	if (item->has_verdict)
		return NULL;
	item->has_verdict = true;
	return item;
}

void batch_dead(struct batch *batch, size_t index, int http_status, const char *code,
		const char *message)
{
	const struct batch_item *item = without_verdict(batch, index);
	if (item)
		add_verdict(batch, (struct sink_outcome){.id = item->id,
							 .instance = item->instance,
							 .verdict = SINK_DEAD,
							 .http_status = http_status,
							 .code = code,
							 .message = message});
}

void batch_defer(struct batch *batch, size_t index, int64_t retry_us, int http_status,
		 const char *code, const char *message)
{
	const struct batch_item *item = without_verdict(batch, index);
	if (!item)
		return;
	add_verdict(batch, (struct sink_outcome){.id = item->id,
						 .instance = item->instance,
						 .verdict = SINK_DEFERRED,
						 .http_status = http_status,
						 .retry_us = retry_us,
						 .code = code,
						 .message = message});
	batch_keep_back(batch, item->instance, item->id);
}

void batch_cost(struct batch *batch, size_t index, const struct sink_cost *cost)
{
	batch->items[index].cost = *cost;
}

void batch_delivered(struct batch *batch, size_t index)
{
	const struct batch_item *item = without_verdict(batch, index);
	if (!item)
		return;
	batch->n_delivered++;
	/* Inside a range what is not mentioned was delivered; there is no range around deferred ones. */
	if (item->limits_cut)
		add_verdict(batch, (struct sink_outcome){
					   .id = item->id,
					   .instance = item->instance,
					   .verdict = SINK_DELIVERED,
					   .code = "blocking_limit_not_allowed",
					   .message = "it was sent without its blocking limits",
					   .cost = item->cost});
	else if (batch->deferred)
		add_verdict(batch, (struct sink_outcome){.id = item->id,
							 .instance = item->instance,
							 .verdict = SINK_DELIVERED,
							 .cost = item->cost});
	else if (item->cost.said)
		add_verdict(batch, (struct sink_outcome){.id = item->id,
							 .verdict = SINK_DELIVERED,
							 .cost = item->cost});
}

void batch_deliver_rest(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_in_body; i++)
		if (!batch->items[i].goes_again)
			batch_delivered(batch, i);
}

/* ---- Doubts ----------------------------------------------------------------------------------------- */

static void put_in_doubt(struct batch *batch, struct batch_item *item)
{
	item->in_doubt = true;
	item->was_in_doubt = true;
	batch->n_found = 0;
	batch->n_missing = 0;
	batch->n_unanswered = 0;
}

bool batch_doubt(struct batch *batch, size_t index)
{
	struct batch_item *item = &batch->items[index];
	if (item->was_in_doubt)
		return false;
	put_in_doubt(batch, item);
	item->goes_again = true;
	return true;
}

void batch_doubt_rest(struct batch *batch, bool again)
{
	for (size_t i = 0; i < batch->n_in_body; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->has_verdict || item->goes_again || (item->was_in_doubt && !again))
			continue;
		put_in_doubt(batch, item);
		item->goes_again = true;
	}
}

void batch_doubt_all(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_in_body; i++)
		put_in_doubt(batch, &batch->items[i]);
	batch->n_in_body = 0;
}

static void end_doubts(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_items; i++)
		batch->items[i].in_doubt = false;
}

void batch_found(struct batch *batch)
{
	batch->n_found++;
	batch_delivered(batch, batch->looked_up);
	batch_advance(batch);
}

/* When the first ones are not there, the request was not carried out at all: the others need no look-up. */
void batch_missing(struct batch *batch)
{
	batch->n_missing++;
	batch->n_in_body = 0;
	batch->items[batch->looked_up].in_doubt = false;
	batch->items[batch->looked_up].was_missing = true;
	if (batch->n_found == 0 && batch->n_missing == MISSING_ENOUGH)
		end_doubts(batch);
}

void batch_not_looked_up(struct batch *batch)
{
	if (++batch->n_unanswered < UNANSWERED_ENOUGH)
		return;
	batch->n_in_body = 0;
	end_doubts(batch);
}

/* What is left of them goes behind the records, for the next body and those after it. */
bool batch_cut_limits(struct batch *batch, size_t index, const struct reply_error *error)
{
	struct batch_item *item = &batch->items[index];
	struct event event;
	uint32_t n_left = 0;
	if (item->limits_cut)
		return false;
	/* Room is made first: the event lies in the same memory. Going again as it is would have the same answer, at once. */
	while (!buf_reserve(&batch->records, item->record_bytes + LIST_HEAD_BYTES)) {
		batch->records.failed = false;
		memory_wait();
	}
	batch_body_read(batch, item, &event);
	size_t at = batch->records.len;
	item->goes_again = limits_without(&batch->records, &event, error, &n_left);
	if (!item->goes_again)
		return false;
	item->limits_cut = true;
	item->limits_at = at;
	item->limits_bytes = n_left ? (uint32_t)(batch->records.len - at) : 0;
	return true;
}

/*
 * How many go next. What was sent and left was a part of the suspects: the bad one is among the others, and half of them
 * tell which half. Once it is found as many go at once as suits what was found before it: many if the bad are few.
 */
static void want_more(struct batch *batch, size_t n_sent)
{
	if (!batch->grows)
		return;
	if (batch->n_suspects > n_sent) {
		batch->n_suspects -= n_sent;
		batch->n_wanted = (batch->n_suspects + 1) / 2;
	} else if (batch->n_suspects > 0) {
		const size_t n_good = (size_t)(batch->n_delivered - batch->n_delivered_before);
		batch->n_suspects = 0;
		batch->n_delivered_before = batch->n_delivered;
		batch->n_wanted = n_good > 0 ? GROWTH * n_good : 1;
	} else if (batch->n_wanted < GROWTH * n_sent) {
		batch->n_wanted = GROWTH * n_sent;
	}
}

void batch_advance(struct batch *batch)
{
	size_t n_sent = batch->n_in_body;
	size_t n_left = 0;
	batch->n_failures = 0;
	for (size_t i = 0; i < batch->n_items; i++) {
		if (batch->items[i].has_verdict)
			continue;
		batch->items[n_left] = batch->items[i];
		batch->items[n_left++].goes_again = false;
	}
	batch->n_items = n_left;
	batch->n_in_body = 0;
	want_more(batch, n_sent);
}

bool batch_halve(struct batch *batch, bool for_good)
{
	if (batch->n_in_body <= 1)
		return false;
	batch->n_wanted = (batch->n_in_body + 1) / 2;
	batch->n_suspects = for_good ? 0 : batch->n_in_body;
	batch->n_in_body = 0;
	if (for_good)
		batch->grows = false;
	return true;
}

void batch_go_alone(struct batch *batch)
{
	batch->n_wanted = 1;
	batch->grows = false;
}

size_t batch_outcomes(const struct batch *batch, struct sink_outcome *outcomes)
{
	const char *texts = (const char *)batch->texts.data;
	for (size_t i = 0; i < batch->n_verdicts; i++) {
		const struct batch_verdict *verdict = &batch->verdicts[i];
		outcomes[i] = verdict->outcome;
		outcomes[i].code = verdict->code_at ? texts + verdict->code_at - 1 : NULL;
		outcomes[i].message = verdict->message_at ? texts + verdict->message_at - 1 : NULL;
	}
	return batch->n_verdicts;
}

/* ---- Order ------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void list_instances(struct batch *batch)
{
	size_t n = 0;
	size_t n_different = 0;
	for (size_t i = 0; i < batch->n_items; i++)
		if (batch->items[i].instance)
			batch->instances[n++] = batch->items[i].instance;
	qsort(batch->instances, n, sizeof(batch->instances[0]), compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || batch->instances[i] != batch->instances[n_different - 1])
			batch->instances[n_different++] = batch->instances[i];
	batch->n_instances = n_different;
}

bool batch_shares_instance(const struct batch *a, const struct batch *b)
{
	for (size_t i = 0, j = 0; i < a->n_instances && j < b->n_instances;) {
		if (a->instances[i] == b->instances[j])
			return true;
		if (a->instances[i] < b->instances[j])
			i++;
		else
			j++;
	}
	return false;
}

bool batch_keeps_back(const struct batch *batch, int64_t instance, int64_t id)
{
	for (size_t i = 0; i < batch->n_verdicts; i++) {
		const struct sink_outcome *outcome = &batch->verdicts[i].outcome;
		if (sink_waits(outcome->verdict) && outcome->instance == instance &&
		    outcome->id < id)
			return true;
	}
	/* One that is to be left behind when the batch is closed, too. */
	for (size_t i = 0; batch->any_kept_back && i < batch->n_items; i++)
		if (batch->items[i].kept_back && batch->items[i].instance == instance &&
		    batch->items[i].id < id)
			return true;
	return false;
}

void batch_keep_back(struct batch *batch, int64_t instance, int64_t after_id)
{
	for (size_t i = 0; instance && i < batch->n_items; i++) {
		struct batch_item *item = &batch->items[i];
		if (item->instance != instance || item->id <= after_id)
			continue;
		item->kept_back = true;
		batch->any_kept_back = true;
	}
}

static void add_behind_verdict(struct batch *batch, int64_t id, int64_t instance)
{
	add_verdict(batch, (struct sink_outcome){
				   .id = id,
				   .instance = instance,
				   .verdict = SINK_BEHIND,
				   .code = "behind_another",
				   .message = "an earlier event of its use case instance waits"});
}

void batch_let_go(struct batch *batch)
{
	if (!batch->any_kept_back)
		return;
	batch->any_kept_back = false;
	for (size_t i = 0; i < batch->n_items; i++)
		if (batch->items[i].kept_back && without_verdict(batch, i))
			add_behind_verdict(batch, batch->items[i].id, batch->items[i].instance);
	batch_advance(batch);
}

/* Behind what the other has yet to send, and behind what it has put off: that goes again only once both are settled. */
void batch_leave_behind(struct batch *batch, const struct batch *other)
{
	for (size_t i = 0; i < other->n_items; i++)
		batch_keep_back(batch, other->items[i].instance, 0);
	for (size_t i = 0; i < other->n_verdicts; i++)
		if (sink_waits(other->verdicts[i].outcome.verdict))
			batch_keep_back(batch, other->verdicts[i].outcome.instance, 0);
	batch_let_go(batch);
}

void batch_close(struct batch *batch)
{
	if (!batch->filling)
		return;
	batch->filling = false;
	if (batch->n_in_body > 0)
		buf_add_char(&batch->body, ']');
	batch_let_go(batch);
	list_instances(batch);
}

/* ---- Filling ---------------------------------------------------------------------------------------- */

/* Events with a name and no id share what the host calls their instance, but are of none. */
static int64_t instance_of(const struct sink_item *item, const struct event *event)
{
	return event_has(event, PAYI_FIELD_use_case_id) ? item->instance : 0;
}

/* The body is made while the batch fills, as its size is what bounds the batch. */
static bool take_to_send(struct batch *batch, const struct sink_item *item,
			 const struct event *event)
{
	size_t body_len = batch->body.len;
	size_t records_len = batch->records.len;
	size_t given_id_bytes = item->use_case_id ? strlen(item->use_case_id) : 0;
	batch_body_append(batch, event);
	buf_add(&batch->records, item->record, item->record_bytes);
	buf_add(&batch->records, item->use_case_id, given_id_bytes);
	bool fits = batch->n_items == 0 || batch->body.len + 1 <= batch->bytes_max; /* + "]" */
	if (!fits || batch->body.failed || batch->records.failed) {
		batch->body.failed = false;
		batch->body.len = body_len;
		batch->records.failed = false;
		batch->records.len = records_len;
		batch->n_in_body--;
		return false;
	}
	batch->items[batch->n_items++] = (struct batch_item){
		.id = item->id,
		.instance = instance_of(item, event),
		.event_us = event->field[PAYI_FIELD_event_timestamp_us].number,
		.record_at = records_len,
		.record_bytes = item->record_bytes,
		.given_id_bytes = (uint32_t)given_id_bytes,
		.attempts = item->attempts,
	};
	if (item->attempts > 0)
		batch->n_wanted = 1; /* it may be what others would fail over: begin with few */
	return true;
}

static bool is_ahead(const struct event *event, int64_t wall_us)
{
	return event->field[PAYI_FIELD_event_timestamp_us].number > wall_us + BATCH_AHEAD_MAX_US;
}

static void add_ahead_verdict(struct batch *batch, const struct sink_item *item,
			      const struct event *event)
{
	add_verdict(batch, (struct sink_outcome){
				   .id = item->id,
				   .instance = instance_of(item, event),
				   .verdict = SINK_DEFERRED,
				   .retry_us = event->field[PAYI_FIELD_event_timestamp_us].number -
					       BATCH_AHEAD_MAX_US,
				   .code = "event_ahead_of_time",
				   .message = "its timestamp is more than five minutes ahead"});
}

static bool take(struct batch *batch, const struct sink_item *item, int64_t wall_us)
{
	struct event event;
	char reason[EVENT_REASON_BYTES];
	const char *refusal = event_decode(&event, item->record, item->record_bytes, reason);
	if (refusal) {
		add_verdict(batch, (struct sink_outcome){.id = item->id,
							 .instance = item->instance,
							 .verdict = SINK_DEAD,
							 .code = "undecodable",
							 .message = refusal});
		return true;
	}
	if (item->unresolved) {
		add_verdict(batch, (struct sink_outcome){.id = item->id,
							 .instance = item->instance,
							 .verdict = SINK_HELD});
		return true;
	}
	if (item->behind && instance_of(item, &event)) {
		add_behind_verdict(batch, item->id, item->instance);
		return true;
	}
	if (is_ahead(&event, wall_us)) {
		add_ahead_verdict(batch, item, &event);
		return true;
	}
	if (item->use_case_id)
		batch_body_replace_id(&event, item->use_case_id, strlen(item->use_case_id));
	return take_to_send(batch, item, &event);
}

bool batch_add(struct batch *batch, const struct sink_item *item, int64_t wall_us)
{
	if (batch->n_taken == (size_t)batch->events_max || !take(batch, item, wall_us))
		return false;
	batch->n_taken++;
	return true;
}
