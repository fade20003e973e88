/*
 * The body of an answer, read with tolerance: the service's own (a BulkIngestResponse, an
 * IngestResponse, an ApiError), a gateway's ({statusCode, message}), or anything at all.
 */
#ifndef PAYI_SINK_PAYI_REPLY_H
#define PAYI_SINK_PAYI_REPLY_H

#include "sink/sink.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts belong to the reply; NULL where the body has none. */
struct reply_error {
	int64_t index; /* of the event in the array that was sent; -1: not said */
	int status;    /* 0: not said */
	const char *code;
	const char *message;
	const json_t *blocked; /* the limits that it names, as an array; or NULL */
};

struct reply {
	json_t *root; /* NULL: not a JSON object */
	bool empty;   /* there was no body */
	bool is_of_ingest; /* it has a member that the service's own answers have, and a portal's do not */
	struct reply_error whole; /* about the request */
	int64_t ingest_count;     /* -1: not said */
	struct sink_cost cost;    /* of the one event of a single ingest */
	struct reply_error *errors;
	size_t n_errors;
};

void reply_parse(struct reply *reply, const char *body, size_t bytes);
void reply_release(struct reply *reply);

/* Whether each error has an index, of base (of the first event) or up to last. */
bool reply_errors_within(const struct reply *reply, int64_t base, int64_t last);

/* How many bytes of text to keep when there is room for max: never half a character. */
size_t reply_text_cut(const char *text, size_t max);

/*
 * How a body of any form begins, as one line: what is not plain ASCII becomes a blank, and blanks are one. Returns
 * text.
 */
const char *reply_excerpt(const char *body, size_t body_bytes, char *text, size_t text_bytes);

#endif
