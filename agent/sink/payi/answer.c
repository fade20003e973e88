#include "sink/payi/answer.h"

#include "base/backoff.h"
#include "sink/payi/reply.h"

#include <assert.h>
#include <stdio.h>

enum {
	MESSAGE_BYTES_MAX = 200, /* of the service's, in a text for people */
	EXCERPT_BYTES = 400,     /* of its body, where that has no message */
};

/* For how long a refused timestamp may be a matter of two clocks that differ. */
#define RECENT_US (INT64_C(24) * 3600 * 1000000)

enum {
	CLOCK_STEP_US = 1000000, /* of a Date header */
	UNKNOWN_TRIES = 5,
	SUSPECTS = 3,        /* so many in a row are no suspects any more */
	CONFLICTS = 2,       /* so many in a row are no lock that timed out */
	FAILURES = 2,        /* likewise, no chance */
	FAILURES_OF_ALL = 6, /* likewise, where all fail */
};

struct taking {
	struct batch *batch;
	struct endpoint *endpoint;
	const struct http_answer *http;
	const struct reply *reply;
	int64_t wall_us;
};

/* ---- One event -------------------------------------------------------------------------------------- */

/* How far the event's time is ahead of what the service takes, by the service's own clock where that is known. */
static int64_t ahead_us(const struct taking *t, const struct batch_item *item)
{
	int64_t service_us = t->http->date_us ? t->http->date_us : t->wall_us;
	return item->event_us - service_us - BATCH_AHEAD_MAX_US;
}

static void defer(const struct taking *t, size_t index, int status, const struct reply_error *error)
{
	int64_t wait_us = endpoint_defer_us(t->batch->items[index].attempts);
	batch_defer(t->batch, index, t->wall_us + wait_us, status, error->code, error->message);
}

static void refused_time(const struct taking *t, size_t index, int status,
			 const struct reply_error *error)
{
	const struct batch_item *item = &t->batch->items[index];
	int64_t wait_us = ahead_us(t, item);
	if (wait_us > 0)
		batch_defer(t->batch, index, t->wall_us + wait_us + CLOCK_STEP_US, status,
			    error->code, error->message);
	else if (item->event_us > t->wall_us - RECENT_US)
		defer(t, index, status, error);
	else
		batch_dead(t->batch, index, status, error->code, error->message);
}

/*
 * Said to be there, not found, sent again, said to be there: its word is all that there is where look-ups find
 * nothing; where they do find others, somebody is wrong, and a person must look at it some day. A look-up that was not answered,
 * or not made since the first ones were missing, says nothing: then it waits on.
 */
static void known_but_missing(const struct taking *t, size_t index, int status,
			      const struct reply_error *error)
{
	const struct batch_item *item = &t->batch->items[index];
	bool is_last = item->was_missing && item->attempts >= UNKNOWN_TRIES;
	if (!t->endpoint->finds)
		batch_delivered(t->batch, index);
	else if (is_last)
		batch_dead(t->batch, index, status, error->code,
			   "the service says that it has this event, and does not find it");
	else
		defer(t, index, status, error);
}

static void judge(const struct taking *t, size_t index, const struct reply_error *error)
{
	int status = error->status ? error->status : t->http->status;
	switch (outcome_of_item(status, error->code)) {
	case OUTCOME_ITEM_DEFER:
		defer(t, index, status, error);
		break;
	case OUTCOME_ITEM_DEFER_IF_RECENT:
		refused_time(t, index, status, error);
		break;
	case OUTCOME_ITEM_UNKNOWN:
		if (!batch_doubt(t->batch, index))
			known_but_missing(t, index, status, error);
		break;
	case OUTCOME_ITEM_UNLIMIT:
		if (!batch_cut_limits(t->batch, index, error))
			batch_dead(t->batch, index, status, error->code, error->message);
		break;
	case OUTCOME_ITEM_DEAD:
		batch_dead(t->batch, index, status, error->code, error->message);
		break;
	}
}

static enum outcome_item outcome_of_error(const struct taking *t, const struct reply_error *error)
{
	return outcome_of_item(error->status ? error->status : t->http->status, error->code);
}

