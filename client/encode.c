#include "encode.h"

#include "error.h"
#include "msgpack.h"
#include "schema/event_fields.h"

#include <assert.h>
#include <time.h>

/* Where in the event a value stands, for error texts: field, field[index], field[index].part. */
struct place {
	const char *field;
	size_t index;
	const char *part;
};
#define WHOLE SIZE_MAX

/* Units, properties, headers and calls all begin with a name; properties, headers and calls are pairs. */
struct pair {
	const char *name;
	const char *value;
};
static_assert(sizeof(struct pair) == sizeof(payi_property), "pair of property");
static_assert(sizeof(struct pair) == sizeof(payi_header), "pair of header");
static_assert(sizeof(struct pair) == sizeof(payi_function_call), "pair of function call");

/* ---- Refusals ------------------------------------------------------------------------------------- */

#define TEXT_TIME_MAX_US 253402300799999999 /* 9999-12-31T23:59:59.999999Z */

/* Puts the trouble into words, where there is more to say than that room is short. Returns NULL. */
static uint8_t *refuse(struct encoder *to, struct place place)
{
	if (to->trouble == NO_ROOM || to->trouble == TOLD)
		return NULL;
	const char *what = to->trouble == NOT_TEXT   ? "is not valid UTF-8"
			   : to->trouble == TOO_LONG ? "is longer than 1024 bytes"
						     : "is empty; leave the item out instead";
	if (place.index == WHOLE)
		payi__fail(PAYI_ERR_INVALID, "%s %s", place.field, what);
	else
		payi__fail(PAYI_ERR_INVALID, "%s[%zu]%s%s %s", place.field, place.index,
			   place.part ? "." : "", place.part ? place.part : "", what);
	return stuck(to, TOLD);
}

static uint8_t *refuse_repeated(struct encoder *to, const char *field, size_t index,
				const char *name)
{
	payi__fail(PAYI_ERR_INVALID, "%s[%zu] repeats '%s', which may be there once", field, index,
		   name);
	return stuck(to, TOLD);
}

static uint8_t *refuse_unit(struct encoder *to, size_t index, const char *side, int64_t value)
{
	payi__fail(PAYI_ERR_INVALID,
		   "units[%zu].%s is %lld; it must be 0 to 2147483647, or PAYI_UNSET_UNITS", index,
		   side, (long long)value);
	return stuck(to, TOLD);
}

static uint8_t *refuse_count(struct encoder *to, const char *field, size_t n, size_t limit)
{
	payi__fail(PAYI_ERR_INVALID, "n_%s is %zu; it may be at most %zu", field, n, limit);
	return stuck(to, TOLD);
}

static uint8_t *refuse_null(struct encoder *to, const char *field)
{
	payi__fail(PAYI_ERR_INVALID, "%s is NULL while n_%s is not 0", field, field);
	return stuck(to, TOLD);
}

static uint8_t *refuse_comma(struct encoder *to, const char *field, size_t index, const char *id)
{
	payi__fail(PAYI_ERR_INVALID, "%s[%zu] is '%s'; a limit id has no comma", field, index, id);
	return stuck(to, TOLD);
}

/* ---- The types of the table -------------------------------------------------------------------------- */

/* A field's key; the caller knows that there is room for it and for a head or number behind it. */
static inline uint8_t *put_key(uint8_t *at, unsigned id)
{
	*at = (uint8_t)id;
	return at + 1;
}

static inline bool key_has_room(const struct encoder *to, const uint8_t *at)
{
	return has_room(to, at, 1 + INT_MAX_BYTES);
}

static inline uint8_t *put_STR(struct encoder *to, uint8_t *at, unsigned id, const char *text,
			       size_t limit)
{
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	return put_str(to, put_key(at, id), text, limit);
}

static inline uint8_t *put_I32(struct encoder *to, uint8_t *at, unsigned id, int64_t number)
{
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	return put_int(put_key(at, id), number);
}

/* The name at the start of item i of an array of structures that are size bytes each. */
static inline const char *name_at(const void *items, size_t size, size_t i)
{
	const char *name;
	memcpy(&name, (const char *)items + i * size, sizeof(name));
	return name;
}

