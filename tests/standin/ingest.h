/*
 * What the two forms of ingest share. A single event is brought into bulk's form first (its headers become
 * members), so that one check and one ledger serve both, and an event that came in both forms is known as one.
 */
#ifndef PAYI_STANDIN_INGEST_H
#define PAYI_STANDIN_INGEST_H

#include "standin/service.h"

struct ingest_item {
	json_t *json; /* borrowed */
	uint64_t digest;
	struct verdict verdict;
	enum ledger_outcome outcome; /* of one that was taken */
};

/* Counts the request; false: it is too large by the script, and answered. */
bool ingest_begin(struct service *service, const struct request *request, uint64_t *counter,
		  struct answer *answer);

struct fault_settings ingest_settings(struct service *service);
int64_t ingest_clock_us(const struct fault_settings *settings);

/* Under the lock: whether one of the events shall have the whole request refused. */
bool ingest_is_poisoned(const struct service *service, const struct ingest_item *items, size_t n);

/* Under the lock: takes the event, or counts its refusal and returns the service's words for it. */
json_t *ingest_settle(struct service *service, struct ingest_item *item);

#endif