static void judge_errors(const struct taking *t)
{
	const enum indexing indexing = t->endpoint->indexing;
	for (size_t i = 0; i < t->reply->n_errors; i++) {
		const struct reply_error *error = &t->reply->errors[i];
		const size_t at = indexing_place(indexing, error, t->batch->n_in_body);
		if (indexing == INDEXING_UNKNOWN && at > 0)
			batch_doubt(t->batch, at - 1);
		judge(t, at, error);
	}
}

/* ---- One request ------------------------------------------------------------------------------------ */

static bool errors_can_be_told_apart(const struct taking *t)
{
	return t->batch->n_in_body == 1 ||
	       indexing_fits(&t->endpoint->indexing, t->reply, t->batch->n_in_body);
}

static bool any_is_dead(const struct taking *t)
{
	for (size_t i = 0; i < t->reply->n_errors; i++)
		if (outcome_of_error(t, &t->reply->errors[i]) == OUTCOME_ITEM_DEAD)
			return true;
	return false;
}

/* Nobody is given up by an index that may mean somebody else. */
static bool needs_test(const struct taking *t)
{
	return t->endpoint->indexing == INDEXING_UNKNOWN && t->batch->n_in_body > 1 &&
	       any_is_dead(t);
}

/* Alone, and refused for good by what may be counted from 0 or from 1. */
static void learn_indexing(const struct taking *t)
{
	if (t->batch->n_in_body == 1 && any_is_dead(t))
		indexing_learn(&t->endpoint->indexing, t->batch);
}

/* -1: the count is not said. */
static bool count_covers_the_rest(const struct taking *t)
{
	return t->reply->ingest_count >= 0 &&
	       (uint64_t)t->reply->ingest_count + t->reply->n_errors >= t->batch->n_in_body;
}

/*
 * errors[] says what was not taken. When fewer were taken than that leaves, the rest is looked up; once only, if look-ups
 * have never found anything: whether an event that the service had already is counted is not documented.
 */
static void accepted(const struct taking *t)
{
	if (!errors_can_be_told_apart(t)) {
		batch_halve(t->batch, false);
		return;
	}
	if (needs_test(t)) {
		indexing_test(t->batch, t->reply);
		return;
	}
	learn_indexing(t);
	judge_errors(t);
	if (t->reply->ingest_count >= 0 && !count_covers_the_rest(t))
		batch_doubt_rest(t->batch, t->endpoint->finds);
	if (t->batch->form == INGEST_SINGLE)
		batch_cost(t->batch, 0, &t->reply->cost);
	batch_deliver_rest(t->batch);
	batch_advance(t->batch);
}

/*
 * A refusal without a message that is read (a gateway's page, another framework's JSON) is told by how its body
 * begins. For the event's own record alone, as it may repeat the event; the log never has it. The status is HTTP's,
 * whatever the body says.
 */
static void judge_alone(const struct taking *t)
{
	struct reply_error whole = t->reply->whole;
	whole.status = t->http->status;
	if (outcome_of_error(t, &whole) == OUTCOME_ITEM_DEAD)
		indexing_learn(&t->endpoint->indexing, t->batch);
	char excerpt[EXCERPT_BYTES];
	if (!whole.message && t->http->body_bytes > 0)
		whole.message =
			reply_excerpt(t->http->body, t->http->body_bytes, excerpt, sizeof(excerpt));
	judge(t, 0, &whole);
}

/*
 * A refusal may have the body of an acceptance: then the events in errors[] are at fault, and the others
 * were taken if the count covers them, else they are sent again without those.
 */