/* Whether item i's name stands among those before it. */
static inline bool repeats(const void *items, size_t size, size_t i)
{
	const char *name = name_at(items, size, i);
	for (size_t j = 0; j < i; j++) {
		const char *other = name_at(items, size, j);
		if (other && *other == *name && strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* A name that an item must have: not NULL, not empty, text. */
static inline uint8_t *put_name(struct encoder *to, uint8_t *at, const char *name)
{
	if (!name || !*name)
		return stuck(to, EMPTY);
	return put_str(to, at, name, PAYI_LIMIT_NAME);
}

static inline bool unit_valid(int64_t units)
{
	return units == PAYI_UNSET_UNITS || (units >= 0 && units <= PAYI_LIMIT_UNIT);
}

static inline uint8_t *put_unit(uint8_t *at, int64_t units)
{
	if (units != PAYI_UNSET_UNITS)
		return put_int(at, units);
	*at = 0xc0;
	return at + 1;
}

/* The array of one unit type's input and output. */
static inline uint8_t *put_sides(struct encoder *to, uint8_t *at, const payi_units *units)
{
	if (!has_room(to, at, 1 + 2 * INT_MAX_BYTES))
		return stuck(to, NO_ROOM);
	*at = 0x92;
	return put_unit(put_unit(at + 1, units->input), units->output);
}

static uint8_t *put_UNITS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			  const payi_units *units, size_t n)
{
	if (n > PAYI_LIMIT_UNITS)
		return refuse_count(to, field, n, PAYI_LIMIT_UNITS);
	if (n && !units)
		return refuse_null(to, field);
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	at = put_head(put_key(at, id), 0x80, 15, 0xde, n);
	for (size_t i = 0; i < n; i++) {
		if (!unit_valid(units[i].input))
			return refuse_unit(to, i, "input", units[i].input);
		if (!unit_valid(units[i].output))
			return refuse_unit(to, i, "output", units[i].output);
		at = put_name(to, at, units[i].type);
		if (!at)
			return refuse(to, (struct place){field, i, "type"});
		if (repeats(units, sizeof(*units), i))
			return refuse_repeated(to, field, i, units[i].type);
		at = put_sides(to, at, &units[i]);
		if (!at)
			return NULL;
	}
	return at;
}

/* One name and value; pairs are an array of two in PAIRS, a key and its value in PROPS. */
static uint8_t *put_pair(struct encoder *to, uint8_t *at, const struct pair *pair,
			 const char **part)
{
	*part = "name";
	at = put_name(to, at, pair->name);
	if (!at)
		return NULL;
	*part = "value";
	if (pair->value)
		return put_str(to, at, pair->value, UINT32_MAX);
	if (!has_room(to, at, 1))
		return stuck(to, NO_ROOM);
	*at = 0xc0;
	return at + 1;
}

/* PROPS (a map, each name once) and PAIRS (an array of pairs, in which HTTP repeats names). */
static uint8_t *put_pairs(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			  const void *pairs, size_t n, bool map)
{
	if (n > PAYI_LIMIT_ITEMS)
		return refuse_count(to, field, n, PAYI_LIMIT_ITEMS);
	if (!pairs)
		return refuse_null(to, field);
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	at = put_head(put_key(at, id), map ? 0x80 : 0x90, 15, map ? 0xde : 0xdc, n);
	for (size_t i = 0; i < n; i++) {
		struct pair pair;
		memcpy(&pair, (const char *)pairs + i * sizeof(pair), sizeof(pair));
		if (!has_room(to, at, 1))
			return stuck(to, NO_ROOM);
		if (!map)
			*at++ = 0x92;
		const char *part;
		at = put_pair(to, at, &pair, &part);
		if (!at)
			return refuse(to, (struct place){field, i, part});
		if (map && repeats(pairs, sizeof(pair), i))
			return refuse_repeated(to, field, i, pair.name);
	}
	return at;
}

static uint8_t *put_PROPS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			  const void *pairs, size_t n)
{
	return put_pairs(to, at, id, field, pairs, n, true);
}

static uint8_t *put_PAIRS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			  const void *pairs, size_t n)
{
	return put_pairs(to, at, id, field, pairs, n, false);
}

/*
 * LIST: a set of ids. Empty ones are absent, one that repeats counts once. How many are left is known
 * behind them, so the count has its 16-bit form, filled in at the end.
 */
