/*
 * Three steps: what holds (given, inherited, united), how it reads as a record's fields, and a copy of it that the
 * next context inherits from. Until the last of them the values are borrowed from the caller and the parent.
 */
#include "context.h"

#include "clock.h"
#include "error.h"
#include "put.h"
#include "use_case.h"

#include <stdlib.h>
#include <string.h>

struct payi__uuid payi__next_uuid(payi__id_counter *counter)
{
	const uint64_t state =
		atomic_fetch_add_explicit(counter, PAYI__RANDOM_STEP, memory_order_relaxed);
	return payi__uuid_of(payi__now_us(), payi__random_of(state));
}

/* ---- What holds ------------------------------------------------------------------------------------- */

/* A context in the making. The lists that are united, and an id that is made, have their place here. */
struct making {
	payi_track_context values;
	payi_property *use_case_properties;
	payi_property *properties;
	const char **limit_ids;
	char id[PAYI__UUID_TEXT_BYTES];
};

static const payi_track_context nothing = PAYI_TRACK_CONTEXT_INIT;

/* NULL inherits, "" blocks. */
static const char *text_of(const char *given, const char *inherited)
{
	return !given ? inherited : *given ? given : NULL;
}

static int32_t number_of(int32_t given, int32_t inherited)
{
	return given == PAYI_UNSET ? inherited : given;
}

static bool has_name(const payi_property *properties, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (properties[i].name && strcmp(properties[i].name, name) == 0)
			return true;
	return false;
}

/* The given ones come first: an error then names them by the caller's index. */
static payi_status merge(payi_property **merged, const payi_property **properties, size_t *n,
			 const payi_property *inherited, size_t n_inherited)
{
	if (!*properties) {
		*properties = inherited;
		*n = n_inherited;
		return PAYI_OK;
	}
	if (*n == 0 || n_inherited == 0)
		return PAYI_OK; /* blocks, or stands alone */
	*merged = malloc((*n + n_inherited) * sizeof(**merged));
	if (!*merged)
		return payi__fail(PAYI_ERR_NO_MEMORY, "no memory for a context");
	memcpy(*merged, *properties, *n * sizeof(**merged));
	size_t n_merged = *n;
	for (size_t i = 0; i < n_inherited; i++)
		if (!has_name(*properties, *n, inherited[i].name))
			(*merged)[n_merged++] = inherited[i];
	*properties = *merged;
	*n = n_merged;
	return PAYI_OK;
}

/* Which ones repeat is seen to as they are encoded. */
static payi_status unite(struct making *making, const payi_track_context *parent)
{
	payi_track_context *values = &making->values;
	if (!values->limit_ids) {
		values->limit_ids = parent->limit_ids;
		values->n_limit_ids = parent->n_limit_ids;
		return PAYI_OK;
	}
	const size_t n = values->n_limit_ids;
	if (n == 0 || parent->n_limit_ids == 0)
		return PAYI_OK;
	making->limit_ids = malloc((n + parent->n_limit_ids) * sizeof(*making->limit_ids));
	if (!making->limit_ids)
		return payi__fail(PAYI_ERR_NO_MEMORY, "no memory for a context");
	memcpy(making->limit_ids, values->limit_ids, n * sizeof(*making->limit_ids));
	memcpy(making->limit_ids + n, parent->limit_ids,
	       parent->n_limit_ids * sizeof(*making->limit_ids));
	values->limit_ids = making->limit_ids;
	values->n_limit_ids = n + parent->n_limit_ids;
	return PAYI_OK;
}

/* No use case: nothing may be said of it. Blocking what is not there is fine. */
static payi_status without_use_case(payi_track_context *values)
{
	const payi_status status = payi__use_case_check_orphans(
		values->use_case_id, values->use_case_step, values->use_case_version,
		values->n_use_case_properties);
	values->use_case_name = values->use_case_id = values->use_case_step = NULL;
	values->use_case_properties = NULL;
	return status;
}

/* Another run: its id is new unless one is given, and nothing of the outer use case holds. */
static payi_status another_use_case(struct making *making, payi__id_counter *ids)
{
	payi_track_context *values = &making->values;
	if (!values->use_case_id) {
		payi__uuid_write(payi__next_uuid(ids), making->id);
		values->use_case_id = making->id;
	}
	values->use_case_id = text_of(values->use_case_id, NULL);
	values->use_case_step = text_of(values->use_case_step, NULL);
	return PAYI_OK;
}

static payi_status same_use_case(struct making *making, const payi_track_context *parent)
{
	payi_track_context *values = &making->values;
	values->use_case_name = parent->use_case_name;
	values->use_case_id = text_of(values->use_case_id, parent->use_case_id);
	values->use_case_step = text_of(values->use_case_step, parent->use_case_step);
	values->use_case_version = number_of(values->use_case_version, parent->use_case_version);
	return merge(&making->use_case_properties, &values->use_case_properties,
		     &values->n_use_case_properties, parent->use_case_properties,
		     parent->n_use_case_properties);
}

