/*
 * The first row that matches decides. A request's rows go by status, because gateways in front of the
 * service answer with bodies of their own or none; an event's go by the service's code first, which is
 * its contract, and by status where the code is not one that we know.
 *
 * Statuses that cannot be about one event (405, 410, 415, …) hold the queue: taking them as a refusal
 * would carry the whole backlog to the dead letters.
 *
 * What a row rests on, for who checks it:
 *   [api]    the service's OpenAPI document: /api/v1/ingest, /ingest/bulk, /requests/provider/…/result, ApiError
 *   [codes]  its page "Error code strings"; a code is a contract there, a message is not
 *   [bulk]   its pages "Historical data backfill" and "Python SDK: ingest": bulk is enabled on request
 *   [sdk]    what its own client does: retries 408, 409, 429, 5xx and no answer; x-should-retry overrules
 *   [http]   RFC 9110, and 6585 (429, 431), 8470 (425), 7725 (451)
 *   [ours]   not documented: the choice by which nothing is lost and nothing sent twice without need
 */
#include "sink/payi/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
enum { ANY, BROKEN }; /* which bodies */

static const struct request_rule {
	int from, to;                 /* HTTP status; 0: no answer */
	const char *code;             /* NULL: any */
	int body;
	enum outcome_request outcome[INGEST_FORMS]; /* bulk, single, look-up */
	bool may_pass;                /* with "x-should-retry: true" it is FAILED instead */
} request_rules[] = {
#define R(bulk, single, lookup) {OUTCOME_##bulk, OUTCOME_##single, OUTCOME_##lookup}
	{  0,   0, NULL, ANY,    R(FAILED,    FAILED,    RETRY),    false }, /* [sdk] refused, reset, timeout, TLS */
	{200, 299, NULL, BROKEN, R(UNKNOWN,   UNKNOWN,   RETRY),    false }, /* [ours] taken, or a portal's word */
	{200, 299, NULL, ANY,    R(ACCEPTED,  ACCEPTED,  ACCEPTED), false }, /* [api] */
	{300, 399, NULL, ANY,    R(HELD,      HELD,      HELD),     false }, /* [ours] never followed: it would carry the key away */
	{400, 400, "invalid_api_key",
	                 ANY,    R(KEY,       KEY,       REFUSED),  false }, /* [codes] */
	{400, 400, NULL, ANY,    R(REFUSED,   REFUSED,   REFUSED),  true  }, /* [api] bulk: in the form of an acceptance */
	{401, 401, NULL, ANY,    R(NO_BULK,   KEY,       REFUSED),  false }, /* [api] [bulk] bulk alone may be what the key is not for */
	{402, 402, NULL, ANY,    R(HELD,      HELD,      HELD),     false }, /* [http] the account, not the event */
	{403, 403, NULL, ANY,    R(NO_BULK,   KEY,       REFUSED),  false }, /* [bulk] */
	{404, 405, NULL, ANY,    R(NO_BULK,   HELD,      REFUSED),  false }, /* [bulk] [api] a look-up: there is no such event */
	{406, 407, NULL, ANY,    R(HELD,      HELD,      HELD),     false }, /* [http] 407: the proxy wants a password */
	{408, 408, NULL, ANY,    R(FAILED,    FAILED,    RETRY),    false }, /* [sdk] */
	{409, 409, "duplicate_request",
	                 ANY,    R(UNKNOWN,   UNKNOWN,   RETRY),    false }, /* [api] ProxyResult's flag, as a refusal */
	{409, 409, NULL, ANY,    R(CONFLICT,  CONFLICT,  RETRY),    false }, /* [sdk] a lock timeout; or a duplicate */
	{410, 411, NULL, ANY,    R(HELD,      HELD,      REFUSED),  false }, /* [http] */
	{413, 413, NULL, ANY,    R(TOO_LARGE, TOO_LARGE, REFUSED),  false }, /* [http] */
	{415, 415, NULL, ANY,    R(HELD,      HELD,      REFUSED),  false }, /* [http] where it was compressed, it goes plain first */
	{421, 421, NULL, ANY,    R(RETRY,     RETRY,     RETRY),    false }, /* [http] misdirected: a fresh connection helps */
	{425, 425, NULL, ANY,    R(RETRY,     RETRY,     RETRY),    false }, /* [http] */
	{426, 426, NULL, ANY,    R(HELD,      HELD,      HELD),     false }, /* [http] */
	{429, 429, NULL, ANY,    R(RETRY,     RETRY,     RETRY),    false }, /* [sdk] [http] */
	{451, 451, NULL, ANY,    R(HELD,      HELD,      HELD),     false }, /* [http] */
	{400, 499, NULL, ANY,    R(REFUSED,   REFUSED,   REFUSED),  true  }, /* [http] 422, 424, 431, … */
	{500, 599, NULL, ANY,    R(FAILED,    FAILED,    RETRY),    false }, /* [sdk] */
#undef R
};

