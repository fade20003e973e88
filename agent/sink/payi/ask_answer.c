/*
 * The first row that matches decides. A row with a code stands before those of its statuses: the code is
 * the service's contract, the status may be a gateway's.
 *
 * Statuses that cannot be about one use case (402, 405, 407, …) are trouble, not a refusal: under a refused
 * handle no event ever goes out, and a wrong base_url or a proxy's page shall not bring that about.
 */
#include "sink/payi/ask_answer.h"

#include "event/event.h"
#include "event/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct rule {
	int from, to;                         /* HTTP status; 0: no answer */
	const char *code;                     /* NULL: any */
	enum ask_verdict give, make, give_again, define, update, prices;
	bool hinted;                          /* x-should-retry overrules a refusal, and a "later" */
} rules[] = {
	/*                                     GIVE         MAKE         GIVE_AGAIN   DEFINE       UPDATE       PRICES */
	{  0,   0, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false },
	{200, 299, NULL,                       ASK_DONE,    ASK_NEXT,    ASK_DONE,    ASK_DONE,    ASK_DONE,    ASK_DONE,    false }, /* 200, 201; 204 of a PUT */
	{300, 399, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false }, /* never followed */
	{400, 499, "invalid_api_key",          ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     false },
	{400, 499, "unexpected_error",         ASK_LATER,   ASK_LATER,   ASK_LATER,   ASK_LATER,   ASK_LATER,   ASK_LATER,   true  },
	{400, 499, "use_case_not_found",       ASK_NEXT,    ASK_LATER,   ASK_LATER,   ASK_LATER,   ASK_LATER,   ASK_DEAD,    false }, /* or just deleted */
	{400, 499, "use_case_already_exists",  ASK_DEAD,    ASK_NEXT,    ASK_DEAD,    ASK_NEXT,    ASK_DEAD,    ASK_DEAD,    false },
	{401, 401, NULL,                       ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     ASK_KEY,     false },
	{402, 402, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_DEAD,    false }, /* the account */
	{404, 404, NULL,                       ASK_NEXT,    ASK_TROUBLE, ASK_LATER,   ASK_TROUBLE, ASK_LATER,   ASK_DEAD,    false }, /* without a name in it: the path is wrong */
	{405, 407, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false }, /* 407: the proxy wants a password */
	{408, 408, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, true  },
	{409, 409, NULL,                       ASK_LATER,   ASK_NEXT,    ASK_LATER,   ASK_NEXT,    ASK_LATER,   ASK_LATER,   true  }, /* a lock, or it is there */
	{410, 411, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false },
	{415, 415, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false },
	{421, 421, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, true  },
	{425, 426, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, true  },
	{429, 429, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, true  },
	{451, 451, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, false },
	/* 400, 403, 422, …; invalid_use_case_name, invalid_use_case_description, request_processing_error, …: an
	 * administrator may make some of these good; what was refused is kept, with the reason. */
	{400, 499, NULL,                       ASK_DEAD,    ASK_DEAD,    ASK_DEAD,    ASK_DEAD,    ASK_DEAD,    ASK_DEAD,    true  },
	{500, 599, NULL,                       ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, ASK_TROUBLE, true  },
};
/* clang-format on */

static enum ask_verdict verdict_in(const struct rule *rule, enum ask_step step)
{
	switch (step) {
	case ASK_GIVE:
		return rule->give;
	case ASK_MAKE:
		return rule->make;
	case ASK_GIVE_AGAIN:
		return rule->give_again;
	case ASK_DEFINE:
		return rule->define;
	case ASK_UPDATE:
		return rule->update;
	case ASK_PRICES:
		return rule->prices;
	}
	return ASK_TROUBLE;
}

static enum ask_verdict with_hint(enum ask_verdict verdict, enum outcome_hint hint)
{
	if (hint == OUTCOME_HINT_RETRY && verdict == ASK_DEAD)
		return ASK_LATER;
	if (hint == OUTCOME_HINT_STOP && (verdict == ASK_LATER || verdict == ASK_TROUBLE))
		return ASK_DEAD;
	return verdict;
}