static payi_status hold_use_case(struct making *making, const payi_track_context *parent,
				 payi__id_counter *ids)
{
	const char *name = making->values.use_case_name;
	if (payi__given(name)) {
		const payi_status status = payi__use_case_check_name("use_case_name", name);
		if (status)
			return status;
	}
	const char *outer = parent->use_case_name;
	if (!text_of(name, outer))
		return without_use_case(&making->values);
	if (name && (!outer || strcmp(name, outer) != 0))
		return another_use_case(making, ids);
	return same_use_case(making, parent);
}

static payi_status hold(struct making *making, const payi_track_context *parent,
			payi__id_counter *ids)
{
	payi_track_context *values = &making->values;
	payi_status status = hold_use_case(making, parent, ids);
	if (!status)
		status = merge(&making->properties, &values->properties, &values->n_properties,
			       parent->properties, parent->n_properties);
	if (!status)
		status = unite(making, parent);
	values->user_id = text_of(values->user_id, parent->user_id);
	values->account_name = text_of(values->account_name, parent->account_name);
	values->price_as_category = text_of(values->price_as_category, parent->price_as_category);
	values->price_as_resource = text_of(values->price_as_resource, parent->price_as_resource);
	values->scope = text_of(values->scope, parent->scope);
	values->log_prompt_and_response =
		number_of(values->log_prompt_and_response, parent->log_prompt_and_response);
	return status;
}

static void release_making(struct making *making)
{
	free(making->use_case_properties);
	free(making->properties);
	free(making->limit_ids);
}

/* ---- How much room it takes ------------------------------------------------------------------------- */

enum { VALUE_MAX = 1 + INT_MAX_BYTES + 1 }; /* key, head or number; and the NUL of the copy */

static size_t size_STR(const char *text)
{
	return VALUE_MAX + (text ? strlen(text) : 0);
}

static size_t size_of_properties(const payi_property *properties, size_t n)
{
	size_t size = VALUE_MAX;
	for (size_t i = 0; properties && i < n; i++)
		size += size_STR(properties[i].name) + size_STR(properties[i].value);
	return size;
}

static size_t size_of_list(const char *const *list, size_t n)
{
	size_t size = VALUE_MAX;
	for (size_t i = 0; list && i < n; i++)
		size += size_STR(list[i]);
	return size;
}

#define SIZE_STR(member)   size_STR(values->member)
#define SIZE_I32(member)   VALUE_MAX
#define SIZE_PROPS(member) size_of_properties(values->member, values->n_##member)
#define SIZE_LIST(member)  size_of_list(values->member, values->n_##member)

/* Room enough for its record's fields; likewise for its strings with their NULs. */
static size_t size_of(const payi_track_context *values)
{
	size_t size = ENCODER_RESERVE;
#define X(field, member, type) size += SIZE_##type(member);
	PAYI__CONTEXT_FIELDS(X)
#undef X
	return size;
}

/* ---- How it reads in a record ----------------------------------------------------------------------- */

#define SAYS_STR(member)   values->member
#define SAYS_I32(member)   values->member != PAYI_UNSET
#define SAYS_PROPS(member) values->n_##member
#define SAYS_LIST(member)  values->n_##member

#define PUT_STR(id, member)   put_STR(&to, at, id, values->member, PAYI_LIMIT_NAME)
#define PUT_I32(id, member)   put_I32(at, id, values->member)
#define PUT_PROPS(id, member) put_PROPS(&to, at, id, #member, values->member, values->n_##member)
#define PUT_LIST(id, member)  put_LIST(&to, at, id, #member, values->member, values->n_##member)

static void add_piece(payi_context *context, unsigned id, size_t at, size_t bytes)
{
	context->piece[id].at = (uint32_t)at;
	context->piece[id].bytes = (uint32_t)bytes;
	context->supplies |= UINT64_C(1) << id;
	context->n_supplies++;
}

static payi_status encode(payi_context *context, const payi_track_context *values, uint8_t *start,
			  size_t room)
{
	struct encoder to;
	uint8_t *at = start;
	encoder_begin(&to, start, room); /* size_of() has counted the reserve */
#define X(field, member, type)                                                                     \
	if (SAYS_##type(member)) {                                                                 \
		uint8_t *next = PUT_##type(PAYI_FIELD_##field, member);                            \
		if (!next) {                                                                       \
			payi__refuse_field(&to, #member);                                          \
			return PAYI_ERR_INVALID;                                                   \
		}                                                                                  \
		add_piece(context, PAYI_FIELD_##field, (size_t)(at - start), (size_t)(next - at)); \
		at = next;                                                                         \
	}
	PAYI__CONTEXT_FIELDS(X)
#undef X
	context->encoded = start;
	context->encoded_bytes = (uint32_t)(at - start);
	return PAYI_OK;
}

/* ---- The copy that others inherit from ------------------------------------------------------------- */

/* What is left of the context's memory: first for arrays, then for strings. */
struct room {
	char *at;
};

static const char *keep_STR(struct room *room, const char *text)
{
	if (!text)
		return NULL;
	const size_t bytes = strlen(text) + 1;
	char *copy = memcpy(room->at, text, bytes);
	room->at += bytes;
	return copy;
}

static void keep_properties(struct room *room, payi_property *to, const payi_property *from,
			    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i].name = keep_STR(room, from[i].name);
		to[i].value = keep_STR(room, from[i].value);
	}
}

