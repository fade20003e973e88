#include "encode.h"

#include "context.h"
#include "error.h"
#include "put.h"
#include "schema/use_case_fields.h"
#include "use_case.h"

#define TEXT_TIME_MAX_US 253402300799999999 /* 9999-12-31T23:59:59.999999Z */

/* ---- What the context supplies ------------------------------------------------------------------------ */

#define USE_CASE_FIELDS                                                                            \
	(PAYI__FIELD_BIT(use_case_name) | PAYI__FIELD_BIT(use_case_id) |                           \
	 PAYI__FIELD_BIT(use_case_step) | PAYI__FIELD_BIT(use_case_version) |                      \
	 PAYI__FIELD_BIT(use_case_properties))

#define HUSHED_FIELDS                                                                              \
	(PAYI__FIELD_BIT(provider_request_json) |                                                  \
	 PAYI__FIELD_BIT(provider_request_reasoning_json) |                                        \
	 PAYI__FIELD_BIT(provider_response_json) |                                                 \
	 PAYI__FIELD_BIT(provider_response_function_calls))

/* Fields that the event sets, to a value or to "", are its own. Another name leaves the context's use case. */
static uint64_t supplied(const payi_event *event, const payi_context *context)
{
	uint64_t own = 0;
	const char *name = event->use_case_name;
	if (name) {
		const char *outer = context->values.use_case_name;
		own |= outer && strcmp(name, outer) == 0 ? PAYI__FIELD_BIT(use_case_name)
							 : USE_CASE_FIELDS;
	}
	if (event->use_case_version != PAYI_UNSET)
		own |= PAYI__FIELD_BIT(use_case_version);
#define OWN(name)                                                                                  \
	if (event->name)                                                                           \
		own |= PAYI__FIELD_BIT(name);
	OWN(use_case_id)
	OWN(use_case_step)
	OWN(use_case_properties)
	OWN(properties)
	OWN(limit_ids)
	OWN(user_id)
	OWN(account_name)
	OWN(scope)
#undef OWN
	return context->supplies & ~own;
}

static uint8_t *put_piece(const payi_context *context, unsigned id, uint8_t *at)
{
	memcpy(at, context->encoded + context->piece[id].at, context->piece[id].bytes);
	return at + context->piece[id].bytes;
}

/* All of them lie side by side; of some, each is copied. Adds to *n_fields. */
static uint8_t *put_supplied(struct encoder *to, uint8_t *at, const payi_context *context,
			     uint64_t fields, unsigned *n_fields)
{
	if (!has_room(to, at, context->encoded_bytes))
		return stuck(to, NO_ROOM);
	if (fields == context->supplies) {
		memcpy(at, context->encoded, context->encoded_bytes);
		*n_fields += context->n_supplies;
		return at + context->encoded_bytes;
	}
	for (; fields; fields &= fields - 1) {
		at = put_piece(context, (unsigned)__builtin_ctzll(fields), at);
		++*n_fields;
	}
	return at;
}

/* ---- What belongs to the event as a whole ------------------------------------------------------------- */

static uint64_t next_random(struct payi__stamper *stamper)
{
	return payi__random_of(stamper->random += PAYI__RANDOM_STEP);
}

/* As 16 bytes: the agent writes it out. */
static uint8_t *put_generated_id(uint8_t *at, struct payi__stamper *stamper, int64_t us)
{
	const struct payi__uuid uuid = payi__uuid_of(us, next_random(stamper));
	at = put_key(at, PAYI_FIELD_provider_response_id);
	at[0] = 0xc4;
	at[1] = 16;
	return put_be64(put_be64(at + 2, uuid.high), uuid.low);
}

static payi_status check_use_case(const payi_event *event, uint64_t from_context)
{
	if (payi__given(event->use_case_name))
		return payi__use_case_check_name("use_case_name", event->use_case_name);
	if (from_context & PAYI__FIELD_BIT(use_case_name))
		return PAYI_OK;
	return payi__use_case_check_orphans(event->use_case_id, event->use_case_step,
					    event->use_case_version, event->n_use_case_properties);
}

static payi_status check_event(const payi_event *event, uint64_t from_context)
{
	if (!payi__given(event->category) && !(from_context & PAYI__FIELD_BIT(category)))
		return payi__fail(PAYI_ERR_INVALID,
				  "category is missing; Pay-i requires one, such as system.openai");
	if (event->event_timestamp_us < 0 || event->event_timestamp_us > TEXT_TIME_MAX_US)
		return payi__fail(
			PAYI_ERR_INVALID,
			"event_timestamp_us is %lld; it must be microseconds since 1970 (0: now)",
			(long long)event->event_timestamp_us);
	return check_use_case(event, from_context);
}

/* ---- The event ----------------------------------------------------------------------------------------- */

/*
 * One step of payi__encode_event() for each type; absent fields are passed over, and so are those that the context
 * wants left out. Of what it supplies, only category and resource may be set in the event as well.
 */
#define WANTED(id)                                                                                 \
	(!((HUSHED_FIELDS | PAYI__FIELD_BIT(category) | PAYI__FIELD_BIT(resource)) >> (id)&1) ||   \
	 !(left_out >> (id)&1))

