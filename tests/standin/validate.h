/*
 * Whether one event is as the service's documents have it (OpenAPI, BulkIngestRequest, and the pages on error
 * codes), and as our own contract has it: an id always, no null property, no use case id without a name and
 * none that is a handle. Driven by one table of fields in validate.c. Touches nothing but its arguments.
 */
#ifndef PAYI_STANDIN_VALIDATE_H
#define PAYI_STANDIN_VALIDATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define VALIDATE_NO_TIME INT64_MIN

enum { VALIDATE_MESSAGE_BYTES = 200 };

/* Why an event is not taken. */
struct refusal {
	int status; /* 0: it is taken */
	const char *code;
	char message[VALIDATE_MESSAGE_BYTES];
};

struct verdict {
	struct refusal refusal;
	int64_t event_us; /* its event_timestamp, or VALIDATE_NO_TIME */
};

/* Always false, so that a check can end by it. */
bool refuse(struct refusal *refusal, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether a single ingest's body is an object without what has a header there. */
bool validate_single_body(const json_t *item, struct refusal *refusal);

/* The whole event, in bulk's form. now_us: the service's clock. */
void validate_item(const json_t *item, int64_t now_us, struct verdict *verdict);

/* The rule of use case names; also for definitions. */
bool validate_use_case_name(const char *name);

#endif
