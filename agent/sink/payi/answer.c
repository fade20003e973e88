#include "sink/payi/answer.h"

#include "sink/payi/reply.h"

#include <assert.h>
#include <stdio.h>

enum { MESSAGE_BYTES_MAX = 200 }; /* of the service's, in a text for people */

/* For how long a refused timestamp may be a matter of two clocks that differ. */
#define RECENT_US (INT64_C(24) * 3600 * 1000000)

struct taking {
	struct batch *batch;
	const struct http_answer *http;
	const struct reply *reply;
	int64_t wall_us;
};

/* ---- One event -------------------------------------------------------------------------------------- */

static void judge(const struct taking *t, size_t index, const struct reply_error *error)
{
	const struct batch_item *item = &t->batch->items[index];
	int status = error->status ? error->status : t->http->status;
	enum outcome_item verdict = outcome_of_item(status, error->code);
	if (verdict == OUTCOME_ITEM_DEFER_IF_RECENT)
		verdict = item->event_us > t->wall_us - RECENT_US ? OUTCOME_ITEM_DEFER
								  : OUTCOME_ITEM_DEAD;
	if (verdict == OUTCOME_ITEM_DELIVERED)
		batch_delivered(t->batch, index);
	else if (verdict == OUTCOME_ITEM_DEFER)
		batch_defer(t->batch, index, t->wall_us + endpoint_defer_us(item->attempts), status,
			    error->code, error->message);
	else
		batch_dead(t->batch, index, status, error->code, error->message);
}

/* Alone, the event is the one that is meant, whatever index the error gives. */
static void judge_errors(const struct taking *t)
{
	bool alone = t->batch->n_in_body == 1;
	for (size_t i = 0; i < t->reply->n_errors; i++) {
		const struct reply_error *error = &t->reply->errors[i];
		judge(t, alone ? 0 : (size_t)error->index, error);
	}
}

static void deliver_rest(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_in_body; i++)
		batch_delivered(batch, i);
}

/* ---- One request ------------------------------------------------------------------------------------ */

static bool errors_can_be_told_apart(const struct taking *t)
{
	return t->batch->n_in_body == 1 || reply_errors_usable(t->reply, t->batch->n_in_body);
}

/*
 * errors[] alone says what was not taken. The counts are not relied upon: whether an event that the service
 * had already is counted is not documented.
 */
static void accepted(const struct taking *t)
{
	if (!errors_can_be_told_apart(t)) {
		batch_halve(t->batch, false);
		return;
	}
	judge_errors(t);
	deliver_rest(t->batch);
	batch_advance(t->batch);
}

/*
 * A refusal may have the body of an acceptance: then the events in errors[] are at fault, and the others
 * were taken if the count covers them, else they are sent again without those.
 */
static void refused(const struct taking *t)
{
	size_t n_sent = t->batch->n_in_body;
	size_t n_errors = t->reply->n_errors;
	if (n_errors > 0 && errors_can_be_told_apart(t)) {
		judge_errors(t);
		if (t->reply->ingest_count >= 0 &&
		    (uint64_t)t->reply->ingest_count + n_errors >= n_sent)
			deliver_rest(t->batch);
		batch_advance(t->batch);
	} else if (!batch_halve(t->batch, false)) {
		judge(t, 0, &t->reply->whole);
		batch_advance(t->batch);
	}
}

static void too_large(const struct taking *t)
{
	if (batch_halve(t->batch, true))
		return;
	batch_dead(t->batch, 0, t->http->status, "too_large",
		   "the service takes no event of this size");
	batch_advance(t->batch);
}

static bool is_unreadable(const struct reply *reply)
{
	return !reply->root && !reply->empty;
}

static void describe(const struct taking *t, enum outcome_request outcome, char *text)
{
	const struct reply_error *whole = &t->reply->whole;
	const char *code = whole->code ? whole->code : "";
	const char *message = whole->message ? whole->message : "";
	const char *advice = "";
	if (outcome == OUTCOME_HELD)
		advice = "; check base_url, the proxy and the account";
	else if (outcome == OUTCOME_KEY)
		advice = "; check api_key or api_key_file";
	text[0] = '\0';
	if (t->http->status == 0)
		snprintf(text, ANSWER_TEXT_BYTES, "no answer: %s", t->http->error);
	else if (t->http->status < 300 && outcome == OUTCOME_RETRY)
		snprintf(text, ANSWER_TEXT_BYTES,
			 "status %d, but the body is not the service's JSON", t->http->status);
	else if (outcome != OUTCOME_ACCEPTED)
		snprintf(text, ANSWER_TEXT_BYTES, "status %d%s%s%s%.*s%s", t->http->status,
			 code[0] ? " " : "", code, message[0] ? ": " : "",
			 (int)reply_text_cut(message, MESSAGE_BYTES_MAX), message, advice);
}

void answer_take(struct batch *batch, struct endpoint *endpoint, const struct http_answer *http,
		 bool probe, struct answer_clocks clocks, struct answer *answer)
{
	assert(batch->n_in_body > 0);
	struct reply reply;
	reply_parse(&reply, http->body, http->body_bytes);
	const struct taking t = {batch, http, &reply, clocks.wall_us};
	enum ingest_form form = batch->form;
	answer->outcome = outcome_of_request(form, http->status, reply.whole.code, http->hint);
	if (answer->outcome == OUTCOME_ACCEPTED && is_unreadable(&reply))
		answer->outcome = OUTCOME_RETRY; /* a portal, or a gateway: not the service */
	describe(&t, answer->outcome, answer->text);
	switch (answer->outcome) {
	case OUTCOME_ACCEPTED:
		accepted(&t);
		endpoint_answered(endpoint, probe, form, clocks.now_us);
		break;
	case OUTCOME_REFUSED:
		refused(&t);
		endpoint_answered(endpoint, probe, form, clocks.now_us);
		break;
	case OUTCOME_TOO_LARGE:
		too_large(&t);
		endpoint_answered(endpoint, probe, form, clocks.now_us);
		break;
	case OUTCOME_RETRY:
		endpoint_failed(endpoint, probe, http->retry_after_us, clocks.now_us);
		break;
	case OUTCOME_NO_BULK:
		endpoint_no_bulk(endpoint);
		break;
	case OUTCOME_KEY:
		endpoint_hold(endpoint, ENDPOINT_KEY_REFUSED, http->retry_after_us, clocks.now_us);
		break;
	case OUTCOME_HELD:
		endpoint_hold(endpoint, ENDPOINT_HELD, http->retry_after_us, clocks.now_us);
		break;
	}
	reply_release(&reply);
}