static uint8_t *put_LIST(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			 const char *const *list, size_t n)
{
	if (n > PAYI_LIMIT_ITEMS)
		return refuse_count(to, field, n, PAYI_LIMIT_ITEMS);
	if (!list)
		return refuse_null(to, field);
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	uint8_t *head = put_key(at, id);
	size_t count = 0;
	at = head + 3;
	for (size_t i = 0; i < n; i++) {
		if (!list[i] || !*list[i] || repeats(list, sizeof(*list), i))
			continue;
		if (id == PAYI_FIELD_limit_ids && strchr(list[i], ','))
			return refuse_comma(to, field, i, list[i]);
		at = put_str(to, at, list[i], PAYI_LIMIT_NAME);
		if (!at)
			return refuse(to, (struct place){field, i, NULL});
		count++;
	}
	head[0] = 0xdc;
	head[1] = (uint8_t)(count >> 8);
	head[2] = (uint8_t)count;
	return at;
}

/* CHUNKS: strings in their order, each as it is, as many as there are. */
static uint8_t *put_CHUNKS(struct encoder *to, uint8_t *at, unsigned id, const char *field,
			   const char *const *chunks, size_t n)
{
	if (!chunks)
		return refuse_null(to, field);
	if (n > UINT32_MAX)
		return refuse_count(to, field, n, UINT32_MAX);
	if (!key_has_room(to, at))
		return stuck(to, NO_ROOM);
	at = put_head(put_key(at, id), 0x90, 15, 0xdc, n);
	for (size_t i = 0; i < n; i++) {
		at = chunks[i] ? put_str(to, at, chunks[i], UINT32_MAX) : stuck(to, EMPTY);
		if (!at)
			return refuse(to, (struct place){field, i, NULL});
	}
	return at;
}

