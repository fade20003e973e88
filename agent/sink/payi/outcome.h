/*
 * What an answer of the service means: two tables, one row per rule, for a reader to check against the
 * service's documentation. Pure functions; any thread.
 */
#ifndef PAYI_SINK_PAYI_OUTCOME_H
#define PAYI_SINK_PAYI_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The two ways to hand events over: many as one JSON array, or one by one with some fields as headers. And the
 * way to ask whether one is there already.
 */
enum ingest_form { INGEST_BULK, INGEST_SINGLE, INGEST_LOOKUP, INGEST_FORMS };

/* What an answer says of the request as a whole. */
enum outcome_request {
	OUTCOME_ACCEPTED, /* taken; its errors[] names the events that were not */
	OUTCOME_REFUSED,  /* an event in it is at fault: errors[] says which, or halving finds it */
	OUTCOME_TOO_LARGE, /* as refused, and later requests shall be smaller */
	OUTCOME_RETRY,     /* nothing is wrong with the events: the same again, later */
	OUTCOME_FAILED, /* likewise; but if others pass meanwhile, one of these is what it fails over */
	OUTCOME_CONFLICT, /* likewise; but if it is said again, they may be there already */
	OUTCOME_UNKNOWN,  /* the events may be there, or some of them: look each up */
	OUTCOME_NO_BULK,  /* perhaps this account has no bulk ingest: try one event alone */
	OUTCOME_KEY,      /* the key is not good: hold everything until it is */
	OUTCOME_HELD, /* settings or network lead elsewhere: hold everything until they do not */
};

/*
 * x-should-retry, where the service sent it. "true" makes a refusal one that may pass. "false" makes nothing worse
 * than it is, since what time may heal is never given up: it is only asked for seldom.
 */
enum outcome_hint { OUTCOME_HINT_NONE, OUTCOME_HINT_RETRY, OUTCOME_HINT_STOP };

/*
 * status 0: no answer came. code is the service's error code, or NULL. broken: the body broke off, or is not the
 * service's JSON. A look-up that is accepted has found its event, one that is refused has not.
 */
enum outcome_request outcome_of_request(enum ingest_form form, int status, const char *code,
					bool broken, enum outcome_hint hint);

/* What an error says of the one event that it is about. */
enum outcome_item {
	OUTCOME_ITEM_DEAD,
	OUTCOME_ITEM_DEFER,
	OUTCOME_ITEM_DEFER_IF_RECENT, /* the service's clock may be behind ours; an old event is dead */
	OUTCOME_ITEM_UNKNOWN,         /* the service has it already, it says: look it up */
	OUTCOME_ITEM_UNLIMIT,         /* one of its limits may not be given: once more, without */
};

enum outcome_item outcome_of_item(int status, const char *code);

#endif