static void refused(const struct taking *t)
{
	const bool has_errors = t->reply->n_errors > 0 && errors_can_be_told_apart(t);
	if (has_errors && needs_test(t) && count_covers_the_rest(t)) {
		indexing_test(t->batch, t->reply);
	} else if (has_errors && !needs_test(t)) {
		learn_indexing(t);
		judge_errors(t);
		if (count_covers_the_rest(t))
			batch_deliver_rest(t->batch);
		batch_advance(t->batch);
	} else if (!batch_halve(t->batch, false)) {
		judge_alone(t);
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

/* What a conflict may mean. The same again, the first time. */
static void conflict(const struct taking *t)
{
	if (++t->batch->n_conflicts < CONFLICTS)
		return;
	t->batch->n_conflicts = 0;
	batch_doubt_all(t->batch);
}

/* ---- Failures --------------------------------------------------------------------------------------- */

/*
 * Over what does the service fail? Over nothing in particular, when others fail as well. When others pass, or when
 * an event fails alone that has failed before, it is this batch; so it is when the service says of itself that
 * it has broken (500; a gateway before one that is down says 502 to 504), and all there is to lose by halving
 * a batch in vain are a few larger requests. When several that have failed before fail one after the other, and nothing passes
 * between them, it is the service after all: else all that was put off would be tried in an outage, without its waits.
 */
static bool is_suspect(const struct batch *batch)
{
	return batch->n_in_body == 1 && batch->items[0].attempts > 0;
}

static bool others_passed(const struct taking *t)
{
	const struct batch *batch = t->batch;
	return (is_suspect(batch) && t->endpoint->suspects_failed < SUSPECTS) ||
	       (batch->n_failures >= FAILURES && t->endpoint->n_answers != batch->answers_before);
}

static bool is_worth_narrowing(const struct taking *t)
{
	int n = t->batch->n_failures;
	return others_passed(t) || (n >= FAILURES && t->http->status == 500) ||
	       (n >= FAILURES_OF_ALL && t->http->status > 0);
}

/* Halves the batch; an event that stands alone waits for itself from now on. */
static void narrow(const struct taking *t)
{
	struct reply_error error = t->reply->whole;
	t->batch->suspected = batch_halve(t->batch, false);
	if (t->batch->suspected) {
		endpoint_narrows(t->endpoint);
		return;
	}
	if (!error.message)
		error.message = t->http->status ? "the service fails over this event alone"
						: t->http->error;
	defer(t, 0, t->http->status, &error);
	batch_advance(t->batch);
}

/* "x-should-retry: false" is taken for "not soon", where it does not say when. -1: nothing is said of waiting. */
static int64_t asked_wait_us(const struct http_answer *http)
{
	const bool not_soon = http->hint == OUTCOME_HINT_STOP && http->retry_after_us < 0;
	return not_soon ? ENDPOINT_HELD_US : http->retry_after_us;
}

/* Returns for how long what is left of the batch shall wait. A probe is the endpoint's trouble always. */
static int64_t failed(const struct taking *t, bool probe, int64_t now_us)
{
	struct batch *batch = t->batch;
	if (batch->n_failures++ == 0 && !batch->suspected)
		batch->answers_before = t->endpoint->n_answers;
	int32_t n_failures = batch->n_failures;
	const int64_t asked_us = asked_wait_us(t->http);
	bool own = others_passed(t) && !probe && asked_us < 0;
	const bool suspect = is_suspect(batch);
	if (is_worth_narrowing(t))
		narrow(t);
	t->endpoint->suspects_failed += suspect;
	if (own)
		return backoff_us(n_failures);
	endpoint_failed(t->endpoint, probe, asked_us, now_us);
	return 0;
}

/* An acceptance says what was accepted, or it is none. */
static bool is_broken(const struct http_answer *http, const struct reply *reply)
{
	return http->body_cut || !reply->root || !reply->is_of_ingest;
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
	if (t->http->status == 0)
		snprintf(text, ANSWER_TEXT_BYTES, "no answer: %s", t->http->error);
	else if (t->http->status < 300 && outcome != OUTCOME_ACCEPTED)
		snprintf(text, ANSWER_TEXT_BYTES,
			 "status %d, but the body is not the service's JSON, or not all of it",
			 t->http->status);
	else if (outcome != OUTCOME_ACCEPTED)
		snprintf(text, ANSWER_TEXT_BYTES, "status %d%s%s%s%.*s%s", t->http->status,
			 code[0] ? " " : "", code, message[0] ? ": " : "",
			 (int)reply_text_cut(message, MESSAGE_BYTES_MAX), message, advice);
}

/* Of a look-up, which says nothing of whether events are taken again: a miss ends no back-off. */
static void looked_up(const struct taking *t, bool probe, struct answer_clocks clocks,
		      enum outcome_request outcome)
{
	if (outcome == OUTCOME_ACCEPTED) {
		t->endpoint->finds = true;
		batch_found(t->batch);
		endpoint_answered(t->endpoint, probe, INGEST_LOOKUP, clocks.now_us);
	} else if (outcome == OUTCOME_REFUSED) {
		batch_missing(t->batch);
		endpoint_reached(t->endpoint, probe);
	}
}

static void carry_out(const struct taking *t, enum outcome_request outcome)
{
	switch (outcome) {
	case OUTCOME_ACCEPTED:
		accepted(t);
		break;
	case OUTCOME_REFUSED:
		refused(t);
		break;
	case OUTCOME_TOO_LARGE:
		too_large(t);
		break;
	case OUTCOME_UNKNOWN:
		batch_doubt_all(t->batch);
		break;
	case OUTCOME_CONFLICT:
		conflict(t);
		break;
	case OUTCOME_RETRY:
	case OUTCOME_FAILED:
	case OUTCOME_NO_BULK:
	case OUTCOME_KEY:
	case OUTCOME_HELD:
		break;
	}
}

/* The service has answered, or the answer was a gateway's, or there was none. */
static bool is_from_service(const struct taking *t, enum outcome_request outcome)
{
	return outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_REFUSED ||
	       outcome == OUTCOME_TOO_LARGE ||
	       (outcome == OUTCOME_UNKNOWN && t->http->status >= 300);
}

static void tell_endpoint(const struct taking *t, bool probe, struct answer_clocks clocks,
			  enum ingest_form form, enum outcome_request outcome)
{
	int64_t retry_after_us = asked_wait_us(t->http);
	if (is_from_service(t, outcome))
		endpoint_answered(t->endpoint, probe, form, clocks.now_us);
	else if (outcome == OUTCOME_NO_BULK)
		endpoint_no_bulk(t->endpoint);
	else if (outcome == OUTCOME_KEY)
		endpoint_hold(t->endpoint, ENDPOINT_KEY_REFUSED, retry_after_us, clocks.now_us);
	else if (outcome == OUTCOME_HELD)
		endpoint_hold(t->endpoint, ENDPOINT_HELD, retry_after_us, clocks.now_us);
	else if (outcome != OUTCOME_FAILED)
		endpoint_failed(t->endpoint, probe, retry_after_us, clocks.now_us);
}

void answer_take(struct batch *batch, struct endpoint *endpoint, const struct http_answer *http,
		 bool probe, struct answer_clocks clocks, struct answer *answer)
{
	assert(batch->n_in_body > 0);
	struct reply reply;
	reply_parse(&reply, http->body, http->body_bytes);
	const struct taking t = {batch, endpoint, http, &reply, clocks.wall_us};
	enum ingest_form form = batch->form;
	answer->outcome = outcome_of_request(form, http->status, reply.whole.code,
					     is_broken(http, &reply), http->hint);
	/* Half of a refusal does not say whom it refuses, and for what. */
	if (answer->outcome == OUTCOME_REFUSED && form != INGEST_LOOKUP && http->body_cut)
		answer->outcome = OUTCOME_FAILED;
	bool looked = form == INGEST_LOOKUP &&
		      (answer->outcome == OUTCOME_ACCEPTED || answer->outcome == OUTCOME_REFUSED);
	answer->text[0] = '\0';
	answer->pause_us = 0;
	if (!looked)
		describe(&t, answer->outcome, answer->text);
	if (form == INGEST_LOOKUP && !looked)
		batch_not_looked_up(batch);
	if (looked) {
		looked_up(&t, probe, clocks, answer->outcome);
	} else {
		carry_out(&t, answer->outcome);
		tell_endpoint(&t, probe, clocks, form, answer->outcome);
	}
	if (answer->outcome == OUTCOME_FAILED) {
		answer->pause_us = failed(&t, probe, clocks.now_us);
	}
	reply_release(&reply);
}