#define ENCODE_STR(id, name, column)                                                               \
	if (payi__given(event->name) && WANTED(id)) {                                              \
		STEP(name, put_STR(&to, at, id, event->name, PAYI__LIMIT_OF_##column))             \
	}
#define ENCODE_I32(id, name, column)                                                               \
	if (event->name != PAYI_UNSET) {                                                           \
		STEP(name, put_I32(at, id, event->name))                                           \
	}
#define ENCODE_TIME(id, name, column) STEP(name, put_I32(at, id, time_us))
#define ENCODE_ID(id, name, column)                                                                \
	STEP(name, payi__given(event->name)                                                        \
			   ? put_STR(&to, at, id, event->name, PAYI__LIMIT_OF_##column)            \
			   : put_generated_id(at, stamper, time_us))
#define ENCODE_UNITS(id, name, column)                                                             \
	STEP(name, put_UNITS(&to, at, id, #name, event->name, event->n_##name))
#define ENCODE_LISTED(put, id, name)                                                               \
	if (event->n_##name && WANTED(id)) {                                                       \
		STEP(name, put(&to, at, id, #name, event->name, event->n_##name))                  \
	}
#define ENCODE_PROPS(id, name, column)  ENCODE_LISTED(put_PROPS, id, name)
#define ENCODE_PAIRS(id, name, column)  ENCODE_LISTED(put_PAIRS, id, name)
#define ENCODE_LIST(id, name, column)   ENCODE_LISTED(put_LIST, id, name)
#define ENCODE_CHUNKS(id, name, column) ENCODE_LISTED(put_CHUNKS, id, name)
#define STEP(name, step)                                                                           \
	at = (step);                                                                               \
	if (__builtin_expect(!at, 0))                                                              \
		return unwritten(&to, #name);                                                      \
	n_fields++;

enum { MAP16_HEAD = 3 };

static void put_map_head(uint8_t *start, unsigned n_fields)
{
	start[0] = 0xde;
	start[1] = (uint8_t)(n_fields >> 8);
	start[2] = (uint8_t)n_fields;
}

static enum payi__encoded unwritten(struct encoder *to, const char *field)
{
	payi__refuse_field(to, field);
	return to->trouble == NO_ROOM ? PAYI__NO_ROOM : PAYI__REFUSED;
}

enum payi__encoded payi__encode_event(const struct payi__item *item, struct payi__stamper *stamper,
				      uint8_t *start, size_t room, size_t *written)
{
	const payi_event *event = item->event;
	const payi_context *context = item->context;
	const uint64_t from_context = context ? supplied(event, context) : 0;
	const uint64_t left_out = from_context | (context && context->hush ? HUSHED_FIELDS : 0);
	if (check_event(event, from_context))
		return PAYI__REFUSED;
	/* Also of a generated id. */
	const int64_t time_us = event->event_timestamp_us ? event->event_timestamp_us
							  : payi__clock_us(&stamper->clock);
	struct encoder to;
	if (!encoder_begin(&to, start, room))
		return PAYI__NO_ROOM;
	uint8_t *at = start + MAP16_HEAD;
	unsigned n_fields = 0;
#define X(id, name, type, json, column) ENCODE_##type(id, name, column)
	PAYI_EVENT_FIELDS(X)
#undef X
	if (from_context) {
		at = put_supplied(&to, at, context, from_context, &n_fields);
		if (!at)
			return PAYI__NO_ROOM;
	}
	put_map_head(start, n_fields);
	*written = (size_t)(at - start);
	return PAYI__ENCODED;
}

/* ---- What is said of a use case ------------------------------------------------------------------------ */

enum payi__encoded payi__encode_notice(const struct payi__notice *notice, uint8_t *start,
				       size_t room, size_t *written)
{
	struct encoder to;
	if (!encoder_begin(&to, start, room))
		return PAYI__NO_ROOM;
	uint8_t *at = start + MAP16_HEAD;
	unsigned n_fields = 0;
	STEP(time, put_I32(at, PAYI_USE_CASE_TIME, payi__now_us()))
	STEP(name,
	     put_STR(&to, at, PAYI_USE_CASE_NAME, notice->use_case_name, PAYI_LIMIT_USE_CASE_NAME))
	if (notice->use_case_id) {
		STEP(id, put_STR(&to, at, PAYI_USE_CASE_ID, notice->use_case_id, PAYI_LIMIT_NAME))
	}
	if (notice->description) {
		STEP(description, put_STR(&to, at, PAYI_USE_CASE_DESCRIPTION, notice->description,
					  PAYI_LIMIT_DESCRIPTION))
	}
	put_map_head(start, n_fields);
	*written = (size_t)(at - start);
	return PAYI__ENCODED;
}

/* ---- Its size ------------------------------------------------------------------------------------------ */

static size_t strings_size(const char *const *strings, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; strings && i < n; i++)
		size += strings[i] ? strlen(strings[i]) : 0;
	return size;
}

static size_t pairs_size(const void *pairs, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; pairs && i < n; i++) {
		struct payi__pair pair;
		memcpy(&pair, (const char *)pairs + i * sizeof(pair), sizeof(pair));
		size += (pair.name ? strlen(pair.name) : 0) + (pair.value ? strlen(pair.value) : 0);
	}
	return size;
}

#define SIZE_STR(name) size += event->name ? strlen(event->name) : 0;
#define SIZE_ID(name)  SIZE_STR(name)
#define SIZE_I32(name)
#define SIZE_TIME(name)
#define SIZE_UNITS(name)
#define SIZE_PROPS(name) size += pairs_size(event->name, event->n_##name);
#define SIZE_PAIRS(name) SIZE_PROPS(name)
#define SIZE_LIST(name)
#define SIZE_CHUNKS(name) size += strings_size(event->name, event->n_##name);

size_t payi__encoded_size_min(const struct payi__item *item)
{
	const payi_event *event = item->event;
	if (!event)
		return 0;
	size_t size = item->context ? item->context->encoded_bytes : 0;
#define X(id, name, type, json, column) SIZE_##type(name)
	PAYI_EVENT_FIELDS(X)
#undef X
	return size;
}
