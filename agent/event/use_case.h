/*
 * What an application says of use cases beside its events, as the agent holds it: a record of one of three
 * kinds, checked, with its texts where they lie in it. schema/use_case_fields.h has the fields.
 *
 * The record comes from another user's program, as an event does (event/event.h), and is checked as
 * strictly: every byte, every rule, nothing missing and nothing beside.
 */
#ifndef PAYI_EVENT_USE_CASE_H
#define PAYI_EVENT_USE_CASE_H

#include "base/msgpack.h"
#include "event/event.h"
#include "schema/use_case_fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum use_case_kind { USE_CASE_DEFINE, USE_CASE_CREATE, USE_CASE_REQUEST };

struct use_case_notice {
	enum use_case_kind kind;
	int64_t time_us;
	struct msgpack_text name;
	struct msgpack_text id;          /* USE_CASE_CREATE, USE_CASE_REQUEST (a handle) */
	struct msgpack_text description; /* USE_CASE_DEFINE */
};

/* Reads a record's payload. Returns NULL when it is good, else why not, in words. */
const char *use_case_decode(struct use_case_notice *notice, enum use_case_kind kind,
			    const uint8_t *record, size_t record_bytes,
			    char reason[EVENT_REASON_BYTES]);

/* The rule of use case names: 1 to 64 of A-Z a-z 0-9 . - _ */
bool use_case_name_is_good(const char *text, size_t len);

/* Whether a use_case_id is a handle: one that stands for an id that the service is to give. */
bool use_case_id_is_handle(const char *text, size_t len);

#endif