static void keep_list(struct room *room, const char **to, const char *const *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = keep_STR(room, from[i]);
}

static size_t arrays_size(const payi_track_context *values)
{
	return (values->n_use_case_properties + values->n_properties) * sizeof(payi_property) +
	       values->n_limit_ids * sizeof(const char *);
}

#define KEEP_STR(member) context->values.member = keep_STR(&room, values->member);
#define KEEP_I32(member)
#define KEEP_PROPS(member)                                                                         \
	context->values.member = properties;                                                       \
	keep_properties(&room, properties, values->member, values->n_##member);                    \
	properties += values->n_##member;
#define KEEP_LIST(member)                                                                          \
	context->values.member = list;                                                             \
	keep_list(&room, list, values->member, values->n_##member);

static void keep(payi_context *context, const payi_track_context *values, void *memory)
{
	const size_t n_properties = values->n_use_case_properties + values->n_properties;
	payi_property *properties = memory;
	const char **list = (const char **)(properties + n_properties);
	struct room room = {(char *)(list + values->n_limit_ids)};
	context->values = *values;
#define X(field, member, type) KEEP_##type(member)
	PAYI__CONTEXT_FIELDS(X)
#undef X
}

/* ---- One context ------------------------------------------------------------------------------------ */

/* One piece of memory: the context, the copy's arrays and strings, the encoded fields. */
static payi_status build(const payi_track_context *values, payi_context **out)
{
	const size_t arrays = arrays_size(values);
	const size_t texts = size_of(values);
	if (texts > UINT32_MAX)
		return payi__fail(PAYI_ERR_INVALID, "the context takes more than 4 GiB");
	payi_context *context = malloc(sizeof(*context) + arrays + 2 * texts);
	if (!context)
		return payi__fail(PAYI_ERR_NO_MEMORY, "no memory for a context");
	memset(context, 0, sizeof(*context));
	atomic_init(&context->references, 1);
	context->hush = values->log_prompt_and_response == 0;
	char *memory = (char *)(context + 1);
	const payi_status status =
		encode(context, values, (uint8_t *)memory + arrays + texts, texts);
	if (status) {
		free(context);
		return status;
	}
	keep(context, values, memory);
	*out = context;
	return PAYI_OK;
}

/* Before the lists are walked. */
static payi_status check_list(const char *field, const void *list, size_t n)
{
	if (n > PAYI_LIMIT_ITEMS)
		return payi__fail(PAYI_ERR_INVALID, "n_%s is %zu; it may be at most %d", field, n,
				  PAYI_LIMIT_ITEMS);
	if (n && !list)
		return payi__fail(PAYI_ERR_INVALID, "%s is NULL while n_%s is not 0", field, field);
	return PAYI_OK;
}

static payi_status check(const payi_track_context *given)
{
	if (!given)
		return payi__fail(PAYI_ERR_INVALID, "the context is NULL");
	if (given->size > sizeof(*given))
		return payi__fail(PAYI_ERR_VERSION,
				  "payi_track_context is %zu bytes, this library knows %zu: the "
				  "program was built against a newer payi.h",
				  given->size, sizeof(*given));
	if (given->size < sizeof(*given))
		return payi__fail(PAYI_ERR_INVALID,
				  "context.size is %zu; begin with PAYI_TRACK_CONTEXT_INIT",
				  given->size);
	payi_status status = check_list("use_case_properties", given->use_case_properties,
					given->n_use_case_properties);
	if (!status)
		status = check_list("properties", given->properties, given->n_properties);
	if (!status)
		status = check_list("limit_ids", given->limit_ids, given->n_limit_ids);
	return status;
}

payi_status payi__context_new(const payi_track_context *given, const payi_context *parent,
			      payi__id_counter *ids, payi_context **context)
{
	payi_status status = check(given);
	if (status)
		return status;
	struct making making = {.values = *given};
	status = hold(&making, parent ? &parent->values : &nothing, ids);
	if (!status)
		status = build(&making.values, context);
	release_making(&making);
	return status;
}

payi_context *payi__context_retain(const payi_context *context)
{
	payi_context *counted = (payi_context *)(uintptr_t)context;
	if (counted)
		atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
	return counted;
}

void payi_context_release(payi_context *context)
{
	/* Release and acquire: whoever frees it sees what all others did with it as done. */
	if (context &&
	    atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) == 1)
		free(context);
}
