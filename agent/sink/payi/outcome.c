/*
 * The first row that matches decides. A request's rows go by status, because gateways in front of the
 * service answer with bodies of their own or none; an event's go by the service's code first, which is
 * its contract, and by status where the code is not one that we know.
 *
 * Statuses that cannot be about one event (405, 410, 415, …) hold the queue: taking them as a refusal
 * would carry the whole backlog to the dead letters.
 */
#include "sink/payi/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
static const struct request_rule {
	int from, to;                 /* HTTP status; 0: no answer */
	const char *code;             /* NULL: any */
	enum outcome_request bulk, single;
	bool hinted;                  /* x-should-retry overrules */
} request_rules[] = {
	{  0,   0, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     false }, /* refused, reset, timeout, TLS */
	{200, 299, NULL,              OUTCOME_ACCEPTED,  OUTCOME_ACCEPTED,  false },
	{300, 399, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false }, /* never followed: it would carry the key away */
	{400, 499, "invalid_api_key", OUTCOME_KEY,       OUTCOME_KEY,       false },
	{400, 400, NULL,              OUTCOME_REFUSED,   OUTCOME_REFUSED,   true  },
	{401, 401, NULL,              OUTCOME_KEY,       OUTCOME_KEY,       false },
	{402, 402, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false }, /* the account, not the event */
	{403, 403, NULL,              OUTCOME_NO_BULK,   OUTCOME_KEY,       false }, /* bulk must be enabled by the vendor */
	{404, 404, NULL,              OUTCOME_NO_BULK,   OUTCOME_HELD,      false },
	{405, 405, NULL,              OUTCOME_NO_BULK,   OUTCOME_HELD,      false },
	{406, 407, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false }, /* 407: the proxy wants a password */
	{408, 409, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     true  }, /* 409: a lock timeout, by the vendor's client */
	{410, 411, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false },
	{413, 413, NULL,              OUTCOME_TOO_LARGE, OUTCOME_TOO_LARGE, false },
	{415, 415, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false },
	{421, 421, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     true  }, /* misdirected: a fresh connection helps */
	{425, 425, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     true  },
	{426, 426, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false },
	{429, 429, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     true  },
	{451, 451, NULL,              OUTCOME_HELD,      OUTCOME_HELD,      false },
	{400, 499, NULL,              OUTCOME_REFUSED,   OUTCOME_REFUSED,   true  }, /* 422, 424, 431, … */
	{500, 599, NULL,              OUTCOME_RETRY,     OUTCOME_RETRY,     true  },
};

static const struct item_rule {
	int from, to;                 /* the status inside the error; 0, 999: any */
	const char *code;
	enum outcome_item verdict;
} item_rules[] = {
	{  0, 999, "duplicate_request",              OUTCOME_ITEM_DELIVERED },       /* it was there already */
	{  0, 999, "unexpected_error",               OUTCOME_ITEM_DEFER },
	{  0, 999, "provider_error",                 OUTCOME_ITEM_DEFER },
	{  0, 999, "invalid_api_key",                OUTCOME_ITEM_DEFER },           /* about the key */
	{  0, 999, "invalid_ingest_event_timestamp", OUTCOME_ITEM_DEFER_IF_RECENT }, /* over 5 minutes ahead */
	{401, 401, NULL,                             OUTCOME_ITEM_DEFER },
	{403, 403, NULL,                             OUTCOME_ITEM_DEFER },
	{408, 409, NULL,                             OUTCOME_ITEM_DEFER },
	{425, 425, NULL,                             OUTCOME_ITEM_DEFER },
	{429, 429, NULL,                             OUTCOME_ITEM_DEFER },
	{500, 599, NULL,                             OUTCOME_ITEM_DEFER },
	/* request_processing_error, use_case_not_found, category_not_found, invalid_limit_ids, …: an
	 * administrator may make some of these good; a dead event is kept, and can be sent again. */
	{  0, 999, NULL,                             OUTCOME_ITEM_DEAD },
};
/* clang-format on */

static bool matches(int from, int to, const char *rule_code, int status, const char *code)
{
	return status >= from && status <= to &&
	       (!rule_code || (code && strcmp(code, rule_code) == 0));
}

enum outcome_request outcome_of_request(enum ingest_form form, int status, const char *code,
					enum outcome_hint hint)
{
	for (size_t i = 0; i < sizeof(request_rules) / sizeof(request_rules[0]); i++) {
		const struct request_rule *rule = &request_rules[i];
		if (!matches(rule->from, rule->to, rule->code, status, code))
			continue;
		if (rule->hinted && hint == OUTCOME_HINT_RETRY)
			return OUTCOME_RETRY;
		if (rule->hinted && hint == OUTCOME_HINT_STOP)
			return OUTCOME_REFUSED;
		return form == INGEST_BULK ? rule->bulk : rule->single;
	}
	return OUTCOME_RETRY; /* a status that HTTP does not know */
}

enum outcome_item outcome_of_item(int status, const char *code)
{
	for (size_t i = 0; i < sizeof(item_rules) / sizeof(item_rules[0]); i++) {
		const struct item_rule *rule = &item_rules[i];
		if (matches(rule->from, rule->to, rule->code, status, code))
			return rule->verdict;
	}
	return OUTCOME_ITEM_DEAD;
}
