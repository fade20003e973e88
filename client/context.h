/*
 * What a context supplies to events: worked out from what is given and what is inherited, and encoded, once,
 * when it begins. Unchangeable from then on, so any number of threads may use it; freed with the last reference.
 */
#ifndef PAYI_CLIENT_CONTEXT_H
#define PAYI_CLIENT_CONTEXT_H

#include "payi/payi.h"
#include "schema/event_fields.h"
#include "uuid.h"

#include <stdatomic.h>
#include <stdbool.h>

/* PAYI__CONTEXT_FIELDS(X) calls X(event's field, context's member, type), in the order of their ids. */
/* clang-format off */
#define PAYI__CONTEXT_FIELDS(X) \
	X(category,            price_as_category,   STR) \
	X(resource,            price_as_resource,   STR) \
	X(use_case_name,       use_case_name,       STR) \
	X(use_case_id,         use_case_id,         STR) \
	X(use_case_step,       use_case_step,       STR) \
	X(use_case_version,    use_case_version,    I32) \
	X(use_case_properties, use_case_properties, PROPS) \
	X(properties,          properties,          PROPS) \
	X(limit_ids,           limit_ids,           LIST) \
	X(user_id,             user_id,             STR) \
	X(account_name,        account_name,        STR) \
	X(scope,               scope,               STR)
/* clang-format on */

#define PAYI__FIELD_BIT(name) (UINT64_C(1) << PAYI_FIELD_##name)

enum { PAYI__CONTEXT_PIECES = PAYI_FIELD_scope + 1 };

struct payi_context {
	atomic_uint references;
	uint64_t supplies; /* PAYI__FIELD_BIT of each field that encoded holds */
	unsigned n_supplies;
	bool hush; /* prompts and responses are left out */
	const uint8_t *encoded;
	uint32_t encoded_bytes;
	struct {
		uint32_t at; /* of the key and value, in encoded */
		uint32_t bytes;
	} piece[PAYI__CONTEXT_PIECES]; /* by field id */
	/* For contexts within this one: nothing here blocks any more, what is absent is NULL. */
	payi_track_context values;
};

/* Random numbers for ids: any thread takes the next one. Seeded when the ring is opened. */
typedef _Atomic(uint64_t) payi__id_counter;

struct payi__uuid payi__next_uuid(payi__id_counter *counter);

/*
 * Makes a context out of what is given and, where that leaves something open, its parent, which may be NULL. The
 * caller has the one reference. PAYI_ERR_INVALID, _VERSION, _NO_MEMORY.
 */
payi_status payi__context_new(const payi_track_context *given, const payi_context *parent,
			      payi__id_counter *ids, payi_context **context);

/* Another reference. const: what counts is not what the context says. */
payi_context *payi__context_retain(const payi_context *context);

#endif