static const struct item_rule {
	int from, to;                 /* the status inside the error; 0, 999: any */
	const char *code;
	enum outcome_item verdict;
} item_rules[] = {
	{  0, 999, "duplicate_request",              OUTCOME_ITEM_UNKNOWN },         /* [api] */
	{  0, 999, "blocking_limit_not_allowed",     OUTCOME_ITEM_UNLIMIT },         /* [codes] blocks are for proxied calls */
	{  0, 999, "invalid_ingest_event_timestamp", OUTCOME_ITEM_DEFER_IF_RECENT }, /* [codes] over 5 minutes ahead */
	{  0, 999, "unexpected_error",               OUTCOME_ITEM_DEFER },           /* [codes] */
	{  0, 999, "provider_error",                 OUTCOME_ITEM_DEFER },           /* [codes] */
	{  0, 999, "invalid_api_key",                OUTCOME_ITEM_DEFER },           /* [codes] about the key */
	/* [codes] An administrator may make these good; a dead event keeps its code, and can be sent again. */
	{  0, 999, "category_not_found",             OUTCOME_ITEM_DEAD },
	{  0, 999, "category_resource_not_found",    OUTCOME_ITEM_DEAD },
	{  0, 999, "use_case_not_found",             OUTCOME_ITEM_DEAD },
	{  0, 999, "use_case_instance_not_found",    OUTCOME_ITEM_DEAD },
	{  0, 999, "limit_not_found",                OUTCOME_ITEM_DEAD },
	{  0, 999, "limit_reached",                  OUTCOME_ITEM_DEAD },
	/* [codes] These nobody can; they are kept as well. */
	{  0, 999, "request_processing_error",       OUTCOME_ITEM_DEAD },            /* "error while validating" */
	{  0, 999, "header_is_missing",              OUTCOME_ITEM_DEAD },
	{  0, 999, "invalid_json",                   OUTCOME_ITEM_DEAD },
	{  0, 999, "required_field_missing",         OUTCOME_ITEM_DEAD },
	{  0, 999, "invalid_use_case_name",          OUTCOME_ITEM_DEAD },
	{  0, 999, "invalid_user_id",                OUTCOME_ITEM_DEAD },
	{  0, 999, "invalid_limit_id",               OUTCOME_ITEM_DEAD },
	{  0, 999, "invalid_limit_ids",              OUTCOME_ITEM_DEAD },
	{  0, 999, "duplicate_limit_id",             OUTCOME_ITEM_DEAD },
	/* A code that we do not know: as a request of that status. */
	{401, 401, NULL,                             OUTCOME_ITEM_DEFER },
	{403, 403, NULL,                             OUTCOME_ITEM_DEFER },
	{408, 408, NULL,                             OUTCOME_ITEM_DEFER },
	{409, 409, NULL,                             OUTCOME_ITEM_UNKNOWN },         /* a lock timeout, or a duplicate */
	{425, 425, NULL,                             OUTCOME_ITEM_DEFER },
	{429, 429, NULL,                             OUTCOME_ITEM_DEFER },
	{500, 599, NULL,                             OUTCOME_ITEM_DEFER },
	{  0, 999, NULL,                             OUTCOME_ITEM_DEAD },
};
/* clang-format on */

static bool matches(int from, int to, const char *rule_code, int status, const char *code)
{
	return status >= from && status <= to &&
	       (!rule_code || (code && strcmp(code, rule_code) == 0));
}

enum outcome_request outcome_of_request(enum ingest_form form, int status, const char *code,
					bool broken, enum outcome_hint hint)
{
	for (size_t i = 0; i < sizeof(request_rules) / sizeof(request_rules[0]); i++) {
		const struct request_rule *rule = &request_rules[i];
		if (!matches(rule->from, rule->to, rule->code, status, code) ||
		    (rule->body == BROKEN && !broken))
			continue;
		const bool passes = rule->may_pass && hint == OUTCOME_HINT_RETRY;
		return passes && form != INGEST_LOOKUP ? OUTCOME_FAILED : rule->outcome[form];
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