/* ---- What belongs to the event as a whole ------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* splitmix64: every state gives another number, so one lane never repeats an id within 2^64 events. */
static uint64_t next_random(struct payi__id_source *ids)
{
	uint64_t z = ids->state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/*
 * A UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits of the fraction below (its "method 3"), 62 random
 * bits. As 16 bytes: the agent writes it out.
 */
static uint8_t *put_generated_id(struct encoder *to, uint8_t *at, struct payi__id_source *ids,
				 int64_t us)
{
	if (!has_room(to, at, 1 + 2 + 16))
		return stuck(to, NO_ROOM);
	const uint64_t ms = (uint64_t)us / 1000;
	const uint64_t fraction = (uint64_t)us % 1000 * 4096 / 1000;
	at = put_key(at, PAYI_FIELD_provider_response_id);
	at[0] = 0xc4;
	at[1] = 16;
	at = put_be64(at + 2, ms << 16 | 0x7000 | fraction);
	return put_be64(at, (next_random(ids) & 0x3fffffffffffffffu) | 0x8000000000000000u);
}

static bool given(const char *text)
{
	return text && *text;
}

/* What a use case name may consist of. */
static const bool name_char[256] = {
	['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
	['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true,
	['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true,
	['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true,
	['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
	['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,
	['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true,
	['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true,
	['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true, ['0'] = true, ['1'] = true,
	['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
	['8'] = true, ['9'] = true, ['.'] = true, ['-'] = true, ['_'] = true,
};

static enum payi__encoded check_use_case(const payi_event *event)
{
	if (given(event->use_case_name)) {
		const char *name = event->use_case_name;
		size_t len = 0;
		while (len <= PAYI_LIMIT_USE_CASE_NAME && name_char[(unsigned char)name[len]])
			len++;
		if (name[len] == '\0' && len <= PAYI_LIMIT_USE_CASE_NAME)
			return PAYI__ENCODED;
		payi__fail(PAYI_ERR_INVALID,
			   "use_case_name is '%s'; it must be 1 to 64 of A-Z a-z 0-9 . - _", name);
		return PAYI__REFUSED;
	}
	const char *orphan = given(event->use_case_id)               ? "use_case_id"
			     : given(event->use_case_step)           ? "use_case_step"
			     : event->use_case_version != PAYI_UNSET ? "use_case_version"
			     : event->n_use_case_properties          ? "use_case_properties"
								     : NULL;
	if (!orphan)
		return PAYI__ENCODED;
	payi__fail(PAYI_ERR_INVALID, "%s is set, but there is no use_case_name for it to belong to",
		   orphan);
	return PAYI__REFUSED;
}

static enum payi__encoded check_event(const payi_event *event)
{
	if (!given(event->category)) {
		payi__fail(PAYI_ERR_INVALID,
			   "category is missing; Pay-i requires one, such as system.openai");
		return PAYI__REFUSED;
	}
	if (event->event_timestamp_us < 0 || event->event_timestamp_us > TEXT_TIME_MAX_US) {
		payi__fail(
			PAYI_ERR_INVALID,
			"event_timestamp_us is %lld; it must be microseconds since 1970 (0: now)",
			(long long)event->event_timestamp_us);
		return PAYI__REFUSED;
	}
	return check_use_case(event);
}

/* ---- The event ----------------------------------------------------------------------------------------- */

/* How long a string of a field with this kind of column may be. */
#define LIMIT_OF_NAME     PAYI_LIMIT_NAME
#define LIMIT_OF_TEXT     PAYI_LIMIT_NAME
#define LIMIT_OF_INSTANCE PAYI_LIMIT_NAME
#define LIMIT_OF_NONE     UINT32_MAX

/* One step of payi__encode() for each type; absent fields are passed over. */
#define ENCODE_STR(id, name, column)                                                               \
	if (given(event->name)) {                                                                  \
		STEP(name, put_STR(&to, at, id, event->name, LIMIT_OF_##column))                   \
	}
#define ENCODE_I32(id, name, column)                                                               \
	if (event->name != PAYI_UNSET) {                                                           \
		STEP(name, put_I32(&to, at, id, event->name))                                      \
	}
#define ENCODE_TIME(id, name, column)                                                              \
	STEP(name, put_I32(&to, at, id, event->name ? event->name : now))
#define ENCODE_ID(id, name, column)                                                                \
	STEP(name, given(event->name) ? put_STR(&to, at, id, event->name, LIMIT_OF_##column)       \
				      : put_generated_id(&to, at, ids, now))
#define ENCODE_UNITS(id, name, column)                                                             \
	STEP(name, put_UNITS(&to, at, id, #name, event->name, event->n_##name))
#define ENCODE_LISTED(put, id, name)                                                               \
	if (event->n_##name) {                                                                     \
		STEP(name, put(&to, at, id, #name, event->name, event->n_##name))                  \
	}
#define ENCODE_PROPS(id, name, column)  ENCODE_LISTED(put_PROPS, id, name)
#define ENCODE_PAIRS(id, name, column)  ENCODE_LISTED(put_PAIRS, id, name)
#define ENCODE_LIST(id, name, column)   ENCODE_LISTED(put_LIST, id, name)
#define ENCODE_CHUNKS(id, name, column) ENCODE_LISTED(put_CHUNKS, id, name)
#define STEP(name, step)                                                                           \
	at = (step);                                                                               \
	if (__builtin_expect(!at, 0)) {                                                            \
		refuse(&to, (struct place){#name, WHOLE, NULL});                                   \
		return to.trouble == NO_ROOM ? PAYI__NO_ROOM : PAYI__REFUSED;                      \
	}                                                                                          \
	n_fields++;

enum payi__encoded payi__encode(const payi_event *event, struct payi__id_source *ids,
				uint8_t *start, size_t room, size_t *written)
{
	const enum payi__encoded checked = check_event(event);
	if (checked)
		return checked;
	const bool needs_clock = !event->event_timestamp_us || !given(event->provider_response_id);
	const int64_t now = needs_clock ? now_us() : 0;

	enum { MAP16_HEAD = 3 };
	if (room < MAP16_HEAD)
		return PAYI__NO_ROOM;
	struct encoder to = {.end = start + room};
	uint8_t *at = start + MAP16_HEAD;
	unsigned n_fields = 0;
#define X(id, name, type, json, column) ENCODE_##type(id, name, column)
	PAYI_EVENT_FIELDS(X)
#undef X
	start[0] = 0xde;
	start[1] = (uint8_t)(n_fields >> 8);
	start[2] = (uint8_t)n_fields;
	*written = (size_t)(at - start);
	return PAYI__ENCODED;
}

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
		struct pair pair;
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

size_t payi__encoded_size_min(const payi_event *event)
{
	size_t size = 0;
#define X(id, name, type, json, column) SIZE_##type(name)
	PAYI_EVENT_FIELDS(X)
#undef X
	return size;
}