static enum ask_verdict verdict_of(enum ask_step step, int status, const char *code,
				   enum outcome_hint hint)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		if (status < rule->from || status > rule->to ||
		    (rule->code && (!code || strcmp(code, rule->code) != 0)))
			continue;
		const enum ask_verdict verdict = verdict_in(rule, step);
		return rule->hinted ? with_hint(verdict, hint) : verdict;
	}
	return ASK_TROUBLE; /* a status that HTTP does not know */
}

/* ---- What a success holds --------------------------------------------------------------------------- */

static void fail(struct ask_answer *answer, enum ask_verdict verdict, const char *message)
{
	answer->verdict = verdict;
	answer->message = message;
}

/* Sent with every event of the instance from now on: it must be one that the history can hold, too. */
static void take_id(struct ask_answer *answer)
{
	const json_t *id = json_object_get(answer->reply.root, "use_case_id");
	const size_t bytes = json_string_length(id);
	if (!json_is_string(id))
		fail(answer, ASK_LATER, "the answer has no use_case_id");
	else if (bytes == 0)
		fail(answer, ASK_LATER, "the use_case_id in the answer is empty");
	else if (bytes > PAYI_LIMIT_NAME)
		fail(answer, ASK_LATER, "the use_case_id in the answer is over 1,024 bytes long");
	else if (!utf8_is_text(json_string_value(id), bytes))
		fail(answer, ASK_LATER, "the use_case_id in the answer is no text: it holds a NUL");
	else
		answer->given_id = json_string_value(id);
}

/* 201: it is ours. 200: it was there, with this description or with another. */
static void compare(struct ask_answer *answer, const char *description, int status)
{
	const json_t *there = json_object_get(answer->reply.root, "description");
	const char *text = json_string_value(there);
	if (status != 201 && (!text || strcmp(text, description) != 0))
		answer->verdict = ASK_NEXT;
}

/* One that we cannot read is asked for again seldom: it may be we who do not know its form. */
static void take_prices(struct ask_answer *answer, const struct http_answer *http)
{
	struct err err;
	const char *cursor = json_string_value(json_object_get(answer->reply.root, "cursor"));
	if (price_list_parse(http->body, http->body_bytes, &answer->prices, &err) == 0) {
		answer->cursor = cursor && *cursor ? cursor : NULL;
		answer->verdict = answer->cursor ? ASK_NEXT : ASK_DONE;
		return;
	}
	snprintf(answer->trouble, sizeof(answer->trouble),
		 "the list of prices in the answer: %.150s", err.text);
	fail(answer, ASK_DEAD, answer->trouble);
}

static void read_success(struct ask_answer *answer, enum ask_step step, const char *description,
			 const struct http_answer *http)
{
	if (!answer->reply.root && !answer->reply.empty)
		fail(answer, ASK_TROUBLE, "the answer's body is not the service's JSON");
	else if (step == ASK_GIVE || step == ASK_GIVE_AGAIN)
		take_id(answer);
	else if (step == ASK_DEFINE)
		compare(answer, description, http->status);
	else if (step == ASK_PRICES)
		take_prices(answer, http);
}

void ask_answer_read(struct ask_answer *answer, enum ask_step step, const char *description,
		     const struct http_answer *http)
{
	*answer = (struct ask_answer){0};
	reply_parse(&answer->reply, http->body, http->body_bytes);
	answer->code = answer->reply.whole.code;
	answer->message = http->status ? answer->reply.whole.message : http->error;
	answer->verdict = verdict_of(step, http->status, answer->code, http->hint);
	if (answer->verdict == ASK_DEAD && http->body_cut)
		answer->verdict = ASK_LATER; /* the half that is missing may say why not */
	if (http->status >= 200 && http->status <= 299)
		read_success(answer, step, description, http);
}

void ask_answer_release(struct ask_answer *answer)
{
	reply_release(&answer->reply);
	free(answer->prices);
}
